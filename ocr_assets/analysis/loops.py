"""Texts that end in a loop: reasoning that says one thing again and again, as long failures do (docs/papers.md, OCR-8).

Only exact repetition counts, character by character. A loop that was cut off in the middle of a repetition is one too.
"""

from __future__ import annotations

from dataclasses import dataclass

TIMES = 3  # so often a text has to stand there, the last time in part or whole
LEAST = 200  # characters that the repetitions have at least together: three equal short lines are no loop


@dataclass(frozen=True)
class Tail:
    """The end of a text that repeats: ``length`` characters of it, of which each equals the one ``period`` characters before."""

    length: int
    period: int


def repeated_tail(text: str, times: int = TIMES, least: int = LEAST) -> Tail | None:
    """The longest end of ``text`` that is something said at least ``times`` times in a row and has ``least`` characters; None:
    there is none. Blanks at the end do not count. Of equally long ends, the one of the shortest period.

    Takes time in proportion to the text. Most texts are passed over at the speed of a search: where a tail of length L has the
    period p ≤ L / times, its last L - p ≥ least * (times - 1) / times characters stand p characters earlier as well.
    """
    text = text.rstrip()
    surely = least * (times - 1) // times
    if len(text) < least or (surely and text.rfind(text[-surely:], 0, len(text) - 1) < 0):
        return None
    found = Tail(0, 0)
    for period, again in enumerate(_equal_ends(text, len(text) // times), start=1):
        length = period + again
        if length > found.length and length >= least and length >= times * period:
            found = Tail(length, period)
    return found if found.period else None


def _equal_ends(text: str, most: int) -> list[int]:
    """For each period from 1 to ``most``: how many last characters equal those a period earlier.

    This is the Z-function of the reversed text (Gusfield 1997, §1.4).
    """
    size = len(text)
    turned = text[::-1]
    lengths = [size] + [0] * most
    start = end = 0  # the stretch that reaches furthest of those known to equal the beginning
    for place in range(1, most + 1):
        length = min(end - place, lengths[place - start]) if place < end else 0
        while place + length < size and turned[length] == turned[place + length]:
            length += 1
        lengths[place] = length
        if place + length > end:
            start, end = place, place + length
    return lengths[1:]


__all__ = ["LEAST", "TIMES", "Tail", "repeated_tail"]
