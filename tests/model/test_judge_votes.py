"""Judges are asked as the teacher is: nothing twice, within a budget, and all a server tells is kept."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, get_type_hints

import pytest

from ocr_assets.generation import request_loop
from ocr_assets.generation.prompts import PromptTemplate, load_templates
from ocr_assets.platform import progress
from ocr_assets.platform.lineage.macros import MACROS
from ocr_assets.problems.decontamination import judging
from ocr_assets.problems.decontamination.decide import ORDERS, decide
from ocr_assets.problems.decontamination.judging import Judge, judge_request
from ocr_assets.problems.decontamination.settings import DecontaminationSettings
from ocr_assets.schema import TABLES, JudgeVote
from ocr_assets.schema.migrations import MIGRATIONS
from resources.lake import Lake, RunInfo
from resources.lake.tables import Table
from resources.models.api import ChatAnswer, ModelUnavailable
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel
from tests.support.chaos import Chaos
from tests.support.judging_pairs import filled, judge
from tests.support.rows import row_of

TEMPLATE = load_templates(["judge"])["judge"]


class Fake:
    """Says yes; ``fail_after`` answers it is gone; what it was asked is counted."""

    name = "fake"

    def __init__(
        self, model: str = "llama", fail_after: int = 10**9, failure: str | None = None, tokens: int | None = 1_000_000
    ) -> None:
        self.model, self.asked, self.fail_after, self.failure, self.tokens = model, 0, fail_after, failure, tokens
        self.errors: Counter[str] = Counter()

    async def answer(self, requests):
        for request in requests:
            if self.asked == self.fail_after:
                raise ModelUnavailable(f"{self.model} is gone")
            self.asked += 1
            yield ChatAnswer(request.key, "Yes", prompt_tokens=self.tokens, completion_tokens=2, failure=self.failure)


def of(fake: Fake, budget: Budget | None = None) -> Judge:
    return Judge(fake.model, budget or Budget(), lambda: fake)  # type: ignore[arg-type,return-value]


def test_both_orders_ask_different_things() -> None:
    pair = {
        "pair_id": "p",
        "benchmark": "b",
        "item_id": "1",
        "item_question": "ITEM",
        "statement": "PROBLEM",
        "origins": ["taco/train/1"],
    }
    one, other = (judge_request({**pair, "order": order}, "m", TEMPLATE) for order in ORDERS)
    assert one.key != other.key
    first, second = (request.messages[-1]["content"] for request in (one, other))
    assert first.index("PROBLEM") < first.index("ITEM") and second.index("PROBLEM") > second.index("ITEM")
    assert one.aliases == ["judge|m|taco/train/1|b/1|problem_first", "judge|*|taco/train/1|b/1|problem_first"]


def test_votes_are_kept_with_tokens_and_cost_and_asked_once(tmp_path: Path) -> None:
    price = Budget(prompt_price=0.25, completion_price=1.0)
    with filled(tmp_path) as lake:
        done = judge(lake, tmp_path, [of(Fake(), price)])
        assert (done["llama"].tally.stored, done["llama"].left) == (6, 0)
        rows = lake.rows("FROM judge_votes")
        assert len({row["vote_id"] for row in rows}) == 6
        told = {("yes", 0.250002, "Yes", TEMPLATE.hash, "server", 1, None)}
        kept = ("vote", "cost", "answer", "template_hash", "tokens_from", "attempts", "finish_reason")
        assert {tuple(row[name] for name in kept) for row in rows} == told
        prompts = {row["prompt_hash"]: row["messages"] for row in lake.rows("FROM prompts WHERE template = 'judge'")}
        assert len(prompts) == 6 and all("Add" in prompts[row["prompt_hash"]] for row in rows)
        # The other judge, another prompt, a new pair: only what is missing is asked.
        again, other = Fake(), Fake("qwen", tokens=None)
        done = judge(lake, tmp_path, [of(again), of(other)])
        assert (again.asked, other.asked, list(done)) == (0, 6, ["qwen"])
        assert {(r["tokens_from"], r["completion_tokens"]) for r in lake.rows("FROM judge_votes WHERE judge = 'qwen'")} == {
            ("counted", 3)
        }
        judge(lake, tmp_path, [of(again)], template=PromptTemplate("judge", TEMPLATE.text + "\nThink first."))
        assert again.asked == 6
    with filled(tmp_path, 4) as lake:
        judge(lake, tmp_path, [of(again)])
        assert again.asked == 8


def test_all_that_a_server_tells_is_a_column(tmp_path: Path) -> None:
    with Chaos(text=lambda name: "No.") as server, filled(tmp_path, 1) as lake:
        judge(lake, tmp_path, [Judge("llama", Budget(), partial(EndpointModel, "llama", [server.url]))])
        rows = lake.rows("FROM judge_votes")
        assert len(rows) == 2
        for row in rows:
            told = {
                "vote": "no", "answer": "No.", "served_model": "served-r1", "revision": "fp_1", "endpoint": server.url,
                "finish_reason": "stop", "prompt_tokens": 7, "completion_tokens": 5, "tokens_from": "server", "attempts": 1,
                "sampling": '{"temperature":0.0,"top_p":1.0,"max_tokens":16}', "reasoning": None,
            }  # fmt: skip
            assert {name: row[name] for name in told} == told
            assert row["latency_s"] > 0 and row["created_at"] is not None


def test_a_judge_that_goes_away_is_warned_of_and_the_others_are_asked(tmp_path: Path) -> None:
    warned: list[str] = []
    gone, unreachable = Fake("llama", fail_after=3), partial(EndpointModel, "phi", ["http://127.0.0.1:9/v1"], attempts=1)
    with filled(tmp_path) as lake:
        done = judge(lake, tmp_path, [of(gone), Judge("phi", Budget(), unreachable), of(Fake("qwen"))], warn=warned.append)
        assert {name: (asked.tally.stored, asked.left) for name, asked in done.items()} == {
            "llama": (3, 3),
            "phi": (0, 6),
            "qwen": (6, 0),
        }
        assert len(warned) == 2 and all("pairs without a vote stay undecided" in line for line in warned)
        assert "llama: 3 judge requests" in warned[0] and "llama is gone" in warned[0] and "is the server up" in warned[1]
        votes = lake.rows("FROM judge_votes WHERE pair_id = 'pair_2'")
        assert decide("embedding", votes, ["llama", "qwen"], DecontaminationSettings(policy="both_judges"))[0] == "undecided"
        back = Fake("llama")
        judge(lake, tmp_path, [of(back)])
        assert back.asked == 3
        assert lake.scalar("SELECT count(*) FROM judge_votes") == 12


def test_the_budget_is_one_for_all_judges_and_runs_and_what_it_leaves_is_undecided(tmp_path: Path) -> None:
    said: list[str] = []
    with filled(tmp_path) as lake:
        for most, asked in ((8, (6, 2)), (8, (0, 0)), (10, (0, 2))):
            llama, qwen = Fake("llama"), Fake("qwen")
            done = judge(lake, tmp_path, [of(llama, Budget(max_requests=most)), of(qwen, Budget(max_requests=most))], said.append)
            assert (llama.asked, qwen.asked) == asked
        assert done["qwen"].left == 2 and list(done) == ["qwen"]
        assert said[-1] == (
            "contamination_report: qwen: 2 judge requests, 4 tokens, 2 left (stopped by max_requests: 10 of 10 spent, and the "
            "next request may take 1); pairs without a vote stay undecided"
        )
        by_pair = {n: lake.rows("FROM judge_votes WHERE pair_id = ?", [f"pair_{n}"]) for n in range(3)}
        found = [
            decide("embedding", votes, ["llama", "qwen"], DecontaminationSettings(policy="both_judges"))[0]
            for votes in by_pair.values()
        ]
        assert found == ["confirmed", "confirmed", "undecided"]
        spent = sum(row["prompt_tokens"] + row["completion_tokens"] for row in lake.rows("FROM judge_votes"))
        priced = Budget(max_cost=spent * 2 / 1e6, max_tokens=spent + 100, prompt_price=1.0, completion_price=1.0)
        assert "max_tokens" in judge(lake, tmp_path, [of(Fake("qwen"), priced)])["qwen"].why_left


def test_a_permanent_failure_is_kept_as_no_vote_and_not_asked_again(tmp_path: Path) -> None:
    with filled(tmp_path, 1) as lake:
        judge(lake, tmp_path, [of(Fake(failure="context_too_long"))])
        kept = lake.rows("FROM judge_votes")
        assert [(vote["vote"], vote["answer"]) for vote in kept] == [("none", "context_too_long")] * 2
        assert decide("embedding", kept, ["llama"], DecontaminationSettings())[0] == "undecided"
        again = Fake()
        assert judge(lake, tmp_path, [of(again)]) == {} and again.asked == 0


def test_what_an_earlier_run_journalled_is_committed_and_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is gone")

    with filled(tmp_path) as lake:
        with monkeypatch.context() as broken:
            broken.setattr(judging, "commit", fail)
            with pytest.raises(OSError, match="disk is gone"):
                judge(lake, tmp_path, [of(Fake())])
        assert lake.scalar("SELECT count(*) FROM judge_votes") == 0
        again = Fake()
        assert judge(lake, tmp_path, [of(again)]) == {} and again.asked == 0
        assert lake.scalar("SELECT count(*) FROM judge_votes") == 6


def test_whoever_watches_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    monkeypatch.setattr(request_loop, "WATCH_S", 0.0)
    said: list[str] = []
    figures: list[dict[str, Any]] = []
    with filled(tmp_path) as lake:
        judge(lake, tmp_path, [of(Fake()), of(Fake("qwen"))], said.append, figures.append)
    assert any("contamination_report qwen: 6 of 6 votes" in line for line in said)
    assert {(one["model"], one["done"], one["planned"]) for one in figures} >= {("llama", 6, 6), ("qwen", 6, 6)}


@pytest.mark.long
def test_a_lake_of_before_votes_had_all_their_columns_opens_and_keeps_its_votes(tmp_path: Path) -> None:
    hints = get_type_hints(JudgeVote, include_extras=True)
    older = TypedDict("older", {name: hints[name] for name in list(hints)[:10]})  # type: ignore[misc,operator]
    votes_then = Table("judge_votes", older, ("vote_id",))
    tables = [votes_then if table.name == "judge_votes" else table for table in TABLES]
    with Lake(tmp_path / "lake", tables=tables, setup_sql=MACROS, migrations=MIGRATIONS) as lake:
        with lake.write(RunInfo("then"), "contamination_report") as write:
            write.append(votes_then, [row_of(votes_then, vote_id="vote_1", judge="llama", vote="yes", cost=0.5)])
    with filled(tmp_path, 1) as lake:
        judge(lake, tmp_path, [of(Fake())])
        kept = lake.rows("SELECT vote_id = 'vote_1' AS old, vote, cost, attempts FROM judge_votes ORDER BY old DESC")
        assert (
            kept
            == [{"old": True, "vote": "yes", "cost": 0.5, "attempts": None}]
            + [{"old": False, "vote": "yes", "cost": None, "attempts": 1}] * 2
        )
        assert "deduped_problems" in {row["stage"] for row in lake.rows("FROM funnel")}
