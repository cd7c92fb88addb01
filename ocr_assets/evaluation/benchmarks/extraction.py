"""Which program EvalPlus' and BigCodeBench's harnesses judge of an answer: the longest stretch that is Python, and of it what the
entry point needs.

It is kept as published, with what is odd in it: of several drafts the longest wins, not the last; functions that return
nothing and decorated definitions are left out. What we do instead is ``ocr_assets/generation/parse.py``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ocr_assets.programs.syntax import AST_LOCK

READ = 20_000_000  # characters that looking for the longest stretch may parse


def sanitized(answer: str, entry_point: str) -> str | None:
    """Imports, and the definitions that ``entry_point`` needs, of the longest stretch of lines that parses; None: nothing is
    left."""
    code = longest_program(answer)
    with AST_LOCK:
        tree = _parsed(code)
    if not isinstance(tree, ast.Module):
        return None
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    definitions: dict[str, ast.stmt] = {}
    for node in tree.body:
        name = _defined(node)
        if name is not None:
            definitions.setdefault(name, node)
    needed = _reachable(entry_point, {name: set(_identifiers(node)) for name, node in definitions.items()})
    kept = [*imports, *(node for name, node in definitions.items() if name in needed)]
    text = "\n".join(ast.get_source_segment(code, node) or "" for node in kept)
    return text if text.strip() else None


def longest_program(text: str) -> str:
    """The stretch of whole lines that parses as Python and has the most lines that are not blank; the first one of several."""
    lines = text.split("\n")
    full = [0]  # lines that are not blank, before each line
    for line in lines:
        full.append(full[-1] + bool(line.strip()))
    best, first, last, left = 0, 0, 0, READ
    with AST_LOCK:
        for start in range(len(lines)):
            end = len(lines)
            while full[end] - full[start] > best and left > 0:
                stretch = "\n".join(lines[start:end])
                left -= len(stretch)
                found = _parsed(stretch)
                if isinstance(found, ast.Module):
                    best, first, last = full[end] - full[start], start, end
                    break
                # Every stretch that begins here and includes the line at which the parser gave up ends the same way.
                end = min(end - 1, start + max(found - 1, 0))
    return "\n".join(lines[first:last])


def _parsed(code: str) -> ast.Module | int:
    """The tree, or the number of the line at which parsing ended. To be called under ``AST_LOCK``."""
    try:
        return ast.parse(code)
    except SyntaxError as error:
        return error.lineno or len(code)
    except (ValueError, RecursionError, MemoryError):
        return len(code)


def _defined(node: ast.stmt) -> str | None:
    """The name that a statement of the top level defines."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        if node.decorator_list:
            return None
        returns = isinstance(node, ast.ClassDef) or any(isinstance(inner, ast.Return) for inner in ast.walk(node))
        return node.name if returns else None
    if isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return target.id if isinstance(target, ast.Name) else None
    return None


def _identifiers(node: ast.stmt) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield inner.attr


def _reachable(name: str, needs: dict[str, set[str]]) -> set[str]:
    found, waiting = {name}, [name]
    while waiting:
        new = needs.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found
