"""Answers in tags, read strictly: each tag once, in order, nothing nested, and code that parses; else a reason code.

Strict, because a completion that did not keep to its form mostly went astray in other ways too, and a new attempt costs less than
a wrong triplet. Reading repairs nothing, but a suite that imports nothing of the solution gets KodCode's import of all its names
(docs/papers.md, KC-3).
"""

from __future__ import annotations

import ast
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ocr_assets.programs import syntax
from ocr_assets.programs.syntax import AST_LOCK

PARSER_VERSION = "1"
IMPORT_ALL = "from solution import *\n\n"
_FENCED = re.compile(r"\A```[a-zA-Z0-9+]*[ \t]*\n(?P<code>.*?)\n?```\Z", re.DOTALL)


@dataclass(frozen=True)
class Read:
    """What an answer holds: ``status`` ok or a reason code, and its parts by tag where it is ok."""

    status: str
    parts: dict[str, str]


def read_tags(text: str | None, tags: Sequence[str], finish_reason: str | None) -> Read:
    """The text of each of ``tags``, which stand once each, in this order; a fence around a part is taken off.

    Reason codes: ``no_answer``, ``truncated``, ``no_<tag>``, ``unclosed_<tag>``, ``two_<tag>``, ``nested``, ``order``,
    ``empty_<tag>``.
    """
    if not (text or "").strip():
        return Read("truncated" if finish_reason == "length" else "no_answer", {})
    assert text is not None
    places = []
    for tag in tags:
        opened, closed = [m.start() for m in re.finditer(f"<{tag}>", text)], [m.end() for m in re.finditer(f"</{tag}>", text)]
        if not opened:
            return Read("truncated" if finish_reason == "length" else f"no_{tag}", {})
        if not closed:
            return Read("truncated" if finish_reason == "length" else f"unclosed_{tag}", {})
        if len(opened) > 1 or len(closed) > 1:
            return Read(f"two_{tag}", {})
        places.append((opened[0], closed[0], tag))
    if any(opened > closed for opened, closed, _ in places) or [place[2] for place in sorted(places)] != list(tags):
        return Read("order", {})
    if any(before[1] > after[0] for before, after in itertools.pairwise(places)):
        return Read("nested", {})
    parts = {tag: _bare(text[opened + len(tag) + 2 : closed - len(tag) - 3]) for opened, closed, tag in places}
    empty = next((tag for tag, part in parts.items() if not part.strip()), None)
    return Read(f"empty_{empty}", {}) if empty else Read("ok", parts)


def _bare(part: str) -> str:
    part = part.strip("\n").strip() if part.strip().startswith("```") else part.strip("\n")
    fenced = _FENCED.match(part)
    return (fenced["code"] if fenced else part).rstrip() + "\n"


def read_attempt(text: str | None, finish_reason: str | None) -> tuple[str, str | None, str | None]:
    """(status, solution, tests) of an attempt. Beyond ``read_tags``: ``syntax_solution``, ``syntax_tests``, ``no_test_function``,
    ``tests_in_solution``, ``solution_in_tests`` (the tests define what they are to test)."""
    read = read_tags(text, ("solution", "tests"), finish_reason)
    if read.status != "ok":
        return read.status, None, None
    solution, tests = read.parts["solution"], read.parts["tests"]
    solution_tree, tests_tree = python_tree(solution), python_tree(tests)
    if solution_tree is None:
        return "syntax_solution", None, None
    if tests_tree is None:
        return "syntax_tests", None, None
    defined, tested = _defined(solution_tree), _defined(tests_tree)
    if not any(name.startswith("test") for name in tested):
        return "no_test_function", None, None
    if any(name.startswith("test_") for name in defined):
        return "tests_in_solution", None, None
    if tested & defined:
        return "solution_in_tests", None, None
    if not imports_solution(tests_tree):
        tests = IMPORT_ALL + tests
    return "ok", solution, tests


def read_completion(text: str | None, finish_reason: str | None, wanted: set[str]) -> tuple[str, str | None]:
    """(status, code) of a completion task, which has to define the names in ``wanted`` and say in a docstring what is asked.
    Beyond ``read_tags``: ``syntax_code``, ``names_missing``, ``no_docstring``."""
    read = read_tags(text, ("code",), finish_reason)
    if read.status != "ok":
        return read.status, None
    code = read.parts["code"]
    tree = python_tree(code)
    if tree is None:
        return "syntax_code", None
    if wanted - _defined(tree):
        return "names_missing", None
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    if not any(ast.get_docstring(node) for node in nodes):
        return "no_docstring", None
    return "ok", code


def read_online_judge(text: str | None, finish_reason: str | None, solution: str) -> tuple[str, dict[str, str] | None]:
    """(status, {question, solution, test}) of a conversion for an online judge; the program is ``solution`` with the new main
    part behind it, so what is verified is the reference itself. Beyond ``read_tags``: ``syntax_main``, ``reads_nothing``,
    ``solution_again`` (it defines anew what the solution defines), ``bad_cases``, ``few_cases``."""
    read = read_tags(text, ("statement", "main", "cases"), finish_reason)
    if read.status != "ok":
        return read.status, None
    main = read.parts["main"]
    main_tree, solution_tree = python_tree(main), python_tree(solution)
    if main_tree is None or solution_tree is None:
        return "syntax_main", None
    if _defined(main_tree) & _defined(solution_tree):
        return "solution_again", None
    if not syntax.reads_input(main, "python"):
        return "reads_nothing", None
    cases = _cases(read.parts["cases"])
    if cases is None:
        return "bad_cases", None
    if len(cases) < 2:
        return "few_cases", None
    program = f"{solution.rstrip()}\n\n\n{main}"
    return "ok", {"question": read.parts["statement"].strip(), "solution": program, "test": json.dumps(cases, ensure_ascii=False)}


def _cases(text: str) -> list[dict[str, str]] | None:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    whole = all(isinstance(case, dict) and all(isinstance(case.get(name), str) for name in ("input", "output")) for case in found)
    return [{"input": case["input"], "output": case["output"]} for case in found] if whole else None


def python_tree(code: str) -> ast.Module | None:
    """The syntax tree by Python's own parser; None where it is no Python."""
    try:
        with AST_LOCK:
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defined(tree: ast.Module) -> set[str]:
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}


def imports_solution(tree: ast.Module) -> bool:
    """Whether a suite imports the module ``solution`` or names of it."""
    return any(
        (isinstance(node, ast.ImportFrom) and node.module == "solution")
        or (isinstance(node, ast.Import) and any(alias.name == "solution" for alias in node.names))
        for node in ast.walk(tree)
    )


def names_tested(solution: str, tests: str) -> set[str]:
    """The functions and classes of a solution that its tests use."""
    solution_tree, tests_tree = python_tree(solution), python_tree(tests)
    if solution_tree is None or tests_tree is None:
        return set()
    used = {node.id for node in ast.walk(tests_tree) if isinstance(node, ast.Name)}
    used |= {node.attr for node in ast.walk(tests_tree) if isinstance(node, ast.Attribute)}
    return _defined(solution_tree) & used
