"""``assert f(2) == 4`` as a call whose result is compared on the host, by Python's own rules.

Inside the sandbox an expected value can be found and an ``__eq__`` can lie, so wherever an assertion is one call compared
with literals it is taken apart (docs/grading.md, §3.3): ``==``, ``!=``, ``<``, ``is`` and their
kin, also around ``abs(f(2) - 4)``, ``round(f(2), 1)`` and ``math.isclose(f(2), 4)``. What is anything else stays an
assertion; so does ``assert f(2)``, as only the sandbox knows whether an object is true. Calls of a problem's own call tests
are compared by ``values.py`` instead, as judges do.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

from ocr_assets.grading.literals import round_to
from ocr_assets.grading.results import brief, decode, well_formed
from ocr_assets.programs.syntax import AST_LOCK
from resources.sandbox.api import Run

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip
_POLYNOMIAL = "numpy.polynomial.polynomial.polyval"


def _polynomial(place: Any, coefficients: Sequence[Any]) -> float:
    """A polynomial's value at a real number, its coefficients from the constant one up."""
    if isinstance(place, str | bytes | bool):
        raise TypeError(f"{type(place).__name__} is no number")
    return math.fsum(one * math.pow(place, power) for power, one in enumerate(coefficients))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs, "round": round_to, "math.isclose": math.isclose, "isclose": math.isclose, _POLYNOMIAL: _polynomial,
}  # fmt: skip


@dataclass(frozen=True)
class AssertedCall:
    """A call and what must hold of its result. ``demand``: the assertion's condition, in which ``call`` stands for it."""

    run: Run
    demand: ast.expr
    call: ast.Call
    text: str

    def difference(self, encoded: Any) -> str | None:
        """None if the condition holds of the result (as the sandbox encodes it), else a message."""
        if not well_formed(encoded):
            return "the result is no plain data"
        result = decode(encoded)
        try:
            if self._value(self.demand, result):
                return None
        except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
            return f"{type(error).__name__} in {self.text}, got {brief(result)}"
        if isinstance(self.demand, ast.Compare) and self.demand.left is self.call and isinstance(self.demand.ops[0], ast.Eq):
            return f"expected {brief(self._value(self.demand.comparators[0], result))}, got {brief(result)}"
        return f"not {self.text}, got {brief(result)}"

    def _value(self, node: ast.expr, result: Any) -> Any:
        """The value of a part of the condition."""
        if node is self.call:
            return result
        if isinstance(node, ast.Compare):
            left, right = (self._value(side, result) for side in (node.left, node.comparators[0]))
            return _COMPARISONS[type(node.ops[0])](left, right)
        if isinstance(node, ast.Call) and not _is_literal(node):  # set() is one
            named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
            return _FUNCTIONS[ast.unparse(node.func)](*(self._value(arg, result) for arg in node.args), **named)
        if isinstance(node, ast.BinOp) and not _is_literal(node):
            return self._value(node.left, result) - self._value(node.right, result)
        return ast.literal_eval(node)


def as_call(code: str) -> AssertedCall | None:
    """An assertion about one call with literal arguments, or with names for the literals, taken apart; None where it is
    anything else."""
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
    demand = _with_names_filled_in(tree.body)
    call = None if demand is None else _judged_call(demand)
    if demand is None or call is None:
        return None
    if any(isinstance(arg, ast.Starred) for arg in call.args) or any(kw.arg is None for kw in call.keywords):
        return None
    try:
        args = [ast.literal_eval(arg) for arg in call.args]
        kwargs = {str(kw.arg): ast.literal_eval(kw.value) for kw in call.keywords}
        literals = repr((args, kwargs))
        if ast.literal_eval(literals) != (args, kwargs):  # 1e999 is a literal whose repr is none; NaN equals nothing
            return None
        text = ast.unparse(demand)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return AssertedCall(Run("call", entry=_entry(call), literals=literals), demand, call, _cut(text))


def _cut(text: str, limit: int = 120) -> str:
    """Cut to ``limit`` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _judged_call(demand: ast.expr) -> ast.Call | None:
    """The one call in a condition that can be evaluated without the solution, or None."""
    if isinstance(demand, ast.Call):
        return _inner_call(demand) if _is_close(demand) else None
    if not (isinstance(demand, ast.Compare) and len(demand.ops) == 1 and type(demand.ops[0]) in _COMPARISONS):
        return None
    sides = [demand.left, demand.comparators[0]]
    literals = [side for side in sides if _is_literal(side)]
    if len(literals) != 1:
        return None
    if isinstance(demand.ops[0], ast.Is | ast.IsNot) and not _is_singleton(literals[0]):
        return None
    other = sides[0] if literals[0] is sides[1] else sides[1]
    return _inner_call(other)


def _inner_call(node: ast.expr) -> ast.Call | None:
    """``f(2)`` of ``f(2)``, ``abs(f(2) - 4)``, ``abs(4 - f(2))``, ``round(f(2), 1)``, ``math.isclose(f(2), 4)``, and of a
    polynomial's size at ``f(2)``."""
    if not isinstance(node, ast.Call):
        return None
    name = ast.unparse(node.func)
    if name == "abs" and len(node.args) == 1 and not node.keywords:
        difference = node.args[0]
        if isinstance(difference, ast.BinOp) and isinstance(difference.op, ast.Sub):
            return _only_call([difference.left, difference.right])
        if _is_polynomial(difference):
            return _only_call(difference.args[:1])
        return _only_call([difference])
    if name == "round" and len(node.args) in (1, 2) and not node.keywords and all(map(_is_literal, node.args[1:])):
        return _only_call(node.args[:1])
    if _is_close(node):
        return _only_call(node.args)
    return node if _entry(node) and name not in _FUNCTIONS else None


def _is_close(node: ast.Call) -> bool:
    named = {keyword.arg for keyword in node.keywords}
    return (
        ast.unparse(node.func) in ("math.isclose", "isclose")
        and len(node.args) == 2
        and named <= {"rel_tol", "abs_tol"}
        and all(_is_literal(keyword.value) for keyword in node.keywords)
    )


def _is_polynomial(node: ast.expr) -> TypeGuard[ast.Call]:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == _POLYNOMIAL
        and len(node.args) == 2
        and not node.keywords
        and isinstance(node.args[1], ast.List)
        and _is_literal(node.args[1])
    )


def _only_call(parts: list[ast.expr]) -> ast.Call | None:
    """The call among ``parts``, if there is one and the others are literals."""
    calls = [part for part in parts if not _is_literal(part)]
    return calls[0] if len(calls) == 1 and isinstance(calls[0], ast.Call) and _entry(calls[0]) else None


def _entry(call: ast.Call) -> str:
    """``f`` of ``f(…)``, ``Solution.f`` of ``Solution().f(…)``, else nothing."""
    function = call.func
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
        owner = function.value
        if isinstance(owner.func, ast.Name) and not owner.args and not owner.keywords:
            return f"{owner.func.id}.{function.attr}"
    return ""


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _is_singleton(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))
