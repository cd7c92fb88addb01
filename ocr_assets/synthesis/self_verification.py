"""Whether a solution and the tests that were written with it prove each other (docs/papers.md, KC-4).

Two questions. Does the solution pass, by all rules of docs/grading.md, with at least one real assertion executed? And would the
tests notice if it did not: they have to fail where its functions are empty, where they answer a constant, and on mutants of it.
The share of these wrong programs that fail is the suite's kill rate; a suite that lets an empty program or a constant pass, or
no wrong program fail, is ``vacuous``, whatever it says of the solution. Tests that the suite itself skips count neither way.

A plain function over a sandbox; what follows for a question is not decided here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, cast

from ocr_assets.grading.grade import Graded, grade
from ocr_assets.grading.limits import resolve_limits
from ocr_assets.programs.mutants import mutants
from ocr_assets.programs.stubs import constant, expected_values, stub
from ocr_assets.programs.suites import NO_LIMITS, Suite
from ocr_assets.schema import SelfVerdict, Test, VerdictName, WrongProgram
from ocr_assets.synthesis.settings import SelfVerificationSettings
from resources.sandbox.api import Coverage, Program, Run, RunLimits, Sandbox, SandboxFault

NO_ASSERTION = "no assertion of the suite was executed"  # as the runner says it (sandbox_images/runner/apart/beliefs.py)
QUICK_S = 0.5  # CPU seconds that a wrong program gets at least
TIMES = 3.0  # and how much more than the solution needed


class SelfVerified(TypedDict):
    """What self-verification found; see ``Attempt`` in ``ocr_assets/schema/synthesis.py`` for the columns."""

    status: SelfVerdict
    verdict: VerdictName
    message: str
    untrusted_reason: str | None
    statements: int | None
    statement_coverage: float | None
    branches: int | None
    branch_coverage: float | None
    wrong_programs: list[WrongProgram]
    kill_rate: float | None
    cpu_s: float
    image: str
    isolation_level: str
    grader_version: str


@dataclass(frozen=True)
class _Wrong:
    role: str
    code: str
    change: str


def pytest_suite(code: str) -> Suite:
    """A pytest file as a suite."""
    test: Test = {
        "id": "0", "kind": "pytest", "input": "", "output": "", "entry_point": None, "code": code,
        "expected_may_be_nested": False, "public": False, "origin": "synthetic",
    }  # fmt: skip
    return {"tests": [test], "compare": None, "checker": None, "interactor": None, "limits": NO_LIMITS, "files": None}


def self_verify(sandbox: Sandbox, solution: str, suite: Suite, settings: SelfVerificationSettings | None = None) -> SelfVerified:
    """Verify a Python solution and a suite against each other. Faults of the sandbox are a status of their own, no verdict."""
    settings = settings or SelfVerificationSettings()
    graded = grade(sandbox, "python", solution, suite, settings.grading)
    found = found_of(graded)
    if graded["verdict"] != "accepted":
        return found
    if graded["untrusted_reason"] == NO_ASSERTION:
        return but(found, status="vacuous", message=NO_ASSERTION)
    tried: list[WrongProgram] = []
    for wrong in _wrong_programs(solution, suite, settings):
        verdict = grade(sandbox, "python", wrong.code, _quick(suite, graded, settings), settings.grading)["verdict"]
        tried.append({"role": wrong.role, "change": wrong.change, "verdict": verdict})
        if verdict == "sandbox_error":
            return but(found, status="sandbox_error", message=f"on a {wrong.role}", wrong_programs=tried)
        if verdict == "accepted" and wrong.role != "mutant":
            return but(found, **_strength(tried), status="vacuous", message=f"the tests pass {wrong.change}")
    found = but(found, **_strength(tried))
    if tried and found["kill_rate"] == 0:
        return but(found, status="vacuous", message=f"the tests pass all {len(tried)} wrong programs")
    if settings.coverage:
        try:
            found = but(found, **_shares(measured(sandbox, solution, suite, settings)))
        except SandboxFault as error:
            return but(found, status="sandbox_error", message=str(error)[:500])
    if (short := _too_little(found, settings)) is not None:
        return but(found, status="weak", message=short)
    return found


def but(found: SelfVerified, **changes: Any) -> SelfVerified:
    """``found`` with other values in these fields."""
    return cast("SelfVerified", {**found, **changes})


def found_of(graded: Graded) -> SelfVerified:
    """What a verdict alone says."""
    status: SelfVerdict = (
        "verified" if graded["verdict"] == "accepted"
        else "sandbox_error" if graded["verdict"] == "sandbox_error"
        else "suspect" if graded["verdict"] == "suspect"
        else "failed"
    )  # fmt: skip
    return {
        "status": status,
        "verdict": graded["verdict"],
        "message": graded["message"],
        "untrusted_reason": graded["untrusted_reason"],
        "statements": None,
        "statement_coverage": None,
        "branches": None,
        "branch_coverage": None,
        "wrong_programs": [],
        "kill_rate": None,
        "cpu_s": graded["cpu_s"],
        "image": graded["image"],
        "isolation_level": graded["isolation_level"],
        "grader_version": graded["grader_version"],
    }


def _wrong_programs(solution: str, suite: Suite, settings: SelfVerificationSettings) -> Iterator[_Wrong]:
    """The cheapest first: they end most suites that prove nothing."""
    if (empty := stub(solution)) is not None:
        yield _Wrong("stub", empty, "a program whose functions are empty")
    tests = "\n".join(test["code"] or "" for test in suite["tests"])
    for value in expected_values(tests, settings.constants):
        if (same := constant(solution, value)) is not None:
            yield _Wrong("constant", same, f"a program whose functions answer {repr(value)[:80]}")
    for mutant in mutants(solution, "python", settings.mutants):
        yield _Wrong("mutant", mutant.code, mutant.mutation)


def _quick(suite: Suite, graded: Graded, settings: SelfVerificationSettings) -> Suite:
    """The suite with less time: a wrong program that never ends need not take all that the solution might have taken."""
    factor = settings.python_factor
    limits = {**suite["limits"], "cpu_s": max(QUICK_S, min(settings.cpu_s, TIMES * graded["cpu_s"] / factor)), "wall_s": None}
    return {**suite, "limits": limits}  # type: ignore[typeddict-item]


def _strength(tried: Sequence[WrongProgram]) -> dict[str, Any]:
    failed = sum(program["verdict"] != "accepted" for program in tried)
    return {"wrong_programs": list(tried), "kill_rate": failed / len(tried) if tried else None}


def measured(sandbox: Sandbox, solution: str, suite: Suite, settings: SelfVerificationSettings) -> Coverage | None:
    """What all tests of a suite execute together; None where it was not measured (a suite that shares the program's process, or
    fails under measurement). Raises ``SandboxFault``."""
    limits: RunLimits = resolve_limits(suite["limits"], "python", settings)
    kinds = [test for test in suite["tests"] if test["kind"] in ("pytest", "assert")]
    runs = [Run(test["kind"], code=test["code"]) for test in kinds]
    outcome = sandbox.execute(Program("python", solution, runs, limits, coverage=True))
    found = [run.coverage for run in outcome.runs if run.coverage is not None]
    if not found:
        return None
    missing = set.intersection(*(set(one.missing) for one in found))
    branches = set.intersection(*(set(one.missing_branches) for one in found))
    return Coverage(found[0].statements, sorted(missing), found[0].branches, sorted(branches))


def _shares(coverage: Coverage | None) -> dict[str, Any]:
    if coverage is None:
        return {}
    return {
        "statements": coverage.statements,
        "statement_coverage": _share(coverage.statements, len(coverage.missing)),
        "branches": coverage.branches,
        "branch_coverage": _share(coverage.branches, len(coverage.missing_branches)),
    }


def _share(total: int, missing: int) -> float:
    return 1.0 - missing / total if total else 1.0


def _too_little(found: SelfVerified, settings: SelfVerificationSettings) -> str | None:
    """Which threshold is not reached, or None. What was not measured reaches none but 0."""
    for name in ("statement_coverage", "branch_coverage", "kill_rate"):
        least, value = getattr(settings, f"min_{name}"), found[name]
        if least > 0 and (value is None or value < least):
            return f"{name} {'not measured' if value is None else f'{value:.2f}'}, at least {least:.2f} is asked for"
    return None
