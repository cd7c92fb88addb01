"""Variants of a problem: statements alike in wording that ask for something else.

The easy and the hard variant differ in a bound, others in "largest" and "smallest"; merging their tests would spoil both.
How alike two statements are is measured in ``problems/dedup``.
"""

from __future__ import annotations

import re
from functools import cached_property

_SMALL = 10  # numbers below it are too common to tell anything
_POWER = re.compile(r"(?:(\d+)\s*\*\s*)?\b10\s*(?:\^|\*\*)\s*(\d{1,3})(?:\s*\+\s*(\d+))?")
_EXPONENT = re.compile(r"\b(\d)e(\d{1,2})\b")
_EXPONENTS = tuple(f"{digit}e" for digit in range(10))
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.]*\d)")
_POLES = {
    "max": ("maximum", "max", "maximal", "maximize", "largest", "greatest", "biggest", "highest"),
    "min": ("minimum", "min", "minimal", "minimize", "smallest", "lowest"),
    "long": ("longest",),
    "short": ("shortest",),
    "up": ("increasing", "ascending", "non-decreasing"),
    "down": ("decreasing", "descending", "non-increasing"),
    "odd": ("odd",),
    "even": ("even",),
}
_POLE_OF = {word: pole for pole, words in _POLES.items() for word in words}
_OPPOSITES = (("max", "min"), ("long", "short"), ("up", "down"), ("odd", "even"))
_POLE = re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, _POLE_OF)) + r")(?![\w-])")


class VariantMarks:
    """What could mark one normalized statement as a variant; it is looked for when it is needed, and once."""

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
    def poles(self) -> frozenset[str]:
        """Which poles of opposites it names: max or min, odd or even …"""
        return frozenset(map(_POLE_OF.__getitem__, _POLE.findall(self._text)))


def are_variants(one: VariantMarks, other: VariantMarks) -> bool:
    """Whether two alike statements are variants of a problem, whose tests must not be merged.

    They are if each names a number that the other does not, or if they name opposite poles. A statement that only says less
    is no variant.
    """
    if one.numbers - other.numbers and other.numbers - one.numbers:
        return True
    mine, theirs = one.poles - other.poles, other.poles - one.poles
    return any((a in mine and b in theirs) or (b in mine and a in theirs) for a, b in _OPPOSITES)
