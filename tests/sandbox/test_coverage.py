"""How much of a program its suite executes: by coverage.py in the program's process, off unless asked for."""

from collections.abc import Iterator
from typing import Any

import pytest

from resources.sandbox.api import Coverage, Program, Run, RunOutcome
from resources.sandbox.docker_pool import DockerSandbox
from sandbox_images.runner import cover

PROGRAM = """
def size(x):
    if x > 3:
        return "big"
    elif x < -100:  # pragma: no cover
        return "tiny"
    return "middle"


if __name__ == "__main__":
    print(size(3))
"""
SUITE = "from solution import size\n\ndef test_size():\n    assert size(10) == 'big'\n    assert size(2) == 'middle'\n"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool
        assert pool.faults == 0, "a program broke a sandbox"


def run(sandbox: DockerSandbox, code: str, suite: str, kind: Any = "pytest", coverage: bool = True) -> RunOutcome:
    return sandbox.execute(Program("python", code, [Run(kind, code=suite)], coverage=coverage)).runs[0]


def test_statements_and_branches_are_told_apart_and_nothing_is_excused(sandbox: DockerSandbox) -> None:
    """Neither by a pragma of the program's own; but a main guard, where no import gets to, does not count."""
    found = run(sandbox, PROGRAM, SUITE)
    assert (found.status, found.untrusted_reason) == ("ok", None)
    assert found.coverage == Coverage(statements=6, missing=[6], branches=4, missing_branches=[(5, 6)])


def test_assertions_are_measured_too(sandbox: DockerSandbox) -> None:
    found = run(sandbox, PROGRAM, "for x in (10, 20):\n    assert size(x) == 'big'", "assert")
    assert found.coverage is not None
    assert (list(found.coverage.missing), list(found.coverage.missing_branches)) == ([5, 6, 7], [(3, 5), (5, 6), (5, 7)])


def test_nothing_is_measured_unless_asked_for_or_where_a_test_fails(sandbox: DockerSandbox) -> None:
    assert run(sandbox, PROGRAM, SUITE, coverage=False).coverage is None
    failed = run(sandbox, PROGRAM, SUITE.replace("'big'", "'huge'"))
    assert (failed.status, failed.coverage) == ("runtime_error", None)


def test_what_is_no_report_is_none(sandbox: DockerSandbox) -> None:
    """A program that stands in the place of coverage.py, or turns it off, changes the record and no verdict."""
    forged = "import sys\nsys.settrace(None)\n" + PROGRAM
    found = run(sandbox, forged, SUITE)
    assert found.status == "ok" and found.coverage is not None and len(found.coverage.missing) > 1


@pytest.mark.parametrize(
    "said",
    [None, [], {}, {"statements": 1, "missing": [], "branches": 0}, {"statements": "1", "missing": [], "branches": 0, "missing_branches": []}, {"statements": 1, "missing": [1, 2], "branches": 0, "missing_branches": []}, {"statements": 1, "missing": [True], "branches": 0, "missing_branches": []}, {"statements": 3, "missing": [], "branches": 2, "missing_branches": [[1]]}],
)  # fmt: skip
def test_a_malformed_report_is_none(said: Any) -> None:
    assert cover.checked(said) is None


def test_a_report_passes() -> None:
    said = {"statements": 3, "missing": [2], "branches": 2, "missing_branches": [[1, -1]]}
    assert cover.checked(said) == said
