"""Texts that end in a loop: reasoning that says one thing again and again, as long failures do (docs/papers.md, OCR-8).

Only exact repetition counts, character by character. A loop that was cut off in the middle of a repetition is one too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

TIMES = 3  # so often a text has to stand there, the last time in part or whole
LEAST = 200  # characters that the repetitions have at least together: three equal short lines are no loop
_FEW = 32  # places that are looked at one by one, each in a pass over the text


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
    if len(text) < least:
        return None
    turned = text[::-1]
    found = Tail(0, 0)
    for period, again in _repeated_beginnings(turned, len(text) // times, least * (times - 1) // times):
        length = period + again
        if length > found.length and length >= least and length >= times * period:
            found = Tail(length, period)
    return found if found.period else None


def _repeated_beginnings(text: str, most: int, surely: int) -> list[tuple[int, int]]:
    """Places from 1 to ``most`` at which the text begins anew, each with how many characters from there on equal its first ones:
    those with ``surely`` of them, but not each multiple of a period that leads as far as the period itself."""
    found: list[tuple[int, int]] = []
    characters = None
    for place in _places(text, text[:surely], most):
        # A stretch of period p has the period k * p as well, and ends where it ends.
        if any(place % period == 0 and place - period <= again for period, again in found):
            continue
        if len(found) == _FEW:
            return list(_equal_beginnings(text, most))
        if characters is None:
            characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        differs = characters[place:] != characters[:-place]
        first = int(differs.argmax())
        found.append((place, first if differs[first] else len(differs)))
    return found


def _places(text: str, beginning: str, most: int) -> Iterator[int]:
    """Where ``text``, which begins so, has its ``beginning`` again, up to ``most``."""
    place = text.find(beginning, 1)
    while 0 < place <= most:
        yield place
        place = text.find(beginning, place + 1)


def _equal_beginnings(text: str, most: int) -> Iterator[tuple[int, int]]:
    """Every place from 1 to ``most`` with how many characters equal the first ones: the Z-function (Gusfield 1997, §1.4)."""
    size = len(text)
    lengths = [size] + [0] * most
    start = end = 0  # the stretch that reaches furthest of those known to equal the beginning
    for place in range(1, most + 1):
        length = min(end - place, lengths[place - start]) if place < end else 0
        while place + length < size and text[length] == text[place + length]:
            length += 1
        lengths[place] = length
        yield place, length
        if place + length > end:
            start, end = place, place + length


__all__ = ["LEAST", "TIMES", "Tail", "repeated_tail"]
