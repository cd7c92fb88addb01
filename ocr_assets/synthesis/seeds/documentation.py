"""Pages of documentation: what an installed Python package says of its public functions and classes.

Read from the distribution's source files by their syntax trees; nothing of the package is imported or run. Compiled modules have
no source and so no pages.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Collection, Iterator
from importlib import metadata
from pathlib import PurePosixPath

from ocr_assets.programs.syntax import AST_LOCK
from ocr_assets.synthesis.seeds.seed import Seed, seed_of

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_TESTS = {"test", "tests", "testing", "conftest"}


def pages(package: str, modules: Collection[str], most_characters: int, say: Callable[[str], object]) -> Iterator[Seed]:
    """A page for each public function and class with a docstring: signature, docstring, and of a class its public methods.

    ``package``: name of a distribution; where it is not installed there are no pages, and ``say`` is told. ``modules``: only
    these; empty: all. Pages are cut at ``most_characters``, between lines.
    """
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        say(f"documentation: {package} is not installed; no pages of it")
        return
    version, license = distribution.version, _license(distribution)
    for file in sorted(distribution.files or (), key=str):
        if not _is_public(PurePosixPath(str(file))):
            continue
        module = ".".join(PurePosixPath(str(file)).with_suffix("").parts).removesuffix(".__init__")
        if modules and module not in modules:
            continue
        try:
            source = file.read_text(encoding="utf-8")
            found = list(pages_of(source, module, f"{package} {version}", most_characters))
        except (OSError, SyntaxError, ValueError) as error:
            say(f"documentation: {package}: {file} left out: {error}")
            continue
        for name, line, text in found:
            yield seed_of("documentation", name, f"{package} {version}, {file}, line {line}", text, license)


def pages_of(source: str, module: str, package: str, most_characters: int) -> Iterator[tuple[str, int, str]]:
    """(full name, line, page) of each public function and class of a module. Raises ``SyntaxError``."""
    with AST_LOCK:
        tree = ast.parse(source)
    listed = _listed(tree)
    about = (ast.get_docstring(tree) or "").partition("\n\n")[0].strip()
    for node in tree.body:
        if not isinstance(node, _Function | ast.ClassDef) or node.name.startswith("_") or not ast.get_docstring(node):
            continue
        if listed is not None and node.name not in listed:
            continue
        head = f"Package {package}, module {module}" + (f"\n{about}" if about else "")
        page = _class_page(node) if isinstance(node, ast.ClassDef) else _entry(node)
        yield f"{module}.{node.name}", node.lineno, _cut(f"{head}\n\n{page}", most_characters)


def _is_public(file: PurePosixPath) -> bool:
    parts = (*file.parts[:-1], file.stem)
    if file.suffix != ".py" or ".." in parts or any(part.endswith((".data", ".dist-info")) for part in parts):
        return False
    return not any((part.startswith("_") and part != "__init__") or part in _TESTS for part in parts)


def _listed(tree: ast.Module) -> set[str] | None:
    """The names of ``__all__``, where it is written out; None: it is not, and any name may be public."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "__all__" for to in node.targets):
            try:
                return {str(name) for name in ast.literal_eval(node.value)}
            except (ValueError, TypeError):
                return None
    return None


def _entry(node: _Function, indent: str = "") -> str:
    keyword = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"{indent}{keyword} {node.name}({ast.unparse(node.args)}){returns}"
    return "\n".join([line, *_indented(ast.get_docstring(node) or "", indent + "    ")])


def _class_page(node: ast.ClassDef) -> str:
    bases = f"({', '.join(map(ast.unparse, node.bases))})" if node.bases else ""
    parts = ["\n".join([f"class {node.name}{bases}", *_indented(ast.get_docstring(node) or "", "    ")])]
    for inner in node.body:
        if not isinstance(inner, _Function):
            continue
        if inner.name == "__init__" or (not inner.name.startswith("_") and ast.get_docstring(inner)):
            parts.append(_entry(inner, "    "))
    return "\n\n".join(parts)


def _indented(text: str, indent: str) -> list[str]:
    return [f"{indent}{line}".rstrip() for line in inspect.cleandoc(text).splitlines()]


def _cut(page: str, most: int) -> str:
    if len(page) <= most:
        return page
    return page[: page.rfind("\n", 0, most) if "\n" in page[:most] else most].rstrip()


def _license(distribution: metadata.Distribution) -> str | None:
    """The licence as the package names it; a whole licence text is no name."""
    said = distribution.metadata.json  # a field that is not there is missing in it, where indexing warns
    name = str(said.get("license_expression") or said.get("license") or "")
    return name if name and len(name) <= 80 and "\n" not in name else None
