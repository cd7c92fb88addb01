"""What is asked: exactly what the settings want and the lake lacks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocr_assets import samples
from ocr_assets.generation.prompts import load_templates
from ocr_assets.generation.prompts.solving import NAMES, solution_prompt
from ocr_assets.generation.request_loop import Usage
from ocr_assets.generation.sampling import Fixed, UntilPassing
from ocr_assets.schema import SOLUTIONS, VERDICTS
from ocr_assets.traces.collect import commit, response_row
from ocr_assets.traces.plan import Planned, Wanted, plan
from ocr_assets.traces.settings import TraceSettings
from resources.lake import Lake, RunInfo
from resources.models.api import ChatAnswer, Sampling
from resources.models.recorded import RecordedModel
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems, row_of
from tests.support.size import size

PROBLEMS = [
    problem(1, origins=["taco/train/0", "apps/train/9"], suite_id="suite_1"),
    problem(2, statement="Call.", starter_code="def f(x):", entry_point="f", suite_id="suite_2"),
]
ONE, TWO = (row["problem_id"] for row in PROBLEMS)
TEMPLATES = load_templates(NAMES)
RUN = RunInfo("test")


def filled(folder: Path, problems: Sequence[Mapping] = PROBLEMS) -> Lake:
    lake = new_lake(folder)
    with lake, lake.write(RUN, "clean_problems") as write:
        put_problems(write, problems)
    return new_lake(folder)


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with filled(tmp_path) as store:
        yield store


def wanted(python: int = 2, cpp: int = 1, **sampling: float) -> Wanted:
    return Wanted({"python": Fixed(python), "cpp": Fixed(cpp)}, Sampling(**sampling), "r1", TEMPLATES)  # type: ignore[arg-type]


def planned(store: Lake, some: Wanted) -> list[Planned]:
    with plan(store, some) as todo:
        requests = list(todo.requests)
        assert len(requests) == todo.missing <= todo.wanted
    return requests


def keys(store: Lake, some: Wanted) -> set[str]:
    return {item.request.key for item in planned(store, some)}


def hold(store: Lake, some: Wanted, items: Sequence[Planned], **answer: object) -> None:
    """The lake holds an answer to each."""
    teacher = RecordedModel(samples.RESPONSES, some.model)
    rows = [
        {"response": response_row(item, ChatAnswer(item.request.key, "x", **answer), Usage(1, 1, None), teacher), "prompt": None}
        for item in items
    ]  # type: ignore[arg-type]
    commit(store, RUN, rows)


def test_cpp_is_not_asked_for_python_functions(lake: Lake) -> None:
    items = planned(lake, wanted())
    assert [(item.problem_id, item.language, item.sample_index) for item in items] == [
        (ONE, "python", 0), (ONE, "python", 1), (ONE, "cpp", 0), (TWO, "python", 0), (TWO, "python", 1),
    ]  # fmt: skip
    assert items[2].request.aliases == ["taco/train/0|cpp|0", "apps/train/9|cpp|0"]
    assert len({item.request.key for item in items}) == 5


@pytest.mark.slow
@pytest.mark.sized
@settings(max_examples=size(3, 20), suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3), st.randoms(use_true_random=False))
def test_what_is_missing_is_asked_and_nothing_else(before: int, more: int, cpp: int, chance) -> None:
    with TemporaryDirectory() as folder, filled(Path(folder)) as store:
        everything = planned(store, wanted(before + more, cpp))
        held = [item for item in planned(store, wanted(before, cpp)) if chance.random() < 0.7]
        hold(store, wanted(), held)
        missing = keys(store, wanted(before + more, cpp))
        assert missing == {item.request.key for item in everything} - {item.request.key for item in held}
        hold(store, wanted(), planned(store, wanted(before, cpp)))
        assert len(keys(store, wanted(before + more, cpp))) == more * len(PROBLEMS)
        assert keys(store, wanted(max(0, before - 1), cpp)) == set()


@pytest.mark.long
def test_what_changes_the_answer_asks_anew_and_nothing_else_does(lake: Lake, tmp_path: Path) -> None:
    items = planned(lake, wanted())
    old = {item.request.key for item in items}
    hold(lake, wanted(), items)
    assert keys(lake, wanted()) == set()
    for other in (wanted(temperature=0.7), wanted(max_tokens=100), replace(wanted(), model="another")):
        anew = keys(lake, other)
        assert len(anew) == 5 and not anew & old
    (tmp_path / "python_stdin.jinja").write_text("Solve {{ question }}")
    replaced = keys(lake, replace(wanted(), templates=load_templates(NAMES, tmp_path)))
    assert len(replaced) == 2 and not replaced & old  # the C++ and the call-based template are as before


@pytest.mark.slow
def test_a_labelled_failure_is_not_asked_again(lake: Lake) -> None:
    items = planned(lake, wanted())
    hold(lake, wanted(), items[:1], failure="context_too_long")
    assert keys(lake, wanted()) == {item.request.key for item in items[1:]}


@pytest.mark.slow
def test_a_statement_that_changed_is_asked_anew(lake: Lake) -> None:
    hold(lake, wanted(), planned(lake, wanted()))
    with lake.write(RUN, "clean_problems") as write:
        put_problems(write, [{**PROBLEMS[0], "statement": "Subtract."}, PROBLEMS[1]])
    assert {item.problem_id for item in planned(lake, wanted())} == {ONE}


@pytest.mark.slow
def test_tests_that_changed_ask_for_nothing(lake: Lake) -> None:
    hold(lake, wanted(), planned(lake, wanted()))
    with lake.write(RUN, "clean_problems") as write:
        put_problems(write, [{**row, "suite_id": "suite_of_tomorrow", "difficulty": "HARD"} for row in PROBLEMS])
    assert keys(lake, wanted()) == set()


def test_seeds_differ_and_stay(lake: Lake) -> None:
    seeds = [item.request.seed for item in planned(lake, wanted(6, 3))]
    assert seeds == [item.request.seed for item in planned(lake, wanted(6, 3))]
    assert len(set(seeds)) == len(seeds)
    assert all(seed is not None and 0 <= seed < 2**31 for seed in seeds)


@pytest.mark.long
def test_hard_problems_get_more_samples_and_solved_ones_none(lake: Lake) -> None:
    policy = UntilPassing(passing=1, limit=4, first=2, step=1)
    some = replace(wanted(), attempts={"python": policy})

    def judge(response: str, problem_id: str, suite: str, verdict: str | None) -> None:
        names = {"solution_id": f"sol_{response}", "response_id": response, "problem_id": problem_id}
        with lake.write(RUN, "judged") as write:
            write.append(SOLUTIONS, [row_of(SOLUTIONS, **names, code="print()" if verdict else None)])
            if verdict:
                write.append(VERDICTS, [row_of(VERDICTS, **names, verdict_id=f"v_{response}", suite_id=suite, verdict=verdict)])

    def ask() -> dict[str, list[str]]:
        items = planned(lake, some)
        hold(lake, some, items)
        asked: dict[str, list[str]] = {}
        for item in items:
            asked.setdefault(item.problem_id, []).append(item.request.key)
        return asked

    first = ask()
    assert {name: len(found) for name, found in first.items()} == {ONE: 2, TWO: 2}
    assert ask() == {}, "nothing more while some are not judged"
    judge(first[ONE][0], ONE, "suite_1", "accepted")
    judge(first[ONE][1], ONE, "suite_1", "wrong_answer")
    judge(first[TWO][0], TWO, "suite_2", "wrong_answer")
    judge(first[TWO][1], TWO, "suite_2", None)  # no code: it did not pass
    third = ask()
    assert {name: len(found) for name, found in third.items()} == {TWO: 1}, "only the unsolved one"
    judge(third[TWO][0], TWO, "suite_2", "sandbox_error")
    assert ask() == {}, "a sandbox fault is no judgement"
    with lake.cursor() as cursor:
        cursor.execute("UPDATE lake.verdicts SET verdict = 'time_limit' WHERE verdict = 'sandbox_error'")
    fourth = ask()
    assert {name: len(found) for name, found in fourth.items()} == {TWO: 1}
    judge(fourth[TWO][0], TWO, "suite_2", "wrong_answer")
    assert ask() == {}, "the limit is reached"
    assert lake.scalar("SELECT count(*) FROM r1_traces") == 6


@pytest.mark.slow
def test_verdicts_that_come_while_it_is_drawn_from_add_to_a_plan(lake: Lake) -> None:
    policy = UntilPassing(passing=1, limit=3, first=1, step=2)
    some = replace(wanted(), attempts={"python": policy})

    def judge(item: Planned, verdict: str) -> None:
        suite = {ONE: "suite_1", TWO: "suite_2"}[item.problem_id]
        names = {"solution_id": f"sol_{item.request.key}", "response_id": item.request.key, "problem_id": item.problem_id}
        with lake.write(RUN, "judged") as write:
            write.append(SOLUTIONS, [row_of(SOLUTIONS, **names, code="print()")])
            judged = {"verdict_id": f"v_{item.request.key}", "suite_id": suite, "verdict": verdict}
            write.append(VERDICTS, [row_of(VERDICTS, **names, **judged)])

    with plan(lake, some) as todo:
        one, two = next(todo.requests), next(todo.requests)
        assert {one.problem_id, two.problem_id} == {ONE, TWO} and next(todo.requests, None) is None
        hold(lake, some, [one])
        assert todo.look_again() == 0, "nothing was judged"
        judge(one, "wrong_answer")
        assert todo.look_again() == 2
        further = next(todo.requests)
        assert (further.problem_id, further.sample_index) == (one.problem_id, 1), "the one in flight is not planned again"
        assert next(todo.requests).sample_index == 2 and next(todo.requests, None) is None
        assert todo.look_again() == 0, "nor what was planned by a look"
        hold(lake, some, [two])
        judge(two, "accepted")
        assert todo.look_again() == 0 and next(todo.requests, None) is None, "what passed gets no more"
        assert (todo.wanted, todo.missing) == (4, 4)
    with plan(lake, replace(wanted(), attempts={"python": Fixed(1)})) as fixed:
        assert not fixed.reads_verdicts and fixed.look_again() == 0


def test_prompts_carry_question_and_starter_code() -> None:
    messages = solution_prompt(TEMPLATES["python_call"], PROBLEMS[1])
    assert [message["role"] for message in messages] == ["system", "user"] and messages[0]["content"] == ""
    assert "Call." in messages[1]["content"] and "def f(x):" in messages[1]["content"]
    assert "```cpp" in solution_prompt(TEMPLATES["cpp_stdin"], PROBLEMS[0])[1]["content"]


def test_a_failure_nobody_knows_cannot_be_asked_again() -> None:
    assert TraceSettings(ask_again=["malformed"]).wanted("r1").ask_again == ["malformed"]
    with pytest.raises(ValueError, match=r"ask_again: malfromed is none of context_too_long, .*malformed"):
        TraceSettings(ask_again=["malfromed"]).wanted("r1")
