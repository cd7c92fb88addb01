"""Verdicts, what is known about the suites behind them, and the labelled triplets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.figures import ACCEPTANCE, SANDBOX_FAULTS
from ocr_assets.schema.problems import Language
from resources.lake.tables import Table

VerdictName = Literal[
    "accepted",
    "suspect",
    "wrong_answer",
    "time_limit",
    "idle_limit",
    "memory_limit",
    "output_limit",
    "runtime_error",
    "compile_error",
    "ungradable",
    "sandbox_error",
]


class TestVerdict(TypedDict):
    """What became of one test."""

    index: Annotated[int, "Position in the suite, from 0"]
    verdict: Annotated[VerdictName, "What the sandbox found"]
    cpu_s: Annotated[float, "CPU seconds of the process family"]
    wall_s: Annotated[float, "Wall seconds"]
    memory_mb: Annotated[float, "Peak, MiB"]
    exit_code: Annotated[int | None, "null: ended by a signal"]
    signal: Annotated[int | None, "Number of the signal"]
    message: Annotated[str, "First differing place, error text"]
    stdout_head: Annotated[str | None, "First 200 characters of what a failed test wrote"]
    stderr_head: Annotated[str | None, "The same of stderr"]


class Verdict(TypedDict):
    """What a sandbox and a comparison found about one solution and one suite."""

    verdict_id: Annotated[str, "Hash of solution, suite and grader version"]
    solution_id: Annotated[str, "The solution"]
    problem_id: Annotated[str, "The problem"]
    suite_id: Annotated[str, "The suite it was judged by"]
    language: Annotated[Language, "python or cpp"]
    verdict: Annotated[VerdictName, "What the sandbox found"]
    tests_passed: Annotated[int, "Tests that passed"]
    tests_total: Annotated[int, "Tests in the suite"]
    first_failure: Annotated[int | None, "Index of the first test that failed"]
    cpu_s: Annotated[float, "Highest of a test"]
    wall_s: Annotated[float, "Highest of a test"]
    memory_mb: Annotated[float, "Highest of a test"]
    tests: Annotated[list[TestVerdict], "The tests that ran, in order"]
    message: Annotated[str, "Of the first failure"]
    cpu_limit_s: Annotated[float, "CPU seconds a test was allowed, on the reference host"]
    image: Annotated[str, "Sandbox image and digest"]
    isolation_level: Annotated[str, "What locked the program in: docker+uid+seccomp:…, docker+runsc+uid, process …"]
    grader_version: Annotated[str, "Of our grader"]
    host_speed: Annotated[float, "Speed of the host relative to the reference loop"]
    flags: Annotated[
        list[str],
        "hash_order: right by luck, and wrong where sets have another order; the others are for people: what in the code could "
        "deceive a test, such as os._exit",
    ]
    created_at: Annotated[datetime, "When (UTC)"]
    untrusted_reason: Annotated[str | None, "Why the verdict proves little, such as tests that shared a process with the program"]


class SuiteValidation(TypedDict):
    """A program whose verdict is known beforehand, before a suite: what the suite says of it says how good the suite is."""

    validation_id: Annotated[str, "Hash of suite, plan, role, language and code"]
    problem_id: Annotated[str, "The problem"]
    suite_id: Annotated[str, "The suite"]
    plan: Annotated[str, "Hash of the problem's reference solutions and of how many were asked for"]
    role: Annotated[
        Literal["reference", "rejected", "mutant"],
        "reference: the source calls it right; rejected: the source calls it wrong; mutant: of a reference solution that passes",
    ]
    language: Annotated[Language, "python or cpp"]
    code: Annotated[str, "Its text"]
    mutation: Annotated[str | None, "mutant: line, what stood there, what stands there now"]
    verdict: Annotated[VerdictName, "What the suite says"]
    tests_passed: Annotated[int, "Tests that passed"]
    tests_total: Annotated[int, "Tests in the suite"]
    first_failure: Annotated[int | None, "Index of the first test that failed"]
    cpu_s: Annotated[float, "Highest of a test"]
    memory_mb: Annotated[float, "Highest of a test"]
    message: Annotated[str, "Of the first failure"]
    image: Annotated[str, "Sandbox image and digest"]
    grader_version: Annotated[str, "Of our grader"]
    host_speed: Annotated[float, "Speed of the host relative to the reference loop"]
    created_at: Annotated[datetime, "When (UTC)"]


class SuiteQuality(TypedDict):
    """How far the verdicts of a problem's suite can be trusted. Rates leave out programs that do not compile here."""

    problem_id: Annotated[str, "The problem"]
    suite_id: Annotated[str, "Its present suite"]
    status: Annotated[
        Literal["qualified", "quarantined", "unknown"],
        "quarantined: reference solutions fail, so the suite or its checker is broken; unknown: none could be run",
    ]
    reason: Annotated[str, "Why"]
    references_run: Annotated[int, "Reference solutions that were run"]
    references_passed: Annotated[int, "Of them accepted, as they should be"]
    rejected_run: Annotated[int, "Rejected submissions that were run"]
    rejected_failed: Annotated[int, "Of them not accepted, as they should be"]
    mutants_run: Annotated[int, "Mutants that were run"]
    mutants_failed: Annotated[int, "Of them not accepted; some mutants are right, so all can be too much to ask"]
    true_positive_rate: Annotated[float | None, "references_passed / references_run"]
    true_negative_rate: Annotated[float | None, "(rejected_failed + mutants_failed) / (rejected_run + mutants_run)"]
    python_need_s: Annotated[float | None, "CPU seconds of the slowest accepted reference Python program, reference host"]
    cpp_need_s: Annotated[float | None, "The same for C++"]


