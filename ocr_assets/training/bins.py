"""Best-fit packing: which rows share a bin. Lengths in, bins out; no tokens.

Best fit decreasing: from the longest row on, each goes into the bin with the least room that it fits in. TRL packs in the same
way, but cuts what is longer than a bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Packing:
    """``bin``: the bin of each row, -1 for one that is in none; ``place``: which of the bin's rows it is; ``bins``: how many."""

    bin: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    bins: int

    def members(self) -> npt.NDArray[np.int64]:
        """All packed rows, ordered by bin and place."""
        order = np.lexsort((self.place, self.bin))
        packed: npt.NDArray[np.int64] = order[self.bin[order] >= 0]
        return packed


def pack(lengths: npt.NDArray[np.int64], limit: int, seed: int, *, together: bool = True) -> Packing:
    """Bins of at most ``limit`` tokens. Equal lengths, limit and seed give equal bins in equal order.

    ``lengths``: of each row, in an order that is the mix's; 0 or more than ``limit``: it is in no bin. ``together``: False: each
    row has a bin of its own. Bins are numbered in an order drawn by ``seed``, so that long rows do not all come first.
    """
    fits = (lengths > 0) & (lengths <= limit)
    bin_of = np.full(len(lengths), -1, np.int64)
    place = np.full(len(lengths), -1, np.int64)
    rows = np.flatnonzero(fits)
    if together:
        count = _best_fit(lengths, rows[np.argsort(-lengths[rows], kind="stable")], limit, bin_of, place)
    else:
        bin_of[rows], place[rows], count = np.arange(len(rows)), 0, len(rows)
    numbers = np.random.default_rng(seed).permutation(count)
    bin_of[rows] = numbers[bin_of[rows]]
    return Packing(bin_of, place, count)


def _best_fit(
    lengths: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    limit: int,
    bin_of: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64],
) -> int:
    room: list[list[int]] = [[] for _ in range(limit + 1)]  # by free tokens: bins that have just so many
    rooms = 0  # the same as bits: bit n is set where room[n] is not empty
    held: list[int] = []  # rows of each bin
    for row, length in zip(rows.tolist(), lengths[rows].tolist(), strict=True):
        fitting = rooms >> length
        if fitting:
            free = length + (fitting & -fitting).bit_length() - 1
            number = room[free].pop()
            if not room[free]:
                rooms ^= 1 << free
        else:
            free, number = limit, len(held)
            held.append(0)
        bin_of[row], place[row] = number, held[number]
        held[number] += 1
        left = free - length
        if not room[left]:
            rooms |= 1 << left
        room[left].append(number)
    return len(held)
