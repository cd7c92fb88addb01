"""From a solution and a suite to a verdict: limits resolved, tests turned into runs, outcomes judged (grading.md, §§1, 2, 4).

The sandbox reports facts (``resources/sandbox``); expected outputs stay here, on the host. Comparison is in ``compare.py``,
the problem's own checkers in ``checkers.py``.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypedDict

from ocr_assets.records import Language, Limits, Test, TestVerdict, Verdict, VerdictName, content_id
from ocr_assets.suites import Suite
from ocr_assets.verification.checkers import check
from ocr_assets.verification.compare import compare_output, compare_value
from resources.sandbox.api import Outcome, Program, Run, RunLimits, RunOutcome, Sandbox, SandboxFault

GRADER_VERSION = "1"
NEAR = 0.15  # a verdict this close to a limit is run again alone before it is recorded (grading.md, §1)


@dataclass(frozen=True)
class GradeSettings:
    """Defaults for what a problem leaves open."""

    cpu_s: float = 2.0
    memory_mb: float = 256.0
    output_mb: float = 64.0
    processes: int = 32
    python_factor: float = 3.0
    cpp_factor: float = 1.0
    stop_at_first_failure: bool = True


class Judged(TypedDict):
    """A verdict before it gets its ids: see ``Verdict`` for the columns."""

    verdict: VerdictName
    tests_passed: int
    tests_total: int
    first_failure: int | None
    cpu_s: float
    wall_s: float
    memory_mb: float
    tests: list[TestVerdict]
    message: str
    image: str
    isolation_level: str
    grader_version: str
    host_speed: float


class Item(TypedDict):
    """What ``grade_many`` takes: whose code, in what language, against which suite."""

    solution_id: str
    problem_id: str
    suite_id: str
    language: Language
    code: str


def resolve_limits(limits: Limits, language: Language, settings: GradeSettings, host_speed: float = 1.0) -> RunLimits:
    """Limits of one run. CPU time is for C++ and the reference host: times the language's factor, divided by a slower
    host's speed (a faster host gets no less than the stated time). Wall time only catches sleepers: three times that and
    five seconds, or what the problem says if that is more than the CPU time."""
    factor = limits["python_factor"] if language == "python" else limits["cpp_factor"]
    if factor is None:
        factor = settings.python_factor if language == "python" else settings.cpp_factor
    cpu_s = (limits["cpu_s"] or settings.cpu_s) * factor / min(1.0, host_speed)
    wall_s = limits["wall_s"] if limits["wall_s"] is not None else 3 * cpu_s + 5
    return RunLimits(
        cpu_s=cpu_s,
        wall_s=max(wall_s, cpu_s),
        memory_mb=int(limits["memory_mb"] or settings.memory_mb),
        output_mb=int(limits["output_mb"] or settings.output_mb),
        processes=limits["processes"] or settings.processes,
    )


def to_run(test: Test) -> tuple[Run, Callable[[RunOutcome], str | None] | None]:
    """A test as the run of a program; for an assert that is one call compared with a literal, also how to judge it.

    Comparing on the host is what keeps expected values out of the sandbox, so ``assert f(2) == 4`` becomes a call.
    """
    if test["kind"] == "stdin":
        return Run("stdin", stdin=test["input"].encode("utf-8", "surrogateescape")), None
    if test["kind"] == "call":
        arguments = json.loads(test["input"])
        return Run("call", entry=test["entry"], args=arguments["args"], kwargs=arguments["kwargs"]), None
    code = test["code"] or ""
    if test["kind"] == "assert" and (call := _as_call(code)):
        entry, args, kwargs, expected = call
        return Run("call", entry=entry, args=args, kwargs=kwargs), lambda run: compare_value(expected, run.value)
    return Run(test["kind"], code=code), None


def _as_call(code: str) -> tuple[str, list[Any], dict[str, Any], Any] | None:
    """``assert f(literals) == literal`` taken apart; None where it is anything else, or a literal JSON cannot carry."""
    try:
        tree = ast.parse(code.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Assert):
        return None
    test = tree.body[0].test
    if not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq)):
        return None
    call, other = test.left, test.comparators[0]
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        return None
    if any(isinstance(arg, ast.Starred) for arg in call.args) or any(kw.arg is None for kw in call.keywords):
        return None
    try:
        args = [ast.literal_eval(arg) for arg in call.args]
        kwargs = {str(kw.arg): ast.literal_eval(kw.value) for kw in call.keywords}
        expected = ast.literal_eval(other)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    # A float is compared exactly by ==, so it stays an assert; tuples and sets would change type on their way in.
    if not all(_json_exact(value) for value in (args, kwargs, expected)) or _has_float(expected):
        return None
    return call.func.id, args, kwargs, expected


def _json_exact(value: Any) -> bool:
    if isinstance(value, list):
        return all(_json_exact(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _json_exact(item) for key, item in value.items())
    return value is None or isinstance(value, bool | int | float | str)


def _has_float(value: Any) -> bool:
    if isinstance(value, list):
        return any(_has_float(item) for item in value)
    if isinstance(value, dict):
        return any(_has_float(item) for item in value.values())
    return isinstance(value, float)


def judge_run(
    sandbox: Sandbox, suite: Suite, test: Test, run: RunOutcome, judge: Callable[[RunOutcome], str | None] | None
) -> tuple[VerdictName, str]:
    """The verdict on one run of one test, and its message."""
    if run.status != "ok":
        tail = run.stderr.decode("utf-8", "replace").strip().splitlines()
        return run.status, run.error or (tail[-1][:300] if tail else "")
    if test["kind"] == "stdin":
        expected = test["output"].encode("utf-8", "surrogateescape")
        if suite["checker"] is not None:
            found = check(sandbox, suite["checker"], test["input"].encode("utf-8", "surrogateescape"), expected, run.stdout)
            if found.fault:
                return "sandbox_error", found.message
            return ("accepted", "") if found.right else ("wrong_answer", found.message)
        difference = compare_output(expected, run.stdout, suite["compare"])
    elif judge is not None:
        difference = judge(run)
    elif test["kind"] == "call":
        difference = compare_value(json.loads(test["output"]), run.value, suite["compare"], test["wrapped"])
    else:
        difference = None  # the assertion held inside
    return ("accepted", "") if difference is None else ("wrong_answer", difference)


def grade(sandbox: Sandbox, language: Language, code: str, suite: Suite, settings: GradeSettings | None = None) -> Judged:
    """Judge one solution. Raises ``ValueError`` for a suite without tests: there is nothing to judge by."""
    settings = settings or GradeSettings()
    if not suite["tests"]:
        raise ValueError("a suite without tests gives no verdict")
    if suite["interactor"] is not None:  # run without its partner, even a crash would say nothing
        return _judged([], len(suite["tests"]), "sandbox_error", "interactive problems are not run yet", None)
    limits = resolve_limits(suite["limits"], language, settings)
    try:
        outcome, verdicts = _run(sandbox, language, code, suite, settings, limits)
        if outcome.host_speed < 1.0 and any(test["verdict"] == "time_limit" for test in verdicts):
            # A slower host gets more CPU seconds, so that the same program gets the same verdict everywhere.
            limits = resolve_limits(suite["limits"], language, settings, outcome.host_speed)
            outcome, verdicts = _run(sandbox, language, code, suite, settings, limits)
        if _near_limit(verdicts, limits):
            outcome, verdicts = _run(sandbox, language, code, suite, settings, limits, alone=True)
    except SandboxFault as error:
        return _judged([], len(suite["tests"]), "sandbox_error", str(error), None)
    if not outcome.compiled:
        return _judged([], len(suite["tests"]), "compile_error", outcome.compile_message, outcome)
    failure = next((test for test in verdicts if test["verdict"] != "accepted"), None)
    if failure is None:
        return _judged(verdicts, len(suite["tests"]), "accepted", "", outcome)
    return _judged(verdicts, len(suite["tests"]), failure["verdict"], failure["message"], outcome)


def _run(
    sandbox: Sandbox,
    language: Language,
    code: str,
    suite: Suite,
    settings: GradeSettings,
    limits: RunLimits,
    alone: bool = False,
) -> tuple[Outcome, list[TestVerdict]]:
    tests = suite["tests"]
    prepared = [to_run(test) for test in tests]
    if language == "cpp" and any(run.kind != "stdin" for run, _ in prepared):
        raise SandboxFault("only stdin tests can be run for C++")
    # Checkers run after the program: they need a sandbox of their own, and this one is on loan until the program ends.
    checked_later = suite["checker"] is not None
    verdicts: list[TestVerdict] = []

    def until(index: int, run: RunOutcome) -> bool:
        run = _within(run, limits)
        if checked_later:
            return settings.stop_at_first_failure and run.status != "ok"
        verdict, message = judge_run(sandbox, suite, tests[index], run, prepared[index][1])
        verdicts.append(_test_verdict(index, verdict, message, run))
        return settings.stop_at_first_failure and verdict != "accepted"

    # Runs get 15 % more than they may use: who is stopped there is over the limit for certain, and needs no second run.
    generous = replace(limits, cpu_s=limits.cpu_s * (1 + NEAR), memory_mb=int(limits.memory_mb * (1 + NEAR)) + 1)
    outcome = sandbox.execute(Program(language, code, [run for run, _ in prepared], generous), until, alone=alone)
    if checked_later:
        verdicts = []
        for index, run in enumerate(outcome.runs):
            run = _within(run, limits)
            verdict, message = judge_run(sandbox, suite, tests[index], run, None)
            verdicts.append(_test_verdict(index, verdict, message, run))
            if settings.stop_at_first_failure and verdict != "accepted":
                break
    else:
        verdicts = verdicts[-len(outcome.runs) :] if outcome.runs else []  # a retry after a fault begins anew
    return outcome, verdicts


def _within(run: RunOutcome, limits: RunLimits) -> RunOutcome:
    """The outcome as the true limits see it."""
    if run.status in ("ok", "runtime_error") and run.cpu_s > limits.cpu_s:
        return replace(run, status="time_limit")
    if run.status in ("ok", "runtime_error") and run.memory_mb > limits.memory_mb:
        return replace(run, status="memory_limit")
    return run


def _near_limit(tests: Sequence[TestVerdict], limits: RunLimits) -> bool:
    """Whether a test's CPU time or memory lies within 15 % of its limit, on either side."""
    return any(
        abs(test["cpu_s"] - limits.cpu_s) < NEAR * limits.cpu_s
        or abs(test["memory_mb"] - limits.memory_mb) < NEAR * limits.memory_mb
        for test in tests
    )


