"""Snippets of code: Python files cut by function and class on the syntax tree. Nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

from ocr_assets.programs.syntax import AST_LOCK
from ocr_assets.synthesis.seeds.seed import Seed, seed_of

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def snippets(path: Path, say: Callable[[str], object]) -> Iterator[Seed]:
    """Each function and class at the top of a file, with its decorators and the imports that it uses, in the files' order.

    ``path``: a file, or a folder with all below it. ``say`` is told of files that cannot be read as Python. Raises
    ``ValueError`` where there is no such path.
    """
    if not path.exists():
        raise ValueError(f"snippets: {path}: no such file or folder")
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    base = path.parent if path.is_file() else path
    for file in files:
        name = file.relative_to(base).as_posix()
        try:
            yield from cut(file.read_text(encoding="utf-8"), name, "" if path.is_file() else f"{path.name}/")
        except (SyntaxError, ValueError) as error:  # ValueError: null bytes, or no UTF-8
            say(f"snippets: {file}: left out, no Python: {error}")


def cut(source: str, file: str, folder: str = "") -> Iterator[Seed]:
    """The snippets of one file; ``folder`` stands before it where it is told where they lie. Raises ``SyntaxError``."""
    with AST_LOCK:
        tree = ast.parse(source)
    lines = source.splitlines(keepends=True)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in tree.body:
        if isinstance(node, _Definition):
            used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            needed = [_lines(lines, line) for line in imports if _bound(line) & used]
            text = "".join(needed) + ("\n\n" if needed else "") + _lines(lines, node)
            yield seed_of("snippet", f"{file}:{node.name}", f"{folder}{file}, line {_first(node)}", text.strip("\n"))


def _first(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, _Definition) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _lines(lines: list[str], node: ast.stmt) -> str:
    """Whole lines, so that the comments behind them stay."""
    return "".join(lines[_first(node) - 1 : node.end_lineno]).rstrip("\n") + "\n"


def _bound(node: ast.Import | ast.ImportFrom) -> set[str]:
    return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
