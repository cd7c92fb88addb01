"""Rules of the house that import-linter cannot say: no circle of imports, small modules that say what they are for, one door to models."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ocr_assets", "resources", "sandbox_images")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
MOST_LINES = 400
BEING_SPLIT: set[str] = set()
REASON = "One file, because"  # with these words the docstring of a longer module says why it is not several


def imported(module: str, source: str, known: set[str]) -> set[str]:
    """The modules of ``known`` that ``module`` imports, wherever in its source but for types only; a package stands for its
    ``__init__``."""
    package = module if MODULES.get(module, Path()).name == "__init__.py" else module.rpartition(".")[0]
    names: set[str] = set()
    tree = ast.parse(source)
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in set(ast.walk(tree)) - for_types:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            # `from a import b`: the module a.b where there is one, else something that a itself holds.
            names |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names}
    return names & known - {module}


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle, or none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.slow
def test_imports_run_in_no_circle() -> None:
    assert circle({"a": imported("a", "def f():\n    from b import x", {"a", "b"}), "b": {"a"}}) != []
    graph = {module: imported(module, path.read_text(encoding="utf-8"), set(MODULES)) for module, path in MODULES.items()}
    assert len(graph) > 100 and any("resources.lake" in names for names in graph.values())
    assert circle(graph) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for_and_is_short_or_says_why_not(module: str) -> None:
    source = MODULES[module].read_text(encoding="utf-8")
    said = ast.get_docstring(ast.parse(source)) or ""
    assert said or not source.strip(), f"{module} opens without a docstring: what belongs here, what does not"
    lines = len(source.splitlines())
    assert lines <= MOST_LINES or REASON in said or module in BEING_SPLIT, (
        f"{module} has {lines} lines; split it, or say in its docstring: {REASON} …"
    )


def calls_of_a_model(source: str) -> list[int]:
    """Lines on which something is asked directly: ``….answer(…)``."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "answer"
    ]


@pytest.mark.slow
def test_no_stage_asks_a_model_but_through_the_runner() -> None:
    assert calls_of_a_model("async def f(t):\n    async for a in t.answer([]):\n        pass") == [2]
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in (ROOT / "ocr_assets").rglob("*.py")
        if path.name != "request_loop.py"
        for line in calls_of_a_model(path.read_text(encoding="utf-8"))
    }
    assert found == set(), (
        "ask through GenerationRunner.ask of ocr_assets/generation/runner.py: journal, budget and progress come with it"
    )
