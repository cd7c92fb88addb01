"""What was paid for is kept and not asked again, and the budget holds: the loop against a server that misbehaves."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.generation import request_loop
from ocr_assets.generation.request_loop import Account, RequestLoop, Row, Spent, Tally, Usage, usage_of
from resources.lake.journal import Journal
from resources.models import endpoint, health
from resources.models.api import ChatAnswer, ChatRequest, ModelUnavailable, Sampling
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel
from tests.support.chaos import Chaos, text_of


@dataclass(frozen=True)
class Item:
    request: ChatRequest


def items(count: int, max_tokens: int = 16, start: int = 0) -> list[Item]:
    return [
        Item(ChatRequest(f"k{n}", [{"role": "user", "content": f"Solve {n}."}], Sampling(max_tokens=max_tokens), n, True))
        for n in range(start, start + count)
    ]


def row_of(item: Item, answer: ChatAnswer, usage: Usage) -> Row:
    return {"key": answer.key, "content": answer.content, "tokens": usage.completion_tokens, "failure": answer.failure}


class Kept:
    """The lake of these tests: a dictionary, and a note of every commit."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.commits: list[int] = []

    def commit(self, rows: Iterable[Row]) -> None:
        rows = list(rows)
        self.commits.append(len(rows))
        for row in rows:
            assert self.rows.setdefault(row["key"], row) == row


def collect(
    folder: Path, teacher, planned: list[Item], kept: Kept, account: Account | None = None, commit_rows: int = 10, **more
) -> Tally:
    with Journal(folder, "asked") as journal:
        kept.commit(journal.recovered())
        journal.clear()
        loop: RequestLoop[Item] = RequestLoop(teacher, journal, row_of, kept.commit, account, commit_rows=commit_rows, **more)
        todo = [item for item in planned if item.request.key not in kept.rows]
        return request_loop.run(loop.collect(todo))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(health, "FIRST_REST_S", 0.02)
    monkeypatch.setattr(health, "LONGEST_REST_S", 0.1)


def test_every_answer_is_kept_once_whatever_the_server_does(tmp_path: Path) -> None:
    kept = Kept()
    with Chaos(faults=0.35, delay_s=0.01, seed=3) as server:
        teacher = EndpointModel("r1", [server.url], concurrency=16, timeout_s=2, deadline_s=120, attempts=30)
        done = collect(tmp_path, teacher, items(200), kept)
        assert {key: row["content"] for key, row in kept.rows.items()} == {f"k{n}": text_of(n) for n in range(200)}
        assert (done.asked, done.answered, done.unanswered) == (200, 200, 0)
        # Each fault is met, each kind told apart, and nothing that was answered in full is asked again.
        assert len(server.faulty) == 13
        assert set(done.errors) == {"rate_limited", "overloaded", "server_error", "connection", "malformed", "timeout"}
        assert sum(server.asked.values()) - 200 == server.faulty.total() == done.errors.total()
        assert set(server.answered.values()) == {1}
        assert server.most_in_flight <= 16 + server.faulty["late"]  # the late ones the client has given up
    assert max(kept.commits) <= 10 and list(tmp_path.rglob("*.jsonl")) == []


def test_several_endpoints_share_the_work_and_a_dead_one_costs_nothing(tmp_path: Path) -> None:
    kept = Kept()
    with Chaos(delay_s=0.005) as one, Chaos(delay_s=0.005) as two:
        teacher = EndpointModel("r1", [one.url, "http://127.0.0.1:9/v1", two.url], concurrency=12)
        done = collect(tmp_path, teacher, items(300), kept)
    assert len(kept.rows) == 300 and done.unanswered == 0
    assert min(one.answered.total(), two.answered.total()) > 60
    assert not set(one.answered) & set(two.answered)


