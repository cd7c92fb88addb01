"""Asking the judges for the votes that are missing. What a vote means is in ``contamination.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ocr_assets.problems.contamination import ORDERS, JudgePrompt, Order, vote_id, vote_row
from ocr_assets.records import JudgeVote
from resources.teacher.api import ChatRequest, Teacher

KEEP_AT_ONCE = 64


async def missing_votes(
    judge: Teacher,
    pairs: Sequence[Mapping[str, object]],
    stored: frozenset[str],
    prompt: JudgePrompt,
    price: tuple[float, float] | None,
    keep: Callable[[list[JudgeVote]], None],
) -> int:
    """Ask ``judge`` about pairs (rows with pair_id, benchmark, item_id, item_question, statement, origins) in both orders.

    Votes whose id is in ``stored`` are not asked again. ``keep`` is given answers as they come, some at once: what was paid
    for is durable before the next is waited for. Returns how many answers came. Raises ``TeacherUnavailable`` if the judge
    cannot be reached; what it did not answer has no vote.
    """
    waiting: dict[str, tuple[str, Order]] = {}

    def requests() -> Iterator[ChatRequest]:
        for pair in pairs:
            for order in ORDERS:
                key = vote_id(str(pair["pair_id"]), judge.model, order, prompt.hash)
                if key not in stored:
                    waiting[key] = (str(pair["pair_id"]), order)
                    yield prompt.request(pair, str(pair["statement"]), pair["origins"], judge.model, order)  # type: ignore[arg-type]

    answered = 0
    held: list[JudgeVote] = []
    try:
        async for answer in judge.answer(requests()):
            if answer.key not in waiting:
                continue
            pair_id, order = waiting.pop(answer.key)
            held.append(vote_row(pair_id, judge.model, order, answer, prompt.hash, price))
            answered += 1
            if len(held) >= KEEP_AT_ONCE:
                keep(held)
                held = []
    finally:
        if held:
            keep(held)
    return answered
