"""Files and answers that a stranger could give: each is named in one line, and none ends a run or counts for what it is not."""

import base64
import json
import pickle
import zlib
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.cli import Refused
from ocr_assets.cli.files import refuse_overwriting
from ocr_assets.evaluation.asking import program
from ocr_assets.evaluation.benchmarks import BENCHMARKS, BenchmarkProblem, Selection, WrongBenchmark
from ocr_assets.evaluation.rescoring import Reading, Task, solutions
from ocr_assets.grading.asserts import as_call
from ocr_assets.grading.known_verdicts import KnownVerdicts
from ocr_assets.platform.row_files import BadInput
from ocr_assets.programs.bundle import unbundled
from tests.unit.test_benchmarks import CALL, FIND_ZERO, SUM, write

MBPP = {"task_id": 11, "text": "Say one.", "code": "def f():\n    return 1", "test_list": ["assert f() == 1"]}
CONTEST = {
    "name": "a", "description": "q", "public_tests": {"input": ["1\n"], "output": ["1\n"]}, "private_tests": None,
    "generated_tests": None, "time_limit": {"seconds": 1, "nanos": 0}, "solutions": None, "incorrect_solutions": None,
}  # fmt: skip


def packed(value: Any) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


@pytest.mark.parametrize(
    ("name", "row", "wrong", "said"),
    [
        ("livecodebench", CALL, {"metadata": "[]"}, "metadata names no func_name"),
        ("livecodebench", CALL, {"metadata": json.dumps({"func_name": "f(); import os"})}, "metadata names no func_name"),
        ("livecodebench", SUM, {"public_test_cases": "[]", "private_test_cases": "[]"}, "no tests"),
        ("livecodebench", SUM, {"private_test_cases": "[" * 100_000}, "cannot be unpacked"),
        ("livecodebench", SUM, {"private_test_cases": packed([{"input": "\ud800", "output": ""}])}, "surrogates not allowed"),
        ("livecodebench", SUM, {"question_content": "\ud800"}, "surrogates not allowed"),
        ("livecodebench", SUM, {"difficulty": ["easy"]}, "difficulty holds no text"),
        ("mbpp", MBPP, {"test_list": "assert f() == 1"}, "test_list is a list of texts"),
        ("mbpp", MBPP, {"test_list": 5}, "test_list is a list of texts"),
        ("mbpp", MBPP, {"test_imports": "import os"}, "test_imports is a list of texts"),
        ("mbpp", MBPP, {"code": None}, "code holds no text"),
        ("code_contests", CONTEST, {"public_tests": "x"}, "no attribute"),
        ("code_contests", CONTEST, {"public_tests": None}, "no tests"),
        ("code_contests", CONTEST, {"public_tests": {"input": ["\ud800"], "output": [""]}}, "surrogates not allowed"),
    ],
)
def test_a_row_of_another_form_is_named(name: str, row: dict, wrong: dict, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", {**row, **wrong})
    with pytest.raises(WrongBenchmark, match=rf"test\.jsonl, line 1: .*{said}"):
        list(BENCHMARKS[name].read([path], Selection(), None))


SUBTASK = {
    "id": "a", "name": "A", "subtask": "1", "score": 10, "problem": "q", "test_names": ["t1"],
    "grader_files": [["graders/a.h", "int f(int);"], ["graders/grader.cpp", "int main() {}"]],
}  # fmt: skip
CASE = {"problem_id": "a", "test_name": "t1", "test_input": "1", "test_output": "1"}


@pytest.mark.parametrize(
    ("subtask", "case", "said"),
    [
        ({"score": None}, {}, "points of a subtask are a number"),
        ({"score": float("nan")}, {}, "points of a subtask are a number"),
        ({"grader_files": [["graders/a.h"]]}, {}, "grader_files is a list of pairs"),
        ({"grader_files": {"a": 1}}, {}, "grader_files is a list of pairs"),
        ({"grader_files": [["graders/../../x.cpp", ""]]}, {}, "cannot be the name of a C"),
        ({"grader_files": [["graders/grader_config.json", '{"time_limit": "x"}']]}, {}, "time_limit is 'x'"),
        ({"grader_files": [["graders/grader_config.json", "[" * 100_000]]}, {}, "grader_config.json of a"),
        ({"test_names": 5}, {}, "test_names is a list of texts"),
        ({"test_names": []}, {}, "a subtask of A has no tests"),
        ({}, {"test_output": None}, "both text"),
        ({}, {"test_input": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_an_ioi_row_of_another_form_is_named(subtask: dict, case: dict, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "ioi.jsonl", {**SUBTASK, **subtask}, {**CASE, **case})
    with pytest.raises(WrongBenchmark, match=rf"ioi\.jsonl, line [12]: .*{said}"):
        list(BENCHMARKS["ioi"].read([path], Selection(), None))
    (problem,) = BENCHMARKS["ioi"].read([write(path, SUBTASK, CASE)], Selection(), None)
    assert problem.task_id == "a/1"


def test_what_a_file_does_not_say_is_not_the_text_none(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", {**SUM, "difficulty": None, "platform": None})
    (problem,) = BENCHMARKS["livecodebench"].read([path], Selection(), None)
    assert problem.difficulty is None and problem.platform is None


def test_a_task_id_of_thousands_of_digits_is_just_another(tmp_path: Path) -> None:
    path = write(tmp_path / "mbpp.jsonl", {**MBPP, "task_id": "1" * 5_000}, MBPP)
    assert [problem.task_id for problem in BENCHMARKS["mbpp"].read([path], Selection(), None)] == ["11"]


SAMPLE = {"task_id": "HumanEval/32"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"response": "x", "reasoning": 5}, "reasoning is text that stands beside one answer, not int"),
        ({"response": "x", "reasoning": ["a"]}, "reasoning is text that stands beside one answer, not list"),
        ({"response": "x", "finish_reason": ["stop"]}, "finish_reason is text"),
        ({"output_list": []}, "output_list holds no text"),
        ({"solution": "x = '\ud800'"}, "half a character"),
        ({"response": "```python\ndef find_zero(xs):\n    return '\ud800'\n```"}, "half a character"),
    ],
)
def test_a_sample_of_another_form_is_named_and_the_others_are_judged(row: dict, said: str, tmp_path: Path) -> None:
    bench = write(tmp_path / "bench.jsonl", FIND_ZERO)
    (problem,) = BENCHMARKS["humaneval"].read([bench], Selection(), None)
    samples = write(tmp_path / "samples.jsonl", {**SAMPLE, **row}, {**SAMPLE, "solution": "x = 1"})
    refused: list[BadInput] = []
    tasks: dict[str, Task] = {problem.task_id: _task(problem)}
    found = list(solutions(samples, tasks, ["ours"], "python", refused.append, Reading()))
    assert [one["code"] for one in found] == ["x = 1"]
    assert [str(error) for error in refused] == [str(refused[0])] and "line 1: " in str(refused[0]) and said in str(refused[0])


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("So:\n```\ndef find_zero(xs):\n    return 1\n```\n", True),
        ("```\ndef find_zero(xs):\n    return 1\n```\nFor example:\n```\n>>> find_zero([1, 2])\n-0.5\n```\n", True),
        ("```\nfind_zero([1, 2]) == -0.5\n```\n", False),
        ("```text\ndef find_zero(xs):\n    return 1\n```\n", False),
    ],
)
def test_a_right_program_in_a_fence_without_a_language_is_found(answer: str, found: bool, tmp_path: Path) -> None:
    (problem,) = BENCHMARKS["humaneval"].read([write(tmp_path / "bench.jsonl", FIND_ZERO)], Selection(), None)
    judged = program(problem, answer, "python")
    assert (judged is not None and "return 1" in judged) == found


def _task(problem: BenchmarkProblem) -> Task:
    return Task(problem, {"tests": None})


def test_the_file_of_known_verdicts_is_never_an_input(tmp_path: Path) -> None:
    """What is no verdict in it is cut off when it is opened."""
    samples = write(tmp_path / "out.jsonl.known", SAMPLE)
    with pytest.raises(Refused, match="would overwrite an input"):
        refuse_overwriting([samples], str(tmp_path / "out.jsonl"))


def test_two_calls_at_once_do_not_write_one_output(tmp_path: Path) -> None:
    row = {"solution_id": "a", "verdict": "accepted", "fingerprint": "fp"}
    with KnownVerdicts(tmp_path / "out.jsonl") as first:
        first.add(row)
        with pytest.raises(BadInput, match=r"out\.jsonl: another call is writing it"):
            KnownVerdicts(tmp_path / "out.jsonl")
    with KnownVerdicts(tmp_path / "out.jsonl") as next_one:
        assert next_one.get("a") == row


def test_a_first_line_nested_without_end_is_a_program_of_one_file() -> None:
    program = "//! files " + "[" * 100_000 + "\nint main() {}\n"
    assert unbundled(program) == (program, {})


@pytest.mark.parametrize(
    ("encoded", "right"),
    [
        ({"f": "2.0"}, True),
        (-2, True),
        ({"f": "2.00001"}, True),
        ({"n": ["Fraction", "2/1"]}, True),
        ({"f": "2.001"}, False),
        ({"f": "nan"}, False),
        ({"f": "inf"}, False),
        ({"i": hex(10**400)}, False),
        ("2", False),
        (True, False),
        (None, False),
        ([2], False),
        ({"n": ["complex", "(2+0j)"]}, False),
        ({"o": "Z"}, False),
    ],
)
def test_a_zero_of_a_polynomial_is_judged_on_the_host(encoded: Any, right: bool) -> None:
    """An object with a ``__pow__`` of its own, or a program with an ``abs`` of its own, has no say."""
    call = as_call("assert abs(numpy.polynomial.polynomial.polyval(find_zero([-4, 0, 1]), [-4, 0, 1])) <= 0.0001")
    assert call is not None and call.run.entry == "find_zero"
    assert (call.difference(encoded) is None) == right


@pytest.mark.parametrize(
    "code",
    [
        "assert abs(numpy.polynomial.polynomial.polyval(f(1), g(2))) <= 1",
        "assert abs(numpy.polynomial.polynomial.polyval([1], f(2))) <= 1",
        "assert abs(numpy.polynomial.polynomial.polyval(f(1), 2)) <= 1",
        "assert abs(polyval(f(1), [1])) <= 1",
    ],
)
def test_what_only_looks_like_a_polynomial_stays_an_assertion(code: str) -> None:
    assert as_call(code) is None
