"""Programs that bend EvalPlus' oracles, and files of EvalPlus' form that are not as they should be."""

from pathlib import Path
from typing import Any

import pytest

from ocr_assets.evaluation.benchmarks import WrongBenchmark
from resources.sandbox.docker_pool import DockerSandbox
from tests.sandbox.test_evalplus import HUMANEVAL, problems, verdicts

OBJECT = """
class Zero:
    def __pow__(self, other): return 0
    def __rmul__(self, other): return 0
    def __abs__(self): return 0
    def __le__(self, other): return True
"""
ZEROS = {
    "an object that is zero to any power": OBJECT + "def find_zero(xs): return Zero()",
    "an abs of its own": "def abs(x): return 0\ndef find_zero(xs): return 1.0",
    "an enumerate of its own": "def enumerate(xs): return []\ndef find_zero(xs): return 1.0",
    "other coefficients": "def find_zero(xs):\n    xs[:] = [0, 0, 0]\n    return 1.0",
}


@pytest.mark.parametrize("cheat", ZEROS)
def test_no_arithmetic_of_the_solution_says_what_a_zero_is(cheat: str, tmp_path: Path, sandbox: DockerSandbox) -> None:
    find_zero = problems("humaneval_plus", [HUMANEVAL[1]], tmp_path, sandbox)["find_zero"]
    assert "accepted" not in verdicts(find_zero, ZEROS[cheat], sandbox)


def test_a_task_without_inputs_for_plus_is_asked_those_of_base(tmp_path: Path, sandbox: DockerSandbox) -> None:
    """Else there is never a verdict on it, and no sample counts."""
    row = {**HUMANEVAL[0], "plus_input": []}
    frac = problems("humaneval_plus", [row], tmp_path, sandbox)["frac"]
    assert [len(part.suite["tests"]) for part in frac.suites] == [1, 1]
    assert verdicts(frac, frac.reference_solution or "", sandbox) == ["accepted", "accepted"]
    with pytest.raises(WrongBenchmark, match="line 1: no base_input"):
        problems("humaneval_plus", [{**row, "base_input": []}], tmp_path, sandbox)


@pytest.mark.parametrize("atol", ["small", -1, True, float("inf"), float("nan"), [0]])
def test_a_tolerance_that_is_none_is_refused(atol: Any, tmp_path: Path, sandbox: DockerSandbox) -> None:
    """With an endless one every number would be right."""
    with pytest.raises(WrongBenchmark, match="line 1: atol is a number"):
        problems("humaneval_plus", [{**HUMANEVAL[0], "atol": atol}], tmp_path, sandbox)
