"""Suites altered so that no right program passes them: the second look at a program that passed the true suite.

Where the program's own ``__eq__`` decided an assertion, or a suite had to share its process, a program can bend the tests: an
``__eq__`` that is always true, a patched hook, a result forged from a stack frame. Such a program also passes an altered suite,
and an honest one does not (verdict ``suspect``; docs/grading.md, §3.6). Trusted verdicts need none of this.

``falsified`` puts an assertion that fails first in every test. ``altered`` changes what each assertion demands (an expected
value into another, a condition into its negation, an exception into another) and goes on whether it holds or not; such a
test passes if any of its altered demands was met. An honest program meets none, and none is met that was never reached.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ocr_assets.grading.asserts import as_call
from ocr_assets.programs.suites import SHARES_PROCESS
from ocr_assets.programs.syntax import AST_LOCK
from ocr_assets.schema import Test

_FALSE = "assert 0 == 1"
_EXPECTED = re.compile(r"expect|want|answer|correct|truth|target", re.IGNORECASE)
_CLOSE = {"isclose", "allclose", "array_equal", "array_equiv"}
_UNITTEST_EQUAL = {
    "assertEqual", "assertEquals", "assertAlmostEqual", "assertAlmostEquals", "assertListEqual", "assertDictEqual",
    "assertTupleEqual", "assertSetEqual", "assertCountEqual", "assertSequenceEqual", "assertMultiLineEqual",
}  # fmt: skip
_UNITTEST_OPPOSITE = {
    "assertTrue": "assertFalse", "assertFalse": "assertTrue", "assertIsNone": "assertIsNotNone", "assertIn": "assertNotIn",
    "assertIsNotNone": "assertIsNone", "assertNotIn": "assertIn", "assertIs": "assertIsNot", "assertIsNot": "assertIs",
}  # fmt: skip


@dataclass(frozen=True)
class AlteredSuite:
    """Tests that no right program passes.

    ``name`` says how they were altered; ``functions`` are the names of pytest's test functions that were (empty for asserts).
    """

    name: str
    tests: list[Test]
    functions: frozenset[str]


def altered_suites(tests: Sequence[Test]) -> list[AlteredSuite]:
    """The alterations of a suite, at most two; none if all its tests are compared on the host."""
    with AST_LOCK:
        return list(_altered_suites(tests))


def _altered_suites(tests: Sequence[Test]) -> Iterator[AlteredSuite]:
    opaque = [t for t in tests if t["kind"] in ("assert", "pytest") and not (t["kind"] == "assert" and as_call(t["code"] or ""))]
    for name, rewrite in (("a false assertion", falsified), ("other expected values", altered)):
        rewritten_tests: list[Test] = []
        names = set[str]()
        for test in opaque:
            tree = _parsed(test)
            if tree is None or (rewritten := rewrite(tree, test["kind"])) is None:
                continue
            rewritten_tests.append(with_code(test, rewritten[0]))
            names |= rewritten[1]
        if rewritten_tests:
            yield AlteredSuite(name, rewritten_tests, frozenset(names))


def _parsed(test: Test) -> ast.Module | None:
    try:
        return ast.parse(test["code"] or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # it passes for nobody


def falsified(tree: ast.Module, kind: str) -> tuple[ast.Module, set[str]]:
    """``assert 0 == 1`` first in each test function, or (kind ``assert``) first of all; and the functions' names."""
    if kind == "assert":
        _insert(tree, ast.parse(_FALSE).body)
        return tree, set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            node.body[:0] = ast.parse(_FALSE).body
            names.add(node.name)
    return tree, names


def altered(tree: ast.Module, kind: str) -> tuple[ast.Module, set[str]] | None:
    """Every demand changed, and the names of the test functions; None if there is none that can be changed."""
    change = _Alter()
    tree = change.visit(tree)
    if not change.count:
        return None
    names = set()
    if kind == "assert":
        tree.body += ast.parse("assert _met").body
    else:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                node.body = [*ast.parse("_met.clear()").body, ast.Try(node.body, [], [], ast.parse("assert _met").body)]
                names.add(node.name)
    _insert(tree, [*ast.parse(inspect.getsource(_altered)).body, *ast.parse("_met = []").body])
    return tree, names


def with_code(test: Test, tree: ast.Module) -> Test:
    """The test with other code, in one process with the program if it was."""
    head = SHARES_PROCESS if (test["code"] or "").startswith(SHARES_PROCESS) else ""
    return {**test, "code": head + ast.unparse(ast.fix_missing_locations(tree))}


def _insert(tree: ast.Module, statements: list[ast.stmt]) -> None:
    """First of all, but for what Python wants before it."""
    place = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            place = tree.body.index(node) + 1
    tree.body[place:place] = statements


def _altered(value):  # type: ignore[no-untyped-def]  # goes into the tests as it stands here
    """A value that is not equal, nor near: of the same type where the type is a plain one."""
    kind = type(value)
    if kind is bool:
        return not value
    if kind is int or kind is float or kind is complex:
        other = value + 10**12 + 10 * abs(value)  # beyond any tolerance
        return 0 if other == value else other
    if kind is str:
        return value + "?"
    if kind is bytes:
        return value + b"?"
    if kind is list:
        return [*value, "?"]
    if kind is tuple:
        return (*value, "?")
    if kind is dict:
        return {**value, "?": "?"}
    if kind is set or kind is frozenset:
        return value | {"?"}
    return 0 if value is None else object()


