"""How much of their wording two statements share: word shingles, MinHash signatures, candidate pairs, exact Jaccard.

MinHash (Broder 1997) by the library rensa only proposes pairs; each is then measured exactly on its shingles, so hash luck
never merges anything. Everything here depends on the two texts alone, never on what else was read or in which order: that
is what makes an incremental refresh equal a full rebuild. Which pairs are merged is decided in ``clusters.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ocr_assets.schema import content_id
from ocr_assets.texts import normalize as normal
from ocr_assets.texts.shingles import Hashes, Rows, mixed, shingles
from ocr_assets.texts.variants import VariantMarks, are_variants
from resources.work import HERE, Work

VERSION = "3"  # of the measures; stored with every signature
FLOOR = 0.5  # pairs that share less are not kept
VERIFIED_AT_ONCE = 4_000  # pairs whose texts are in memory together
Label = TypeVar("Label")


@dataclass(frozen=True)
class MinHash:
    """How signatures are made. ``shingle``: words in a shingle; ``bands`` × ``rows``: the LSH bands, of which ``agree`` must be
    equal for a pair to be measured.

    With 32 × 4 and 2 a pair of Jaccard 0.8 is proposed with probability 0.999999, of 0.7 with 0.998, of 0.6 with 0.93, of 0.5
    with 0.60, of 0.3 with 0.03: asking for two bands keeps the work from growing with the square of what is common to all
    statements. Changing any of them means new signatures.
    """

    shingle: int = 3
    bands: int = 32
    rows: int = 4
    agree: int = 2
    seed: int = 42

    @cached_property
    def signature(self) -> str:
        """What a stored signature depends on; another value means the signature is to be made again."""
        import rensa

        parts = (
            normal.VERSION,
            VERSION,
            rensa.RMinHash.ALGORITHM_VERSION,
            self.shingle,
            self.bands,
            self.rows,
            self.agree,
            self.seed,
        )
        return "-".join(map(str, parts))


def prepared(statements: Sequence[str], minhash: MinHash | None) -> tuple[list[str], Hashes | None]:
    """(keys of the normalized statements, their signatures or None): all that reading a statement costs, in one pass."""
    texts = [normal.normalize(statement) for statement in statements]
    bands = None if minhash is None else signatures(*shingles(texts, minhash.shingle), minhash)
    return [content_id("prob", text) for text in texts], bands


def prepared_in_parallel(
    batches: Iterable[tuple[Label, Sequence[str]]], minhash: MinHash | None, work: Work
) -> Iterator[tuple[Label, list[str], Hashes | None]]:
    """(label, keys, signatures) of each (label, statements), in order, by ``work``, a few batches in memory at a time.

    The label is whatever the caller needs beside the result; it is given back as it is.
    """
    return work.map(partial(_labelled, minhash), batches)


def _labelled(minhash: MinHash | None, batch: tuple[Label, Sequence[str]]) -> tuple[Label, list[str], Hashes | None]:
    return batch[0], *prepared(batch[1], minhash)


def signatures(hashes: Hashes, offsets: Rows, minhash: MinHash) -> Hashes:
    """One row a text, one hash a band: texts with an equal hash in any column are candidates."""
    import rensa

    permutations = minhash.bands * minhash.rows
    if len(offsets) < 2:
        return np.zeros((0, minhash.bands), dtype=np.uint64)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        np.ascontiguousarray(hashes), offsets.astype(np.uint64), permutations, minhash.seed
    )
    values = np.fromiter(chain.from_iterable(matrix.to_rows()), np.uint64).reshape(-1, minhash.bands, minhash.rows)
    return mixed([values[:, :, row] for row in range(minhash.rows)])


def candidates(bands: Hashes, is_new: npt.NDArray[np.bool_], agree: int = 2) -> Iterator[tuple[Rows, Rows]]:
    """Pairs of rows (left < right) equal in at least ``agree`` bands and of which at least one is new, each once, in blocks."""
    for band in range(bands.shape[1] - agree + 1):
        column = bands[:, band]
        order = np.argsort(column)
        starts = np.flatnonzero(np.concatenate([[True], column[order][1:] != column[order][:-1]]))
        sizes = np.diff(np.concatenate([starts, [len(order)]]))
        for left, right in _pairs_in_runs(order, starts[sizes > 1], sizes[sizes > 1]):
            wanted = is_new[left] | is_new[right]
            left, right = np.minimum(left, right)[wanted], np.maximum(left, right)[wanted]
            equal = bands[left] == bands[right]
            # A pair is told at the first band it shares.
            told = ~equal[:, :band].any(axis=1) & (equal.sum(axis=1) >= agree)
            if told.any():
                yield left[told], right[told]


def _pairs_in_runs(order: Rows, starts: Rows, sizes: Rows) -> Iterator[tuple[Rows, Rows]]:
    """All pairs inside each run of ``order``; runs of one size at once, a very long run row by row."""
    for size in np.unique(sizes):
        where = starts[sizes == size]
        if size <= 64:
            left, right = np.triu_indices(int(size), 1)
            block = max(1, 200_000 // len(left))
            for begin in range(0, len(where), block):
                members = order[where[begin : begin + block, None] + np.arange(size)]
                yield members[:, left].ravel(), members[:, right].ravel()
        else:
            for start in where:
                members = order[start : start + size]
                for position in range(len(members) - 1):
                    yield np.full(len(members) - position - 1, members[position]), members[position + 1 :]


Measured = tuple[int, int, float, bool]  # left, right, score, whether they are variants
_Block = tuple[Rows, Rows, Rows, Sequence[str]]  # left and right of pairs; all rows of them, and their statements


def measured(
    pairs: Iterator[tuple[Rows, Rows]],
    statements_of: Callable[[Rows], Sequence[str]],
    minhash: MinHash,
    floor: float = FLOOR,
    work: Work = HERE,
) -> Iterator[Measured]:
    """(left, right, Jaccard, whether they are variants) of the candidate pairs that share at least ``floor`` of their shingles.

    ``statements_of`` gives the statements of rows; only ``VERIFIED_AT_ONCE`` pairs' are held at a time (by each job of
    ``work``, and in line for them).
    """

    def blocks() -> Iterator[_Block]:
        for left, right in _blocks(pairs):
            rows = np.unique(np.concatenate([left, right]))
            yield left, right, rows, statements_of(rows)

    for block in work.map(partial(_measured_block, minhash, floor), blocks()):
        yield from block


def _measured_block(minhash: MinHash, floor: float, block: _Block) -> list[Measured]:
    left, right, rows, statements = block
    texts = [normal.normalize(statement) for statement in statements]
    hashes, offsets = shingles(texts, minhash.shingle)
    sets = [frozenset(hashes[offsets[i] : offsets[i + 1]].tolist()) for i in range(len(rows))]
    marks = [VariantMarks(text) for text in texts]
    alike = []
    for one, other in zip(np.searchsorted(rows, left).tolist(), np.searchsorted(rows, right).tolist(), strict=True):
        jaccard = jaccard_of(sets[one], sets[other])
        if jaccard >= floor:
            variants = are_variants(marks[one], marks[other])
            alike.append((int(rows[one]), int(rows[other]), round(jaccard, 4), variants))
    return alike


def _blocks(pairs: Iterator[tuple[Rows, Rows]]) -> Iterator[tuple[Rows, Rows]]:
    lefts: list[Rows] = []
    rights: list[Rows] = []
    held = 0
    for left, right in pairs:
        lefts.append(left)
        rights.append(right)
        held += len(left)
        while held >= VERIFIED_AT_ONCE:
            all_left, all_right = np.concatenate(lefts), np.concatenate(rights)
            yield all_left[:VERIFIED_AT_ONCE], all_right[:VERIFIED_AT_ONCE]
            lefts, rights = [all_left[VERIFIED_AT_ONCE:]], [all_right[VERIFIED_AT_ONCE:]]
            held -= VERIFIED_AT_ONCE
    if held:
        yield np.concatenate(lefts), np.concatenate(rights)


def jaccard_of(one: frozenset[int], other: frozenset[int]) -> float:
    """Shared over all; two empty texts share nothing."""
    shared = len(one & other)
    return shared / max(1, len(one) + len(other) - shared)
