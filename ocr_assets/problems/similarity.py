"""Exact search among unit vectors by blocked matrix products: memory is one block of scores, whatever the number of texts.

Shared by the semantic layer of deduplication and by the contamination check. Embeddings come from ``resources/embedder.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]
BLOCK = 2048  # rows at once: with 3,000 items 24 MB of scores, enough for the product to run at the speed of one large one


def above(
    rows: Vectors, columns: Vectors, threshold: float, block: int = BLOCK
) -> Iterator[tuple[Places, Places, npt.NDArray[np.float32]]]:
    """(row, column, cosine) of all pairs at or above ``threshold``, a block of rows at a time. Both hold unit vectors."""
    if not len(rows) or not len(columns):
        return
    for start in range(0, len(rows), block):
        scores = rows[start : start + block] @ columns.T
        row, column = np.nonzero(scores >= threshold)
        yield row + start, column, scores[row, column]


def neighbours(
    rows: Vectors, columns: Vectors, threshold: float, most: int, block: int = BLOCK
) -> Iterator[tuple[int, int, float]]:
    """(row, column, cosine) of pairs at or above ``threshold``, at most ``most`` a row, nearest first, ties by column."""
    for row, column, cosine in above(rows, columns, threshold, block):
        order = np.lexsort((column, -cosine, row))
        row, column, cosine = row[order], column[order], cosine[order]
        first = np.searchsorted(row, row)  # where the row's own run starts
        keep = np.arange(len(row)) - first < most
        yield from zip(row[keep].tolist(), column[keep].tolist(), cosine[keep].tolist(), strict=True)
