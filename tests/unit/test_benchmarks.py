"""Published benchmark files become problems with suites; what a model answers becomes the program that is judged."""

import ast
import base64
import contextlib
import gzip
import json
import pickle
import zlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.evaluation.asking import program, prompt
from ocr_assets.evaluation.benchmarks import BENCHMARKS, BenchmarkProblem, Selection, WrongBenchmark, files_in
from ocr_assets.evaluation.benchmarks.extraction import longest_program
from ocr_assets.evaluation.benchmarks.packed import NotPlain, plain_data, unpacked

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


def packed(value: object) -> str:
    """As LiveCodeBench packs private tests."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(value)))).decode()


SUM = {
    "question_title": "Sum",
    "question_content": "Print the sum. Your answer is correct if its absolute or relative error is at most 10^{-4}.",
    "platform": "atcoder",
    "question_id": "abc999_a",
    "contest_id": "abc999",
    "contest_date": "2024-08-03T00:00:00",
    "starter_code": "",
    "difficulty": "easy",
    "public_test_cases": json.dumps([{"input": "1 2", "output": "3", "testtype": "stdin"}]),
    "private_test_cases": packed([{"input": "2 2", "output": "4", "testtype": "stdin"}]),
    "metadata": "{}",
}
CALL = {
    **SUM,
    "platform": "leetcode",
    "question_id": "3999",
    "contest_date": "2025-02-02T00:00:00",
    "starter_code": "class Solution:\n    def add(self, a: int, b: List[int]) -> int:\n        ",
    "public_test_cases": json.dumps([{"input": "1\n[2, 3]", "output": "6", "testtype": "functional"}]),
    "private_test_cases": packed([{"input": "0\n[]", "output": "0", "testtype": "functional"}]),
    "metadata": json.dumps({"func_name": "add"}),
}


def test_livecodebench(tmp_path: Path) -> None:
    write(tmp_path / "test.jsonl", SUM)
    write(tmp_path / "test2.jsonl", CALL)
    stdin, call = read("livecodebench", tmp_path)
    assert (stdin.published, stdin.platform, stdin.difficulty, stdin.version) == (
        date(2024, 8, 3),
        "atcoder",
        "easy",
        "release_v1",
    )
    [suite] = [part.suite for part in stdin.suites]
    assert [(test["input"], test["output"], test["public"]) for test in suite["tests"]] == [
        ("1 2", "3", True),
        ("2 2", "4", False),
    ]
    assert suite["compare"] is not None and suite["compare"]["float_abs"] == 1e-4
    assert call.entry_point == "Solution.add" and call.starter_code is not None
    assert [json.loads(test["input"])["args"] for test in call.suites[0].suite["tests"]] == [[1, [2, 3]], [0, []]]
    assert (
        "class Solution" in prompt(call, "python")[1]["content"]
        and "class Solution" in prompt(call, "python", "published")[1]["content"]
    )
    assert [one.task_id for one in read("livecodebench", tmp_path, Selection(version="release_v1"))] == ["abc999_a"]
    until = Selection(since=date(2024, 8, 1), until=date(2025, 2, 1))
    assert [one.task_id for one in read("livecodebench", tmp_path, until)] == ["abc999_a"]
    [cpp] = read("livecodebench_cpp", write(tmp_path / "cpp.jsonl", {**CALL, "starter_code": "class Solution {\npublic:\n"}))
    assert cpp.languages == ("cpp",) and cpp.entry_point == "Solution.add" and "```cpp" in prompt(cpp, "cpp")[1]["content"]
    with pytest.raises(WrongBenchmark, match="no file of release_v3"):
        read("livecodebench", tmp_path / "cpp.jsonl", Selection(version="release_v3"))


def test_livecodebench_takes_the_last_fence_and_we_the_program() -> None:
    problem = BenchmarkProblem("livecodebench", "a", "Print the sum.", ())
    answer = "```python\nprint(sum(map(int, input().split())))\n```\nFor example:\n```\n1 2\n```\n"
    assert program(problem, answer, "python", "published") == "1 2"
    assert program(problem, answer, "python") == "print(sum(map(int, input().split())))"
    assert program(problem, "none", "python", "published") is None


@pytest.mark.parametrize(
    "tests",
    [
        base64.b64encode(zlib.compress(pickle.dumps(Path("/")))).decode(),  # an object
        base64.b64encode(zlib.compress(b"cos\nsystem\n(S'true'\ntR.")).decode(),  # a call
        base64.b64encode(zlib.compress(pickle.dumps("[]"))[:-6]).decode(),  # cut off
        base64.b64encode(b"no zlib").decode(),
        "neither base64 nor JSON",
        json.dumps({"input": "1"}),
        json.dumps([{"output": "1"}]),
    ],
)
def test_tests_that_cannot_be_read_are_refused(tests: str, tmp_path: Path) -> None:
    with pytest.raises(WrongBenchmark, match=r"test.jsonl, line 1: test"):
        read("livecodebench", write(tmp_path / "test.jsonl", {**SUM, "private_test_cases": tests}))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = base64.b64encode(zlib.compress(pickle.dumps("0" * 5_000_000))).decode()
    assert len(bomb) < 10_000 and unpacked(bomb) == "0" * 5_000_000
    with pytest.raises(NotPlain, match="more than 1,000,000 bytes"):
        unpacked(bomb, 1_000_000)
    far = b"\x80\x04\x8c\x01ar\xff\xff\xff\x7f."  # CPython's unpickler makes room for two thousand million objects
    assert plain_data(far) == "a"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner, max_size=4).map(tuple),
    max_leaves=20,
)


@given(PLAIN, st.sampled_from([2, 3, 4, 5]))
def test_plain_pickles_are_what_they_were(value: object, protocol: int) -> None:
    try:
        found = plain_data(pickle.dumps(value, protocol))
    except NotPlain:
        assert protocol == 2  # old pickles have bytes as calls
    else:
        assert found == value


@given(st.binary(max_size=60))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    with contextlib.suppress(NotPlain):
        plain_data(b"\x80\x04" + data)


def test_code_contests(tmp_path: Path) -> None:
    row = {
        "name": "1_A. Sum", "description": "Print the sum.", "source": 2, "cf_rating": 900,
        "public_tests": {"input": ["1 2"], "output": ["3"]}, "private_tests": {"input": ["1 2"], "output": ["3"]},
        "generated_tests": {"input": ["5 5"], "output": ["10"]}, "time_limit": {"seconds": 1, "nanos": 500_000_000},
        "memory_limit_bytes": 256 << 20, "input_file": "", "output_file": "",
        "solutions": {"language": [2, 3], "solution": ["int main(){}", "print(sum(map(int, input().split())))"]},
        "incorrect_solutions": {"language": [3], "solution": ["print(0)"]},
    }  # fmt: skip
    [problem] = read("code_contests", write(tmp_path / "test.jsonl", row))
    suite = problem.suites[0].suite
    assert [test["input"] for test in suite["tests"]] == ["1 2", "5 5"] and suite["limits"]["cpu_s"] == 1.5
    assert problem.languages == ("python", "cpp") and problem.platform == "codeforces" and problem.difficulty == "900"
    assert problem.reference_solution == "print(sum(map(int, input().split())))"


def test_mbpp(tmp_path: Path) -> None:
    row = {
        "task_id": 11, "text": "Write a function that doubles.", "code": "import math\r\ndef twice(x):\r\n    return 2 * x",
        "test_setup_code": "", "test_list": ["assert math.isclose(twice(2), 4)"], "challenge_test_list": [],
    }  # fmt: skip
    clean = {
        "task_id": 2,
        "prompt": "Double.",
        "code": row["code"],
        "test_imports": ["import math"],
        "test_list": row["test_list"],
    }
    path = write(tmp_path / "mbpp.jsonl", row, clean)
    [problem] = read("mbpp", path)
    assert (
        problem.entry_point == "twice"
        and "assert math.isclose(twice(2), 4)" in problem.question
        and problem.prompt == row["text"]
    )
    _, other = read("mbpp", path, Selection(subset="all"))
    assert other.suites[0].suite["tests"][0]["code"] == "import math\nassert math.isclose(twice(2), 4)"


def test_real_mbpp_and_code_contests(shared_data: Path) -> None:
    [mbpp] = [path for path in (shared_data / "mapcoder").iterdir() if path.name.lower() in ("mbpp.jsonl.gz", "mbpp.jsonl")]
    problems = read("mbpp", mbpp)
    assert len(problems) == 500 and all(problem.entry_point for problem in problems)
    assert len(read("mbpp", mbpp, Selection(subset="all"))) == 974
    packages = read("code_contests", shared_data / "problem_packages" / "as_code_contests_schema.jsonl.gz")
    assert len(packages) == 25 and all(problem.suites[0].suite["tests"] for problem in packages)


def test_real_packed_tests(shared_data: Path) -> None:
    for line in (shared_data / "sandboxfusion" / "code_eval_live_code_bench_v1.jsonl").read_text().splitlines():
        tests = unpacked(json.loads(line)["test"])
        assert json.loads(tests["input_output"])["inputs"]


ANSWER = """Here is a draft:
```python
def twice(x):
    print(x)
```
Better:
```python
import math
from functools import cache

FACTOR = 2
UNUSED = 3

@cache
def once(x):
    return x

def helper(x):
    return FACTOR * x

def twice(x):
    return helper(x)

print(twice(2))
```
It is (easy)."""


def test_evalplus_takes_what_the_entry_point_needs_of_the_longest_program() -> None:
    problem = BenchmarkProblem("mbpp_plus", "Mbpp/1", "Double.", (), entry_point="twice")
    judged = program(problem, ANSWER, "python", "published")
    assert judged is not None
    assert judged.splitlines() == [
        "import math",
        "from functools import cache",
        "FACTOR = 2",
        "def helper(x):",
        "    return FACTOR * x",
        "def twice(x):",
        "    return helper(x)",
    ]
    assert program(problem, "Not (that.", "python", "published") is None


def slow_longest(text: str) -> int:
    """How many lines that are not blank the longest stretch that parses has, by trying them all."""
    lines = text.split("\n")
    best = 0
    for start in range(len(lines)):
        for end in range(start, len(lines)):
            with contextlib.suppress(SyntaxError, ValueError):
                ast.parse("\n".join(lines[start : end + 1]))
                best = max(best, sum(bool(line.strip()) for line in lines[start : end + 1]))
    return best


LINES = st.sampled_from(
    [
        "a = 1",
        "def f(x):",
        "    return x",
        "(",
        ")",
        "words of prose",
        "",
        "'''",
        "if x:",
        "    pass",
        "]",
        "x = [",
        "  y = 2",
        "else:",
        "@g",
        "```",
    ]
)


@given(st.lists(LINES, max_size=9))
def test_the_longest_program_is_the_longest(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = longest_program(text)
    ast.parse(found)
    assert sum(bool(line.strip()) for line in found.split("\n")) == slow_longest(text)


def test_looking_for_a_program_ends() -> None:
    assert longest_program("\n".join(["(" * 50] * 4000)) == ""


BIGCODE = {
    "task_id": "BigCodeBench/0",
    "complete_prompt": 'import random\n\ndef task_func(n=3):\n    """Random numbers."""\n',
    "instruct_prompt": "Write task_func, which gives n random numbers.",
    "canonical_solution": "    return [random.random() for _ in range(n)]\n",
    "code_prompt": "import random\ndef task_func(n=3):\n",
    "test": "import unittest\nclass TestCases(unittest.TestCase):\n    def test_n(self):\n        random.seed(1)\n        self.assertEqual(len(task_func(2)), 2)\n",
    "entry_point": "task_func",
}


def test_bigcodebench(tmp_path: Path) -> None:
    path = write(tmp_path / "bcb.jsonl", BIGCODE)
    [instruct] = read("bigcodebench", path)
    [complete] = read("bigcodebench_hard", path, Selection(variant="complete"))
    assert instruct.image == "bigcodebench" and instruct.preamble == "import random"
    assert prompt(instruct, "python")[1]["content"].endswith(BIGCODE["instruct_prompt"])
    assert BIGCODE["complete_prompt"].strip() in prompt(complete, "python", "published")[0]["content"]
    judged = program(instruct, "```python\ndef task_func(n=3):\n    return [random.random()] * n\n```", "python", "published")
    assert judged is not None and judged.startswith("import random\n")
    with pytest.raises(WrongBenchmark, match="no variant 'chat'"):
        read("bigcodebench", path, Selection(variant="chat"))
