"""Suites put to the test: known-good programs must pass, known-bad ones and mutants should fail (docs/grading.md, §6); and
from the known-good ones, the time a limit must allow at least (docs/grading.md, §4).

``qualify`` runs the programs of one problem and gives evidence; ``QUALITY`` sums evidence up, so another threshold needs no
new run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict, cast

from ocr_assets.programs.suites import Suite
from ocr_assets.schema import Language, Limits, ReferenceSolution, SuiteEvidence, content_id
from ocr_assets.verification.grading.grade import GRADER_VERSION, GradeSettings, Judged, grade, unjudgeable
from ocr_assets.verification.validation.mutants import mutants
from resources.sandbox.api import Sandbox

MARGIN = 3.0  # a limit allows at least so many times what a known-good program needs (docs/grading.md, §4)
STEP_S = 0.5  # limits are whole steps, so that the noise of one measurement does not make another limit
GENEROUS = 4.0  # how much more time known-good programs get than the stated limit, so that their need can be measured
LANGUAGES: tuple[Language, ...] = ("python", "cpp")


@dataclass(frozen=True)
class QualitySettings:
    """How much evidence is gathered: reference solutions a problem, language and correctness, and mutants a problem."""

    known_good: int = 3
    known_bad: int = 3
    mutants: int = 10


class Candidate(TypedDict):
    """A problem whose suite is to be qualified."""

    problem_id: str
    suite_id: str
    plan: str
    reference_solutions: Sequence[ReferenceSolution]
    suite: Suite


class Needs(TypedDict):
    """CPU seconds the slowest accepted known-good program needs on the reference host; null: none known."""

    python: float | None
    cpp: float | None


def calibrated(limits: Limits, needs: Needs, settings: GradeSettings) -> Limits:
    """``limits`` that allow at least three times what known-good programs need, in steps of half a second.

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
    """A row of ``UNQUALIFIED`` as candidate."""
    suite = {name: row[name] for name in ("tests", "compare", "checker", "interactor", "limits")}
    named = {name: row[name] for name in ("problem_id", "suite_id", "plan", "reference_solutions")}
    return cast("Candidate", {**named, "suite": suite})


def qualify(
    sandbox: Sandbox, candidate: Candidate, settings: QualitySettings, grading: GradeSettings | None = None
) -> list[SuiteEvidence]:
    """Run a problem's reference solutions, and mutants of one that passes, against its suite."""
    grading = replace(grading or GradeSettings(), stop_at_first_failure=True)
    suite = candidate["suite"]
    generous = _with(suite, _times(suite["limits"], GENEROUS, grading))
    good = [
        _evidence(candidate, "known_good", language, code, grade(sandbox, language, code, generous, grading))
        for language, code in _references(candidate, settings.known_good, correct=True)
    ]
    fair = _with(suite, calibrated(suite["limits"], needs_of(good), grading))
    bad = [
        _evidence(candidate, "known_bad", language, code, grade(sandbox, language, code, fair, grading))
        for language, code in _references(candidate, settings.known_bad, correct=False)
    ]
    return [*good, *bad, *_mutated(sandbox, candidate, good, fair, settings.mutants, grading)]


def _mutated(
    sandbox: Sandbox,
    candidate: Candidate,
    good: Sequence[SuiteEvidence],
    suite: Suite,
    count: int,
    grading: GradeSettings,
) -> Iterator[SuiteEvidence]:
    """Mutants of the first known-good program that passes, a Python one if there is one: it need not be compiled."""
    passing = [row for row in good if row["verdict"] == "accepted"]
    if not passing:
        return
    original = next((row for row in passing if row["language"] == "python"), passing[0])
    language: Language = original["language"]
    for mutant in mutants(original["code"], language, count):
        judged = grade(sandbox, language, mutant.code, suite, grading)
        yield _evidence(candidate, "mutant", language, mutant.code, judged, mutant.mutation)


def needs_of(evidence: Iterable[SuiteEvidence]) -> Needs:
    """What the known-good programs need that the suite accepts."""

    def slowest(language: Language, rows: Sequence[SuiteEvidence]) -> float | None:
        # A slow host's seconds count for less: limits are of the reference host.
        return max((row["cpu_s"] * min(1.0, row["host_speed"]) for row in rows if row["language"] == language), default=None)

    accepted = [row for row in evidence if row["role"] == "known_good" and row["verdict"] == "accepted"]
    return {"python": slowest("python", accepted), "cpp": slowest("cpp", accepted)}


def _references(candidate: Candidate, count: int, *, correct: bool) -> list[tuple[Language, str]]:
    """The first ``count`` different programs a language that this suite can judge, in the order of the source."""
    chosen: list[tuple[Language, str]] = []
    for language in LANGUAGES:
        if unjudgeable(candidate["suite"], language) is None:
            codes = dict.fromkeys(
                solution["code"]
                for solution in candidate["reference_solutions"]
                if solution["language"] == language and solution["correct"] is correct
            )
            chosen += [(language, code) for code in list(codes)[:count]]
    return chosen


def _times(limits: Limits, factor: float, settings: GradeSettings) -> Limits:
    return {
        **limits,
        "cpu_s": (limits["cpu_s"] or settings.cpu_s) * factor,
        "wall_s": limits["wall_s"] and limits["wall_s"] * factor,
    }


def _with(suite: Suite, limits: Limits) -> Suite:
    return cast("Suite", {**suite, "limits": limits})


