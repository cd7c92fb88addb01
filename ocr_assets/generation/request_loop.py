"""The loop of requests: each answer into the journal first, into the lake in batches, within a budget that is never overdrawn.

Whatever ends it (an error, Terminate, kill -9), what arrived is stored and is not asked again. What is asked and what a row looks
like is decided by the stage, which calls this through ``runner.py``.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from resources.lake.batches import JournalledBatches, Row
from resources.lake.journal import Journal
from resources.models.api import ChatAnswer, ChatModel, ChatRequest
from resources.models.budget import Budget

SYNC_S, WATCH_S = 0.2, 1.0


@dataclass
class Spent:
    """Requests, tokens (prompt and completion) and US dollars."""

    requests: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, other: Spent, times: int = 1) -> None:
        self.requests += times * other.requests
        self.tokens += times * other.tokens
        self.cost += times * other.cost


class Account:
    """A budget, and what is spent and reserved of it.

    For each request under way the most it can cost is held back: as many prompt tokens as its text has bytes, and all the
    completion tokens it may use. So the budget holds however long the answers are. (Tries that a server bills without
    answering, such as cut bodies, cannot be seen from here.)
    """

    def __init__(self, budget: Budget, spent: Spent | None = None) -> None:
        self.budget = budget
        self.spent = spent or Spent()
        self._reserved = Spent()

    def refusal(self, request: ChatRequest) -> str | None:
        """Why this request may not be asked now, or None."""
        most = self._most(request)
        for name, bound, used, held, more in (
            ("max_requests", self.budget.max_requests, self.spent.requests, self._reserved.requests, 1),
            ("max_tokens", self.budget.max_tokens, self.spent.tokens, self._reserved.tokens, most.tokens),
            ("max_cost", self.budget.max_cost, self.spent.cost, self._reserved.cost, most.cost),
        ):
            if bound is not None and used + held + more > bound:
                return f"{name}: {used:,.6g} of {bound:,.6g} spent, and the next request may take {more:,.6g}"
        return None

    def reserve(self, request: ChatRequest) -> None:
        self._reserved.add(self._most(request))

    def free(self, request: ChatRequest) -> None:
        """The request is over, answered or not."""
        self._reserved.add(self._most(request), -1)

    def settle(self, usage: Usage) -> None:
        """What an answer really took."""
        self.spent.add(Spent(1, (usage.prompt_tokens or 0) + (usage.completion_tokens or 0), usage.cost or 0.0))

    def _most(self, request: ChatRequest) -> Spent:
        prompt = sum(len(message["content"].encode("utf-8", "surrogatepass")) + 16 for message in request.messages)
        completion = request.sampling.max_tokens
        return Spent(1, prompt + completion, self.budget.cost(prompt, completion) or 0.0)


@dataclass(frozen=True)
class Usage:
    """Tokens and US dollars of one answer; ``counted``: tokens counted by us, since the server did not say."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    counted: bool = False


def usage_of(request: ChatRequest, answer: ChatAnswer, budget: Budget, count: Count | None = None) -> Usage:
    """What an answer took: as the server says, else tokens by ``count`` and cost by our prices."""
    prompt, completion, counted = answer.prompt_tokens, answer.completion_tokens, False
    if answer.failure is None and count is not None and (prompt is None or completion is None):
        texts = ["\n".join(message["content"] for message in request.messages), (answer.reasoning or "") + answer.content]
        prompt, completion = count(texts)
        counted = True
    cost = answer.cost
    if cost is None and answer.failure is None:
        cost = budget.cost(prompt or 0, completion or 0)
    return Usage(prompt, completion, cost, counted)


class PlannedRequest(Protocol):
    """Something planned: the request, and whatever the caller needs to make a row of its answer."""

    @property
    def request(self) -> ChatRequest: ...


Item = TypeVar("Item", bound=PlannedRequest)
Count = Callable[[Sequence[str]], Sequence[int]]


@dataclass
class Tally:
    """What one run of the loop did. ``stopped``: the budget that ended it; ``errors``: the model's faults, by kind; ``waiting``:
    nothing is asked now, but there may be more to ask."""

    asked: int = 0
    answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    stopped: str | None = None
    errors: Counter[str] = field(default_factory=Counter)
    waiting: bool = False
    began: float = field(default_factory=time.monotonic)
    last_answer: float | None = None

    @property
    def stored(self) -> int:
        """Answers and labelled failures."""
        return self.answered + self.failed.total()

    @property
    def unanswered(self) -> int:
        return self.asked - self.stored

    @property
    def tokens_per_s(self) -> float:
        """Completion tokens a second, while asking."""
        return self.completion_tokens / max(self.asking_s, 1e-9)

    @property
    def asking_s(self) -> float:
        """Seconds from the first request to the last answer."""
        return (self.last_answer or self.began) - self.began


