"""Suites put to the test: reference solutions must pass, rejected submissions and mutants should fail (docs/grading.md, §6);
and from the reference solutions, the time that a limit must allow at least (docs/grading.md, §4).

``validate`` runs the programs of one problem. What follows from its rows for a suite is SQL, in ``quality.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict, cast

from ocr_assets.grading.grade import Graded, grade, ungradable
from ocr_assets.grading.settings import DefaultLimits
from ocr_assets.grading.version import version_of_validation
from ocr_assets.programs.mutants import mutants
from ocr_assets.programs.suites import Suite
from ocr_assets.schema import Language, Limits, ReferenceSolution, SuiteValidation, content_id
from ocr_assets.verification.settings import ValidationSettings
from resources.sandbox.api import Sandbox

MARGIN = 3.0  # a limit allows at least so many times what a reference solution needs (docs/grading.md, §4)
STEP_S = 0.5  # limits are whole steps, so that the noise of one measurement does not make another limit
GENEROUS = 4.0  # how much more time reference solutions get than the stated limit, so that their need can be measured
LANGUAGES: tuple[Language, ...] = ("python", "cpp")
Role = Literal["reference", "rejected", "mutant"]
_HASHED_ROLES: dict[Role, str] = {"reference": "known_good", "rejected": "known_bad", "mutant": "mutant"}  # so that ids stay


class Candidate(TypedDict):
    """A problem whose suite is to be validated."""

    problem_id: str
    suite_id: str
    plan: str
    reference_solutions: Sequence[ReferenceSolution]
    suite: Suite


class Needs(TypedDict):
    """CPU seconds the slowest accepted reference solution needs on the reference host; null: none known."""

    python: float | None
    cpp: float | None


def calibrated(limits: Limits, needs: Needs, settings: DefaultLimits) -> Limits:
    """``limits`` that allow at least three times what reference solutions need, in steps of half a second.

    What a C++ program needs raises the time itself, which Python's factor then multiplies; what a Python program needs
    raises only Python's factor.
    """
    cpp = limits["cpp_factor"] or settings.cpp_factor
    python = limits["python_factor"] or settings.python_factor
    cpu_s = max(limits["cpu_s"] or settings.cpu_s, _least(needs["cpp"]) / cpp)
    return {**limits, "cpu_s": cpu_s, "cpp_factor": cpp, "python_factor": max(python, _least(needs["python"]) / cpu_s)}


def _least(need_s: float | None) -> float:
    return math.ceil(MARGIN * (need_s or 0.0) / STEP_S) * STEP_S


def candidate(row: Mapping[str, Any]) -> Candidate:
    """A row of ``UNVALIDATED`` as candidate."""
    suite = {name: row[name] for name in ("tests", "compare", "checker", "interactor", "limits", "files")}
    named = {name: row[name] for name in ("problem_id", "suite_id", "plan", "reference_solutions")}
    return cast("Candidate", {**named, "suite": suite})


def validate(sandbox: Sandbox, candidate: Candidate, settings: ValidationSettings | None = None) -> list[SuiteValidation]:
    """Run a problem's reference solutions, rejected submissions, and mutants of a reference solution that passes, against its
    suite: one row a program."""
    settings = settings or ValidationSettings()
    grading = settings.grading
    suite = candidate["suite"]
    references = candidate["reference_solutions"]
    version = version_of_validation(suite["tests"], references, online_judge=sandbox.online_judge)

    def judge(language: Language, code: str, suite: Suite) -> Graded:
        """The verdict on a program, with the version that all rows of this validation have."""
        return {**grade(sandbox, language, code, suite, grading), "grader_version": version}

    generous = _with(suite, _times(suite["limits"], GENEROUS, grading))
    good = [
        _row(candidate, "reference", language, code, judge(language, code, generous))
        for language, code in _references(candidate, settings.references, correct=True)
    ]
    fair = _with(suite, calibrated(suite["limits"], needs_of(good), grading))
    bad = [
        _row(candidate, "rejected", language, code, judge(language, code, fair))
        for language, code in _references(candidate, settings.rejected, correct=False)
    ]
    return [*good, *bad, *_mutated(judge, candidate, good, fair, settings.mutants)]


def _mutated(
    judge: Callable[[Language, str, Suite], Graded],
    candidate: Candidate,
    good: Sequence[SuiteValidation],
    suite: Suite,
    count: int,
) -> Iterator[SuiteValidation]:
    """Mutants of the first reference solution that passes, a Python one if there is one: it need not be compiled."""
    passing = [row for row in good if row["verdict"] == "accepted"]
    if not passing:
        return
    original = next((row for row in passing if row["language"] == "python"), passing[0])
    language: Language = original["language"]
    for mutant in mutants(original["code"], language, count):
        yield _row(candidate, "mutant", language, mutant.code, judge(language, mutant.code, suite), mutant.mutation)


def needs_of(validation: Iterable[SuiteValidation]) -> Needs:
    """What the reference solutions need that the suite accepts."""

    def slowest(language: Language, rows: Sequence[SuiteValidation]) -> float | None:
        # A slow host's seconds count for less: limits are of the reference host.
        return max((row["cpu_s"] * min(1.0, row["host_speed"]) for row in rows if row["language"] == language), default=None)

    accepted = [row for row in validation if row["role"] == "reference" and row["verdict"] == "accepted"]
    return {"python": slowest("python", accepted), "cpp": slowest("cpp", accepted)}


def _references(candidate: Candidate, count: int, *, correct: bool) -> list[tuple[Language, str]]:
    """The first ``count`` different programs a language that this suite can judge, in the order of the source."""
    chosen: list[tuple[Language, str]] = []
    for language in LANGUAGES:
        if ungradable(candidate["suite"], language) is None:
            codes = dict.fromkeys(
                solution["code"]
                for solution in candidate["reference_solutions"]
                if solution["language"] == language and solution["correct"] is correct
            )
            chosen += [(language, code) for code in list(codes)[:count]]
    return chosen


def _times(limits: Limits, factor: float, settings: DefaultLimits) -> Limits:
    return {
        **limits,
        "cpu_s": (limits["cpu_s"] or settings.cpu_s) * factor,
        "wall_s": limits["wall_s"] and limits["wall_s"] * factor,
    }


def _with(suite: Suite, limits: Limits) -> Suite:
    return cast("Suite", {**suite, "limits": limits})


def _row(
    candidate: Candidate,
    role: Role,
    language: Language,
    code: str,
    graded: Graded,
    mutation: str | None = None,
) -> SuiteValidation:
    return {
        "validation_id": content_id(
            "evid", candidate["suite_id"], candidate["plan"], graded["grader_version"], _HASHED_ROLES[role], language, code
        ),
        "problem_id": candidate["problem_id"],
        "suite_id": candidate["suite_id"],
        "plan": candidate["plan"],
        "role": role,
        "language": language,
        "code": code,
        "mutation": mutation,
        "verdict": graded["verdict"],
        "tests_passed": graded["tests_passed"],
        "tests_total": graded["tests_total"],
        "first_failure": graded["first_failure"],
        "cpu_s": graded["cpu_s"],
        "memory_mb": graded["memory_mb"],
        "message": graded["message"],
        "image": graded["image"],
        "grader_version": graded["grader_version"],
        "host_speed": graded["host_speed"],
        "created_at": datetime.now(UTC),
    }


def plan_salt(settings: ValidationSettings) -> str:
    """What of the settings a suite's validation depends on."""
    return f"{settings.references}/{settings.rejected}/{settings.mutants}"
