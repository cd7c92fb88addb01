"""What is worked out on literals alone while a suite is read (``scripts.py``): which operations, and how far.

A suite may be written by a model: whatever it says, reading it takes a bounded number of steps and little memory.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from ocr_assets.grading.results import spread

BITS = 13_000  # of a whole number that is worked out here
ITEMS = 300_000  # of a list
LEVELS = 60  # of lists in lists
DIGITS = 400  # that a number is rounded to


class Unreadable(Exception):
    """The suite has to be run."""


COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not, ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Pow: operator.pow,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip


def set_of(value: Any) -> set[Any]:
    return set(spread(list(value)))


def _dict_of(*values: Any) -> dict[Any, Any]:
    """``dict``, unless building it would take time squared."""
    pairs = [tuple(pair) for pair in values[0]] if values and not isinstance(values[0], dict) else dict(*values).items()
    spread([key for key, _ in pairs])
    return dict(pairs)


def _list_of(*values: Any) -> list[Any]:
    """``list``, but not of a set: its order is that of the process it was made in."""
    if any(isinstance(value, set) for value in values):
        raise TypeError("the order of a set")
    return list(*values)


def round_to(number: Any, ndigits: Any = None) -> Any:
    """``round``, which otherwise works out a power of ten of any size."""
    if isinstance(ndigits, int) and abs(ndigits) > DIGITS:
        raise ValueError("rounded to that many digits")
    return round(number) if ndigits is None else round(number, ndigits)


# What may be done to a result: none of these is true of an empty answer whatever was asked, as all() is.
OF_RESULTS: dict[str, Callable[..., Any]] = {
    "len": len, "abs": abs, "round": round_to, "sorted": sorted, "list": _list_of, "set": set_of,
    "tuple": lambda *values: tuple(_list_of(*values)), "math.isclose": math.isclose,
}  # fmt: skip
# And to literals besides.
OF_LITERALS: dict[str, Callable[..., Any]] = {
    **OF_RESULTS, "range": range, "int": int, "float": float, "str": str, "bool": bool, "sum": sum, "min": min, "max": max,
    "dict": _dict_of, "enumerate": enumerate, "zip": zip, "reversed": reversed, "chr": chr, "ord": ord,
}  # fmt: skip
OF_SETS = frozenset({"len", "sorted", "set", "min", "max", "bool"})  # what does not ask for a set's order
_MUTABLE = (list, dict, set)
_WHOLE = {int, str, bytes, bool, type(None)}
SCALARS = (int, float, str, bytes, bool, type(None))


class Given:
    """The objects that a program was given, and may have changed since."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._held: list[Any] = []  # so that an id stays one object's
        self._walked = 0

    def includes(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return isinstance(value, _MUTABLE) and id(value) in self._ids

    def give(self, value: Any, levels: int = LEVELS) -> None:
        """Note what the program may change from now on. Raises ``Unreadable`` where it could be seen elsewhere, or is no plain
        literal."""
        kind = type(value)
        self._walk(_width(value))
        if kind in SCALARS:
            if kind is float and not math.isfinite(value):
                raise Unreadable("a number that is no literal")
            return
        if kind not in (*_MUTABLE, tuple) or not levels:
            raise Unreadable("an argument")
        if kind in _MUTABLE:
            if id(value) in self._ids:
                raise Unreadable("one object in two places")
            self._ids.add(id(value))
            self._held.append(value)
        if kind is set and len(value) > 1:
            raise Unreadable("the order of a set")
        for item in (*value.keys(), *value.values()) if kind is dict else value:
            self._walk(_width(item))
            if type(item) not in _WHOLE:
                self.give(item, levels - 1)

    def untouched(self, value: Any, levels: int = LEVELS) -> None:
        """Raise ``Unreadable`` where the program may have changed it."""
        self._walk(_width(value))
        if type(value) in SCALARS or isinstance(value, range):
            return
        if type(value) not in (*_MUTABLE, tuple) or not levels or id(value) in self._ids:
            raise Unreadable("what the program may have changed")
        for item in (*value.keys(), *value.values()) if type(value) is dict else value:
            self._walk(_width(item))
            if type(item) not in SCALARS:
                self.untouched(item, levels - 1)

    def _walk(self, items: int) -> None:
        self._walked += items
        if self._walked > 4 * ITEMS:
            raise Unreadable("too much")


def _width(value: Any) -> int:
    """Of a text or a number, about how long it is written out."""
    if isinstance(value, str | bytes):
        return 1 + len(value)
    return 1 + value.bit_length() // 3 if isinstance(value, int) else 1


def bounded(op: ast.operator, left: Any, right: Any) -> None:
    """Raise ``Unreadable`` where an operation on literals could come to too much."""
    if any(isinstance(one, int) and one.bit_length() > 2 * BITS for one in (left, right)):
        raise Unreadable("a long number")
    if isinstance(op, ast.Pow):
        if not (isinstance(left, int | float) and isinstance(right, int | float)) or (
            isinstance(left, int) and isinstance(right, int) and (right < 0 or left.bit_length() * right > BITS)
        ):
            raise Unreadable("a power")
    elif isinstance(op, ast.Mult):
        sizes = [one.bit_length() if isinstance(one, int) else 64 if isinstance(one, float) else None for one in (left, right)]
        if None not in sizes:
            if sum(size for size in sizes if size is not None) > BITS:
                raise Unreadable("a product")
            return
        sequence, times = (left, right) if sizes[0] is None else (right, left)
        if not (isinstance(sequence, str | bytes | list | tuple) and isinstance(times, int) and len(sequence) * times <= ITEMS):
            raise Unreadable("a product")
    elif isinstance(op, ast.Add) and isinstance(left, str | bytes | list | tuple):
        if len(left) + len(right) > ITEMS:
            raise Unreadable("a sum")
    elif isinstance(op, ast.Mod) and isinstance(left, str | bytes):
        raise Unreadable("a format")
