"""``assert f(2) == 4`` as a call whose result is compared on the host, by Python's own ``==``.

Inside the sandbox an expected value can be found and an ``__eq__`` can lie, so wherever an assertion is one call compared
with literals it is taken apart (design of the sandbox, "turn asserts into calls"). What is anything else stays an
assertion. Calls of a problem's own call tests are compared by ``compare.py`` instead, as judges do.
"""

from __future__ import annotations

import ast
import threading
from dataclasses import dataclass
from typing import Any, cast

from ocr_assets.verification.results import brief, decode, well_formed
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
        if not well_formed(encoded):
            return "the result is no plain data"
        value = decode(encoded)
        return None if value == self.expected else f"expected {brief(self.expected)}, got {brief(value)}"


def as_call(code: str) -> AssertedCall | None:
    """``assert f(literals) == literal`` taken apart, also with names for the literals; None where it is anything else."""
    with AST_LOCK:
        return _taken_apart(code)


def _with_names_filled_in(body: list[ast.stmt]) -> ast.expr | None:
    """What ``body`` asserts, if it is one assertion after names for literals, each used once: the literals in their names'
    places. None if it is anything else."""
    if not body or not isinstance(body[-1], ast.Assert):
        return None
    values: dict[str, ast.expr] = {}
    for statement in body[:-1]:
        if not (isinstance(statement, ast.Assign) and len(statement.targets) == 1):
            return None
        target = statement.targets[0]
        if not isinstance(target, ast.Name) or target.id in values:
            return None
        try:
            ast.literal_eval(statement.value)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return None
        values[target.id] = statement.value
    used = [node.id for node in ast.walk(body[-1].test) if isinstance(node, ast.Name) and node.id in values]
    if sorted(used) != sorted(values):  # one object in two places may be changed in one; one in none is for the solution
        return None

    class Filled(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return values.get(node.id, node)

    return cast("ast.expr", Filled().visit(body[-1].test))


def _taken_apart(code: str) -> AssertedCall | None:
    try:
        tree = ast.parse(code.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    test = _with_names_filled_in(tree.body)
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
