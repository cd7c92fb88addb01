"""Word shingles of many texts as 64-bit hashes, by whole-array arithmetic: no word is ever a Python object.

A word is a run of bytes that are neither white space nor punctuation; operators stay, since "a < b" is not "a > b". Its hash
is a polynomial of its bytes modulo 2^64, taken from running sums over the whole batch (Rabin-Karp). A shingle's hash mixes
those of its words in order. Both depend on the text alone, not on what stands beside it in the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
_APART = b" .,;:()[]{}\"?'#~@!"
_BYTES_AT_ONCE = 1 << 17  # the running sums of a part fit a processor's cache
_BASE = 0x9E3779B97F4A7C15
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5, 0x85EBCA77C2B2AE63,
                 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53, 0xD6E8FEB86659FD93], dtype=np.uint64)  # fmt: skip
MOST_WORDS = len(_MIX)
_IN_WORD = np.ones(256, dtype=bool)
_IN_WORD[list(_APART)] = False
# A byte's digit: zero outside words, never zero inside, so that no byte is lost at the end of a word.
_DIGIT = np.where(_IN_WORD, np.arange(256, dtype=np.uint64) * _MIX[2] + _MIX[3], np.uint64(0))


def shingles(texts: Sequence[str], width: int, *, pad: bool = True) -> tuple[Hashes, Rows]:
    """(hashes of the shingles of ``width`` words, offsets): text i has ``hashes[offsets[i]:offsets[i + 1]]``, repeats included.

    ``texts`` are normalized: words apart by single spaces or punctuation. A text with fewer words is one shingle, or none
    without ``pad``.
    """
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    parts = [_of_part(part, width, pad) for part in _parts(encoded)]
    counts = np.concatenate([np.zeros(1, np.int64), *(counts for _, counts in parts)])
    return np.concatenate([np.zeros(0, np.uint64), *(hashes for hashes, _ in parts)]), np.cumsum(counts)


def mixed(columns: Sequence[Hashes]) -> Hashes:
    """One hash of several, element by element; their order counts. At most ``MOST_WORDS`` columns."""
    hashes: Hashes = columns[0] * _MIX[0]
    for column, factor in zip(columns[1:], _MIX[1:], strict=False):
        hashes = (hashes ^ (hashes >> np.uint64(29))) * factor + column
    hashes ^= hashes >> np.uint64(32)
    return hashes


def _parts(encoded: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Neighbours together, as many as have ``_BYTES_AT_ONCE`` among them."""
    ends = np.fromiter(accumulate(map(len, encoded)), np.int64, len(encoded))
    cuts = np.flatnonzero(np.diff(ends // _BYTES_AT_ONCE, prepend=0))
    edges = [0, *cuts.tolist(), len(encoded)]
    return [encoded[start:end] for start, end in pairwise(edges) if start < end]


def _of_part(encoded: Sequence[bytes], width: int, pad: bool) -> tuple[Hashes, Rows]:
    """(hashes, how many each text has)."""
    words, counts = _words(encoded)
    if pad:
        short = np.flatnonzero(counts < width)
        missing = width - counts[short]
        words = np.insert(words, np.repeat(np.cumsum(counts)[short], missing), np.uint64(0))
        counts = np.maximum(counts, width)
    if len(words) < width:
        return np.zeros(0, np.uint64), np.zeros(len(encoded), np.int64)
    windows = mixed([words[step : len(words) - width + 1 + step] for step in range(width)])
    # A window that begins in the last words of a text reaches into the next.
    left = np.repeat(np.cumsum(counts), counts)[: len(windows)] - np.arange(len(windows))
    return windows[left >= width], np.maximum(counts - width + 1, 0)


def _words(encoded: Sequence[bytes]) -> tuple[Hashes, Rows]:
    """(hashes of all words, how many each text has)."""
    data = np.frombuffer(b" " + b" ".join(encoded) + b" ", dtype=np.uint8)
    inside = _IN_WORD[data]
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    first, last = edges[::2], edges[1::2]  # the places before a word's first byte, and of its last
    powers, inverses = _powers(1 << (len(data) - 1).bit_length())
    sums = np.cumsum(_DIGIT[data] * powers[: len(data)])
    words = mixed([(sums[last] - sums[first]) * inverses[first]])
    begins = np.cumsum([0, *(len(text) + 1 for text in encoded)])
    counts = np.diff(np.searchsorted(first, begins))
    return words, counts


@lru_cache(maxsize=8)
def _powers(count: int) -> tuple[Hashes, Hashes]:
    """The base's powers from 0 on modulo 2^64, and their inverses."""
    tables = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        table = np.full(count, base, dtype=np.uint64)
        table[0] = 1
        tables.append(np.multiply.accumulate(table))
    return tables[0], tables[1]
