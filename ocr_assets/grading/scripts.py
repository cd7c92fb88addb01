"""Suites that can be read instead of run: their calls with literal arguments, in order, and what must hold of the results.

Most suites (``assert`` and ``pytest``) do nothing but call the program with values that stand in them and compare what comes
back. Such a suite is carried out here, on the host, as far as it goes without the program: names, loops over literals and
functions of its own are followed, and what is left is a script, a list of calls. The sandbox makes those calls in one process
and no line of the suite runs beside the program or anywhere else; the results, plain data, are compared here by Python's own
rules, and no expected value enters a container.

A script can only pass a suite: it is right if each call returned (or raised what it should) and each assertion holds of plain
data. Anything else, and every suite with a line that is not understood here, is decided by running the suite itself
(docs/grading.md, §3.3). One assertion about one call is ``asserts.py``'s matter.

One class, because reading is one walk over a syntax tree with one state: names, calls and conditions so far.
"""

from __future__ import annotations

import ast
import builtins
import json
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ocr_assets.grading.cost import TooCostly
from ocr_assets.grading.expressions import Callee, Expressions, Known, Pending, Result, bind, parameters
from ocr_assets.grading.literals import Unreadable
from ocr_assets.grading.results import decode, well_formed
from ocr_assets.programs.syntax import AST_LOCK
from resources.sandbox.api import Run

# Objects that are no plain data or have a truth of their own, and what is no number and so neither less nor more than anything:
# as results are encoded.
_NO_WORD = ('{"a": ', '{"o": "', '{"f": "nan"}', '["Decimal", "NaN"]', '["complex", ')
_HOOKS = ("pytest_", "pytestmark", "setup", "teardown", "collect_", "__")  # names that pytest looks for in a module
_BROAD = ("Exception", "BaseException", "AssertionError", "NameError", "AttributeError")


@dataclass(frozen=True)
class Script:
    """A suite as calls. ``run``: what the sandbox is asked; ``expected``: by call, the error it must raise, or None;
    ``wanted``: calls whose results matter; ``conditions``: what must be true of the list of results."""

    run: Run
    expected: Sequence[str | None]
    wanted: Set[int]
    conditions: Sequence[Callable[[Sequence[Any]], Any]]

    def difference(self, value: Any) -> str | None:
        """None if all of the suite's assertions hold, else why the suite itself has to say."""
        if not isinstance(value, list) or len(value) != len(self.expected):
            return "no results"
        results: list[Any] = []
        try:
            for found, error in zip(value, self.expected, strict=True):
                if error is not None and not _is_raised(found, error):
                    return f"no {error} was raised"
                if error is None and not well_formed(found):
                    return "a call did not return"
                if len(results) in self.wanted and any(mark in json.dumps(found) for mark in _NO_WORD):
                    return "a result whose truth or order is its own, or none"
                results.append(decode(found) if error is None and len(results) in self.wanted else None)
            failed = next((number for number, holds in enumerate(self.conditions) if not holds(results)), None)
        except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError, AttributeError, TooCostly) as error:
            return f"{type(error).__name__} in an assertion"
        return None if failed is None else f"assertion {failed} does not hold"