def test_a_commit_that_fails_loses_nothing(tmp_path: Path) -> None:
    kept, broken = Kept(), Kept()

    def fail(rows: Iterable[Row]) -> None:
        if len(broken.commits) >= 2:
            raise OSError("the catalog is gone")
        broken.commit(rows)

    with Chaos() as server:
        teacher = EndpointModel("r1", [server.url], concurrency=4)
        with pytest.raises(OSError, match="catalog is gone"), Journal(tmp_path, "asked") as journal:
            loop: RequestLoop[Item] = RequestLoop(teacher, journal, row_of, fail, commit_rows=10)
            request_loop.run(loop.collect(items(200)))
        asked = server.asked.total()
        with Journal(tmp_path, "asked") as journal:
            recovered = {row["key"] for row in journal.recovered()}
        assert len(recovered | set(broken.rows)) >= asked - 4  # at most the requests in flight
        collect(tmp_path, EndpointModel("r1", [server.url], concurrency=4), items(200), kept)
        assert len({**broken.rows, **kept.rows}) == 200


def test_answers_are_committed_while_others_are_awaited(tmp_path: Path) -> None:
    """A commit does not hold up the asking: the next answers are journalled meanwhile."""
    gate, kept = threading.Event(), Kept()

    def slow(rows: Iterable[Row]) -> None:
        assert gate.wait(30)
        kept.commit(rows)

    class Ticking:
        name, model = "ticking", "m"
        errors = Tally().errors

        async def answer(self, requests: Iterable[ChatRequest]):
            for number, request in enumerate(requests):
                if number == 15:  # ten are being committed, and five more came in
                    assert not kept.commits
                    gate.set()
                yield ChatAnswer(request.key, "x")
                await asyncio.sleep(0)

    with Journal(tmp_path, "asked") as journal:
        loop: RequestLoop[Item] = RequestLoop(Ticking(), journal, row_of, slow, commit_rows=10)
        request_loop.run(loop.collect(items(25)))
    assert len(kept.rows) == 25


class Plain:
    """Answers at once, each with as many tokens as its number; ``silent`` ones never."""

    name, model = "plain", "m"

    def __init__(self, silent: frozenset[int] = frozenset(), cost: float | None = None) -> None:
        self.errors = Tally().errors
        self.silent, self.cost = silent, cost
        self.asked: list[str] = []

    async def answer(self, requests: Iterable[ChatRequest]):
        for request in requests:
            self.asked.append(request.key)
            if request.seed not in self.silent:
                assert request.seed is not None
                tokens = min(request.seed, request.sampling.max_tokens)
                yield ChatAnswer(request.key, "x", prompt_tokens=3, completion_tokens=tokens, cost=self.cost)
            await asyncio.sleep(0)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 30),
    st.frozensets(st.integers(0, 30)),
    st.integers(0, 40) | st.none(),
    st.integers(0, 3000) | st.none(),
    st.floats(0, 0.01) | st.none(),
    st.integers(0, 10),
)
def test_no_budget_is_ever_overdrawn(count, silent, requests, tokens, cost, before) -> None:
    budget = Budget(requests, tokens, cost, 1.0, 4.0)
    with TemporaryDirectory() as folder:
        kept, teacher = Kept(), Plain(silent)
        account = Account(budget, Spent(before, 10 * before, 0.0))
        done = collect(Path(folder), teacher, items(count), kept, account)
        assert len(teacher.asked) == len(set(teacher.asked)) == done.asked
        assert kept.rows.keys() == set(teacher.asked) - {f"k{n}" for n in silent}
        spent = account.spent
        assert requests is None or spent.requests <= max(requests, before)
        assert tokens is None or spent.tokens <= max(tokens, 10 * before)
        assert cost is None or spent.cost <= cost + 1e-12
        assert (done.stopped is None) == (done.asked == count)
        if (requests, tokens, cost) == (None, None, None):
            assert done.asked == count


def test_a_budget_that_is_used_up_says_which_and_the_next_run_goes_on(tmp_path: Path) -> None:
    kept = Kept()
    first = collect(tmp_path, Plain(), items(10), kept, Account(Budget(max_requests=4)))
    assert first.answered == 4 and first.stopped is not None and first.stopped.startswith("max_requests: 4 of 4 spent")
    second = collect(tmp_path, Plain(), items(10), kept, Account(Budget(max_requests=7), Spent(4)))
    assert second.answered == 3 and len(kept.rows) == 7