def _test_verdict(index: int, verdict: VerdictName, message: str, run: RunOutcome) -> TestVerdict:
    return {
        "index": index,
        "verdict": verdict,
        "cpu_s": run.cpu_s,
        "wall_s": run.wall_s,
        "memory_mb": run.memory_mb,
        "exit_code": run.exit_code,
        "signal": run.signal,
        "message": message[:500],
    }


def _judged(tests: list[TestVerdict], total: int, verdict: VerdictName, message: str, outcome: Outcome | None) -> Judged:
    return {
        "verdict": verdict,
        "tests_passed": sum(test["verdict"] == "accepted" for test in tests),
        "tests_total": total,
        "first_failure": next((test["index"] for test in tests if test["verdict"] != "accepted"), None),
        "cpu_s": max((test["cpu_s"] for test in tests), default=0.0),
        "wall_s": max((test["wall_s"] for test in tests), default=0.0),
        "memory_mb": max((test["memory_mb"] for test in tests), default=0.0),
        "tests": tests,
        "message": message[:1000],
        "image": outcome.image if outcome else "",
        "isolation_level": outcome.isolation_level if outcome else "",
        "grader_version": GRADER_VERSION,
        "host_speed": outcome.host_speed if outcome else 0.0,
    }


def verdict_id(solution_id: str, suite_id: str) -> str:
    """A verdict's id: the same solution, suite and grader give the same id."""
    return content_id("ver", solution_id, suite_id, GRADER_VERSION)


