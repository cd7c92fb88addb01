"""The verdict logic without a sandbox: what is run again, with what limits, by what standard; outcomes are scripted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.grading import standards
from ocr_assets.grading.grade import grade
from ocr_assets.grading.limits import NEAR
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.programs.suites import Suite, suite_from_json
from resources.sandbox.api import InteractorOutcome, Outcome, Program, RunOutcome

OK = RunOutcome(status="ok", cpu_s=0.1, wall_s=0.1, memory_mb=20, exit_code=0, signal=None, stdout=b"3\n", stderr=b"")
COMPILED = Outcome(compiled=True, compile_message="", runs=[], image="i", isolation_level="l", host_speed=1.0)
BROKEN = replace(COMPILED, compiled=False, compile_message="runtime_error: no such name")


@pytest.fixture(autouse=True)
def nothing_is_known_of_standards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standards, "_taken", standards._Taken())


class Scripted:
    """A sandbox that answers each call with the next of ``outcomes``: a list of runs, or an outcome that did not compile."""

    workers = 1
    online_judge = False

    def __init__(self, *outcomes: Any, host_speed: float = 1.0) -> None:
        self.outcomes, self.host_speed = list(outcomes), host_speed
        self.asked: list[tuple[Program, bool]] = []

    def execute(
        self, program: Program, until: Callable[[int, RunOutcome], bool] | None = None, *, reserved: bool = False
    ) -> Outcome:
        self.asked.append((program, reserved))
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Outcome):
            return outcome
        for index, run in enumerate(outcome):
            if until is not None and until(index, run):
                break
        return replace(COMPILED, host_speed=self.host_speed)


@pytest.fixture(autouse=True)
def no_standard_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standards, "_taken", standards._Taken())


def suite(count: int = 1, **more: Any) -> Suite:
    tests = [{"kind": "stdin", "input": "1 2", "output": "3"}] * count
    return suite_from_json({"tests": tests, "limits": {"cpu_s": 2, "memory_mb": 100}, **more})


def judged(sandbox: Scripted, language: str = "cpp", asked: Suite | None = None, **settings: Any) -> Any:
    found = grade(sandbox, language, "code", asked or suite(), GradingSettings(**settings))  # type: ignore[arg-type]
    assert sandbox.outcomes == [], "not all that was scripted was asked for"
    return found


FAR = st.floats(0, 2 * (1 - NEAR) - 0.01) | st.floats(2 * (1 + NEAR) + 0.01, 100)


@given(FAR, st.floats(0, 100 * (1 - NEAR) - 1) | st.floats(100 * (1 + NEAR) + 1, 1000))
def test_far_from_the_limits_one_run_is_enough(cpu_s: float, memory_mb: float) -> None:
    sandbox = Scripted([replace(OK, cpu_s=cpu_s, memory_mb=memory_mb)])
    verdict = "time_limit" if cpu_s > 2 else "memory_limit" if memory_mb > 100 else "accepted"
    assert judged(sandbox)["verdict"] == verdict


@given(st.floats(2 * (1 - NEAR) + 0.01, 2 * (1 + NEAR) - 0.01), st.floats(0, 4))
def test_near_the_time_limit_an_undisturbed_run_decides(first: float, second: float) -> None:
    sandbox = Scripted([replace(OK, cpu_s=first)], [replace(OK, cpu_s=second)])
    assert judged(sandbox)["verdict"] == ("time_limit" if second > 2 else "accepted")
    assert [reserved for _, reserved in sandbox.asked] == [False, True]


@pytest.mark.parametrize("memory_mb", [86, 100, 114])
def test_near_the_memory_limit_an_undisturbed_run_decides(memory_mb: float) -> None:
    sandbox = Scripted([replace(OK, memory_mb=memory_mb)], [replace(OK, memory_mb=memory_mb)])
    assert judged(sandbox)["verdict"] == ("memory_limit" if memory_mb > 100 else "accepted")


NEAR_TIME = replace(OK, cpu_s=1.9)


def runs_asked(sandbox: Scripted) -> list[tuple[list[bytes], bool]]:
    return [([run.stdin for run in program.runs], reserved) for program, reserved in sandbox.asked]


def numbered(count: int) -> Suite:
    return suite_from_json(
        {"tests": [{"kind": "stdin", "input": str(n), "output": "3"} for n in range(count)], "limits": {"cpu_s": 2}}
    )


def test_only_tests_near_a_limit_are_repeated() -> None:
    sandbox = Scripted([OK, NEAR_TIME, OK, NEAR_TIME, OK], [replace(OK, cpu_s=1.2), replace(OK, cpu_s=1.95)])
    found = judged(sandbox, asked=numbered(5))
    assert runs_asked(sandbox)[1:] == [([b"1", b"3"], True)]
    assert (found["verdict"], [test["cpu_s"] for test in found["tests"]]) == ("accepted", [0.1, 1.2, 0.1, 1.95, 0.1])


def test_a_test_that_fails_when_repeated_ends_the_verdict_there() -> None:
    found = judged(Scripted([OK, NEAR_TIME, OK], [replace(OK, cpu_s=2.1)]), asked=numbered(3))
    assert (found["verdict"], found["first_failure"], len(found["tests"])) == ("time_limit", 1, 2)
    whole = Scripted([OK, NEAR_TIME, OK], [replace(OK, cpu_s=2.1)])
    found = judged(whole, asked=numbered(3), stop_at_first_failure=False)
    assert (found["verdict"], found["first_failure"], found["tests_passed"]) == ("time_limit", 1, 2)


def test_tests_behind_a_failure_that_is_none_when_repeated_follow() -> None:
    over = replace(OK, cpu_s=2.1)
    sandbox = Scripted([OK, over], [replace(OK, cpu_s=1.0)], [OK, over], [over])
    found = judged(sandbox, asked=numbered(5))
    assert runs_asked(sandbox)[1:] == [([b"1"], True), ([b"2", b"3", b"4"], False), ([b"3"], True)]
    assert (found["verdict"], found["first_failure"], found["tests_passed"]) == ("time_limit", 3, 3)


def test_on_a_slower_host_only_what_ran_out_of_time_is_repeated() -> None:
    slow = replace(OK, status="time_limit", cpu_s=2.4)
    sandbox = Scripted([OK, slow], [replace(OK, cpu_s=3.0)], [OK], host_speed=0.5)
    assert judged(sandbox, asked=numbered(3))["verdict"] == "accepted"
    assert runs_asked(sandbox)[1:] == [([b"1"], False), ([b"2"], False)]


def test_what_compiled_once_and_not_again_is_no_verdict() -> None:
    assert judged(Scripted([NEAR_TIME], replace(BROKEN, diagnosed=False)))["verdict"] == "sandbox_error"


def test_why_a_repeated_test_proves_little_is_what_its_last_run_says() -> None:
    tests = [{"kind": "pytest", "code": f"def test_{n}():\n    assert True"} for n in range(2)]
    asked = suite_from_json({"tests": tests, "limits": {"cpu_s": 2, "language_factor": {"python": 1}}})
    doubt = replace(NEAR_TIME, untrusted_reason="its own word")
    wrong = replace(OK, status="runtime_error", value={"wrong": True}, untrusted_reason="another")
    scripted = [replace(COMPILED, runs=[doubt, wrong]), replace(COMPILED, runs=[OK])]

    class Reasoned(Scripted):
        def execute(self, program: Program, until: Any = None, *, reserved: bool = False) -> Outcome:
            outcome = scripted.pop(0)
            for place, run in enumerate(outcome.runs):
                until(place, run)
            return outcome

    found = grade(Reasoned(), "python", "code", asked)  # type: ignore[arg-type]
    assert (found["verdict"], found["first_failure"], found["untrusted_reason"]) == ("wrong_answer", 1, "another")


def test_a_run_may_use_more_than_its_limit_so_that_it_is_known_by_how_much() -> None:
    sandbox = Scripted([OK])
    judged(sandbox)
    limits = sandbox.asked[0][0].limits
    assert limits.cpu_s == pytest.approx(2 * (1 + NEAR)) and limits.memory_mb >= 100 * (1 + NEAR)


def test_a_slower_host_gives_more_time_and_a_faster_one_no_less() -> None:
    slow = [replace(OK, status="time_limit", cpu_s=2.4)]
    sandbox = Scripted(slow, [replace(OK, cpu_s=3.0)], host_speed=0.5)
    assert judged(sandbox)["verdict"] == "accepted"
    assert [program.limits.cpu_s for program, _ in sandbox.asked] == pytest.approx([2 * (1 + NEAR), 4 * (1 + NEAR)])
    assert judged(Scripted(slow, host_speed=2.0))["verdict"] == "time_limit"
    assert judged(Scripted([replace(OK, stdout=b"4")], host_speed=0.5))["verdict"] == "wrong_answer"


def test_pythons_factor_is_the_settings_unless_the_problem_says_otherwise() -> None:
    sandbox = Scripted([replace(OK, cpu_s=4.0)])
    assert judged(sandbox, "python", python_factor=3.0)["verdict"] == "accepted"
    own = suite(limits={"cpu_s": 2, "language_factor": {"python": 1}})
    assert judged(Scripted([replace(OK, cpu_s=4.0)]), "python", own, python_factor=3.0)["verdict"] == "time_limit"


def test_what_one_cpp_standard_refuses_the_other_may_take() -> None:
    sandbox = Scripted(BROKEN, [OK])
    assert judged(sandbox)["verdict"] == "accepted"
    assert [program.std for program, _ in sandbox.asked] == ["gnu++17", "gnu++20"]
    standards._taken = standards._Taken()
    assert judged(Scripted(BROKEN, BROKEN, BROKEN))["verdict"] == "compile_error"
    assert judged(Scripted(replace(BROKEN, diagnosed=False)))["verdict"] == "compile_error"  # out of time: not tried again
    assert judged(Scripted(BROKEN), "python")["verdict"] == "compile_error"


WRONG = replace(OK, stdout=b"4\n")


def test_a_failure_ends_the_runs_or_does_not() -> None:
    stopped = judged(Scripted([OK, WRONG, OK]), asked=suite(3))
    assert (stopped["verdict"], stopped["tests_passed"], stopped["first_failure"], len(stopped["tests"])) == (
        "wrong_answer",
        1,
        1,
        2,
    )
    whole = judged(Scripted([OK, WRONG, OK]), asked=suite(3), stop_at_first_failure=False)
    assert (whole["verdict"], whole["tests_passed"], whole["first_failure"], len(whole["tests"])) == ("wrong_answer", 2, 1, 3)


def test_the_first_failing_test_gives_the_verdict() -> None:
    runs = [OK, replace(OK, status="runtime_error", exit_code=1), WRONG]
    assert judged(Scripted(runs), asked=suite(3), stop_at_first_failure=False)["verdict"] == "runtime_error"


class Restarting(Scripted):
    """Breaks once after the first run and begins anew, as a pool does."""

    def execute(self, program: Program, until: Any = None, *, reserved: bool = False) -> Outcome:
        until(0, replace(OK, stdout=b"from a sandbox that broke"))
        return super().execute(program, until, reserved=reserved)


def test_runs_of_a_broken_sandbox_do_not_count() -> None:
    found = judged(Restarting([OK, OK]), asked=suite(2), stop_at_first_failure=False)
    assert (found["verdict"], found["tests_passed"], len(found["tests"])) == ("accepted", 2, 2)


CALLED = suite_from_json({"tests": [{"kind": "call", "entry": "f", "args": [n], "expected": n} for n in range(6)]})


class Calling(Scripted):
    """Answers calls with their argument. ``wrong``: arguments that are answered wrongly; ``wrong_together``: those that are only
    where the process is shared."""

    def __init__(self, wrong: set[int], wrong_together: set[int]) -> None:
        super().__init__()
        self.wrong, self.wrong_together = wrong, wrong_together
        self.calls: list[list[tuple[Any, bool]]] = []

    def execute(self, program: Program, until: Any = None, *, reserved: bool = False) -> Outcome:
        self.calls.append([])
        for place, run in enumerate(program.runs):
            self.calls[-1].append((run.args[0], run.together))
            fails = run.args[0] in (self.wrong_together | self.wrong if run.together else self.wrong)
            if until(place, replace(OK, value=-1 if fails else run.args[0])):
                break
        return COMPILED


@pytest.mark.parametrize("stop", [True, False])
@given(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
def test_what_a_shared_process_says_is_no_verdict(stop: bool, wrong: set[int], wrong_together: set[int]) -> None:
    sandbox = Calling(wrong, wrong_together)
    found = judged(sandbox, "python", CALLED, stop_at_first_failure=stop)
    assert found["verdict"] == ("wrong_answer" if wrong else "accepted")
    assert found["first_failure"] == min(wrong, default=None)
    last = min(wrong, default=5) if stop else 5
    assert [(test["index"], test["verdict"]) for test in found["tests"]] == [
        (n, "wrong_answer" if n in wrong else "accepted") for n in range(last + 1)
    ]
    together, *singly = sandbox.calls
    assert all(shared for _, shared in together) and not any(shared for part in singly for _, shared in part)
    assert len(together) == 6 or together[-1][0] in wrong | wrong_together, "it ends at the first failure"


def test_the_order_of_calls_is_not_that_of_the_suite_and_always_the_same() -> None:
    orders = []
    for _ in range(2):
        sandbox = Calling(set(), set())
        judged(sandbox, "python", CALLED)
        orders.append([argument for argument, _ in sandbox.calls[0]])
    assert orders[0] == orders[1] != [0, 1, 2, 3, 4, 5]


CHECKER = {"language": "python", "source": "", "protocol": "testlib"}


def checks(*codes: int) -> list[RunOutcome]:
    return [replace(OK, status="ok" if code == 0 else "runtime_error", exit_code=code) for code in codes]


def test_a_checker_is_asked_once_about_all_outputs() -> None:
    sandbox = Scripted([OK, OK, OK], checks(0, 1, 0))
    found = judged(sandbox, asked=suite(3, checker=CHECKER), stop_at_first_failure=False)
    assert [test["verdict"] for test in found["tests"]] == ["accepted", "wrong_answer", "accepted"]
    assert len(sandbox.asked[1][0].runs) == 3


def test_a_checker_is_not_asked_about_a_crash() -> None:
    crash = replace(OK, status="runtime_error", exit_code=1)
    found = judged(Scripted([OK, crash], checks(0)), asked=suite(2, checker=CHECKER))
    assert [test["verdict"] for test in found["tests"]] == ["accepted", "runtime_error"]
    assert judged(Scripted([crash]), asked=suite(2, checker=CHECKER))["verdict"] == "runtime_error"


@pytest.mark.parametrize("code", [3, 7, 9, 42])
def test_a_checkers_fault_is_no_verdict(code: int) -> None:
    # 3 says itself that the checker is at fault; else it is asked about the reference output, and fails on that too.
    again = [] if code == 3 else [checks(code)]
    assert judged(Scripted([OK], checks(code), *again), asked=suite(checker=CHECKER))["verdict"] == "sandbox_error"


@pytest.mark.parametrize("code", [7, 9, 42])
def test_a_checker_that_fails_on_this_output_only_has_found_a_wrong_answer(code: int) -> None:
    assert judged(Scripted([OK], checks(code), checks(0)), asked=suite(checker=CHECKER))["verdict"] == "wrong_answer"


def test_a_checker_that_does_not_compile_gives_no_verdict_on_any_test() -> None:
    found = judged(Scripted([OK, OK], BROKEN), asked=suite(2, checker=CHECKER), stop_at_first_failure=False)
    assert [test["verdict"] for test in found["tests"]] == ["sandbox_error", "sandbox_error"]


def test_large_outputs_reach_the_checker_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocr_assets.grading.grade.HELD_BYTES", 10)
    large = replace(OK, stdout=b"x" * 20)
    sandbox = Scripted([large], checks(0), [large], checks(0), [OK], checks(1))
    found = judged(sandbox, asked=suite(3, checker=CHECKER))
    assert [test["verdict"] for test in found["tests"]] == ["accepted", "accepted", "wrong_answer"]


INTERACTOR = {"language": "python", "source": "", "protocol": "kattis"}


def interaction(code: int | None, first: bool, interactor_status: str = "runtime_error", **run: Any) -> RunOutcome:
    interactor = InteractorOutcome(status=interactor_status, exit_code=code, signal=None, stderr=b"", files={}, first=first)  # type: ignore[arg-type]
    return replace(OK, stdout=b"", interactor=interactor, **run)


CRASH = {"status": "runtime_error", "exit_code": 1}
INTERACTIONS = [
    (interaction(42, False), "accepted"),
    (interaction(43, False), "wrong_answer"),
    (interaction(42, True), "accepted"),
    (interaction(43, True, **CRASH), "wrong_answer"),  # it was told so, and then had nobody to talk to
    (interaction(43, False, **CRASH), "runtime_error"),  # it left, and the interactor said so
    (interaction(42, True, **CRASH), "runtime_error"),
    (interaction(1, True), "sandbox_error"),
    (interaction(1, True, **CRASH), "sandbox_error"),
    (interaction(None, True, "time_limit", **CRASH), "sandbox_error"),
    (interaction(None, False, "idle_limit"), "sandbox_error"),
    (replace(interaction(43, False), status="time_limit"), "time_limit"),
    (replace(interaction(42, True), status="memory_limit"), "memory_limit"),
    (replace(interaction(43, False), status="idle_limit"), "idle_limit"),
    (replace(interaction(42, True), status="runtime_error", exit_code=None, signal=13), "accepted"),  # its last words had no reader
]  # fmt: skip


def test_checkers_and_interactors_are_tried_by_several_cpp_standards() -> None:
    cpp = {"language": "cpp", "source": "", "protocol": "kattis"}
    sandbox = Scripted([OK], BROKEN, checks(42))
    assert judged(sandbox, asked=suite(checker=cpp))["verdict"] == "accepted"
    assert [program.std for program, _ in sandbox.asked[1:]] == ["gnu++17", "gnu++20"]
    standards._taken = standards._Taken()
    refused = replace(COMPILED, interactor_message="no such name")
    sandbox = Scripted(refused, [interaction(42, False)])
    assert judged(sandbox, asked=suite(interactor=cpp))["verdict"] == "accepted"
    assert [program.interactor and program.interactor.std for program, _ in sandbox.asked] == ["gnu++17", "gnu++20"]
    standards._taken = standards._Taken()
    assert judged(Scripted(refused, refused, refused), asked=suite(interactor=cpp))["verdict"] == "sandbox_error"


@pytest.mark.parametrize(("run", "verdict"), INTERACTIONS)
def test_who_ended_first_decides_a_talk(run: RunOutcome, verdict: str) -> None:
    assert judged(Scripted([run]), asked=suite(interactor=INTERACTOR))["verdict"] == verdict


@pytest.mark.parametrize(
    ("language", "tests", "more", "reason"),
    [
        ("python", [], {}, "no tests"),
        ("cpp", [{"kind": "assert", "code": "assert f()"}], {}, "only stdin tests"),
        ("cpp", [{"kind": "call", "entry": entry, "expected": 1} for entry in "fg"], {}, "several functions"),
        ("cpp", [{"kind": "pytest", "code": ""}], {}, "only stdin tests"),
        ("python", [{"kind": "call", "entry": "f", "expected": 1}], {"checker": CHECKER}, "needs stdin tests"),
        ("python", [{"kind": "assert", "code": "assert f()"}], {"interactor": INTERACTOR}, "needs stdin tests"),
    ],
)
def test_what_cannot_be_judged_is_said_and_not_run(language: str, tests: Sequence[Any], more: dict, reason: str) -> None:
    found = judged(Scripted(), language, suite_from_json({"tests": tests, **more}))
    assert found["verdict"] == "sandbox_error" and reason in found["message"]


def test_what_only_a_guess_could_decide_is_ungradable_and_no_fault() -> None:
    """So that the lake does not try it again, as it does a fault of the sandbox."""
    asked = suite_from_json({"tests": [{"kind": "call", "entry": "f", "args": [1], "expected": 1}]})
    found = grade(Scripted(), "cpp", "template <class T> T f(T a) { return a; }", asked)  # type: ignore[arg-type]
    assert found["verdict"] == "ungradable" and "template" in found["message"]
