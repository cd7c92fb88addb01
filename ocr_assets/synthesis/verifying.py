"""What of the teacher's answers is to be verified, and how: one queue of work for the sandbox, whatever was asked.

An attempt's solution and tests have to prove each other (``self_verification.py``). A completion task must fail the tests by
itself, or it tells the solution. The reference of an online-judge task, which reads and prints, must pass the new cases, and an
empty program must not. A response must pass the triplet's own tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, cast

from ocr_assets.grading.grade import grade
from ocr_assets.grading.version import version_of_suite
from ocr_assets.platform.progress import Progress
from ocr_assets.platform.sandboxed import run_and_store
from ocr_assets.programs.suites import Suite, suite_from_json
from ocr_assets.schema import SELF_VERIFICATION, SelfVerification, content_id
from ocr_assets.synthesis.self_verification import SelfVerified, but, found_of, pytest_suite, self_verify
from ocr_assets.synthesis.settings import SelfVerificationSettings
from resources.lake import Edge, Lake, RunInfo
from resources.lake.journal import Journal
from resources.sandbox.api import Sandbox
from resources.sandbox.pool import Pool

Role = Literal["attempt", "complete", "online_judge", "response"]
RULES_VERSION = "1"  # of what follows from runs; another one verifies anew

_UNVERIFIED = """
FROM ({subjects}) s
ANTI JOIN (SELECT subject_id FROM self_verification WHERE plan = $plan AND status <> 'sandbox_error') v USING (subject_id)
ORDER BY question_id, subject_id
"""

# What each role's answers are: subject_id, question_id, role, and what is run.
SUBJECTS: Mapping[str, str] = {
    "attempts": """
SELECT attempt_id AS subject_id, question_id, 'attempt' AS role, solution, test, NULL AS question FROM synthetic_attempts
WHERE parse_status = 'ok' AND question_id IN (SELECT question_id FROM clean_questions)""",
    "conversions": """
SELECT c.conversion_id AS subject_id, c.question_id, c.style AS role, coalesce(c.solution, a.solution) AS solution,
       coalesce(c.test, a.test) AS test, c.question
FROM style_conversions c JOIN synthetic_attempts a USING (attempt_id) WHERE c.parse_status = 'ok'""",
    "responses": """
SELECT r.response_id AS subject_id, r.question_id, 'response' AS role, r.solution, t.test, NULL AS question
FROM kodcode_responses r JOIN synthetic_triplets t USING (triplet_id) WHERE r.parse_status = 'ok' AND t.status = 'verified'""",
}


def plan_of(settings: SelfVerificationSettings) -> str:
    """What a verification depends on beside what is verified: settings, rules and grader. The same hash, the same outcome."""
    version = version_of_suite(pytest_suite("")["tests"])
    return content_id("plan", settings.model_dump(), RULES_VERSION, version)


def unverified(subjects: str) -> str:
    """The query of what is to be verified. Parameter: plan."""
    return _UNVERIFIED.format(subjects=SUBJECTS[subjects])


def verify(sandbox: Sandbox, row: Mapping[str, Any], settings: SelfVerificationSettings) -> SelfVerification:
    """Verify one answer, a row of ``unverified``."""
    found = _VERIFY[row["role"]](sandbox, row, settings)
    plan = plan_of(settings)
    return {
        "verification_id": content_id("sver", row["subject_id"], plan),
        "subject_id": row["subject_id"],
        "question_id": row["question_id"],
        "role": row["role"],
        "plan": plan,
        "created_at": datetime.now(UTC),
        **found,
    }


def _attempt(sandbox: Sandbox, row: Mapping[str, Any], settings: SelfVerificationSettings) -> SelfVerified:
    return self_verify(sandbox, row["solution"], pytest_suite(row["test"]), settings)


def _response(sandbox: Sandbox, row: Mapping[str, Any], settings: SelfVerificationSettings) -> SelfVerified:
    return found_of(grade(sandbox, "python", row["solution"], pytest_suite(row["test"]), settings.grading))


def _complete(sandbox: Sandbox, row: Mapping[str, Any], settings: SelfVerificationSettings) -> SelfVerified:
    """The task as a program: it has names and docstrings, and must not pass."""
    found = found_of(grade(sandbox, "python", row["question"], pytest_suite(row["test"]), settings.grading))
    if found["status"] == "sandbox_error":
        return found
    if found["verdict"] in ("accepted", "suspect"):
        return but(found, status="leaks", message="the code to be completed passes the tests by itself")
    return but(found, status="verified", message="")


def _online_judge(sandbox: Sandbox, row: Mapping[str, Any], settings: SelfVerificationSettings) -> SelfVerified:
    suite = stdin_suite(row["test"])
    found = found_of(grade(sandbox, "python", row["solution"], suite, settings.grading))
    if found["status"] != "verified":
        return found
    empty = grade(sandbox, "python", "pass\n", suite, settings.grading)["verdict"]
    tried = [{"role": "stub", "change": "an empty program", "verdict": empty}]
    if empty == "sandbox_error":
        return but(found, status="sandbox_error", message="on an empty program")
    if empty == "accepted":
        return but(found, status="vacuous", message="an empty program passes", wrong_programs=tried, kill_rate=0.0)
    return but(found, wrong_programs=tried, kill_rate=1.0)


def stdin_suite(cases: str) -> Suite:
    """JSON list of {input, output} as a suite."""
    return suite_from_json({"tests": [{"kind": "stdin", **case} for case in json.loads(cases)]})


_VERIFY: Mapping[str, Callable[[Sandbox, Mapping[str, Any], SelfVerificationSettings], SelfVerified]] = {
    "attempt": _attempt,
    "response": _response,
    "complete": _complete,
    "online_judge": _online_judge,
}


def verify_new(
    store: Lake,
    run: RunInfo,
    journal: Journal,
    pool: Pool,
    subjects: str,
    settings: SelfVerificationSettings,
    say: Callable[[str], object],
) -> dict[str, int]:
    """Verify what has no verification by these settings yet; each is journalled the moment it is there. ``pool``:
    open, and left so. Returns how many came to which status."""
    query, parameters = unverified(subjects), {"plan": plan_of(settings)}
    counts: dict[str, int] = {}

    def results(opened: Pool, progress: Progress) -> Iterator[list[Any]]:
        for row in opened.completed(partial(_verified, opened, settings), store.stream(query, parameters)):
            counts[row["status"]] = counts.get(row["status"], 0) + 1
            progress.add(1)
            yield [row]

    run_and_store(
        store,
        run,
        journal,
        nullcontext(pool),
        (query, parameters),
        results,
        partial(keep, STAGES[subjects]),
        partial(Progress, "self_verification", log=say, unit="programs"),
    )
    return counts


def _verified(opened: Pool, settings: SelfVerificationSettings, row: Mapping[str, Any]) -> SelfVerification:
    return opened.call(verify, row, settings)


# The asset that asks for each kind of answer, in whose name they are verified.
STAGES: Mapping[str, str] = {
    "attempts": "synthetic_attempts",
    "conversions": "style_conversions",
    "responses": "kodcode_responses",
}


def keep(stage: str, store: Lake, run: RunInfo, rows: Sequence[Mapping[str, Any]]) -> None:
    """Verifications and their lineage into the lake, in one transaction."""
    unique = {row["verification_id"]: row for row in rows}
    edges: list[Edge] = [
        {"child": key, "parent": row["subject_id"], "relation": "derived", "reason": cast("str", row["status"])}
        for key, row in unique.items()
    ]
    with store.write(run, stage) as write:
        write.upsert(SELF_VERIFICATION, unique.values())
        write.edges(edges, replace=False)
