"""From one solution and one suite to a verdict (docs/grading.md, §1, §2, §4).

One test is graded in ``runs.py``, what several runs came to is put together in ``tested.py``; limits are in ``limits.py``, the
problem's own checkers in ``checkers.py``, the altered suites that an accepted program must fail in
``tampering/altered_suites.py``; many solutions side by side are in ``batch.py``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypedDict

from ocr_assets.grading import checkers
from ocr_assets.grading.cpp_calls import CppCalls, Undecidable
from ocr_assets.grading.limits import generous, near_limit, resolve_limits, within
from ocr_assets.grading.runs import (
    PreparedTest,
    as_bytes,
    grade_interaction,
    grade_run,
    prepare,
    storable,
    suite_run,
    test_row,
)
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.grading.standards import execute, first_accepted
from ocr_assets.grading.tampering.altered_suites import altered_suites
from ocr_assets.grading.tampering.flags import flags
from ocr_assets.grading.tested import Tested, crossed, merged, reasons
from ocr_assets.grading.version import JUDGE_MACRO, version_of_verdict, wants_judge_macro
from ocr_assets.programs.bundle import unbundled
from ocr_assets.programs.hash_order import order_can_matter
from ocr_assets.programs.suites import Suite
from ocr_assets.schema import Checker, Language, Test, TestVerdict, VerdictName
from resources.sandbox.api import Interactor, Outcome, Program, Run, RunLimits, RunOutcome, Sandbox, SandboxFault

# Of further runs, by which sets of strings have another order. Two strings change places under every other seed, by chance.
OTHER_SEEDS = (1, 2, 3)
NOT_FOR_CPP = "only stdin tests, or only call tests, can be run for C++"
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
    """Grade one solution. What cannot be graded (no tests, assertions for C++) is a ``sandbox_error`` that says so; a program
    that the tests cannot be put to is ``ungradable``."""
    settings = settings or GradingSettings()
    job = _Job(sandbox, language, code, suite, settings)
    if (reason := ungradable(suite, language)) is not None:
        return job.graded([], "sandbox_error", reason, None)
    limits = resolve_limits(suite["limits"], language, settings)
    try:
        tested = job.first_run(limits)
        outcome = tested.outcome
        slow = [test["index"] for test in tested.verdicts if test["verdict"] == "time_limit"]
        if slow and outcome.host_speed < 1.0:
            # A slower host gets more CPU seconds, so that the same program gets the same verdict everywhere.
            limits = resolve_limits(suite["limits"], language, settings, outcome.host_speed)
            tested = job.repeated(tested, slow, limits)
        confirmed = set[int]()
        while near := [test["index"] for test in tested.verdicts if near_limit(test, limits)]:
            if confirmed.issuperset(near):
                break
            tested = job.repeated(tested, [index for index in near if index not in confirmed], limits, reserved=True)
            confirmed.update(near)
        failure = next((test for test in tested.verdicts if test["verdict"] != "accepted"), None)
        if outcome.interactor_message is not None:
            message = f"the interactor does not compile: {outcome.interactor_message[:500]}"
            return job.graded([], "sandbox_error", message, outcome)
        if not outcome.compiled:
            return job.graded([], "compile_error", outcome.compile_message, outcome)
        untrusted = tested.untrusted
        if failure is None and untrusted and (reason := job.passes_altered_suite(limits)) is not None:
            return job.graded(tested.verdicts, "suspect", reason, outcome, untrusted)
        if failure is None and not untrusted and (unlucky := job.by_another_order(limits)) is not None:
            tests = [unlucky if test["index"] == unlucky["index"] else test for test in tested.verdicts]
            if settings.stop_at_first_failure:
                tests = tests[: unlucky["index"] + 1]
            return job.graded(tests, "wrong_answer", unlucky["message"], outcome, signs=["hash_order"])
    except Undecidable as error:
        return job.graded([], "ungradable", str(error), None)
    except SandboxFault as error:
        return job.graded([], "sandbox_error", str(error), None)
    if failure is None:
        return job.graded(tested.verdicts, "accepted", "", outcome, untrusted)
    return job.graded(tested.verdicts, failure["verdict"], failure["message"], outcome, untrusted)


def ungradable(suite: Suite, language: Language) -> str | None:
    """Why no program of ``language`` can be graded by ``suite``, or None."""
    if not suite["tests"]:
        return "the problem has no tests"
    kinds = {test["kind"] for test in suite["tests"]}
    if language == "cpp" and kinds not in ({"stdin"}, {"call"}):
        return NOT_FOR_CPP
    if language == "cpp" and len({test["entry_point"] for test in suite["tests"]}) > 1:
        return "the tests call several functions, which C++ is not asked here"
    if (suite["checker"] or suite["interactor"]) and any(test["kind"] != "stdin" for test in suite["tests"]):
        return "a checker or interactor needs stdin tests"
    return None


class _Job:
    """One solution before one suite."""

    def __init__(
        self, sandbox: Sandbox, language: Language, code: str, suite: Suite, settings: GradingSettings, hash_seed: int = 0
    ) -> None:
        self.sandbox, self.language, self.code, self.suite, self.settings = sandbox, language, code, suite, settings
        self.hash_seed = hash_seed

    @cached_property
    def tests(self) -> Sequence[PreparedTest]:
        """The suite's tests, ready to run. Raises ``Undecidable``."""
        tests = [prepare(index, test, self.suite["files"]) for index, test in enumerate(self.suite["tests"])]
        if self.calls is None:
            return tests
        return [replace(test, run=replace(test.run, data=self.calls.data(test.test))) for test in tests]

    @cached_property
    def calls(self) -> CppCalls | None:
        """How a C++ solution is called, where the tests are calls."""
        tests = self.suite["tests"]
        return CppCalls(self.code, tests) if self.language == "cpp" and tests[0]["kind"] == "call" else None

    def first_run(self, limits: RunLimits) -> Tested:
        """All tests, or those up to the first failure.

        What can be decided without a process a test comes first. Calls share one as long as each leaves the program as it was;
        their order is one that the program cannot know, so that counting calls tells it nothing. Suites that can be read are
        asked as calls. From the first that fails on, every test is run in a process of its own, and as it stands: what a program
        keeps from call to call never makes a verdict, and what has failed was judged by the suite itself (docs/grading.md, §3.2,
        §3.3).
        """
        calls = [test for test in self.tests if test.run.kind == "call"]
        scripts = [replace(test, run=test.script.run) for test in self.tests if test.script is not None]
        if self.language != "python" or len(calls) + 2 * len(scripts) < 2:
            return self.run(self.tests, limits)
        random.Random("\0".join([self.code, *(test.test["output"] or test.test["code"] or "" for test in calls)])).shuffle(calls)
        together = [replace(test, run=replace(test.run, together=True)) for test in calls]
        found = self._compared([*together, *scripts], limits, reserved=False, until_failure=True)
        # A script makes the suite's calls and none besides: a limit that it crosses, the suite would cross.
        read = {test.index for test in scripts}
        decided = [test for test in found.verdicts if test["verdict"] == "accepted" or (test["index"] in read and crossed(test))]
        decided.sort(key=lambda test: test["index"])
        done = {test["index"] for test in decided}
        end = min((test["index"] for test in decided if self._enough([test])), default=len(self.tests))
        left = [test for test in self.tests[:end] if test.index not in done]
        found = self._up_to_failure(replace(found, verdicts=decided))
        return self._up_to_failure(merged(found, self.run(left, limits))) if left and found.outcome.compiled else found

    def run(self, tests: Sequence[PreparedTest], limits: RunLimits, *, reserved: bool = False) -> Tested:
        """These tests, or those of them up to the first failure."""
        if self.suite["interactor"] is not None:
            return self._interactive(tests, limits, reserved)
        if self.suite["checker"] is not None:
            return self._checked(tests, limits, reserved)
        return self._compared(tests, limits, reserved)

    def repeated(self, tested: Tested, indices: Sequence[int], limits: RunLimits, *, reserved: bool = False) -> Tested:
        """``tested`` with the tests of these indices run again: what they come to now counts. Tests behind a failure that is none
        any more follow; those behind a new one do not count."""
        again = self.run([self.tests[index] for index in indices], limits, reserved=reserved)
        found = self._up_to_failure(merged(tested, again))
        left = self.tests[len(found.verdicts) :]
        return merged(found, self.run(left, limits)) if left and not self._enough(found.verdicts) else found

    def _up_to_failure(self, tested: Tested) -> Tested:
        """What counts of these."""
        failed = next((place for place, test in enumerate(tested.verdicts) if self._enough([test])), len(tested.verdicts))
        return replace(tested, verdicts=tested.verdicts[: failed + 1])

    def _compared(
        self, tests: Sequence[PreparedTest], limits: RunLimits, reserved: bool, *, until_failure: bool = False
    ) -> Tested:
        verdicts: list[TestVerdict] = []

        def until(place: int, run: RunOutcome) -> bool:
            del verdicts[place:]  # called anew from 0 after a fault of the sandbox
            run = within(run, limits)
            if self.calls is not None:
                self.calls.insist_on_arguments(tests[place].test, run)
            verdicts.append(test_row(tests[place].index, *grade_run(tests[place], run, self.suite), run))
            return self._enough(verdicts) or (until_failure and verdicts[-1]["verdict"] != "accepted")

        outcome = self._execute([test.run for test in tests], limits, until, reserved)
        return Tested(outcome, verdicts, reasons(tests, outcome))

    def _checked(self, tests: Sequence[PreparedTest], limits: RunLimits, reserved: bool) -> Tested:
        """Outputs are collected and then shown to the checker: it needs a sandbox of its own, and this one is on loan until
        the program ends. Where outputs are large that is done in parts."""
        checker = self.suite["checker"]
        assert checker is not None
        verdicts: list[TestVerdict] = []
        while True:
            left, held = tests[len(verdicts) :], list[RunOutcome]()

            def until(place: int, run: RunOutcome, held: list[RunOutcome] = held) -> bool:
                del held[place:]
                held.append(within(run, limits))
                ended = self.settings.stop_at_first_failure and held[-1].status != "ok"
                return ended or sum(len(run.stdout) for run in held) > HELD_BYTES

            outcome = self._execute([test.run for test in left], limits, until, reserved)
            verdicts += self._by_checker(checker, left, held)
            if not held or len(verdicts) == len(tests) or self._enough(verdicts):
                return Tested(outcome, verdicts, {})

    def _by_checker(self, checker: Checker, tests: Sequence[PreparedTest], runs: Sequence[RunOutcome]) -> list[TestVerdict]:
        """Verdicts of the runs that the checker was asked about, or that ended before it could be."""
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
            verdicts.append(test_row(tests[position].index, verdict, message, run))
            if self._enough(verdicts):
                break
        return verdicts

    def _interactive(self, tests: Sequence[PreparedTest], limits: RunLimits, reserved: bool) -> Tested:
        interactor = self.suite["interactor"]
        assert interactor is not None
        verdicts: list[TestVerdict] = []
        logs: list[bytes] = []

        def until(place: int, run: RunOutcome) -> bool:
            del verdicts[place:], logs[place:]
            run = within(run, limits)
            verdicts.append(test_row(tests[place].index, *grade_interaction(interactor, tests[place], run, self.suite), run))
            logs.append(checkers.log(run.interactor) if run.interactor is not None else b"")
            return self._enough(verdicts)

        runs = [checkers.interaction(interactor, as_bytes(test.test["input"]), as_bytes(test.test["output"])) for test in tests]

        def compiled(standard: str) -> Outcome:
            return self._execute(runs, limits, until, reserved, checkers.as_interactor(interactor, standard))

        if interactor["language"] == "cpp":
            outcome = first_accepted(interactor["source"], compiled, lambda outcome: outcome.interactor_message)
        else:
            outcome = self._execute(runs, limits, until, reserved, checkers.as_interactor(interactor))
        if self.suite["checker"] is not None:
            self._check_logs(self.suite["checker"], tests, logs, verdicts)
        return Tested(outcome, verdicts, {})

    def _check_logs(
        self, checker: Checker, tests: Sequence[PreparedTest], logs: Sequence[bytes], verdicts: list[TestVerdict]
    ) -> None:
        """Where a problem has both, its checker has the last word on an interaction that its interactor found right."""
        passed = [place for place, test in enumerate(verdicts) if test["verdict"] == "accepted"]
        rulings = self._ask(checker, [_question(tests[place].test, logs[place]) for place in passed])
        for place, ruling in zip(passed, rulings, strict=False):
            if not ruling.right:
                verdict: VerdictName = "sandbox_error" if ruling.fault else "wrong_answer"
                verdicts[place] = {**verdicts[place], "verdict": verdict, "message": ruling.message[:500]}
                if self.settings.stop_at_first_failure:
                    del verdicts[place + 1 :]
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
        reserved: bool = False,
        interactor: Interactor | None = None,
    ) -> Outcome:
        judge = self.sandbox.online_judge and wants_judge_macro(self.language, self.code)
        code, sources = unbundled(self.code) if self.language == "cpp" else (self.code, {})
        defines = [*[JUDGE_MACRO] * judge, *["EVAL"] * bool(sources)]  # EVAL: as at the IOI
        program = Program(
            self.language, code, runs, generous(limits), interactor=interactor, defines=defines, hash_seed=self.hash_seed,
            sources=sources,
        )  # fmt: skip
        if self.calls is not None:
            return self.calls.execute(self.sandbox, program, until, reserved=reserved)
        return execute(self.sandbox, program, until, reserved=reserved)

    def _enough(self, verdicts: Sequence[TestVerdict]) -> bool:
        if not self.settings.stop_at_first_failure or verdicts[-1]["verdict"] == "accepted":
            return False
        return not checkers.partial_score(verdicts[-1])

    def by_another_order(self, limits: RunLimits) -> TestVerdict | None:
        """Of an accepted program the first test that it fails, twice, under another hash seed, where sets have another order: it
        was right by luck. None: it fails none, or cannot see the order of a set."""
        if self.language != "python" or not order_can_matter(self.code):
            return None
        for seed in OTHER_SEEDS:
            other = _Job(self.sandbox, self.language, self.code, self.suite, self.settings, seed)
            failed = other.first_run(limits).first_wrong
            again = None if failed is None else other.run([self.tests[failed["index"]]], limits).first_wrong
            if again is not None:  # else it fails now and then, whatever the seed, or not at all
                message = storable(f"right by luck, and wrong where sets have another order: {again['message']}", 500)
                return {**again, "verdict": "wrong_answer", "message": message}
        return None

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

        self._execute(list(map(suite_run, tests)), limits, until)
        return passed

    def graded(
        self,
        tests: list[TestVerdict],
        verdict: VerdictName,
        message: str,
        outcome: Outcome | None,
        untrusted: str | None = None,
        signs: Sequence[str] = (),
    ) -> Graded:
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
            "grader_version": version_of_verdict(
                self.suite, self.language, self.code, verdict, online_judge=self.sandbox.online_judge
            ),
            "host_speed": outcome.host_speed if outcome else 0.0,
            "flags": [*signs, *(flags(self.code) if self.language == "python" else [])],
            "untrusted_reason": untrusted,
        }


def _question(test: Test, output: bytes) -> checkers.Question:
    return checkers.Question(as_bytes(test["input"]), as_bytes(test["output"]), output)


def _function(node: str) -> str:
    """``test_a`` of pytest's ``test_solution.py::TestCase::test_a[1]``."""
    return node.partition("[")[0].rpartition("::")[2]