_NOTE = "_met.append(_met)"  # no constant: a thief takes the last one of its caller for the expected value


class _Alter(ast.NodeTransformer):
    """Demands changed; ``count`` of them. What came of each is noted in ``_met``."""

    def __init__(self) -> None:
        self.count = 0

    def visit_Assert(self, node: ast.Assert) -> Any:
        test = _condition(node.test)
        if test is None:
            return node
        return self._tried(node, [ast.If(test, ast.parse(_NOTE).body, [])])  # no assert: pytest would write a report on it

    def visit_Expr(self, node: ast.Expr) -> Any:
        call = node.value
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and _name(call.func.value) == "self"):
            return node
        name, args = call.func.attr, call.args
        if name in _UNITTEST_EQUAL and len(args) >= 2:
            first, second = _other_side(args[0], args[1])
            changed = ast.Call(call.func, [first, second, *args[2:]], call.keywords)
        elif name in _UNITTEST_OPPOSITE:
            opposite = ast.Attribute(call.func.value, _UNITTEST_OPPOSITE[name], ast.Load())
            changed = ast.Call(opposite, args, call.keywords)
        elif name == "assertRaises" and len(args) >= 2:
            changed = ast.Call(call.func, [_UNEXPECTED, *args[1:]], call.keywords)
        else:
            return node
        return self._tried(node, [ast.Expr(changed), *ast.parse(_NOTE).body])

    def visit_With(self, node: ast.With) -> Any:
        self.generic_visit(node)
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and _name(call.func) in ("raises", "assertRaises") and call.args:
                other = ast.Call(call.func, [_UNEXPECTED, *call.args[1:]], [])
                changed = ast.With([ast.withitem(other, item.optional_vars)], node.body)
                return self._tried(node, [changed, *ast.parse(_NOTE).body])
        return node

    def _tried(self, old: ast.stmt, new: list[ast.stmt]) -> ast.AST:
        self.count += 1
        handler = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), None, [ast.Pass()])
        return ast.copy_location(ast.Try(new, [handler], [], []), old)


_UNEXPECTED = ast.Name("StopAsyncIteration", ast.Load())  # no solution raises it


def _condition(test: ast.expr) -> ast.expr | None:
    """A condition that is false where ``test`` is true, by other expected values if possible, else by negation. None for
    a constant."""
    if isinstance(test, ast.Constant):
        return None
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        parts = [changed for part in test.values if (changed := _condition(part)) is not None]
        return ast.BoolOp(ast.Or(), parts) if len(parts) > 1 else parts[0] if parts else None
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        operator, left, right = test.ops[0], test.left, test.comparators[0]
        if isinstance(operator, ast.Eq):
            left, right = _other_side(left, right)
            return ast.Compare(left, [operator], [right])
        if isinstance(operator, ast.Lt | ast.LtE) and (distance := _other_distance(left)) is not None:
            return ast.Compare(distance, [operator], [right])
        if isinstance(operator, ast.In):
            return ast.Compare(left, [operator], [ast.parse("[object()]", mode="eval").body])
    if isinstance(test, ast.Call):
        if _name(test.func) in _CLOSE and len(test.args) >= 2:
            first, second = _other_side(test.args[0], test.args[1])
            return ast.Call(test.func, [first, second, *test.args[2:]], test.keywords)
        if _name(test.func) == "all" and len(test.args) == 1:
            inner = test.args[0]
            if isinstance(inner, ast.GeneratorExp | ast.ListComp) and (element := _condition(inner.elt)) is not None:
                changed = ast.Call(test.func, [type(inner)(element, inner.generators)], [])
                some = ast.ListComp(ast.Constant(True), inner.generators)  # all of nothing is true, and says nothing
                return ast.BoolOp(ast.And(), [changed, some])
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def _other_distance(left: ast.expr) -> ast.expr | None:
    """``abs(f(x) - 4)`` with another number in place of 4."""
    if not (isinstance(left, ast.Call) and _name(left.func) in ("abs", "fabs") and len(left.args) == 1):
        return None
    difference = left.args[0]
    if not (isinstance(difference, ast.BinOp) and isinstance(difference.op, ast.Sub)):
        return None
    first, second = _other_side(difference.left, difference.right)
    return ast.Call(left.func, [ast.BinOp(first, difference.op, second)], [])


def _other_side(left: ast.expr, right: ast.expr) -> tuple[ast.expr, ast.expr]:
    """Both sides, one of them altered: the expected one, as far as that can be told."""
    for side in (right, left):
        try:
            literal = ast.literal_eval(side)
            text = repr(_altered(literal))  # type: ignore[no-untyped-call]
            other = ast.parse(text, mode="eval").body
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
        return (other, right) if side is left else (left, other)
    if _name(left) == "approx" or (_EXPECTED.search(_name(left)) and not _EXPECTED.search(_name(right))):
        return _wrapped(left), right
    if _has_call(right) and not _has_call(left) and _name(right) != "approx":
        return _wrapped(left), right
    return left, _wrapped(right)


def _wrapped(side: ast.expr) -> ast.expr:
    if isinstance(side, ast.Call) and _name(side) == "approx" and side.args:
        return ast.Call(side.func, [_wrapped(side.args[0]), *side.args[1:]], side.keywords)
    return ast.Call(ast.Name("_altered", ast.Load()), [side], [])


def _has_call(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.Call) for inner in ast.walk(node))


def _name(node: Any) -> str:
    """``x`` of ``x``, ``a.x`` and calls of them."""
    if isinstance(node, ast.Call):
        return _name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
