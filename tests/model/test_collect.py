"""From plan to lake with a teacher over HTTP: the columns of an answer, what is said meanwhile, budgets over several runs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.generation import request_loop
from ocr_assets.generation.prompts import load_templates
from ocr_assets.generation.prompts.solving import NAMES, solution_prompt
from ocr_assets.generation.runner import Summary
from ocr_assets.generation.sampling import Fixed
from ocr_assets.platform import progress
from ocr_assets.schema import json_text
from ocr_assets.traces import collect
from ocr_assets.traces.plan import Wanted
from resources.lake import Lake, RunInfo
from resources.lake.journal import Journal
from resources.models.api import Sampling
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel
from tests.support.chaos import Chaos, text_of
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems

PROBLEMS = [problem(number, statement=f"Add {number}.") for number in range(10)]
WANTED = Wanted({"python": Fixed(3)}, Sampling(max_tokens=50), "r1", load_templates(NAMES))
RUN = RunInfo("test")


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as store:
        with store.write(RUN, "clean_problems") as write:
            put_problems(write, PROBLEMS)
        yield store


@pytest.fixture
def server() -> Iterator[Chaos]:
    with Chaos() as chaos:
        yield chaos


def ask(
    store: Lake,
    folder: Path,
    url: str,
    wanted: Wanted = WANTED,
    budget: Budget | None = None,
    said: list[Any] | None = None,
    **more,
) -> Summary:
    said = [] if said is None else said
    with Journal(folder, "r1_traces") as journal:
        teacher = EndpointModel("r1", [url], concurrency=4, **more)
        return collect.ask(
            store, RUN, journal, teacher, wanted, budget or Budget(), lambda texts: [len(text) for text in texts], said.append,
            said.append,
        )  # fmt: skip


def test_all_that_is_known_of_an_answer_is_a_column(lake: Lake, server: Chaos, tmp_path: Path) -> None:
    priced = Budget(prompt_price=2.0, completion_price=4.0)
    done = ask(lake, tmp_path, server.url, budget=priced)
    assert (done.missing, done.left) == (30, 0)
    assert done.line() == "30 teacher requests, 150 tokens, $0.00"
    rows = lake.rows("SELECT * FROM r1_traces")
    prompts = {row["prompt_hash"]: row for row in lake.rows("FROM prompts")}
    assert len(rows) == 30 and len(prompts) == 10
    questions = {row["problem_id"]: row for row in PROBLEMS}
    for row in rows:
        told = {
            "model": "r1", "served_model": "served-r1", "revision": "fp_1", "teacher": "endpoint", "endpoint": server.url,
            "think_mode": "template", "think_form": "closing_tag", "finish_reason": "stop", "prompt_tokens": 7,
            "completion_tokens": 5, "tokens_from": "server", "attempts": 1, "failure": None, "template": "python_stdin",
            "content": text_of(row["seed"]), "reasoning": None,
        }  # fmt: skip
        assert {name: row[name] for name in told} == told
        assert row["cost"] == pytest.approx((7 * 2 + 5 * 4) / 1e6) and row["latency_s"] > 0
        assert row["sampling"] == WANTED.sampling_json
        template = WANTED.templates["python_stdin"]
        sent = prompts[row["prompt_hash"]]
        assert sent["messages"] == json_text(solution_prompt(template, questions[row["problem_id"]]))
        assert row["template_hash"] == sent["template_hash"] == template.hash
    assert {(row["child"], row["parent"]) for row in lake.rows("FROM record_edge WHERE stage = 'r1_traces'")} == {
        (row["response_id"], row["problem_id"]) for row in rows
    }


def test_raising_the_samples_asks_for_the_additional_ones_at_the_server(lake: Lake, server: Chaos, tmp_path: Path) -> None:
    ask(lake, tmp_path, server.url)
    ask(lake, tmp_path, server.url, replace(WANTED, attempts={"python": Fixed(5)}))
    assert len(server.asked) == server.asked.total() == 50
    ask(lake, tmp_path, server.url, replace(WANTED, sampling=Sampling(1.0, max_tokens=50)))
    assert len(server.asked) == server.asked.total() == 80


def test_the_budget_is_over_all_runs_and_says_what_is_left(lake: Lake, server: Chaos, tmp_path: Path) -> None:
    first = ask(lake, tmp_path, server.url, budget=Budget(max_requests=12))
    assert first.left == 18 and "18 left (stopped by max_requests: 12 of 12 spent" in first.line()
    second = ask(lake, tmp_path, server.url, budget=Budget(max_requests=20))
    assert second.tally.stored == 8 and server.asked.total() == 20
    third = ask(lake, tmp_path, server.url, budget=Budget(max_requests=20))
    assert third.tally.asked == 0 and third.left == 10 and server.asked.total() == 20
    assert ask(lake, tmp_path, server.url).left == 0
    assert lake.scalar("SELECT count(*) FROM r1_traces") == server.asked.total() == 30


def test_what_an_earlier_run_journalled_is_committed_and_not_asked(
    lake: Lake, server: Chaos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(collect, "commit", fail)
        with pytest.raises(OSError, match="disk is gone"):
            ask(lake, tmp_path, server.url)
    assert lake.scalar("SELECT count(*) FROM r1_traces") == 0 and server.asked.total() == 30
    done = ask(lake, tmp_path, server.url)
    assert (done.replayed, done.missing, done.line()) == (
        30,
        0,
        "0 teacher requests, 30 more from the journal of an earlier run",
    )
    assert lake.scalar("SELECT count(*) FROM r1_traces") == server.asked.total() == 30


@pytest.mark.long
def test_whoever_watches_is_told(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(request_loop, "WATCH_S", 0.0)
    monkeypatch.setattr(request_loop, "SYNC_S", 0.01)
    said: list[Any] = []
    with Chaos(faults=0.3, kinds=("sent twice",), delay_s=0.1, seed=4) as slow:
        ask(lake, tmp_path, slow.url, said=said, attempts=30)
    lines = [line for line in said if isinstance(line, str)]
    figures = [figure for figure in said if isinstance(figure, dict)]
    assert any("of 30 responses" in line and "tokens/s" in line and "left" in line for line in lines)
    last = figures[-1]
    assert (last["done"], last["planned"], last["completion tokens"], last["time left"]) == (30, 30, 150, "none")
    assert last["errors"] == {"malformed": slow.faulty["sent twice"]} and "malformed" in lines[-1]
    assert any(0 < figure["done"] < 30 and figure["time left"] != "none" for figure in figures)


@pytest.mark.long
def test_failures_are_asked_again_where_that_is_wanted_and_the_answer_takes_their_place(lake: Lake, tmp_path: Path) -> None:
    with Chaos(broken=lambda name: name % 10 == 0) as server:
        first = ask(lake, tmp_path, server.url, attempts=2)
        failed = {name for name in server.asked if name % 10 == 0}
        assert failed and first.tally.failed == {"malformed": len(failed)} and first.left == 0
        rows = lake.rows("SELECT content, message, attempts, seed FROM r1_traces WHERE failure = 'malformed'")
        assert {row["seed"] for row in rows} == failed
        assert all(row["content"] == "" and "no completion" in row["message"] and row["attempts"] == 2 for row in rows)
        asked = server.asked.total()
        assert ask(lake, tmp_path, server.url).missing == 0 and server.asked.total() == asked
    assert ask(lake, tmp_path, "http://127.0.0.1:9/v1", replace(WANTED, ask_again=["refused"])).missing == 0
    with Chaos() as mended:
        again = ask(lake, tmp_path, mended.url, replace(WANTED, ask_again=["malformed"]))
        assert (again.missing, again.left, set(mended.asked)) == (len(failed), 0, failed)
    assert lake.scalar("SELECT count(*) FROM r1_traces WHERE failure IS NOT NULL") == 0
    assert lake.scalar("SELECT count(DISTINCT response_id) FROM r1_traces") == lake.scalar("SELECT count(*) FROM r1_traces") == 30