class RequestLoop(Generic[Item]):
    """Sends everything planned to ``model`` and stores every answer.

    ``row_of`` makes a journal row of an item, its answer and its usage; ``count`` counts the tokens of texts where the server
    does not; ``commit`` puts rows into the lake and is called from another thread, one call at a time; ``watch`` is called
    about once a second, whether or not something arrived.

    ``planned`` may end for the moment and have more after an answer. ``more`` is awaited when it has nothing left, nothing is in
    flight and the lake has everything: true if it should be looked at again, for what the answers led to.
    """

    def __init__(
        self,
        model: ChatModel,
        journal: Journal,
        row_of: Callable[[Item, ChatAnswer, Usage], Row],
        commit: Callable[[Sequence[Row]], None],
        account: Account | None = None,
        count: Count | None = None,
        watch: Callable[[Tally], None] = lambda tally: None,
        commit_rows: int | None = None,
        more: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._model, self._journal, self._row_of, self._more = model, journal, row_of, more
        self._batches = JournalledBatches(journal, commit, commit_rows)
        self._account = account or Account(Budget())
        self._count, self._watch = count, watch
        self.tally = Tally(errors=model.errors)

    async def collect(self, planned: Iterable[Item]) -> Tally:
        """Ask for all of ``planned`` that the budget allows. Raises what the model or ``commit`` raises; rows stay stored."""
        waiting = _Waiting(planned)
        ticking = asyncio.create_task(self._tick())
        ended_well = False
        try:
            # The budget holds back the most that requests under way can cost. When they are over, what they left of it may
            # allow another round.
            while (item := waiting.first()) is not None or await self._has_more():
                if item is None:
                    continue
                self.tally.stopped = self._account.refusal(item.request)
                if self.tally.stopped is not None:
                    break
                await self._round(waiting, ticking)
            ended_well = True
        finally:
            ticking.cancel()
            self._batches.flush(ended_well)
            self._watch(self.tally)
        return self.tally

    async def _has_more(self) -> bool:
        """Whether ``more`` says that there is more to ask, once the lake has all that was answered."""
        if self._more is None:
            return False
        while (busy := self._batches.commit_now()) is not None:
            await asyncio.shield(asyncio.wrap_future(busy))
        self.tally.waiting = True
        found = await self._more()
        self.tally.waiting = False
        return found

    async def _round(self, waiting: _Waiting[Item], ticking: asyncio.Task[None]) -> None:
        in_flight: dict[str, Item] = {}

        def draw() -> ChatRequest | None:
            item = waiting.first()
            if item is None or self._account.refusal(item.request) is not None:
                return None
            waiting.take()
            self._account.reserve(item.request)
            in_flight[item.request.key] = item
            self.tally.asked += 1
            return item.request

        async with aclosing(self._model.answer(_Drawn(draw))) as answers:  # type: ignore[type-var]
            async for answer in answers:
                item = in_flight.pop(answer.key, None)
                if item is None:
                    continue  # a second body for a request already answered
                self._account.free(item.request)
                self._store(item, answer)
                if ticking.done():
                    ticking.result()  # the journal cannot be synced any more: what arrives would not be safe
                while (busy := self._batches.commit_if_due()) is not None:
                    await asyncio.shield(asyncio.wrap_future(busy))
        for item in in_flight.values():
            self._account.free(item.request)

    def _store(self, item: Item, answer: ChatAnswer) -> None:
        usage = usage_of(item.request, answer, self._account.budget, self._count)
        row = self._row_of(item, answer, usage)
        self._batches.add(row, len(answer.content) + len(answer.reasoning or ""))
        self._account.settle(usage)
        tally = self.tally
        tally.last_answer = time.monotonic()
        tally.prompt_tokens += usage.prompt_tokens or 0
        tally.completion_tokens += usage.completion_tokens or 0
        tally.cost += usage.cost or 0.0
        if answer.failure is None:
            tally.answered += 1
        else:
            tally.failed[answer.failure] += 1

    async def _tick(self) -> None:
        watched = 0.0
        while True:
            await asyncio.sleep(SYNC_S)
            await asyncio.to_thread(self._journal.sync)
            if time.monotonic() - watched >= WATCH_S:
                watched = time.monotonic()
                self._watch(self.tally)


Result = TypeVar("Result")


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """As ``asyncio.run``, but an interrupt (the UI's Terminate, Ctrl-C, SIGTERM) waits for the next await instead of breaking
    in between an answer and its journal. When all is put away, the handler that was there before gets its signal."""
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(main)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    caught: list[signal.Signals] = []

    async def guarded() -> Result:
        task = asyncio.current_task()
        assert task is not None

        def interrupt(number: signal.Signals) -> None:
            caught.append(number)
            task.cancel()

        for number in before:
            asyncio.get_running_loop().add_signal_handler(number, interrupt, number)
        return await main

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        if not caught:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if caught:
            signal.raise_signal(caught[0])
    raise KeyboardInterrupt


class _Drawn:
    """Requests as ``draw`` gives them; where it gives none, the iteration ends for the moment, and may go on later."""

    def __init__(self, draw: Callable[[], ChatRequest | None]) -> None:
        self._draw = draw

    def __iter__(self) -> Iterator[ChatRequest]:
        return self

    def __next__(self) -> ChatRequest:
        request = self._draw()
        if request is None:
            raise StopIteration
        return request


class _Waiting(Generic[Item]):
    """What is still to be asked, with a look at the first."""

    def __init__(self, planned: Iterable[Item]) -> None:
        self._planned = iter(planned)
        self._first: Item | None = None

    def first(self) -> Item | None:
        if self._first is None:
            self._first = next(self._planned, None)
        return self._first

    def take(self) -> None:
        self._first = None