def _is_raised(found: Any, wanted: str) -> bool:
    """Whether what a call raised (names of built-in classes in order of resolution) is of one kind, and that the wanted one."""
    names = found.get("raised") if isinstance(found, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return False
    kinds = [getattr(builtins, name, None) for name in names]
    first = kinds[0]
    if not (isinstance(first, type) and issubclass(first, Exception)):
        return False
    return all(kind in first.__mro__ for kind in kinds) and wanted in names


def as_script(kind: str, code: str) -> Script | None:
    """The suite of an ``assert`` or ``pytest`` test as a script; None where it has to be run."""
    return _read(kind, code)


@lru_cache(maxsize=64)
def _read(kind: str, code: str) -> Script | None:
    with AST_LOCK:
        try:
            return _Reader(kind).script(ast.parse(code))
        except (
            SyntaxError,
            ValueError,
            TypeError,
            LookupError,
            ArithmeticError,
            RecursionError,
            MemoryError,
            Unreadable,
            TooCostly,
        ):
            return None


class _Reader(Expressions):
    """One reading: statements and tests."""

    def script(self, tree: ast.Module) -> Script:
        """Raises ``Unreadable`` and whatever literals can raise."""
        scope = self.top
        self.star = self.kind == "assert"
        self.run(tree.body, scope, at_top=True)
        if self.kind == "pytest":
            tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            if any(name.startswith(_HOOKS) or (name not in tests and _collected(name, value)) for name, value in scope.items()):
                raise Unreadable("a name that means something to pytest")
            self._tests(tree.body, scope)
        if not self.conditions and not any(call[3] for call in self.calls):
            raise Unreadable("nothing is asserted")
        usual = sorted(self.usual) if self.star else []
        errors = [call[3] for call in self.calls]
        data = {
            "pytest": self.kind == "pytest",
            "imported": sorted(self.imported),
            "usual": usual,
            "calls": [call[:3] for call in self.calls],
        }
        return Script(Run("script", code=json.dumps(data)), errors, self.compared, self.conditions)

    # ---- tests ------------------------------------------------------------------------------------------------------------

    def _tests(self, body: Sequence[ast.stmt], scope: dict[str, Any]) -> None:
        names = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        kept = [node for node in body if isinstance(node, ast.FunctionDef) and scope.get(node.name) is node]
        if len(set(names)) < len(names) or any(name in scope and name not in {node.name for node in kept} for name in names):
            raise Unreadable("a name is bound twice")
        for node in body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                self._test(node, scope, [])
            elif isinstance(node, ast.ClassDef):
                if node.bases or node.keywords or node.decorator_list or not node.name.startswith("Test"):
                    raise Unreadable("a class")
                self._tests_of_class(node, scope)
        if not self.tests:
            raise Unreadable("no tests")

    def _tests_of_class(self, node: ast.ClassDef, scope: dict[str, Any]) -> None:
        inner = [one for one in node.body if not _is_text(one)]
        if not all(isinstance(one, ast.FunctionDef) and one.name.startswith("test") for one in inner):
            raise Unreadable("a class with more than tests")
        self._no_twins(inner)
        for one in inner:
            if isinstance(one, ast.FunctionDef):
                self._test(one, scope, ["self"])

    @staticmethod
    def _no_twins(functions: Sequence[ast.stmt]) -> None:
        names = [one.name for one in functions if isinstance(one, ast.FunctionDef)]
        if len(set(names)) < len(names):
            raise Unreadable("a name is bound twice")

    def _test(self, node: ast.FunctionDef, scope: dict[str, Any], own: list[str]) -> None:
        names = parameters(node)
        if names[: len(own)] != own:
            raise Unreadable("parameters")
        for values in self._parameter_sets(node, scope):
            if set(values) != set(names[len(own) :]):
                raise Unreadable("a fixture")
            self.tests += 1
            self.run(node.body, {**scope, **dict.fromkeys(own, Known("self")), **values})

    def _parameter_sets(self, node: ast.FunctionDef, scope: dict[str, Any]) -> list[dict[str, Any]]:
        if not node.decorator_list:
            return [{}]
        mark = node.decorator_list[0]
        if len(node.decorator_list) > 1 or not isinstance(mark, ast.Call) or ast.unparse(mark.func) != "pytest.mark.parametrize":
            raise Unreadable("a decorator")
        if scope.get("pytest") != Known("pytest") or len(mark.args) != 2 or mark.keywords:
            raise Unreadable("a decorator")
        names, rows = self.literal(mark.args[0], scope), self.literal(mark.args[1], scope)
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        if not isinstance(rows, list | tuple) or not rows:
            raise Unreadable("parameters")
        if len(names) == 1:
            return [{names[0]: row} for row in rows]
        return [dict(zip(names, row, strict=True)) for row in rows]

    # ---- statements ---------------------------------------------------------------------------------------------------------

    def run(self, body: Sequence[ast.stmt], scope: dict[str, Any], *, at_top: bool = False) -> None:
        for node in body:
            self.spend()
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node, scope)
            elif isinstance(node, ast.FunctionDef):
                is_test = self.kind == "pytest" and node.name.startswith("test")
                if not at_top or (node.decorator_list and not is_test):
                    raise Unreadable("a decorator")
                scope[node.name] = node
            elif isinstance(node, ast.ClassDef):
                if self.kind != "pytest" or not at_top:
                    raise Unreadable("a class")
            elif isinstance(node, ast.Assert):
                self._assert(node.test, scope)
            elif isinstance(node, ast.Assign):
                self._assign(node, scope)
            elif isinstance(node, ast.Expr):
                self._expression(node, scope)
            elif isinstance(node, ast.For):
                self._loop(node, scope)
            elif isinstance(node, ast.With):
                self._raises(node, scope)
            elif isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" and at_top and not node.orelse:
                if self.kind == "assert":
                    raise Unreadable("a main part")
            elif not isinstance(node, ast.Pass):
                raise Unreadable(type(node).__name__)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: dict[str, Any]) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                if alias.name == "solution":
                    raise Unreadable("the module itself")
                scope[name] = Known(alias.name if alias.asname else name)
            return
        for alias in node.names:
            if node.module == "solution" and not node.level:
                if self.kind != "pytest":
                    raise Unreadable("an import of the program")
                if alias.name == "*":
                    if any(not isinstance(value, Known) for value in scope.values()):
                        raise Unreadable("names that the program may bind anew")
                    self.star = True
                else:
                    scope[alias.asname or alias.name] = Callee(alias.name)
                    self.imported.add(alias.name)
            elif alias.name == "*" or node.level:
                raise Unreadable("an import of everything")
            else:
                scope[alias.asname or alias.name] = Known(f"{node.module}.{alias.name}")

    def _assign(self, node: ast.Assign, scope: dict[str, Any]) -> None:
        if len(node.targets) != 1:
            raise Unreadable("several targets")
        value = self.value(node.value, scope)
        if isinstance(value, Pending | ast.FunctionDef):
            raise Unreadable("a name for what follows from results")
        bind(node.targets[0], value, scope)

    def _loop(self, node: ast.For, scope: dict[str, Any]) -> None:
        if node.orelse:
            raise Unreadable("else")
        items = self.literal(node.iter, scope)
        if not isinstance(items, list | tuple | range | str):
            raise Unreadable("a loop")
        for item in items:
            bind(node.target, item, scope)
            self.run(node.body, scope)

    def _expression(self, node: ast.Expr, scope: dict[str, Any]) -> None:
        if isinstance(node.value, ast.Constant):
            return
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print" and "print" not in scope:
            if not all(isinstance(arg, ast.Constant) for arg in call.args):
                raise Unreadable("what is printed")
            return
        if not isinstance(call, ast.Call) or isinstance(self.value(call, scope), Pending):
            raise Unreadable("an expression")

    def _assert(self, test: ast.expr, scope: dict[str, Any]) -> None:
        demand = self.value(test, scope)
        if isinstance(demand, Result):
            demand = self.wanted(demand)
        if isinstance(demand, Pending):
            self.conditions.append(demand.of)
        elif not (isinstance(demand, bool) and demand):
            raise Unreadable("an assertion about literals")

    def _raises(self, node: ast.With, scope: dict[str, Any]) -> None:
        """``with pytest.raises(ValueError): f(1)``."""
        call = node.items[0].context_expr
        if len(node.items) > 1 or node.items[0].optional_vars is not None or len(node.body) != 1 or self.kind != "pytest":
            raise Unreadable("with")
        if not isinstance(call, ast.Call) or ast.unparse(call.func) != "pytest.raises" or scope.get("pytest") != Known("pytest"):
            raise Unreadable("with")
        error = call.args[0] if len(call.args) == 1 and not call.keywords else None
        kind = getattr(builtins, error.id, None) if isinstance(error, ast.Name) and error.id not in scope else None
        inner = node.body[0]
        if not (
            isinstance(error, ast.Name) and isinstance(kind, type) and issubclass(kind, Exception) and error.id not in _BROAD
        ):
            raise Unreadable("an error")
        if not (isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call)):
            raise Unreadable("with")
        self.note(error.id)
        before = len(self.calls)
        found = self.value(inner.value, scope)
        if not isinstance(found, Result) or len(self.calls) != before + 1:
            raise Unreadable("with")
        found.used = True
        self.calls[-1][3] = error.id


def _collected(name: str, value: Any) -> bool:
    """Whether pytest may take what a name is bound to for a test."""
    return name.startswith(("test", "Test")) and isinstance(value, Callee | Known | Result | ast.FunctionDef)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
