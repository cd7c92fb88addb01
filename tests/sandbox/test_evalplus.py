"""EvalPlus' files: expected outputs computed from canonical solutions in the sandbox, and its rules of what is right."""

import json
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.evaluation.benchmarks import BENCHMARKS, BenchmarkProblem, Selection, WrongBenchmark
from ocr_assets.evaluation.benchmarks.oracles import Answer, NoTest, assertions
from ocr_assets.grading.asserts import as_call
from ocr_assets.grading.grade import grade
from ocr_assets.grading.scripts import as_script
from ocr_assets.schema import VerdictName
from resources.sandbox.docker_pool import DockerSandbox

HUMANEVAL = [
    {
        "task_id": "HumanEval/2",
        "prompt": 'def frac(number: float) -> float:\n    """ The fraction of a number.\n    """\n',
        "entry_point": "frac",
        "canonical_solution": "    return number - int(number)\n",
        "base_input": [[3.5]],
        "plus_input": [[1.33], [123.456], [-1.5], ["no number"]],
        "contract": '    assert number > 0, "invalid inputs" # $_CONTRACT_$\n',
        "atol": 0,
    },
    {
        "task_id": "HumanEval/32",
        "prompt": 'import math\n\n\ndef poly(xs: list, x: float):\n    """Value."""\n    return sum([c * math.pow(x, i) for i, c in enumerate(xs)])\n\n\n'
        'def find_zero(xs: list):\n    """One zero of it."""\n',
        "entry_point": "find_zero",
        "canonical_solution": "    return -math.sqrt(-xs[0] / xs[2])\n",
        "base_input": [[[-4, 0, 1]]],
        "plus_input": [[[-9, 0, 1]], [[-16, 0, 4]]],
        "contract": "",
        "atol": 0.0001,
    },
]
MBPP = [
    {
        "task_id": "Mbpp/2",
        "prompt": '"""\nShared elements of two lists.\nassert set(similar_elements((3, 4), (4, 5))) == set((4,))\n"""\n',
        "entry_point": "similar_elements",
        "canonical_solution": "\ndef similar_elements(a, b):\n  return tuple(set(a) & set(b))\n",
        "base_input": [[[3, 4, 5, 6], [5, 7, 4, 10]]],
        "plus_input": [[[], []], [[1, 2], [2, 1]]],
        "contract": "\n  assert isinstance(a, tuple), 'invalid inputs' # $_CONTRACT_$\n",
        "atol": 0,
    },
    {
        "task_id": "Mbpp/434",
        "prompt": '"""\nMatch an a followed by b.\n"""\n',
        "entry_point": "text_match_three",
        "canonical_solution": "\nimport re\ndef text_match_three(text):\n    return re.search('ab', text)\n",
        "base_input": [["ab"], ["b"]],
        "plus_input": [["cab"], [""]],
        "contract": "",
        "atol": 0,
    },
    {
        "task_id": "Mbpp/124",
        "prompt": '"""\nThe angle of a complex number.\n"""\n',
        "entry_point": "angle_complex",
        "canonical_solution": "\nimport cmath\ndef angle_complex(a, b):\n    return [cmath.phase(a + b), float(abs(b))]\n",
        "base_input": [["0.0", "1j"]],
        "plus_input": [["2.0", "-1j"]],
        "contract": "",
        "atol": 0,
    },
]


def problems(name: str, rows: list[dict], folder: Path, sandbox: DockerSandbox) -> dict[str, BenchmarkProblem]:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {problem.entry_point or "": problem for problem in BENCHMARKS[name].read([path], Selection(), sandbox)}


@pytest.fixture(scope="module")
def humaneval(tmp_path_factory: pytest.TempPathFactory, sandbox: DockerSandbox) -> dict[str, BenchmarkProblem]:
    return problems("humaneval_plus", HUMANEVAL, tmp_path_factory.mktemp("humaneval"), sandbox)


@pytest.fixture(scope="module")
def mbpp(tmp_path_factory: pytest.TempPathFactory, sandbox: DockerSandbox) -> dict[str, BenchmarkProblem]:
    return problems("mbpp_plus", MBPP, tmp_path_factory.mktemp("mbpp"), sandbox)


def verdicts(problem: BenchmarkProblem, code: str, sandbox: DockerSandbox) -> list[VerdictName]:
    return [grade(sandbox, "python", code, part.suite)["verdict"] for part in problem.suites]


def test_canonical_solutions_pass_their_own_tests(
    humaneval: dict[str, BenchmarkProblem], mbpp: dict[str, BenchmarkProblem], sandbox: DockerSandbox
) -> None:
    for problem in [*humaneval.values(), *mbpp.values()]:
        assert [part.name for part in problem.suites] == ["base", "plus"]
        assert verdicts(problem, problem.reference_solution or "", sandbox) == ["accepted", "accepted"], problem.task_id


