"""Which statements mean the same to an embedding model: pairs found by exact search.

Pairs that share their wording are found in ``near.py``; which pairs are merged is decided in ``clusters.py``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from ocr_assets.problems.dedup.near import VERIFIED_AT_ONCE, Measured
from ocr_assets.texts import similarity
from ocr_assets.texts.normalize import normalize
from ocr_assets.texts.shingles import Rows
from ocr_assets.texts.similarity import Embeds
from ocr_assets.texts.variants import VariantMarks, are_variants


def measured(
    count: int, new: int, statements_of: Callable[[Rows], Sequence[str]], embedder: Embeds, floor: float
) -> Iterator[Measured]:
    """(left, right, cosine, whether they are variants) of the pairs among ``count`` statements from the cosine ``floor`` on.

    Only pairs of which the first ``new`` statements hold one. ``statements_of`` gives the statements of rows, some at once.
    """
    # The vectors lie in a file: of a million statements they are 1.5 GB.
    with tempfile.TemporaryDirectory() as folder:
        vectors = _vectors(count, statements_of, embedder, Path(folder) / "vectors")
        for left, right, cosines in similarity.among(vectors, new, floor):
            for start in range(0, len(left), VERIFIED_AT_ONCE):
                one, other = left[start : start + VERIFIED_AT_ONCE], right[start : start + VERIFIED_AT_ONCE]
                rows = np.unique(np.concatenate([one, other]))
                marks = dict(zip(rows.tolist(), map(VariantMarks, map(normalize, statements_of(rows))), strict=True))
                for a, b, cosine in zip(one.tolist(), other.tolist(), cosines[start:].tolist(), strict=False):
                    yield a, b, round(cosine, 4), are_variants(marks[a], marks[b])


def _vectors(count: int, statements_of: Callable[[Rows], Sequence[str]], embedder: Embeds, path: Path) -> similarity.Vectors:
    """Embeddings of the normalized statements, one row each, in a memory-mapped file. Normalized, because of several statements
    with one normal form none is special."""
    matrix: Any = None
    for start in range(0, count, similarity.BLOCK):
        end = min(start + similarity.BLOCK, count)
        part = embedder.embed([normalize(statement) for statement in statements_of(np.arange(start, end))])
        if matrix is None:
            matrix = np.memmap(path, np.float32, "w+", shape=(count, part.shape[1]))
        matrix[start:end] = part
    return cast("similarity.Vectors", matrix)
