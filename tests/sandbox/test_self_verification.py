"""Solutions and their own tests, verified against each other: what passes, what fails, and what proves nothing."""

from collections.abc import Iterator

import pytest

from ocr_assets.synthesis.self_verification import SelfVerified, pytest_suite, self_verify
from ocr_assets.synthesis.settings import SelfVerificationSettings
from resources.sandbox.docker_pool import DockerSandbox

MIDDLE = """
def middle(values):
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[len(ordered) // 2]
"""
TESTS = """
from solution import middle

def test_odd():
    assert middle([3, 1, 2]) == 2

def test_even():
    assert middle([4, 1, 2, 3]) == 3
"""
EMPTY = "\ndef test_empty():\n    assert middle([]) is None\n"
SETTINGS = SelfVerificationSettings(cpu_s=1, mutants=4, coverage=False)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool
        assert pool.faults == 0, "a program broke a sandbox"


def verified(sandbox: DockerSandbox, solution: str, tests: str, settings: SelfVerificationSettings = SETTINGS) -> SelfVerified:
    return self_verify(sandbox, solution, pytest_suite(tests), settings)


def test_a_right_solution_with_good_tests_is_verified_and_measured(sandbox: DockerSandbox) -> None:
    found = verified(sandbox, MIDDLE, TESTS, SETTINGS.model_copy(update={"coverage": True}))
    assert (found["status"], found["verdict"], found["untrusted_reason"]) == ("verified", "accepted", None)
    assert (found["statements"], found["branches"]) == (5, 2)
    assert (found["statement_coverage"], found["branch_coverage"]) == (0.8, 0.5)
    roles = {program["role"] for program in found["wrong_programs"]}
    assert roles == {"stub", "constant", "mutant"} and found["kill_rate"] is not None and found["kill_rate"] > 0.5


def test_a_threshold_of_branches_is_a_setting(sandbox: DockerSandbox) -> None:
    settings = SETTINGS.model_copy(update={"coverage": True, "min_branch_coverage": 1.0, "mutants": 1})
    assert verified(sandbox, MIDDLE, TESTS, settings)["status"] == "weak"
    assert verified(sandbox, MIDDLE, TESTS + EMPTY, settings)["status"] == "verified"


@pytest.mark.parametrize(
    ("name", "solution", "tests", "status"),
    [
        ("a wrong solution", MIDDLE.replace("// 2", "// 3"), TESTS, "failed"),
        ("a solution that is no program", "def middle(:", TESTS, "failed"),
        ("a wrong test", MIDDLE, TESTS.replace("== 2", "== 9"), "failed"),
        ("a test without an assertion", MIDDLE, "from solution import middle\ndef test_a():\n    middle([1])\n", "vacuous"),
        ("a test of itself", MIDDLE, "from solution import *\ndef middle(v):\n    return 2\ndef test_a():\n    assert middle([3, 1, 2]) == 2\n", "vacuous"),
        ("a test that a constant passes", MIDDLE, TESTS.replace("[4, 1, 2, 3]) == 3", "[2]) == 2"), "vacuous"),
        ("a test that only looks at the type", MIDDLE, "from solution import middle\ndef test_a():\n    assert isinstance(middle([1, 2]), (int, type(None)))\n", "vacuous"),
        ("a skipped test beside a good one", MIDDLE, "import pytest\n" + TESTS + "\n@pytest.mark.skip\ndef test_no():\n    assert middle([1]) == 5\n", "verified"),
        ("only skipped tests", MIDDLE, "import pytest\nfrom solution import middle\n@pytest.mark.skip\ndef test_no():\n    assert middle([1]) == 1\n", "failed"),
    ],
)  # fmt: skip
def test_what_proves_something_and_what_does_not(
    sandbox: DockerSandbox, name: str, solution: str, tests: str, status: str
) -> None:
    found = verified(sandbox, solution, tests)
    assert found["status"] == status, (name, found["message"])


@pytest.mark.long
def test_a_wrong_program_that_never_ends_costs_little(sandbox: DockerSandbox) -> None:
    solution = "def count(n):\n    total = 0\n    while n > 0:\n        total += n\n        n -= 1\n    return total\n"
    tests = "from solution import count\ndef test_a():\n    assert count(3) == 6\n    assert count(4) == 10\n"
    found = verified(sandbox, solution, tests, SETTINGS.model_copy(update={"mutants": 10}))
    assert found["status"] == "verified"
    assert {program["verdict"] for program in found["wrong_programs"]} & {"time_limit", "wrong_answer"}