def test_an_input_that_breaks_the_contract_is_left_out(humaneval: dict[str, BenchmarkProblem]) -> None:
    problem = humaneval["frac"]
    assert [len(part.suite["tests"]) for part in problem.suites] == [1, 2]
    assert problem.notes == ("2 of 4 plus inputs left out",)
    assert all(part.suite["limits"]["cpu_s"] == 4.0 and part.suite["limits"]["python_factor"] == 1.0 for part in problem.suites)


def test_base_is_passed_by_what_plus_finds_wrong(humaneval: dict[str, BenchmarkProblem], sandbox: DockerSandbox) -> None:
    assert verdicts(humaneval["frac"], "def frac(number):\n    return number % 1.0 + 1e-9", sandbox) == ["accepted", "accepted"]
    assert verdicts(humaneval["frac"], "def frac(number):\n    return 0.5", sandbox) == ["accepted", "wrong_answer"]


def test_any_zero_is_one(humaneval: dict[str, BenchmarkProblem], sandbox: DockerSandbox) -> None:
    other = "def find_zero(xs):\n    return (-xs[0] / xs[2]) ** 0.5 + 1e-6"
    assert verdicts(humaneval["find_zero"], other, sandbox) == ["accepted", "accepted"]
    assert verdicts(humaneval["find_zero"], "def find_zero(xs):\n    return 2.0", sandbox) == ["accepted", "wrong_answer"]


def test_oracles_of_mbpp(mbpp: dict[str, BenchmarkProblem], sandbox: DockerSandbox) -> None:
    in_order = "def similar_elements(a, b):\n    return [one for one in a if one in b] * 2"
    assert verdicts(mbpp["similar_elements"], in_order, sandbox) == ["accepted", "accepted"]
    assert verdicts(mbpp["similar_elements"], "def similar_elements(a, b):\n    return a", sandbox) == [
        "wrong_answer",
        "accepted",
    ]
    as_truth = "def text_match_three(text):\n    return 'ab' in text"
    assert verdicts(mbpp["text_match_three"], as_truth, sandbox) == ["accepted", "accepted"]
    assert verdicts(mbpp["text_match_three"], "def text_match_three(text):\n    return True", sandbox)[0] == "wrong_answer"
    near = "import cmath\ndef angle_complex(a, b):\n    return [cmath.phase(a + b) + 1e-8, abs(b) + 0.0]"
    assert verdicts(mbpp["angle_complex"], near, sandbox) == ["accepted", "accepted"]
    as_tuple = near.replace("[", "(").replace("]", ")")
    assert "accepted" not in verdicts(mbpp["angle_complex"], as_tuple, sandbox)


def test_a_canonical_solution_that_fails_is_a_broken_file(tmp_path: Path, sandbox: DockerSandbox) -> None:
    with pytest.raises(WrongBenchmark, match=r"HumanEval/2 gives no answer"):
        problems("humaneval_plus", [{**HUMANEVAL[0], "canonical_solution": "    return no_such_name\n"}], tmp_path, sandbox)


@pytest.mark.parametrize(
    ("expected", "atol", "wanted"),
    [
        (3, 0, "assert f(1) == 3"),
        (2.0, 0, "assert abs(f(1) - 2.0) <= 1.2e-06"),
        (float("inf"), 0, "assert f(1) == float('inf')"),
        ((1, "a"), 0, "assert f(1) == (1, 'a')"),
        ([1, 2.5], 0, "assert f(1) == [1, 2.5]"),
        ([2.0], 0, "result = f(1)\nassert not result < []\nassert len(result) == 1\nassert abs(result[0] - 2.0) <= 1.2e-06"),
        ({"a": {1}}, 0.1, "assert f(1) == {'a': {1}}"),
        (set(), 0, "assert f(1) == set()"),
    ],
)
def test_assertions(expected: Any, atol: float, wanted: str) -> None:
    code = assertions(Answer("mbpp", "f", [1], expected, atol))
    assert code == wanted
    assert "inf" in code or as_call(code) is not None or as_script("assert", code) is not None  # nothing of it has to be run


def test_nothing_equals_nan() -> None:
    with pytest.raises(NoTest):
        assertions(Answer("mbpp", "f", [1], float("nan"), 0))


def test_a_tolerance_of_the_task_reaches_into_lists() -> None:
    code = assertions(Answer("mbpp", "f", [1], [[1, 2.5]], 0.1))
    assert code.splitlines()[-1] == "assert abs(result[0][1] - 2.5) <= 0.10000025" and "assert result[0][0] == 1" in code


def test_two_readings_of_a_task() -> None:
    assert assertions(Answer("mbpp", "surface_Area", [3, 4], 33, 0)) == "assert surface_Area(3, 4) in (33, 35)"
    assert assertions(Answer("mbpp", "digit_distance_nums", [1, 256], 1, 0)) == "assert digit_distance_nums(1, 256) in (1, 12)"
    assert assertions(Answer("mbpp", "sum_div", [8], 7, 0)) == "assert sum_div(8) in (7, 0)"
