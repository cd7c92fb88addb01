"""Exact search among unit vectors by blocked matrix products: memory is one block of scores, whatever the number of texts.

Shared by the semantic layer of deduplication and by the contamination check. Embeddings come from ``resources/embedder.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]
BLOCK = 2048  # rows at once: with 3,000 items 24 MB of scores, enough for the product to run at the speed of one large one
SLACK = 1e-4  # a product's last digits depend on the block's shape; what is near the threshold is measured again
SPARE = 2
PART = 256  # rows whose scores stay in a processor's cache while the best are looked for


class Embeds(Protocol):
    """What is needed of ``resources.embedder.Embedder``."""

    model: str

    def embed(self, texts: Sequence[str]) -> Vectors: ...


def above(
    rows: Vectors, columns: Vectors, threshold: float, block: int = BLOCK
) -> Iterator[tuple[Places, Places, npt.NDArray[np.float64]]]:
    """(row, column, cosine) of all pairs at or above ``threshold``, a block of rows at a time. Both hold unit vectors."""
    if not len(rows) or not len(columns):
        return
    for start in range(0, len(rows), block):
        scores = rows[start : start + block] @ columns.T
        row, column = _where(scores >= threshold - SLACK)
        exact = cosines(rows[row + start], columns[column])
        reached = exact >= threshold
        yield row[reached] + start, column[reached], exact[reached]


def among(
    vectors: Vectors, new: int, threshold: float, block: int = BLOCK
) -> Iterator[tuple[Places, Places, npt.NDArray[np.float64]]]:
    """(one, other, cosine) of the pairs (one < other) at or above ``threshold`` of which the first ``new`` vectors hold one.

    Each pair once; a block of vectors by a block is in memory, so ``vectors`` may lie in a file.
    """
    for start in range(0, new, block):
        mine = vectors[start : min(start + block, new)]
        for place in range(start, len(vectors), block):
            for row, column, cosine in above(mine, vectors[place : place + block], threshold):
                rows, columns = row + start, column + place
                once = rows < columns
                yield rows[once], columns[once], cosine[once]


def cosines(rows: Vectors, columns: Vectors) -> npt.NDArray[np.float64]:
    """Cosine of each row with the column at the same place: in double precision, the same however many are asked at once."""
    result: npt.NDArray[np.float64] = np.einsum("ij,ij->i", rows, columns, dtype=np.float64)
    return np.clip(result, -1.0, 1.0)


def nearest(rows: Vectors, columns: Vectors, groups: npt.NDArray[np.int64], floor: float, most: int) -> tuple[Places, Places]:
    """(row, column) of pairs worth keeping: for each row the nearest column of all, and from ``floor`` on the ``most`` nearest
    of each group of columns. A few more are given than asked, since those near in rank are told apart later.

    The best of a group are found by looking through its scores again for each: faster than sorting them as long as few are
    asked for, and what lies below the floor is looked at once.
    """
    if not len(rows) or not len(columns):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=groups[order[0]] - 1))
    spans = list(pairwise([*starts.tolist(), len(order)]))
    by_group = columns[order].T
    buffer = np.empty((min(PART, len(rows)), len(columns)), dtype=np.float32)
    pairs: list[tuple[Places, Places]] = []
    for begin in range(0, len(rows), PART):
        part = rows[begin : begin + PART]
        scores = np.matmul(part, by_group, out=buffer[: len(part)])
        first = np.stack([scores[:, start:end].max(axis=1) for start, end in spans], axis=1)
        least = np.minimum(first.max(axis=1), floor) - SLACK
        for group, (start, end) in enumerate(spans):
            row = np.flatnonzero(first[:, group] >= least)
            left = scores[row, start:end]
            for _ in range(min(most + SPARE, end - start)):
                column = left.argmax(axis=1)
                good = left[np.arange(len(row)), column] >= least[row]
                if not good.all():
                    row, left, column = row[good], left[good], column[good]
                if not len(row):
                    break
                pairs.append((row + begin, order[start + column]))
                left[np.arange(len(row)), column] = -np.inf
    return np.concatenate([row for row, _ in pairs]), np.concatenate([column for _, column in pairs])


def _where(mask: npt.NDArray[np.bool_]) -> tuple[Places, Places]:
    # Flat first: numpy finds the few true places of a large mask several times faster in one dimension than in two.
    row, column = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return row, column