class Triplet(TypedDict):
    """Question, solution and suite with their verdict: the table of labels. View ``triplets`` adds the tests."""

    triplet_id: Annotated[str, "Hash of solution and suite"]
    problem_id: Annotated[str, "The problem"]
    response_id: Annotated[str, "The response"]
    solution_id: Annotated[str, "The solution"]
    verdict_id: Annotated[str | None, "The verdict; null: nothing was run"]
    suite_id: Annotated[str, "The suite it was judged by"]
    language: Annotated[Language, "python or cpp"]
    dataset: Annotated[str, "taco, apps, code_contests, codeforces, local, published"]
    source: Annotated[str, "Platform"]
    split: Annotated[str, "train, validation, test"]
    license: Annotated[str, "Licence of the question"]
    difficulty: Annotated[str | None, "As the source says it"]
    question: Annotated[str, "The statement"]
    solution: Annotated[str | None, "The code"]
    verdict: Annotated[VerdictName | None, "null: nothing to run; see reason"]
    reason: Annotated[str, "accepted, or why not: verdict and first failure, or the parse status"]
    trusted: Annotated[
        bool,
        "False where the verdict may be wrong, or there is none: several answers allowed and no checker, a quarantined suite, "
        "tests that shared a process with the program",
    ]
    tests_passed: Annotated[int | None, "Tests that passed"]
    tests_total: Annotated[int, "Tests in the suite"]
    pass_rate: Annotated[float | None, "tests_passed / tests_total"]
    suite_status: Annotated[Literal["qualified", "quarantined", "unknown"], "See suite_quality"]
    suite_tpr: Annotated[float | None, "Share of reference solutions the suite accepts"]
    suite_tnr: Annotated[float | None, "Share of rejected submissions and mutants it does not accept"]
    graded_at: Annotated[datetime | None, "When the verdict was made (UTC)"]
    response_license: Annotated[str | None, "Licence under which the answer was published; null: it was asked for here"]
    response_origin: Annotated[str | None, "Where a published answer was read; null: it was asked for here"]


SUITE_VALIDATION = Table(
    "suite_validation",
    SuiteValidation,
    ("validation_id",),
    "Programs of known worth before the suites of their problems.",
    figures=(SANDBOX_FAULTS,),
)


SUITE_QUALITY = Table("suite_quality", SuiteQuality, ("problem_id",), "How far each suite's verdicts can be trusted.")


VERDICTS = Table(
    "verdicts",
    Verdict,
    ("verdict_id",),
    "What the sandbox found.",
    figures=(
        ACCEPTANCE,
        SANDBOX_FAULTS,
    ),
)


VERIFIED_TRIPLETS = Table(
    "verified_triplets", Triplet, ("triplet_id",), "Question, solution, tests and verdict.", figures=(ACCEPTANCE,)
)
