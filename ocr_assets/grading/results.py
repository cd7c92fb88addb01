"""Results of calls as the sandbox encodes them (sandbox_images/runner/values.py), on the host.

The program shares a process with the encoder and can write what it likes in its place, so nothing is believed about a
result's shape before it is checked here.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ocr_assets.grading.cost import COLLIDING, TooCostly

DEPTH = 100  # of containers in containers, as in the encoder
_FLOAT = re.compile(r"-?(\d+(\.\d*)?(e[+-]?\d+)?|inf|nan)\Z")  # one way to read a run of digits: time linear in its length
_HEX = re.compile(r"-?0x[0-9a-f]+\Z")
_BYTES = re.compile(r"([0-9a-f]{2})*\Z")
_NUMBERS = {
    "Fraction": (Fraction, re.compile(r"-?\d{1,4000}(/[1-9]\d{0,4000})?\Z")),  # an exponent in it could fill the memory
    "Decimal": (Decimal, re.compile(r"-?(\d{1,4000}(\.\d{0,4000})?(E[+-]?\d{1,6})?|Infinity|NaN)\Z")),
    "complex": (complex, re.compile(r"[-+()\w.]{1,100}\Z")),
}


def well_formed(value: Any, depth: int = 0) -> bool:
    """Whether ``value`` (JSON data) is an encoding at all, and of no more than ``DEPTH`` levels."""
    if value is None or isinstance(value, bool | int | str):
        return True
    if depth > DEPTH + 1:  # the encoder says there that it went no deeper
        return False
    if isinstance(value, list):
        return all(well_formed(item, depth + 1) for item in value)
    if not (isinstance(value, dict) and len(value) == 1):
        return False
    ((key, inner),) = value.items()
    if key == "a":
        return isinstance(inner, list | bool) and well_formed(inner, depth + 1)
    if key in ("t", "s", "q"):
        return isinstance(inner, list) and all(well_formed(item, depth + 1) for item in inner)
    if key == "d":
        return isinstance(inner, list) and all(
            isinstance(pair, list) and len(pair) == 2 and all(well_formed(item, depth + 1) for item in pair) for pair in inner
        )
    if key == "n":
        return isinstance(inner, list) and len(inner) == 2 and _number(inner) is not None
    pattern = {"f": _FLOAT, "i": _HEX, "b": _BYTES}.get(key)
    return isinstance(inner, str) and (key == "o" or (pattern is not None and pattern.match(inner) is not None))


def _number(parts: list[Any]) -> Fraction | Decimal | complex | None:
    kind, text = parts
    if not (isinstance(kind, str) and kind in _NUMBERS and isinstance(text, str)):
        return None
    make, pattern = _NUMBERS[kind]
    if not pattern.match(text):
        return None
    try:
        return make(text)  # type: ignore[no-any-return]
    except (ValueError, ArithmeticError):
        return None


class Opaque:
    """A value that is not plain data: it equals nothing."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<{self._name}>"


class Array:
    """An array, or a truth value, of numpy's. As there, comparing it compares the items, and of several results no one is the
    truth; unlike there, no more than one item is compared at all."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, items: Any) -> None:
        self._items = items

    def __repr__(self) -> str:
        return f"array({brief(self._items)})"

    def _only(self, other: Any) -> tuple[Any, Any]:
        mine, theirs = _single(self._items), _single(other._items if isinstance(other, Array) else other)
        if isinstance(mine, list | tuple) or isinstance(theirs, list | tuple):
            raise ValueError("the truth value of an array with more than one item is ambiguous")
        return mine, theirs

    def __eq__(self, other: object) -> bool:
        mine, theirs = self._only(other)
        return bool(mine == theirs)

    def __ne__(self, other: object) -> bool:
        mine, theirs = self._only(other)
        return bool(mine != theirs)

    def __lt__(self, other: Any) -> bool:
        mine, theirs = self._only(other)
        return bool(mine < theirs)

    def __gt__(self, other: Any) -> bool:
        mine, theirs = self._only(other)
        return bool(mine > theirs)

    def __le__(self, other: Any) -> bool:
        mine, theirs = self._only(other)
        return bool(mine <= theirs)

    def __ge__(self, other: Any) -> bool:
        mine, theirs = self._only(other)
        return bool(mine >= theirs)


def _single(items: Any) -> Any:
    """The one item of lists of one item each; else ``items``."""
    while isinstance(items, list | tuple) and len(items) == 1:
        items = items[0]
    return items


def decode(value: Any) -> Any:
    """A well-formed encoding as the Python value it was."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((key, inner),) = value.items()
    if key == "f":
        return float(inner)
    if key == "i":
        return int(inner, 16)
    if key == "t":
        return tuple(decode(item) for item in inner)
    if key == "q":
        return deque(decode(item) for item in inner)
    if key == "b":
        return bytes.fromhex(inner)
    if key == "n":
        return _number(inner)
    if key == "a":
        return Array(decode(inner))
    try:
        if key == "s":
            return set(spread([decode(item) for item in inner]))
        if key == "d":
            names = spread([decode(name) for name, _ in inner])
            return dict(zip(names, (decode(item) for _, item in inner), strict=True))
    except TypeError:  # an unhashable member: the solution had an odd subclass there
        return Opaque(key)
    return Opaque(str(inner))


def spread(items: list[Any]) -> list[Any]:
    """``items``, unless so many have one hash that a set of them would take time squared. Raises ``TooCostly``, ``TypeError``."""
    most = Counter(map(hash, items)).most_common(1) if len(items) > COLLIDING else []
    if most and most[0][1] > COLLIDING:
        raise TooCostly(f"{most[0][1]:,} values of the result have the same hash")
    return items


def brief(value: Any, limit: int = 80) -> str:
    """``repr``, cut to ``limit`` characters."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes out
        return "a number of thousands of digits"
    return text if len(text) <= limit else text[: limit - 1] + "…"
