"""What tells two versions of a problem apart however alike their wording is: numbers, and which side of an opposite they ask for.

Easy and hard versions differ in a bound, twins in "largest" and "smallest"; merging their tests would spoil both.
"""

from __future__ import annotations

import re
from functools import cached_property

_SMALL = 10  # numbers below it are too common to tell anything
_POWER = re.compile(r"(?:(\d+)\s*\*\s*)?\b10\s*(?:\^|\*\*)\s*(\d{1,3})(?:\s*\+\s*(\d+))?")
_EXPONENT = re.compile(r"\b(\d)e(\d{1,2})\b")
_EXPONENTS = tuple(f"{digit}e" for digit in range(10))
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.]*\d)")
_SIDES = {
    "max": ("maximum", "max", "maximal", "maximize", "largest", "greatest", "biggest", "highest"),
    "min": ("minimum", "min", "minimal", "minimize", "smallest", "lowest"),
    "long": ("longest",),
    "short": ("shortest",),
    "up": ("increasing", "ascending", "non-decreasing"),
    "down": ("decreasing", "descending", "non-increasing"),
    "odd": ("odd",),
    "even": ("even",),
}
_SIDE_OF = {word: side for side, words in _SIDES.items() for word in words}
_OPPOSITES = (("max", "min"), ("long", "short"), ("up", "down"), ("odd", "even"))
_SIDE = re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, _SIDE_OF)) + r")(?![\w-])")


class Version:
    """One normalized statement; what tells it apart is looked for when it is needed, and once."""

    def __init__(self, normalized: str) -> None:
        self._text = normalized

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The numbers from 10 on, powers of ten written out ("2*10^5" is 200000)."""
        text = self._text
        if "^" in text or "*" in text:
            text = _POWER.sub(lambda m: str(int(m[1] or 1) * 10 ** int(m[2]) + int(m[3] or 0)), text)
        if any(exponent in text for exponent in _EXPONENTS):
            text = _EXPONENT.sub(lambda m: str(int(m[1]) * 10 ** int(m[2])), text)
        return frozenset(value for value in map(int, _NUMBER.findall(text)) if value >= _SMALL)

    @cached_property
    def sides(self) -> frozenset[str]:
        """Which sides of opposites it names: max or min, odd or even …"""
        return frozenset(map(_SIDE_OF.__getitem__, _SIDE.findall(self._text)))


def told_apart(one: Version, other: Version) -> bool:
    """Whether each names a number the other does not, or they stand on two sides of an opposite: the sign of two versions of a
    problem, whose tests must not be merged. A shorter text is not told apart."""
    if one.numbers - other.numbers and other.numbers - one.numbers:
        return True
    mine, theirs = one.sides - other.sides, other.sides - one.sides
    return any((a in mine and b in theirs) or (b in mine and a in theirs) for a, b in _OPPOSITES)
