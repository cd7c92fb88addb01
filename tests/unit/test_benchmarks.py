"""Published benchmark files become problems with suites; what a model answers becomes the program that is judged."""

import gzip
import json
from datetime import date
from pathlib import Path

import pytest

from ocr_assets.evaluation.asking import program, prompt
from ocr_assets.evaluation.benchmarks import BENCHMARKS, BenchmarkProblem, Selection, WrongBenchmark, files_in

FIND_ZERO = {
    "task_id": "HumanEval/32",
    "prompt": 'import math\n\n\ndef poly(xs: list, x: float):\n    """Value."""\n    return sum(c * math.pow(x, i) for i, c in enumerate(xs))\n\n\n'
    'def find_zero(xs: list):\n    """A zero of it.\n    """\n',
    "canonical_solution": "    return -xs[0] / xs[1]\n",
    "test": "METADATA = {}\n\n\ndef check(candidate):\n    assert candidate([2, 1]) == -2.0\n",
    "entry_point": "find_zero",
}


def write(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(name: str, path: Path, selection: Selection | None = None) -> list[BenchmarkProblem]:
    return list(BENCHMARKS[name].read(files_in(path), selection or Selection(), None))


def test_humaneval(tmp_path: Path) -> None:
    [problem] = read("humaneval", write(tmp_path / "HumanEval.jsonl", FIND_ZERO))
    assert problem.entry_point == "find_zero" and problem.suites[0].name == "tests"
    assert problem.suites[0].suite["tests"][0]["code"].endswith("check(find_zero)\n")  # type: ignore[union-attr]
    assert problem.preamble.startswith("import math") and "def poly" in problem.preamble and "find_zero" not in problem.preamble
    asked = prompt(problem, "python")
    assert asked[0] == {"role": "system", "content": ""} and "def find_zero(xs: list):" in asked[1]["content"]
    answer = "<think>linear</think>\n```python\ndef find_zero(xs):\n    return poly(xs, 0)\n```"
    judged = program(problem, answer, "python")
    assert judged is not None and judged.index("def poly") < judged.index("def find_zero")


def test_files_that_cannot_be_used_say_where(tmp_path: Path) -> None:
    with pytest.raises(WrongBenchmark, match=r"HumanEval.jsonl, line 1: no test"):
        read(
            "humaneval", write(tmp_path / "HumanEval.jsonl", {name: value for name, value in FIND_ZERO.items() if name != "test"})
        )
    (tmp_path / "empty").mkdir()
    with pytest.raises(WrongBenchmark, match=r"empty: no \.jsonl"):
        files_in(tmp_path / "empty")


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("```python\ndef find_zero(xs):\n    return 1\n```", True),  # a model that does not reason
        ("def find_zero(xs):\n    return 1\n", True),  # nor fences
        ("It is impossible.", False),
        ("<think>so long, so long", False),
        ("<think>```python\ndef find_zero(xs):\n    return 1\n```</think> No.", False),
    ],
)
def test_what_is_judged_of_an_answer(answer: str, found: bool, tmp_path: Path) -> None:
    [problem] = read("humaneval", write(tmp_path / "HumanEval.jsonl", FIND_ZERO))
    judged = program(problem, answer, "python")
    assert (judged is not None) == found
    assert judged is None or "return 1" in judged


def test_a_window_of_days() -> None:
    window = Selection(since=date(2024, 8, 1), until=date(2025, 1, 31))
    assert window.includes("a", date(2024, 8, 1)) and window.includes("a", date(2025, 1, 31))
    assert not window.includes("a", date(2025, 2, 1)) and not window.includes("a", None)
    assert Selection(task_ids=frozenset({"a"})).includes("a") and not Selection(task_ids=frozenset({"b"})).includes("a")


def test_real_humaneval(shared_data: Path, tmp_path: Path) -> None:
    problems = read("humaneval", shared_data / "humaneval" / "HumanEval.jsonl.gz")
    assert len(problems) == 164
    with gzip.open(shared_data / "humaneval" / "HumanEval.jsonl.gz", "rt") as file:
        assert [problem.task_id for problem in problems] == [json.loads(line)["task_id"] for line in file]
    assert {problem.task_id for problem in problems if "def " in problem.preamble} == {
        "HumanEval/10",
        "HumanEval/32",
        "HumanEval/38",
        "HumanEval/50",
    }
