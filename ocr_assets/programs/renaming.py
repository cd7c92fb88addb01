"""A program's function or class under the name that its tests call, changed on the syntax tree: the definition and every use of
it, recursive calls among them; never a local variable, an attribute or a text that is spelt alike (docs/papers.md, KC-8)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from ocr_assets.programs.syntax import AST_LOCK

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def under_names(code: str, wanted: Sequence[str]) -> tuple[str, str | None]:
    """(``code`` that defines all of ``wanted``, ``old → new``), or (``code``, None) where nothing has to be renamed or it is not
    certain what.

    Certain is one case: one wanted name is missing, and of the definitions at the top that are not wanted themselves only one is
    not used by another, the entry to the rest. A function stands for a function and a class for a class: names with a capital
    are classes.
    """
    try:
        with AST_LOCK:
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code, None
    defined = {node.name: node for node in tree.body if isinstance(node, _Definition)}
    bound = defined.keys() | {
        name.id for node in tree.body for name in ast.walk(node) if isinstance(name, ast.Name) and _is_bound_here(node, name)
    }
    missing = [name for name in wanted if name not in bound]
    if len(missing) != 1:
        return code, None
    new = missing[0]
    candidates = {
        name: node
        for name, node in defined.items()
        if name not in wanted and isinstance(node, ast.ClassDef) == (new[:1].isupper()) and name != "main"
    }
    entries = [
        name
        for name in candidates
        if not any(found for other, node in defined.items() if other != name for found in _meant(node, name))
    ]
    if len(entries) != 1:
        return code, None
    old = entries[0]
    if any(isinstance(node, ast.Name | ast.arg) and _spelling(node) == new for node in ast.walk(tree)):
        return code, None  # the new name means something else in there
    return _renamed(code, tree, old, new), f"{old} → {new}"


def _renamed(code: str, tree: ast.Module, old: str, new: str) -> str:
    """The text with the name changed where the tree says; rewritten from the tree where the text does not come out as that (the
    parser of Python 3.11 does not know where a name stands in an f-string)."""
    nodes = list(_meant(tree, old))
    places = sorted({(node.lineno, node.col_offset) for node in nodes})
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = new
        elif isinstance(node, ast.Global):
            node.names = [new if name == old else name for name in node.names]
        else:
            node.name = new
    text = _replaced(code, places, old, new)
    with AST_LOCK:
        try:
            same = ast.dump(ast.parse(text)) == ast.dump(tree)
        except SyntaxError:
            same = False
        return text if same else ast.unparse(tree) + "\n"


def _is_bound_here(statement: ast.stmt, node: ast.AST) -> bool:
    return isinstance(statement, ast.Assign | ast.AnnAssign | ast.If | ast.Try) and _is_stored(node)


def _is_stored(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _spelling(node: ast.Name | ast.arg) -> str:
    return node.id if isinstance(node, ast.Name) else node.arg


def _meant(node: ast.AST, old: str) -> Iterator[ast.Name | ast.Global | _Definition]:
    """The definition at the top, and each name that means it."""
    if isinstance(node, _Scope) and old in _locals(node):
        outside: list[ast.AST] = [*node.args.defaults, *(part for part in node.args.kw_defaults if part is not None)]
        outside += getattr(node, "decorator_list", [])
        for part in outside:
            yield from _meant(part, old)
        return
    if isinstance(node, ast.Name) and node.id == old:
        yield node
    if isinstance(node, _Definition) and node.name == old:
        yield node
    if isinstance(node, ast.Global) and old in node.names:
        yield node
    for inner in ast.iter_child_nodes(node):
        if isinstance(node, ast.ClassDef) and isinstance(inner, _Definition) and inner.name == old:
            for part in ast.iter_child_nodes(inner):  # a method of that name is not the function
                yield from _meant(part, old)
        else:
            yield from _meant(inner, old)


def _locals(scope: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Names that mean something of their own in a function."""
    arguments = scope.args
    found = {arg.arg for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    found |= {arg.arg for arg in (arguments.vararg, arguments.kwarg) if arg is not None}
    outer: set[str] = set()
    waiting: list[ast.AST] = list(scope.body) if isinstance(scope.body, list) else [scope.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _Definition):
            found.add(node.name)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            found.add(node.id)
        if isinstance(node, ast.Global | ast.Nonlocal):
            outer.update(node.names)
        if isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        if isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        waiting += ast.iter_child_nodes(node)
    return found - outer


def _replaced(code: str, places: Sequence[tuple[int, int]], old: str, new: str) -> str:
    """``places``: line, and UTF-8 byte in it from which the name is the next word spelt so."""
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", code)
    for line, column in reversed(places):
        text = lines[line - 1]
        at = len(text.encode()[:column].decode("utf-8", "replace"))
        lines[line - 1] = text[:at] + re.sub(rf"\b{re.escape(old)}\b", new, text[at:], count=1)
    return "".join(lines)
