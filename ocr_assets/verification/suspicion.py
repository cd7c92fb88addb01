"""Programs that pass without being right: suites that must fail, and signs in the code for people to look at.

Asserts and pytest suites run inside the solution's process, so a program can bend them: an ``__eq__`` that is always
true, a patched hook, a result forged from a stack frame. Such a program also passes a suite that lies; an honest one does
not (grading.md, §1 "suspect", §5). Tests compared on the host need none of this.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ocr_assets.records import Test
from ocr_assets.verification.asserts import AST_LOCK, as_call

_FALSE = ast.parse("assert 0 == 1").body[0]

_SIGNS = {
    "os._exit": r"\b_exit\s*\(",
    "stack frames": r"_getframe|currentframe|f_back|f_locals|tb_frame",
    "gc": r"\bgc\s*\.\s*(get_objects|get_referrers)|import\s+gc\b",
    "ctypes": r"\bctypes\b",
    "trace": r"\bsettrace\b|\bsetprofile\b",
    "constant __eq__": r"def\s+__eq__\s*\([^)]*\)[^:]*:\s*(?:\n\s*)?return\s+True\b",
    "test hooks": r"\bconftest\b|\bsitecustomize\b|pytest_\w+|\b_pytest\b",
    "builtins": r"\bbuiltins\s*\.\s*\w+\s*=[^=]|__builtins__",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _SIGNS.items()}


def flags(code: str) -> list[str]:
    """What in Python ``code`` could deceive a test. Honest programs use some of it, so it never changes a verdict."""
    return [name for name, pattern in _PATTERNS.items() if pattern.search(code)]


def lying_suites(tests: Sequence[Test]) -> list[tuple[str, list[Test]]]:
    """(what is false in it, tests) of each suite no right program passes; none for tests that are compared on the host."""
    with AST_LOCK:
        return list(_lying_suites(tests))


def _lying_suites(tests: Sequence[Test]) -> Iterator[tuple[str, list[Test]]]:
    opaque = [t for t in tests if t["kind"] in ("assert", "pytest") and not (t["kind"] == "assert" and as_call(t["code"] or ""))]
    trees = []
    for test in opaque:
        try:
            trees.append((test, ast.parse(test["code"] or "")))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # a test that does not parse passes for nobody
    falsified = [_with(test, _falsified(tree, test["kind"])) for test, tree in trees]
    if lies := [test for test in falsified if test is not None]:
        yield "a false assertion", lies
    changed = [_with(test, _changed(ast.parse(test["code"] or ""))) for test, _ in trees]
    if lies := [test for test in changed if test is not None]:
        yield "other expected values", lies


def _with(test: Test, tree: ast.Module | None) -> Test | None:
    return None if tree is None else {**test, "code": ast.unparse(ast.fix_missing_locations(tree))}


def _falsified(tree: ast.Module, kind: str) -> ast.Module | None:
    """``assert 0 == 1`` first in each test function, or first of all."""
    if kind == "assert":
        tree.body.insert(0, _FALSE)
        return tree
    found = False
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            node.body.insert(0, _FALSE)
            found = True
    return tree if found else None


def _changed(tree: ast.Module) -> ast.Module | None:
    """Each literal that an assertion demands replaced by one that is not equal. Only where the assertion as a whole is an
    equality, or an ``and`` of some: elsewhere another value might still satisfy it."""
    found = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            parts = node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And) else [node.test]
            for part in parts:
                if isinstance(part, ast.Compare) and len(part.ops) == 1 and isinstance(part.ops[0], ast.Eq):
                    found = _change_side(part) or found
    return tree if found else None


def _change_side(comparison: ast.Compare) -> bool:
    """Replace the side that is a literal; False if neither is."""
    if (other := _unequal_literal(comparison.comparators[0])) is not None:
        comparison.comparators = [other]
    elif (other := _unequal_literal(comparison.left)) is not None:
        comparison.left = other
    return other is not None


def _unequal_literal(side: ast.expr) -> ast.expr | None:
    try:
        return ast.parse(repr(_other(ast.literal_eval(side))), mode="eval").body
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None  # not a literal


def _other(value: Any) -> Any:
    """A literal of the same type that is not equal."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float | complex):
        return value * 2 + 1 if value != -1 else 5
    if isinstance(value, str):
        return value + "?"
    if isinstance(value, bytes):
        return value + b"?"
    if isinstance(value, list):
        return [*value, "?"]
    if isinstance(value, tuple):
        return (*value, "?")
    if isinstance(value, dict):
        return {**value, "?": "?"}
    if isinstance(value, set):
        return value | {"?"}
    return 0 if value is None else None