def test_what_the_server_bills_counts_before_our_prices() -> None:
    request = items(1)[0].request
    answer = ChatAnswer("k0", "x", prompt_tokens=1_000_000, completion_tokens=500_000)
    budget = Budget(prompt_price=0.5, completion_price=2.0)
    assert usage_of(request, answer, budget) == Usage(1_000_000, 500_000, 1.5)
    billed = ChatAnswer("k0", "x", prompt_tokens=1, completion_tokens=1, cost=0.25)
    assert usage_of(request, billed, budget).cost == 0.25
    counted = usage_of(request, ChatAnswer("k0", "four words of text"), budget, lambda texts: [len(t.split()) for t in texts])
    assert (counted.prompt_tokens, counted.completion_tokens, counted.counted) == (2, 4, True)


def test_a_cost_that_cannot_be_reckoned_cannot_be_bounded() -> None:
    with pytest.raises(ValueError, match="max_cost needs prompt_price and completion_price"):
        Budget(max_cost=10.0)


def test_an_engine_that_breaks_keeps_what_came_before(tmp_path: Path) -> None:
    class Breaking(Plain):
        async def answer(self, requests: Iterable[ChatRequest]):
            async for answer in super().answer(requests):
                if answer.key == "k7":
                    raise ModelUnavailable("it went away")
                yield answer

    kept = Kept()
    with pytest.raises(ModelUnavailable, match="went away"):
        collect(tmp_path, Breaking(), items(20), kept)
    assert set(kept.rows) == {f"k{n}" for n in range(7)}
    teacher = Plain()
    collect(tmp_path, teacher, items(20), kept)
    assert teacher.asked == [f"k{n}" for n in range(7, 20)]


def test_a_second_body_for_an_answered_request_is_not_a_second_row(tmp_path: Path) -> None:
    class Stammering(Plain):
        async def answer(self, requests: Iterable[ChatRequest]):
            async for answer in super().answer(requests):
                yield answer
                yield answer

    kept = Kept()
    done = collect(tmp_path, Stammering(), items(12), kept)
    assert done.answered == 12 and sum(kept.commits) == 12


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_waits_until_the_answer_is_put_away(tmp_path: Path, number: signal.Signals) -> None:
    """What the UI's Terminate, Ctrl-C and a shutdown send; then the handler that was there gets its signal."""
    got: list[int] = []
    before = signal.signal(number, lambda given, frame: got.append(given))
    kept = Kept()
    try:
        with Chaos(delay_s=0.01) as server:

            def planned() -> Iterator[Item]:
                for item in items(2000):
                    if item.request.seed == 100:
                        os.kill(os.getpid(), number)
                    yield item

            teacher = EndpointModel("r1", [server.url], concurrency=8)
            with pytest.raises(KeyboardInterrupt), Journal(tmp_path, "asked") as journal:
                loop: RequestLoop[Item] = RequestLoop(teacher, journal, row_of, kept.commit)
                request_loop.run(loop.collect(planned()))
            deadline = time.monotonic() + 20
            while server.in_flight and time.monotonic() < deadline:
                time.sleep(0.01)
            assert got == [number]
            assert 80 <= len(kept.rows) < 200
            assert server.asked.total() - len(kept.rows) <= 8
    finally:
        signal.signal(number, before)


def test_progress_is_told_with_errors_and_cost(tmp_path: Path) -> None:
    seen: list[str] = []

    def watch(done: Tally) -> None:
        seen.append(json.dumps({"kept": done.stored, "errors": dict(done.errors), "cost": done.cost}))

    with Chaos(faults=0.2, kinds=("500",), seed=1) as server:
        teacher = EndpointModel("r1", [server.url], concurrency=4, attempts=20)
        account = Account(Budget(prompt_price=1.0, completion_price=2.0))
        collect(tmp_path, teacher, items(50), Kept(), account, watch=watch)
    last = json.loads(seen[-1])
    assert last["kept"] == 50 and last["errors"] == {"server_error": server.faulty["500"]}
    assert last["cost"] == pytest.approx(50 * (7 * 1.0 + 5 * 2.0) / 1e6)
