"""Rules of the house that import-linter cannot say."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def calls_of_a_model(source: str) -> list[int]:
    """Lines on which something is asked directly: ``….answer(…)``."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "answer"
    ]


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
