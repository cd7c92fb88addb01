"""``assert f(2) == 4`` as a call whose result is compared on the host, by Python's own ``==``.

Inside the sandbox an expected value can be found and an ``__eq__`` can lie, so wherever an assertion is one call compared
with literals it is taken apart (design of the sandbox, "turn asserts into calls"). What is anything else stays an
assertion. Calls of a problem's own call tests are compared by ``compare.py`` instead, as judges do.
"""

from __future__ import annotations

import ast
import threading
from collections import deque
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from resources.sandbox.api import Run

# Python 3.11 counts the depth of syntax trees per interpreter, so two threads that parse at once can fail with SystemError.
AST_LOCK = threading.RLock()


@dataclass(frozen=True)
class AssertedCall:
    """A call and the literal it must equal."""

    run: Run
    expected: Any

    def difference(self, encoded: Any) -> str | None:
        """None if the result (as the sandbox encodes it) equals the literal as ``==`` has it, else a message."""
        value = decode(encoded)
        return None if value == self.expected else f"expected {_brief(self.expected)}, got {_brief(value)}"


def as_call(code: str) -> AssertedCall | None:
    """``assert f(literals) == literal`` taken apart; None where it is anything else."""
    with AST_LOCK:
        return _taken_apart(code)


def _taken_apart(code: str) -> AssertedCall | None:
    try:
        tree = ast.parse(code.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Assert):
        return None
    test = tree.body[0].test
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return None
    call, other = test.left, test.comparators[0]
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return None
    if any(isinstance(arg, ast.Starred) for arg in call.args) or any(kw.arg is None for kw in call.keywords):
        return None
    try:
        args = [ast.literal_eval(arg) for arg in call.args]
        kwargs = {str(kw.arg): ast.literal_eval(kw.value) for kw in call.keywords}
        expected = ast.literal_eval(other)
        literals = repr((args, kwargs))
        if ast.literal_eval(literals) != (args, kwargs):  # 1e999 is a literal whose repr is none; NaN equals nothing
            return None
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return AssertedCall(Run("call", entry=call.func.id, literals=literals), expected)


class _Opaque:
    """A value that is not plain data: it equals nothing."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"<{self._name}>"


_NUMBERS = {"Fraction": Fraction, "Decimal": Decimal, "complex": complex}


def decode(value: Any) -> Any:
    """An encoded result (sandbox_images/runner/values.py) as the Python value it was."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((key, inner),) = value.items()
    if key == "f":
        return float(inner)
    if key == "t":
        return tuple(decode(item) for item in inner)
    if key == "q":
        return deque(decode(item) for item in inner)
    if key == "b":
        return bytes.fromhex(inner)
    if key == "n":
        return _NUMBERS[inner[0]](inner[1])
    try:
        if key == "s":
            return {decode(item) for item in inner}
        if key == "d":
            return {decode(name): decode(item) for name, item in inner}
    except TypeError:  # an unhashable member: the solution had an odd subclass there
        return _Opaque(key)
    return _Opaque(str(inner))


def _brief(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
