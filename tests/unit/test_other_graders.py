"""Graders from PyPI: which there are, and that a case reaches each in the form it reads."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ocr_assets.conformance import others, report
from ocr_assets.conformance.cases import Case
from ocr_assets.conformance.check import Result


@pytest.fixture(scope="module")
def adapter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("adapter", Path(others.__file__).with_name("adapter.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(name: str, *args: object, expected: object) -> dict[str, Any]:
    return {"kind": "call", "entry": name, "args": list(args), "expected": expected}


def test_each_grader_has_an_adapter_and_pinned_packages(adapter: ModuleType) -> None:
    graders = others.published_graders()
    assert set(graders) == set(adapter.GRADERS)
    for grader in graders.values():
        assert all("==" in package for package in grader.packages)
        assert grader.judges and grader.note


def test_calls_are_written_as_arguments_as_json_lines_and_as_assertions(adapter: ModuleType) -> None:
    problem = {"tests": [call("Solution.f", [1, "a\nb"], None, expected=True), call("Solution.f", [], 2, expected=[1.5])]}
    assert adapter.called(problem) == ("Solution.f", [[[1, "a\nb"], None], [[], 2]], [True, [1.5]])
    tests = adapter.in_outs(problem)
    assert tests["fn_name"] == "f"
    assert [[json.loads(line) for line in given.split("\n")] for given in tests["inputs"]] == [[[1, "a\nb"], None], [[], 2]]
    assert [json.loads(value) for value in tests["outputs"]] == [True, [1.5]]
    suite = adapter.asserted(problem)
    solution = "class Solution:\n    def f(self, a, b):\n        return True if b is None else [1.5]\n"
    exec(solution + suite, {})
    with pytest.raises(AssertionError):
        exec(solution.replace("1.5", "2.5") + suite, {})


@pytest.mark.parametrize(
    "problem",
    [
        {"tests": []},
        {"tests": [{"kind": "pytest", "code": "def test_x(): pass"}]},
        {"tests": [call("f", expected=1), call("g", expected=1)]},
        {"tests": [{**call("f", expected=1), "kwargs": {"a": 1}}]},
        {"tests": [{"kind": "stdin", "input": "", "output": ""}], "checker": {"protocol": "testlib"}},
        {"tests": [{"kind": "stdin", "input": "", "output": ""}], "compare": {"policy": "exact"}},
    ],
)
def test_what_a_grader_has_no_form_for_is_not_asked(adapter: ModuleType, problem: dict[str, Any]) -> None:
    assert adapter.in_outs(problem) is adapter.asserted(problem) is adapter.called(problem) is None


def test_outside_a_container_it_refuses(adapter: ModuleType) -> None:
    done = subprocess.run([sys.executable, adapter.__file__, "verl", "/"], input="", capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "first process of a container" in done.stderr


def test_the_table_counts_wrong_verdicts_of_those_that_were_given() -> None:
    def case(expected: str) -> Case:
        return Case(f"call/{expected}.py", "call", "", (expected,), {}, {"language": "python"})

    kind, strict = case("wrong_answer"), case("accepted")
    table = report.comparison(
        {
            "ours": [Result(kind, "right", "rejected"), Result(strict, "right", "accepted")],
            "theirs": [Result(kind, "wrong", "accepted"), Result(strict, "unsupported", "unsupported")],
            "nobody": [Result(kind, "unsupported", ""), Result(strict, "unsupported", "")],
        }
    )
    assert table.splitlines()[2:] == [
        "| `call` | 0 of 2 | 1 of 1 | – |",
        "| all | 0 of 2 | 1 of 1 | – |",
        "| wrong programs accepted | 0 | 1 | 0 |",
        "| right programs refused | 0 | 0 | 0 |",
    ]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (b'{"verdict": "accepted"}\n{"verdict": "accepted"}\n', "accepted"),  # it came back twice
        (b'xyz\n{"verdict": "accepted"}\n', "accepted"),
        (b'{"verdict": "accepted"}xyz\n', "rejected"),
        (b"7\n\xff\n", "rejected"),
        (b"", "rejected"),
    ],
)
def test_what_a_program_wrote_into_its_graders_pipe_ends_no_run(adapter: ModuleType, said: bytes, verdict: str) -> None:
    assert adapter.first_answer(said)["verdict"] == verdict
