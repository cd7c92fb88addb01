"""Programs that do nothing of what is asked: each function of a Python solution emptied, or made to answer a constant.

A suite that passes one of these says nothing of the solution (docs/papers.md, KC-4). Names, parameters and classes stay, so that
a test reaches its assertions. Mutants, which do nearly what is asked, are ``mutants.py``.
"""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

from ocr_assets.programs.syntax import AST_LOCK

Function = ast.FunctionDef | ast.AsyncFunctionDef
PLAIN: list[Any] = [0, "", True, []]  # what functions are made to answer where a suite names no value


def stub(code: str) -> str | None:
    """``code`` with the body of each outermost function and method left out; null where there is none, or it does not parse."""
    return _rebuilt(code, lambda function: [ast.Pass()])


def constant(code: str, value: Any) -> str | None:
    """``code`` with each outermost function and method answering ``value`` (plain data); those that set an object up stay as they
    are."""

    def body(function: Function) -> list[ast.stmt]:
        return function.body if function.name == "__init__" else [ast.Return(ast.parse(repr(value), mode="eval").body)]

    return _rebuilt(code, body)


def expected_values(suite: str, count: int) -> list[Any]:
    """What a suite compares with ``==`` or ``is``, as far as it is plain data: the ``count`` values that stand there most often,
    the likeliest answers of a program that does not look at its arguments. Where it names none, some usual ones."""
    found: Counter[str] = Counter()
    try:
        with AST_LOCK:
            tree = ast.parse(suite)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return PLAIN[:count]
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            found.update(text for compare in ast.walk(node.test) for text in _compared(compare))
            if not isinstance(node.test, ast.Compare):
                negated = isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)
                found[repr(not negated)] += 1
    values = [ast.literal_eval(text) for text, _ in found.most_common(count)]
    return values or PLAIN[:count]


def _compared(node: ast.AST) -> list[str]:
    if not (isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.Is)):
        return []
    texts = []
    for side in (node.left, *node.comparators):
        try:
            texts.append(repr(ast.literal_eval(side)))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            continue
    return texts


def _rebuilt(code: str, body: Any) -> str | None:
    try:
        with AST_LOCK:
            tree = ast.parse(code)
            functions = _outermost(tree)
            for function in functions:
                _change(function, body)
            return ast.unparse(tree) if functions else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _change(function: Function, body: Any) -> None:
    function.body = body(function)
    function.decorator_list = [mark for mark in function.decorator_list if _shapes(mark)]


def _shapes(mark: ast.expr) -> bool:
    """Whether a decorator says how a method is reached, rather than what it answers."""
    name = mark.attr if isinstance(mark, ast.Attribute) else mark.id if isinstance(mark, ast.Name) else ""
    return name in ("staticmethod", "classmethod", "property", "setter", "abstractmethod")


def _outermost(tree: ast.Module) -> list[Function]:
    found: list[Function] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function):
            found.append(node)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.If | ast.Try | ast.With):
            waiting += ast.iter_child_nodes(node)
    return found
