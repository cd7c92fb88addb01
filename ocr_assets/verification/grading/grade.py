"""From a solution and a suite to a verdict: limits resolved, tests turned into runs, outcomes judged (docs/grading.md, §1, §4).

The sandbox reports facts (``resources/sandbox``); expected outputs stay here, on the host. Comparison is in ``compare.py``,
asserts that become calls in ``asserts.py``, the problem's own checkers in ``checkers.py``, what makes an accepted program
suspect in ``suspicion.py``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypedDict

from ocr_assets.programs.suites import Suite
from ocr_assets.schema import Checker, Language, Limits, Test, TestVerdict, Verdict, VerdictName, content_id
from ocr_assets.verification.grading import checkers
from ocr_assets.verification.grading.asserts import AssertedCall, as_call
from ocr_assets.verification.grading.compare import compare_output, compare_value
from ocr_assets.verification.grading.standards import STANDARDS, execute
from ocr_assets.verification.tampering import suspicion
from resources.sandbox.api import Interactor, Outcome, Program, Run, RunLimits, RunOutcome, Sandbox, SandboxFault

GRADER_VERSION = "2"
NEAR = 0.15  # a verdict this close to a limit is run again alone before it is recorded (docs/grading.md, §1)
HEAD = 200  # characters of a failed test's outputs that are kept
HELD_BYTES = 64 * 1024 * 1024  # of outputs that wait for a checker


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
    cpu_limit_s: float
    image: str
    isolation_level: str
    grader_version: str
    host_speed: float
    flags: list[str]


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


@dataclass(frozen=True)
class PreparedTest:
    """A test as the run of a program. ``call``: where an assert became a call."""

    test: Test
    run: Run
    call: AssertedCall | None = None


def prepare(test: Test) -> PreparedTest:
    """What the sandbox is to run for a test. An assert becomes a call where it can (``asserts.py``)."""
    if test["kind"] == "stdin":
        return PreparedTest(test, Run("stdin", stdin=_bytes(test["input"])))
    if test["kind"] == "call":
        arguments = json.loads(test["input"])
        return PreparedTest(test, Run("call", entry=test["entry_point"], args=arguments["args"], kwargs=arguments["kwargs"]))
    code = test["code"] or ""
    call = as_call(code) if test["kind"] == "assert" else None
    return PreparedTest(test, Run(test["kind"], code=code) if call is None else call.run, call)


def judge_run(prepared: PreparedTest, run: RunOutcome, suite: Suite) -> tuple[VerdictName, str]:
    """The verdict on one run of one test that needs no checker, and its message."""
    test = prepared.test
    if run.status != "ok":
        if run.status == "runtime_error" and isinstance(run.value, dict) and run.value.get("wrong") is True:
            return "wrong_answer", run.error  # a test's assertion failed
        tail = run.stderr.decode("utf-8", "replace").strip().splitlines()
        return run.status, run.error or (tail[-1][:300] if tail else "")
    if test["kind"] == "stdin":
        difference = compare_output(_bytes(test["output"]), run.stdout, suite["compare"])
    elif prepared.call is not None:
        difference = prepared.call.difference(run.value)
    elif test["kind"] == "call":
        difference = compare_value(json.loads(test["output"]), run.value, suite["compare"], test["expected_may_be_nested"])
    else:
        difference = None  # the assertion held inside
    return ("accepted", "") if difference is None else ("wrong_answer", difference)


def grade(sandbox: Sandbox, language: Language, code: str, suite: Suite, settings: GradeSettings | None = None) -> Judged:
    """Judge one solution. What cannot be judged (no tests, call tests for C++) is a ``sandbox_error`` that says so."""
    settings = settings or GradeSettings()
    job = _Job(sandbox, language, code, suite, settings)
    if (reason := unjudgeable(suite, language)) is not None:
        return job.judged([], "sandbox_error", reason, None)
    limits = resolve_limits(suite["limits"], language, settings)
    try:
        outcome, tests = job.run(limits)
        if outcome.host_speed < 1.0 and any(test["verdict"] == "time_limit" for test in tests):
            # A slower host gets more CPU seconds, so that the same program gets the same verdict everywhere.
            limits = resolve_limits(suite["limits"], language, settings, outcome.host_speed)
            outcome, tests = job.run(limits)
        if _near_limit(tests, limits):
            outcome, tests = job.run(limits, alone=True)
        failure = next((test for test in tests if test["verdict"] != "accepted"), None)
        if outcome.interactor_message is not None:
            message = f"the interactor does not compile: {outcome.interactor_message[:500]}"
            return job.judged([], "sandbox_error", message, outcome)
        if not outcome.compiled:
            return job.judged([], "compile_error", outcome.compile_message, outcome)
        if failure is None and (lie := job.believes_a_lie(limits)) is not None:
            return job.judged(tests, "suspect", lie, outcome)
    except SandboxFault as error:
        return job.judged([], "sandbox_error", str(error), None)
    if failure is None:
        return job.judged(tests, "accepted", "", outcome)
    return job.judged(tests, failure["verdict"], failure["message"], outcome)


def unjudgeable(suite: Suite, language: Language) -> str | None:
    """Why no program of ``language`` can be judged by ``suite``, or None."""
    if not suite["tests"]:
        return "the problem has no tests"
    if language == "cpp" and any(test["kind"] != "stdin" for test in suite["tests"]):
        return "only stdin tests can be run for C++"
    if (suite["checker"] or suite["interactor"]) and any(test["kind"] != "stdin" for test in suite["tests"]):
        return "a checker or interactor needs stdin tests"
    return None


@dataclass(frozen=True)
class _Job:
    """One solution before one suite."""

    sandbox: Sandbox
    language: Language
    code: str
    suite: Suite
    settings: GradeSettings

    def run(self, limits: RunLimits, *, alone: bool = False) -> tuple[Outcome, list[TestVerdict]]:
        """All tests, or those up to the first failure."""
        tests = [prepare(test) for test in self.suite["tests"]]
        if self.suite["interactor"] is not None:
            return self._interacted(tests, limits, alone)
        if self.suite["checker"] is not None:
            return self._checked(tests, limits, alone)
        return self._compared(tests, limits, alone)

    def _compared(self, tests: Sequence[PreparedTest], limits: RunLimits, alone: bool) -> tuple[Outcome, list[TestVerdict]]:
        found: list[TestVerdict] = []

        def until(index: int, run: RunOutcome) -> bool:
            del found[index:]  # called anew from 0 after a fault of the sandbox
            run = _within(run, limits)
            found.append(_test_verdict(index, *judge_run(tests[index], run, self.suite), run))
            return self._enough(found)

        return self._execute([test.run for test in tests], limits, until, alone), found

    def _checked(self, tests: Sequence[PreparedTest], limits: RunLimits, alone: bool) -> tuple[Outcome, list[TestVerdict]]:
        """Outputs are collected and then shown to the checker: it needs a sandbox of its own, and this one is on loan until
        the program ends. Where outputs are large that is done in parts."""
        checker = self.suite["checker"]
        assert checker is not None
        found: list[TestVerdict] = []
        while True:
            start, held = len(found), list[RunOutcome]()

            def until(index: int, run: RunOutcome, held: list[RunOutcome] = held) -> bool:
                del held[index:]
                held.append(_within(run, limits))
                ended = self.settings.stop_at_first_failure and held[-1].status != "ok"
                return ended or sum(len(kept.stdout) for kept in held) > HELD_BYTES

            outcome = self._execute([test.run for test in tests[start:]], limits, until, alone)
            found += self._judgements(checker, tests[start:], held, start)
            if not held or len(found) == len(tests) or self._enough(found):
                return outcome, found

    def _judgements(
        self, checker: Checker, tests: Sequence[PreparedTest], runs: Sequence[RunOutcome], start: int
    ) -> list[TestVerdict]:
        ended = [position for position, run in enumerate(runs) if run.status == "ok"]
        asked = [checkers.Output(_bytes(tests[i].test["input"]), _bytes(tests[i].test["output"]), runs[i].stdout) for i in ended]
        judgements = dict(zip(ended, self._ask(checker, asked), strict=False))
        found: list[TestVerdict] = []
        for position, run in enumerate(runs):
            if run.status != "ok":
                verdict, message = judge_run(tests[position], run, self.suite)
            elif position not in judgements:
                break  # the checker stopped at the first wrong one
            else:
                judgement = judgements[position]
                verdict = "sandbox_error" if judgement.fault else "accepted" if judgement.right else "wrong_answer"
                message = "" if verdict == "accepted" else judgement.message
            found.append(_test_verdict(start + position, verdict, message, run))
            if self._enough(found):
                break
        return found

    def _interacted(self, tests: Sequence[PreparedTest], limits: RunLimits, alone: bool) -> tuple[Outcome, list[TestVerdict]]:
        interactor = self.suite["interactor"]
        assert interactor is not None
        found: list[TestVerdict] = []
        logs: list[bytes] = []

        def until(index: int, run: RunOutcome) -> bool:
            del found[index:], logs[index:]
            run = _within(run, limits)
            found.append(_test_verdict(index, *_after_interaction(interactor, tests[index], run, self.suite), run))
            logs.append(checkers.log(run.interactor) if run.interactor is not None else b"")
            return self._enough(found)

        runs = [checkers.interaction(interactor, _bytes(test.test["input"]), _bytes(test.test["output"])) for test in tests]
        for standard in STANDARDS if interactor["language"] == "cpp" else STANDARDS[:1]:
            outcome = self._execute(runs, limits, until, alone, checkers.as_interactor(interactor, standard))
            if outcome.interactor_message is None:
                break
        if self.suite["checker"] is not None:
            self._check_logs(self.suite["checker"], tests, logs, found)
        return outcome, found

    def _check_logs(
        self, checker: Checker, tests: Sequence[PreparedTest], logs: Sequence[bytes], found: list[TestVerdict]
    ) -> None:
        """Where a problem has both, its checker has the last word on an interaction that its interactor found right."""
        interactions = [index for index, test in enumerate(found) if test["verdict"] == "accepted"]
        asked = [checkers.Output(_bytes(tests[i].test["input"]), _bytes(tests[i].test["output"]), logs[i]) for i in interactions]
        said = self._ask(checker, asked)
        for index, judgement in zip(interactions, said, strict=False):
            if not judgement.right:
                verdict: VerdictName = "sandbox_error" if judgement.fault else "wrong_answer"
                found[index] = {**found[index], "verdict": verdict, "message": judgement.message[:500]}
                if self.settings.stop_at_first_failure:
                    del found[index + 1 :]
                    return

    def _ask(self, checker: Checker, asked: Sequence[checkers.Output]) -> Sequence[checkers.Judgement]:
        """The checker's judgements; fewer if one is enough."""
        said = checkers.check(self.sandbox, checker, asked, stop_at_wrong=self.settings.stop_at_first_failure) if asked else []
        # It does not run at all: nothing is known about any output.
        return said * len(asked) if len(said) == 1 and said[0].fault else said

    def _execute(
        self,
        runs: Sequence[Run],
        limits: RunLimits,
        until: Callable[[int, RunOutcome], bool],
        alone: bool = False,
        interactor: Interactor | None = None,
    ) -> Outcome:
        # Runs get 15 % more than they may use: who is stopped there is over the limit for certain, and needs no second run.
        generous = replace(limits, cpu_s=limits.cpu_s * (1 + NEAR), memory_mb=int(limits.memory_mb * (1 + NEAR)) + 1)
        program = Program(self.language, self.code, runs, generous, interactor=interactor)
        return execute(self.sandbox, program, until, alone=alone)

    def _enough(self, found: Sequence[TestVerdict]) -> bool:
        return self.settings.stop_at_first_failure and found[-1]["verdict"] != "accepted"

    def believes_a_lie(self, limits: RunLimits) -> str | None:
        """What is wrong with an accepted program: a test it must fail, and passed. None: it fails them all, as it should."""
        for lie in suspicion.lies(self.suite["tests"]):
            if any(name in ("", *lie.names) for name in self._passed(lie.tests, limits)):
                return f"it also passes the tests with {lie.name}"
        return None

    def _passed(self, tests: Sequence[Test], limits: RunLimits) -> set[str]:
        """The test functions that the program passes; "" for a test as a whole."""
        passed: set[str] = set()

        def until(index: int, run: RunOutcome) -> bool:
            if index == 0:
                passed.clear()  # called anew after a fault of the sandbox
            if isinstance(run.value, dict) and "passed" in run.value:
                passed.update(_function(name) for name in run.value["passed"])
            elif run.status == "ok":
                passed.add("")
            return False

        self._execute([Run(test["kind"], code=test["code"]) for test in tests], limits, until)
        return passed

    def judged(self, tests: list[TestVerdict], verdict: VerdictName, message: str, outcome: Outcome | None) -> Judged:
        return {
            "verdict": verdict,
            "tests_passed": sum(test["verdict"] == "accepted" for test in tests),
            "tests_total": len(self.suite["tests"]),
            "first_failure": next((test["index"] for test in tests if test["verdict"] != "accepted"), None),
            "cpu_s": max((test["cpu_s"] for test in tests), default=0.0),
            "wall_s": max((test["wall_s"] for test in tests), default=0.0),
            "memory_mb": max((test["memory_mb"] for test in tests), default=0.0),
            "tests": tests,
            "message": _storable(message, 1000),
            "cpu_limit_s": resolve_limits(self.suite["limits"], self.language, self.settings).cpu_s,
            "image": outcome.image if outcome else "",
            "isolation_level": outcome.isolation_level if outcome else "",
            "grader_version": GRADER_VERSION,
            "host_speed": outcome.host_speed if outcome else 0.0,
            "flags": suspicion.flags(self.code) if self.language == "python" else [],
        }