def grade_many(
    sandbox: Sandbox,
    items: Iterable[Item],
    suite_of: Callable[[str], Suite],
    settings: GradeSettings | None = None,
) -> Iterator[Verdict]:
    """Verdicts in the order of ``items``, a bounded number in flight.

    ``suite_of`` gives a problem's suite; items of one problem should stand together. Identical programs of one problem
    are judged once.
    """
    known: dict[tuple[str, str, str], Judged] = {}

    def prepared() -> Iterator[tuple[Item, Suite]]:
        problem, suite = "", None
        for item in items:
            if suite is None or item["problem_id"] != problem:
                problem, suite = item["problem_id"], suite_of(item["problem_id"])
                known.clear()
            yield item, suite

    def judge(work: tuple[Item, Suite]) -> tuple[Item, Judged]:
        item, suite = work
        key = (item["suite_id"], item["language"], item["code"])
        judged = known.get(key)
        if judged is None:
            judged = grade(sandbox, item["language"], item["code"], suite, settings)
            if judged["verdict"] != "sandbox_error":
                known[key] = judged
        return item, judged

    for item, judged in sandbox.map(judge, prepared()):
        yield {
            "verdict_id": verdict_id(item["solution_id"], item["suite_id"]),
            "solution_id": item["solution_id"],
            "problem_id": item["problem_id"],
            "suite_id": item["suite_id"],
            "language": item["language"],
            "created_at": datetime.now(UTC),
            **judged,
        }
