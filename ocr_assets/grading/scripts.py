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
import importlib
import json
import sys
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ocr_assets.grading.cost import TooCostly
from ocr_assets.grading.expressions import Callee, Expressions, Known, Pending, Result, bind, parameters
from ocr_assets.grading.literals import BITS, Unreadable
from ocr_assets.grading.script import Script
from ocr_assets.programs.syntax import AST_LOCK
from resources.sandbox.api import Run

_HOOKS = ("pytest_", "pytestmark", "setup", "teardown", "collect_", "__")  # names that pytest looks for, in small letters
# What a suite may import unseen: nothing happens by that, here as little as there.
_MODULES = frozenset({
    "abc", "bisect", "collections", "collections.abc", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "heapq", "io", "itertools", "json", "math", "operator", "os", "os.path", "pathlib", "random", "re", "statistics",
    "string", "sys", "tempfile", "textwrap", "time", "types", "typing", "unittest", "unittest.mock", "warnings",
})  # fmt: skip
_OTHER_MODULES = ("pytest", "numpy")  # the image has them
LENGTH = 1_000_000  # characters of a suite
_BROAD = ("Exception", "BaseException", "AssertionError", "NameError", "AttributeError")


def as_script(kind: str, code: str) -> Script | None:
    """The suite of an ``assert`` or ``pytest`` test as a script; None where it has to be run."""
    return _read(kind, code)


@lru_cache(maxsize=64)
def _read(kind: str, code: str) -> Script | None:
    if len(code) > LENGTH or any("coding" in line for line in code.split("\n", 2)[:2] if line.lstrip().startswith("#")):
        return None
    with AST_LOCK:
        try:
            tree = ast.parse(code)
            script = _Reader(kind).script(tree)
            _compile(tree)
            return script
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


def _compile(tree: ast.Module) -> None:
    """Raise what Python's compiler says of a text that is none, such as an argument given twice. It works out literals, so long
    ones are not shown to it."""
    if any(
        isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value.bit_length() > BITS
        for node in ast.walk(tree)
    ):
        raise Unreadable("a long number")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(tree, "suite", "exec", dont_inherit=True)


class _Reader(Expressions):
    """One reading: statements and tests."""

    def script(self, tree: ast.Module) -> Script:
        """Raises ``Unreadable`` and whatever literals can raise."""
        scope = self.top
        self.star = self.kind == "assert"
        self._rows: dict[ast.FunctionDef, list[dict[str, Any]]] = {}
        self.run(tree.body, scope, at_top=True)
        if self.kind == "pytest":
            tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            if any(
                name.lower().startswith(_HOOKS) or (name not in tests and _collected(name, value))
                for name, value in scope.items()
            ):
                raise Unreadable("a name that means something to pytest")
            self._tests(tree.body, scope)
        if not self.conditions and not any(call[3] for call in self.calls):
            raise Unreadable("nothing is asserted")
        usual = sorted(self.usual) if self.star else []
        errors = [call[3] for call in self.calls]
        data = {
            "pytest": self.kind == "pytest",
            "star": self.star,
            "imported": sorted(self.imported),
            "usual": usual,
            "calls": [call[:3] for call in self.calls],
        }
        return Script(Run("script", code=json.dumps(data)), errors, self.compared, self.late, self.conditions)

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
        for values in self._rows[node]:
            if set(values) != set(names[len(own) :]):
                raise Unreadable("a fixture")
            self.tests += 1
            self.run(node.body, {**scope, **self.unbound(node), **dict.fromkeys(own, Known("self")), **values})

    def _parameter_sets(self, node: ast.FunctionDef, scope: dict[str, Any]) -> list[dict[str, Any]]:
        if not node.decorator_list:
            return [{}]
        mark = node.decorator_list[0]
        if len(node.decorator_list) > 1 or not isinstance(mark, ast.Call) or ast.unparse(mark.func) != "pytest.mark.parametrize":
            raise Unreadable("a decorator")
        self.note("pytest")
        if scope.get("pytest") != Known("pytest") or len(mark.args) != 2 or mark.keywords:
            raise Unreadable("a decorator")
        names, rows = self.literal(mark.args[0], scope), self.literal(mark.args[1], scope)
        alone = isinstance(names, str) and "," not in names  # else each row is a sequence, also of one
        names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
        if not isinstance(rows, list | tuple) or not rows or len(set(names)) < len(names) or "request" in names:
            raise Unreadable("parameters")
        if not alone and not all(isinstance(row, list | tuple) for row in rows):
            raise Unreadable("parameters")
        if alone:
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
                if is_test and node.name in scope:
                    raise Unreadable("a name is bound twice")
                self._define(node, scope)
                scope[node.name] = node
            elif isinstance(node, ast.ClassDef):
                if self.kind != "pytest" or not at_top:
                    raise Unreadable("a class")
                for one in node.body:
                    if isinstance(one, ast.FunctionDef):
                        self._define(one, scope)
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

    def _define(self, node: ast.FunctionDef, scope: dict[str, Any]) -> None:
        """What happens where a function is written: its decorators and annotations are evaluated."""
        arguments = node.args
        if arguments.defaults or arguments.kw_defaults:
            raise Unreadable("parameters")
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for annotation in [node.returns, *(one.annotation for one in every if one is not None)]:
            if not (
                annotation is None or isinstance(annotation, ast.Constant) or isinstance(self.value(annotation, scope), Known)
            ):
                raise Unreadable("an annotation")
        self._rows[node] = self._parameter_sets(node, scope)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: dict[str, Any]) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                if alias.name not in _MODULES and alias.name not in _OTHER_MODULES:
                    raise Unreadable("the module itself, or one that may not be there")
                if name != alias.name and (name in sys.stdlib_module_names or hasattr(builtins, name)) and alias.asname:
                    raise Unreadable("a name of Python's for something else")
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
                name = alias.asname or alias.name
                if node.module not in _MODULES or not hasattr(importlib.import_module(node.module), alias.name):
                    raise Unreadable("a name that may not be there")
                if name != alias.name and (name in sys.stdlib_module_names or hasattr(builtins, name)):
                    raise Unreadable("a name of Python's for something else")
                scope[alias.asname or alias.name] = Known(f"{node.module}.{alias.name}")

    def _assign(self, node: ast.Assign, scope: dict[str, Any]) -> None:
        if len(node.targets) != 1:
            raise Unreadable("several targets")
        value = self.held(self.value(node.value, scope))
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
            if self.given.includes(items):
                raise Unreadable("a loop over what the program may have changed")

    def _expression(self, node: ast.Expr, scope: dict[str, Any]) -> None:
        if isinstance(node.value, ast.Constant):
            return
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print" and "print" not in scope:
            if call.keywords or not all(isinstance(arg, ast.Constant) for arg in call.args):
                raise Unreadable("what is printed")
            self.note("print")
            return
        if not isinstance(call, ast.Call) or isinstance(self.value(call, scope), Pending):
            raise Unreadable("an expression")

    def _assert(self, test: ast.expr, scope: dict[str, Any]) -> None:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            for part in test.values:
                self._assert(part, scope)
            return
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
        self.note("pytest")
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