def _after_interaction(interactor: Checker, prepared: PreparedTest, run: RunOutcome, suite: Suite) -> tuple[VerdictName, str]:
    """Who ended first decides: an interactor that has said wrong makes the program's later end meaningless, and a program
    that crashed makes the interactor's."""
    assert run.interactor is not None
    said = checkers.interactor_says(interactor, run.interactor)
    if said.fault and run.interactor.status == "ok":  # it ended of its own will and said nothing: no program makes it do that
        return "sandbox_error", said.message
    # A pipe without a reader is one the interactor has left; 120 is Python's code for output it could not flush at the end.
    pipe_closed = run.signal == 13 or run.exit_code == 120 or b"BrokenPipeError" in run.stderr
    if run.status != "ok" and not (run.status == "runtime_error" and (run.interactor.first or pipe_closed)):
        return judge_run(prepared, run, suite)
    if said.fault:
        return "sandbox_error", said.message
    if not said.right:
        return "wrong_answer", said.message
    if run.status == "ok" or pipe_closed:
        return "accepted", ""
    return judge_run(prepared, run, suite)


def _function(node: str) -> str:
    """``test_a`` of pytest's ``test_solution.py::TestCase::test_a[1]``."""
    return node.partition("[")[0].rpartition("::")[2]


def _storable(text: str, limit: int) -> str:
    """Cut, and fit for UTF-8: a program may raise an error with half a character in its text."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


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
        "message": _storable(message, 500),
        "stdout_head": None if verdict == "accepted" else _head(run.stdout),
        "stderr_head": None if verdict == "accepted" else _head(run.stderr),
    }


def _head(output: bytes) -> str:
    return output[: 4 * HEAD].decode("utf-8", "replace")[:HEAD]


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
    are judged once, also when both are in flight.
    """
    known: dict[tuple[str, str, str], Future[Judged]] = {}
    lock = threading.Lock()

    def prepared() -> Iterator[tuple[Item, Suite]]:
        problem, suite = "", None
        for item in items:
            if suite is None or item["problem_id"] != problem:
                problem, suite = item["problem_id"], suite_of(item["problem_id"])
                with lock:
                    known.clear()
            yield item, suite

    def judge(work: tuple[Item, Suite]) -> tuple[Item, Judged]:
        item, suite = work
        key = (item["suite_id"], item["language"], item["code"])
        with lock:
            future = known.get(key)
            first = future is None
            if future is None:
                future = known[key] = Future()
        if first:
            try:
                future.set_result(grade(sandbox, item["language"], item["code"], suite, settings))
            except BaseException as error:
                future.set_exception(error)
                raise
        judged = future.result()  # the one before it is at work: items start in order
        if judged["verdict"] == "sandbox_error" and not first:
            judged = grade(sandbox, item["language"], item["code"], suite, settings)
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
