"""The loop that asks: each answer is journalled the moment it arrives and committed to the lake in batches.

Whatever ends it (an error, Terminate, kill -9), what arrived is kept and is not asked again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ocr_assets.records import Response
from ocr_assets.traces.planning import Planned, Wanted, response_row
from resources.journal import Journal
from resources.teacher.api import ChatAnswer, ChatRequest, Teacher

COMMIT_ROWS, COMMIT_S = 2_000, 60.0


@dataclass
class Collected:
    """What one run of the loop did."""

    asked: int = 0
    answered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    tokens: int = 0

    @property
    def unanswered(self) -> int:
        return self.asked - self.answered - sum(self.failed.values())


async def collect(
    teacher: Teacher,
    planned: Iterable[Planned],
    wanted: Wanted,
    journal: Journal,
    commit: Callable[[list[Response]], None],
    progress: Callable[[ChatAnswer, Collected], None] = lambda answer, collected: None,
) -> Collected:
    """Ask everything planned. ``commit`` puts rows into the lake; after it returns the journal forgets them."""
    collected = Collected()
    in_flight: dict[str, Planned] = {}
    rows: list[Response] = []
    last = time.monotonic()

    def requests() -> Iterator[ChatRequest]:
        for item in planned:
            in_flight[item.request.key] = item
            collected.asked += 1
            yield item.request

    def flush() -> None:
        nonlocal last
        if rows:
            commit(rows)
            rows.clear()
        journal.clear()
        last = time.monotonic()

    try:
        async for answer in teacher.answer(requests()):
            item = in_flight.pop(answer.key, None)
            if item is None:
                continue  # a second body for a request already answered
            row = response_row(item, answer, wanted, teacher.name, datetime.now(UTC))
            journal.append(row)
            rows.append(row)
            if answer.failure is None:
                collected.answered += 1
            else:
                collected.failed[answer.failure] = collected.failed.get(answer.failure, 0) + 1
            collected.tokens += answer.completion_tokens or 0
            progress(answer, collected)
            if len(rows) >= COMMIT_ROWS or time.monotonic() - last >= COMMIT_S:
                flush()
    finally:
        flush()
    return collected