def _evidence(
    candidate: Candidate,
    role: Literal["known_good", "known_bad", "mutant"],
    language: Language,
    code: str,
    judged: Judged,
    mutation: str | None = None,
) -> SuiteEvidence:
    return {
        "evidence_id": content_id("evid", candidate["suite_id"], candidate["plan"], GRADER_VERSION, role, language, code),
        "problem_id": candidate["problem_id"],
        "suite_id": candidate["suite_id"],
        "plan": candidate["plan"],
        "role": role,
        "language": language,
        "code": code,
        "mutation": mutation,
        "verdict": judged["verdict"],
        "tests_passed": judged["tests_passed"],
        "tests_total": judged["tests_total"],
        "first_failure": judged["first_failure"],
        "cpu_s": judged["cpu_s"],
        "memory_mb": judged["memory_mb"],
        "message": judged["message"],
        "image": judged["image"],
        "grader_version": GRADER_VERSION,
        "host_speed": judged["host_speed"],
        "created_at": datetime.now(UTC),
    }


def plan_salt(settings: QualitySettings) -> str:
    """What of the settings the evidence depends on."""
    return f"{settings.known_good}/{settings.known_bad}/{settings.mutants}"


# Reference solutions that can be run here, of each clean problem.
_RUNNABLE = """
len(list_filter(reference_solutions, lambda s:
    s.language = 'python' OR s.language = 'cpp' AND len(list_filter(tests, lambda t: t.kind <> 'stdin')) = 0))
"""

# Suites without evidence of the present plan, or with a fault of the sandbox in it. Parameters: salt, grader.
UNQUALIFIED = f"""
SELECT p.problem_id, p.suite_id, p.plan, p.reference_solutions, p.tests, p.compare, p.checker, p.interactor, p.limits
FROM (SELECT *, md5(to_json(reference_solutions) || $salt) AS plan FROM clean_problems) p
LEFT JOIN (
    SELECT problem_id, suite_id, plan, bool_or(verdict = 'sandbox_error') AS faulty
    FROM suite_evidence WHERE grader_version = $grader GROUP BY ALL
) e USING (problem_id, suite_id, plan)
WHERE {_RUNNABLE} > 0 AND len(p.tests) > 0 AND coalesce(e.faulty, true)
ORDER BY p.problem_id
"""

_COUNTS = ("known_good", "known_good_passed", "known_bad", "known_bad_failed", "mutants", "mutants_failed")

# One row a clean problem, columns as SuiteQuality, from the newest plan's evidence. Parameters: grader, min_tpr.
QUALITY = f"""
WITH e AS (
    SELECT problem_id, suite_id, plan,
        count(*) FILTER (role = 'known_good') AS known_good,
        count(*) FILTER (role = 'known_good' AND verdict = 'accepted') AS known_good_passed,
        count(*) FILTER (role = 'known_bad') AS known_bad,
        count(*) FILTER (role = 'known_bad' AND verdict <> 'accepted') AS known_bad_failed,
        count(*) FILTER (role = 'mutant') AS mutants,
        count(*) FILTER (role = 'mutant' AND verdict <> 'accepted') AS mutants_failed,
        max(cpu_s * least(1.0, host_speed))
            FILTER (role = 'known_good' AND verdict = 'accepted' AND language = 'python') AS python_need_s,
        max(cpu_s * least(1.0, host_speed))
            FILTER (role = 'known_good' AND verdict = 'accepted' AND language = 'cpp') AS cpp_need_s,
        min(message) FILTER (role = 'known_good' AND verdict <> 'accepted') AS complaint
    FROM suite_evidence
    WHERE grader_version = $grader AND verdict NOT IN ('sandbox_error', 'compile_error')
    GROUP BY problem_id, suite_id, plan
    QUALIFY row_number() OVER (PARTITION BY problem_id, suite_id ORDER BY max(created_at) DESC, plan) = 1
), q AS (
    SELECT p.problem_id, p.suite_id, {_RUNNABLE} AS runnable, len(p.tests) AS tests, e.complaint,
        {", ".join(f"coalesce(e.{name}, 0) AS {name}" for name in _COUNTS)},
        e.known_good_passed / nullif(e.known_good, 0) AS true_positive_rate,
        (e.known_bad_failed + e.mutants_failed) / nullif(e.known_bad + e.mutants, 0) AS true_negative_rate,
        e.python_need_s, e.cpp_need_s
    FROM clean_problems p LEFT JOIN e USING (problem_id, suite_id)
)
SELECT problem_id, suite_id,
    CASE WHEN true_positive_rate IS NULL THEN 'unknown' WHEN true_positive_rate < $min_tpr THEN 'quarantined'
         ELSE 'qualified' END AS status,
    CASE WHEN true_positive_rate < $min_tpr THEN (known_good - known_good_passed) || ' of ' || known_good
              || ' known-good programs fail, such as: ' || left(coalesce(complaint, ''), 200)
         WHEN true_positive_rate IS NOT NULL THEN known_good_passed || ' of ' || known_good || ' known-good programs pass'
         WHEN tests = 0 THEN 'no tests'
         WHEN runnable = 0 THEN 'no reference solution that can be run'
         ELSE 'no known-good program that compiles' END AS reason,
    {", ".join(_COUNTS)}, true_positive_rate, true_negative_rate, python_need_s, cpp_need_s
FROM q
"""

STATUSES = "SELECT status, count(*) AS rows FROM suite_quality GROUP BY ALL ORDER BY rows DESC"
STRENGTH = "SELECT true_negative_rate AS rate FROM suite_quality WHERE true_negative_rate IS NOT NULL USING SAMPLE 10000"
