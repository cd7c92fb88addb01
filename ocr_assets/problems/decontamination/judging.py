"""Asking the judges for the votes that are missing. What a vote means is in ``decide.py``.

How a model is asked (journal, budget, progress) is ``ocr_assets/generation/runner.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ocr_assets.generation.prompts import PromptTemplate, prompt_hash
from ocr_assets.generation.request_loop import Account, Count, Usage
from ocr_assets.generation.runner import PromptsOnce, Report, Say, Summary, open_runner, spent
from ocr_assets.problems.decontamination.decide import ORDERS, Order, vote_id, vote_of
from ocr_assets.schema import JUDGE_VOTES, PROMPTS, JudgeVote, Prompt, json_text
from resources.lake import Lake, RunInfo
from resources.lake.journal import Journal
from resources.models.api import ChatAnswer, ChatModel, ChatRequest, Sampling
from resources.models.budget import Budget

SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=16)

# Pairs in both orders that this judge has not voted on, by this prompt.
MISSING = """
SELECT s.pair_id, o."order", i.benchmark, i.item_id, i.question AS item_question, d.statement, d.origins
FROM contamination_scores s JOIN benchmark_items i USING (item_key) JOIN problems d USING (problem_id)
SEMI JOIN (SELECT unnest($pairs::VARCHAR[]) AS pair_id) w USING (pair_id)
CROSS JOIN (SELECT unnest($orders::VARCHAR[]) AS "order") o
ANTI JOIN (SELECT pair_id, "order" FROM judge_votes WHERE judge = $judge AND template_hash = $template) v
ON v.pair_id = s.pair_id AND v."order" = o."order"
"""


@dataclass(frozen=True)
class Judge:
    """A judge's model, what all judges together may be asked at its prices, and how to get at it (only if it is needed)."""

    model: str
    budget: Budget
    open: Callable[[], ChatModel]


@dataclass(frozen=True)
class PlannedVote:
    """A request and what identifies its vote."""

    request: ChatRequest
    pair_id: str
    order: Order
    prompt_hash: str


def ask(
    store: Lake,
    run: RunInfo,
    journal: Journal,
    judges: Sequence[Judge],
    pairs: Sequence[str],
    template: PromptTemplate,
    count: Count,
    say: Say,
    warn: Say,
    report: Report,
    commit_rows: int | None = None,
) -> dict[str, Summary]:
    """Ask each judge for its missing votes on ``pairs`` in both orders; returns what was done, by judge, where any were missing.

    The budget is one for all judges and all runs. A judge out of reach is warned of and the next one asked; its pairs have no
    vote, as have those that the budget leaves. Raises ``ModelUnavailable`` only for a judge that is not set up.
    """
    runner = open_runner("contamination_report", journal, lambda rows: commit(store, run, rows), count, say, report, commit_rows)
    prompts = PromptsOnce()
    done: dict[str, Summary] = {}
    for judge in judges:
        wanted = {"pairs": list(pairs), "orders": list(ORDERS), "judge": judge.model, "template": template.hash}
        missing = store.scalar(f"SELECT count(*) FROM ({MISSING})", wanted)
        if not missing:
            continue

        def row_of(planned: PlannedVote, answer: ChatAnswer, usage: Usage, model: str = judge.model) -> dict[str, Any]:
            return {
                "vote": vote_row(planned, model, template.hash, answer, usage, datetime.now(UTC)),
                "prompt": prompts.row(template, planned.request.messages, planned.prompt_hash),
            }

        requests = planned_votes(store.stream(f'{MISSING} ORDER BY s.pair_id, o."order" DESC', wanted), judge.model, template)
        account = Account(judge.budget, spent(store, "judge_votes"))
        asked = done[judge.model] = runner.ask(
            f"contamination_report {judge.model}", "votes", judge.open(), requests, missing, account, row_of, may_be_away=True
        )
        tell = warn if asked.unavailable is not None else say
        undecided = "; pairs without a vote stay undecided" if asked.left else ""
        tell(f"contamination_report: {judge.model}: {asked.line('judge requests')}{undecided}")
    return done


def planned_votes(pairs: Iterable[Mapping[str, Any]], judge: str, template: PromptTemplate) -> Iterator[PlannedVote]:
    """Rows of ``MISSING`` as requests."""
    for pair in pairs:
        request = judge_request(pair, judge, template)
        yield PlannedVote(request, pair["pair_id"], pair["order"], prompt_hash(request.messages))


def judge_request(pair: Mapping[str, Any], judge: str, template: PromptTemplate) -> ChatRequest:
    """The question to one judge about a pair in the pair's ``order``."""
    texts = (pair["statement"], pair["item_question"])
    first, second = texts if pair["order"] == "problem_first" else reversed(texts)
    place = f"{pair['benchmark']}/{pair['item_id']}|{pair['order']}"
    return ChatRequest(
        key=vote_id(pair["pair_id"], judge, pair["order"], template.hash),
        messages=template.messages(first=first, second=second),
        sampling=SAMPLING,
        aliases=[f"judge|{name}|{origin}|{place}" for name in (judge, "*") for origin in pair["origins"]],
    )


def vote_row(planned: PlannedVote, judge: str, template: str, answer: ChatAnswer, usage: Usage, now: datetime) -> JudgeVote:
    """What is kept of an answer; a permanent failure is kept too, as no vote, and is not asked again."""
    return {
        "vote_id": planned.request.key,
        "pair_id": planned.pair_id,
        "judge": judge,
        "order": planned.order,
        "vote": "none" if answer.failure else vote_of(answer.content, cut=answer.finish_reason == "length"),
        "answer": answer.failure or answer.content,
        "template_hash": template,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost": usage.cost,
        "tokens_from": "counted" if usage.counted else "server",
        "prompt_hash": planned.prompt_hash,
        "served_model": answer.served_model,
        "revision": answer.revision,
        "endpoint": answer.endpoint,
        "sampling": json_text(asdict(planned.request.sampling)),
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish_reason,
        "latency_s": answer.latency_s,
        "attempts": answer.attempts,
        "created_at": now,
    }


def commit(store: Lake, run: RunInfo, rows: Iterable[Mapping[str, Any]]) -> None:
    """Votes and their prompts into the lake, in one transaction."""
    votes: dict[str, JudgeVote] = {}
    prompts: dict[tuple[str, str], Prompt] = {}
    for row in rows:
        votes.setdefault(row["vote"]["vote_id"], row["vote"])
        if prompt := row["prompt"]:
            prompts[prompt["prompt_hash"], prompt["template_hash"]] = prompt
    with store.write(run, "contamination_report") as write:
        write.append(JUDGE_VOTES, votes.values())
        write.append(PROMPTS, prompts.values())
