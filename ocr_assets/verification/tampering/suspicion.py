"""Programs that pass without being right: suites that must fail, and signs in the code for people to look at.

Asserts and pytest suites run inside the solution's process, so a program can bend them: an ``__eq__`` that is always
true, a patched hook, a result forged from a stack frame. Such a program also passes a suite that lies; an honest one does
not (docs/grading.md, §3.6). Tests compared on the host need none of this.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ocr_assets.schema import Test
from ocr_assets.verification.grading.asserts import AST_LOCK, as_call
from ocr_assets.verification.tampering.lies import altered, falsified, with_code

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


@dataclass(frozen=True)
class Lie:
    """Tests that no right program passes. ``names``: the test functions that lie, where they are pytest's."""

    name: str
    tests: list[Test]
    names: frozenset[str]


def lies(tests: Sequence[Test]) -> list[Lie]:
    """Lies about each suite; none about tests that are compared on the host."""
    with AST_LOCK:
        return list(_lies(tests))


def _lies(tests: Sequence[Test]) -> Iterator[Lie]:
    opaque = [t for t in tests if t["kind"] in ("assert", "pytest") and not (t["kind"] == "assert" and as_call(t["code"] or ""))]
    for name, rewrite in (("a false assertion", falsified), ("other expected values", altered)):
        found: list[Test] = []
        names = set[str]()
        for test in opaque:
            tree = _parsed(test)
            if tree is None or (rewritten := rewrite(tree, test["kind"])) is None:
                continue
            found.append(with_code(test, rewritten[0]))
            names |= rewritten[1]
        if found:
            yield Lie(name, found, frozenset(names))


def _parsed(test: Test) -> ast.Module | None:
    try:
        return ast.parse(test["code"] or "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # it passes for nobody
