"""From one solution and one suite to a verdict (docs/grading.md, §1, §2, §4).

One test is graded in ``runs.py``, limits are in ``limits.py``, the problem's own checkers in ``checkers.py``, the altered suites
that an accepted program must fail in ``tampering/altered_suites.py``; many solutions side by side are in ``batch.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from ocr_assets.programs.suites import Suite
from ocr_assets.schema import Checker, Language, Test, TestVerdict, VerdictName
from ocr_assets.verification.grading import checkers
from ocr_assets.verification.grading.limits import generous, near_limit, resolve_limits, within
from ocr_assets.verification.grading.runs import (
    PreparedTest,
    as_bytes,
    grade_interaction,
    grade_run,
    prepare,
    storable,
    test_row,
)
from ocr_assets.verification.grading.standards import STANDARDS, execute
from ocr_assets.verification.grading.version import grader_version
from ocr_assets.verification.settings import GradingSettings
from ocr_assets.verification.tampering.altered_suites import altered_suites
from ocr_assets.verification.tampering.flags import flags
from resources.sandbox.api import Interactor, Outcome, Program, Run, RunLimits, RunOutcome, Sandbox, SandboxFault

HELD_BYTES = 64 * 1024 * 1024  # of outputs that wait for a checker


class Graded(TypedDict):
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
    untrusted_reason: str | None


def grade(sandbox: Sandbox, language: Language, code: str, suite: Suite, settings: GradingSettings | None = None) -> Graded:
    """Grade one solution. What cannot be graded (no tests, call tests for C++) is a ``sandbox_error`` that says so."""
    settings = settings or GradingSettings()
    job = _Job(sandbox, language, code, suite, settings)
    if (reason := ungradable(suite, language)) is not None:
        return job.graded([], "sandbox_error", reason, None)
    limits = resolve_limits(suite["limits"], language, settings)
    try:
        outcome, tests = job.run(limits)
        if outcome.host_speed < 1.0 and any(test["verdict"] == "time_limit" for test in tests):
            # A slower host gets more CPU seconds, so that the same program gets the same verdict everywhere.
            limits = resolve_limits(suite["limits"], language, settings, outcome.host_speed)
            outcome, tests = job.run(limits)
        if near_limit(tests, limits):
            outcome, tests = job.run(limits, alone=True)
        failure = next((test for test in tests if test["verdict"] != "accepted"), None)
        if outcome.interactor_message is not None:
            message = f"the interactor does not compile: {outcome.interactor_message[:500]}"
            return job.graded([], "sandbox_error", message, outcome)
        if not outcome.compiled:
            return job.graded([], "compile_error", outcome.compile_message, outcome)
        if failure is None and _untrusted(outcome) and (reason := job.passes_altered_suite(limits)) is not None:
            return job.graded(tests, "suspect", reason, outcome)
    except SandboxFault as error:
        return job.graded([], "sandbox_error", str(error), None)
    if failure is None:
        return job.graded(tests, "accepted", "", outcome)
    return job.graded(tests, failure["verdict"], failure["message"], outcome)


def ungradable(suite: Suite, language: Language) -> str | None:
    """Why no program of ``language`` can be graded by ``suite``, or None."""
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
    settings: GradingSettings

    def run(self, limits: RunLimits, *, alone: bool = False) -> tuple[Outcome, list[TestVerdict]]:
        """All tests, or those up to the first failure."""
        tests = [prepare(test) for test in self.suite["tests"]]
        if self.suite["interactor"] is not None:
            return self._interactive(tests, limits, alone)
        if self.suite["checker"] is not None:
            return self._checked(tests, limits, alone)
        return self._compared(tests, limits, alone)

    def _compared(self, tests: Sequence[PreparedTest], limits: RunLimits, alone: bool) -> tuple[Outcome, list[TestVerdict]]:
        verdicts: list[TestVerdict] = []

        def until(index: int, run: RunOutcome) -> bool:
            del verdicts[index:]  # called anew from 0 after a fault of the sandbox
            run = within(run, limits)
            verdicts.append(test_row(index, *grade_run(tests[index], run, self.suite), run))
            return self._enough(verdicts)

        return self._execute([test.run for test in tests], limits, until, alone), verdicts

    def _checked(self, tests: Sequence[PreparedTest], limits: RunLimits, alone: bool) -> tuple[Outcome, list[TestVerdict]]:
        """Outputs are collected and then shown to the checker: it needs a sandbox of its own, and this one is on loan until
        the program ends. Where outputs are large that is done in parts."""
        checker = self.suite["checker"]
        assert checker is not None
        verdicts: list[TestVerdict] = []
        while True:
            start, held = len(verdicts), list[RunOutcome]()

            def until(index: int, run: RunOutcome, held: list[RunOutcome] = held) -> bool:
                del held[index:]
                held.append(within(run, limits))
                ended = self.settings.stop_at_first_failure and held[-1].status != "ok"
                return ended or sum(len(run.stdout) for run in held) > HELD_BYTES

            outcome = self._execute([test.run for test in tests[start:]], limits, until, alone)
            verdicts += self._by_checker(checker, tests[start:], held, start)
            if not held or len(verdicts) == len(tests) or self._enough(verdicts):
                return outcome, verdicts

    def _by_checker(
        self, checker: Checker, tests: Sequence[PreparedTest], runs: Sequence[RunOutcome], start: int
    ) -> list[TestVerdict]:
        """Verdicts of the runs that the checker was asked about, or that ended before it could be; ``start``: the first index."""
        ended = [position for position, run in enumerate(runs) if run.status == "ok"]
        questions = [_question(tests[position].test, runs[position].stdout) for position in ended]
        rulings = dict(zip(ended, self._ask(checker, questions), strict=False))
        verdicts: list[TestVerdict] = []
        for position, run in enumerate(runs):
            if run.status != "ok":
                verdict, message = grade_run(tests[position], run, self.suite)
            elif position not in rulings:
                break  # the checker stopped at the first wrong one
            else:
                ruling = rulings[position]
                verdict = "sandbox_error" if ruling.fault else "accepted" if ruling.right else "wrong_answer"
                message = "" if verdict == "accepted" else ruling.message
            verdicts.append(test_row(start + position, verdict, message, run))
            if self._enough(verdicts):
                break
        return verdicts

    def _interactive(self, tests: Sequence[PreparedTest], limits: RunLimits, alone: bool) -> tuple[Outcome, list[TestVerdict]]:
        interactor = self.suite["interactor"]
        assert interactor is not None
        verdicts: list[TestVerdict] = []
        logs: list[bytes] = []

        def until(index: int, run: RunOutcome) -> bool:
            del verdicts[index:], logs[index:]
            run = within(run, limits)
            verdicts.append(test_row(index, *grade_interaction(interactor, tests[index], run, self.suite), run))
            logs.append(checkers.log(run.interactor) if run.interactor is not None else b"")
            return self._enough(verdicts)

        runs = [checkers.interaction(interactor, as_bytes(test.test["input"]), as_bytes(test.test["output"])) for test in tests]
        for standard in STANDARDS if interactor["language"] == "cpp" else STANDARDS[:1]:
            outcome = self._execute(runs, limits, until, alone, checkers.as_interactor(interactor, standard))
            if outcome.interactor_message is None:
                break
        if self.suite["checker"] is not None:
            self._check_logs(self.suite["checker"], tests, logs, verdicts)
        return outcome, verdicts

    def _check_logs(
        self, checker: Checker, tests: Sequence[PreparedTest], logs: Sequence[bytes], verdicts: list[TestVerdict]
    ) -> None:
        """Where a problem has both, its checker has the last word on an interaction that its interactor found right."""
        passed = [index for index, test in enumerate(verdicts) if test["verdict"] == "accepted"]
        rulings = self._ask(checker, [_question(tests[index].test, logs[index]) for index in passed])
        for index, ruling in zip(passed, rulings, strict=False):
            if not ruling.right:
                verdict: VerdictName = "sandbox_error" if ruling.fault else "wrong_answer"
                verdicts[index] = {**verdicts[index], "verdict": verdict, "message": ruling.message[:500]}
                if self.settings.stop_at_first_failure:
                    del verdicts[index + 1 :]
                    return

    def _ask(self, checker: Checker, questions: Sequence[checkers.Question]) -> Sequence[checkers.Ruling]:
        """The checker's rulings; fewer if one is enough."""
        if not questions:
            return []
        rulings = checkers.check(self.sandbox, checker, questions, stop_at_wrong=self.settings.stop_at_first_failure)
        # It does not run at all: nothing is known about any output.
        return rulings * len(questions) if len(rulings) == 1 and rulings[0].fault else rulings

    def _execute(
        self,
        runs: Sequence[Run],
        limits: RunLimits,
        until: Callable[[int, RunOutcome], bool],
        alone: bool = False,
        interactor: Interactor | None = None,
    ) -> Outcome:
        program = Program(self.language, self.code, runs, generous(limits), interactor=interactor)
        return execute(self.sandbox, program, until, alone=alone)

    def _enough(self, verdicts: Sequence[TestVerdict]) -> bool:
        return self.settings.stop_at_first_failure and verdicts[-1]["verdict"] != "accepted"

    def passes_altered_suite(self, limits: RunLimits) -> str | None:
        """Why an accepted program is suspect: a test it must fail, and passed. None: it fails them all, as it should."""
        for altered in altered_suites(self.suite["tests"]):
            if any(name in ("", *altered.functions) for name in self._passed(altered.tests, limits)):
                return f"it also passes the tests with {altered.name}"
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

    def graded(self, tests: list[TestVerdict], verdict: VerdictName, message: str, outcome: Outcome | None) -> Graded:
        return {
            "verdict": verdict,
            "tests_passed": sum(test["verdict"] == "accepted" for test in tests),
            "tests_total": len(self.suite["tests"]),
            "first_failure": next((test["index"] for test in tests if test["verdict"] != "accepted"), None),
            "cpu_s": max((test["cpu_s"] for test in tests), default=0.0),
            "wall_s": max((test["wall_s"] for test in tests), default=0.0),
            "memory_mb": max((test["memory_mb"] for test in tests), default=0.0),
            "tests": tests,
            "message": storable(message, 1000),
            "cpu_limit_s": resolve_limits(self.suite["limits"], self.language, self.settings).cpu_s,
            "image": outcome.image if outcome else "",
            "isolation_level": outcome.isolation_level if outcome else "",
            "grader_version": grader_version(self.suite["tests"]),
            "host_speed": outcome.host_speed if outcome else 0.0,
            "flags": flags(self.code) if self.language == "python" else [],
            "untrusted_reason": _untrusted(outcome),
        }


def _untrusted(outcome: Outcome | None) -> str | None:
    """Why tests that passed prove little, or None."""
    reasons = [run.untrusted_reason for run in outcome.runs if run.untrusted_reason] if outcome is not None else []
    return reasons[0] if reasons else None


def _question(test: Test, output: bytes) -> checkers.Question:
    return checkers.Question(as_bytes(test["input"]), as_bytes(test["output"]), output)


def _function(node: str) -> str:
    """``test_a`` of pytest's ``test_solution.py::TestCase::test_a[1]``."""
    return node.partition("[")[0].rpartition("::")[2]
