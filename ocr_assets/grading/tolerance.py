"""One token or number against the expected one, within the tolerance of a comparison rule (docs/grading.md, §3.1).

Integers and words are equal exactly, whatever their size; a number within 1e-6 (absolute or relative) where the *expected* one
is written as a decimal, or within the rule's own tolerance, which holds for every number.
"""

from __future__ import annotations

import math
import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from typing import TypeVar

from ocr_assets.programs.statements import DEFAULT_TOLERANCE
from ocr_assets.schema import Compare

_Number = TypeVar("_Number", float, Decimal)
# No expression here may try a long run of digits in more than one way: that would take its length squared.
NUMBER = re.compile(rb"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
SPECIAL = re.compile(rb"[+-]?(nan|inf|infinity)\Z", re.IGNORECASE)
_DECIMAL = re.compile(rb"[+-]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][+-]?\d+)?\Z")
_EXACT = 2.0**53  # above it doubles cannot tell neighbouring integers apart
_WIDE = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
DEFAULT: Compare = {"policy": "tokens", "float_abs": None, "float_rel": None, "case": "sensitive"}


def tokens_equal(expected: bytes, answer: bytes, rule: Compare) -> bool:
    """One token against one: exactly, or as numbers where the rule allows a tolerance."""
    if SPECIAL.match(expected):
        left, right = float(expected), _float(answer)
        return right is not None and left == right  # infinities equal only themselves, NaN nothing
    if expected == answer:
        return True
    if not tolerant(expected, rule) or not NUMBER.match(answer):
        return False
    left, right = float(expected), float(answer)
    if max(abs(left), abs(right)) < _EXACT:
        return close(left, right, rule)
    with localcontext(_WIDE):
        return close(Decimal(expected.decode()), Decimal(answer.decode()), rule)


def number(token: bytes) -> float | Decimal:
    """The value of a token that ``NUMBER`` matches, exact enough to sort by."""
    value = float(token)
    return value if abs(value) < _EXACT else Decimal(token.decode())


def tolerant(expected: bytes, rule: Compare) -> bool:
    """Whether a number near ``expected`` is as good."""
    return bool(_DECIMAL.match(expected) or (stated(rule) and NUMBER.match(expected)))


def stated(rule: Compare) -> bool:
    return rule["float_abs"] is not None or rule["float_rel"] is not None


def tolerances(rule: Compare) -> tuple[float, float]:
    """Absolute and relative; one that is not stated is none where the other is."""
    return (rule["float_abs"] or 0.0, rule["float_rel"] or 0.0) if stated(rule) else (DEFAULT_TOLERANCE, DEFAULT_TOLERANCE)


def _float(token: bytes) -> float | None:
    return float(token) if NUMBER.match(token) or SPECIAL.match(token) else None


def close(expected: _Number, answer: _Number, rule: Compare) -> bool:
    """Finite numbers, both of one type."""
    absolute, relative = tolerances(rule)
    difference = abs(expected - answer)
    return difference <= type(expected)(absolute) or difference <= type(expected)(relative) * abs(expected)


def values_close(expected: float, answer: float, rule: Compare) -> bool:
    """Numbers of a call: integers of any size, doubles of any kind."""
    if any(isinstance(number, float) and not math.isfinite(number) for number in (expected, answer)):
        return expected == answer
    if max(abs(expected), abs(answer)) < _EXACT:
        return close(float(expected), float(answer), rule)
    if any(isinstance(number, int) and number.bit_length() > 20_000 for number in (expected, answer)):
        return False  # beyond all that JSON can expect, and slow to convert
    with localcontext(_WIDE):
        return close(Decimal(expected), Decimal(answer), rule)
