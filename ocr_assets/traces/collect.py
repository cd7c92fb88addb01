"""From plan to lake: the rows of an answer, how they are committed, and what is said meanwhile.

The loop itself, with journal and budget, is ``resources/teacher/ledger.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from ocr_assets.progress import Progress
from ocr_assets.prompts import prompt_row
from ocr_assets.records import PROMPTS, R1_TRACES, Prompt, Response
from ocr_assets.traces.planning import Planned, Wanted, plan
from resources.journal import Journal
from resources.lake import Edge, Lake, RunInfo
from resources.teacher import ledger
from resources.teacher.api import ChatAnswer, Teacher
from resources.teacher.ledger import Account, Budget, Collected, Count, Ledger, Spent, Usage

Report = Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True)
class Asking:
    """What ``ask`` did: the loop's figures, responses wanted and missing when it began, responses replayed from a journal."""

    collected: Collected
    wanted: int
    missing: int
    replayed: int

    @property
    def left(self) -> int:
        """Responses that are still missing."""
        return self.missing - self.collected.kept

    def summary(self) -> str:
        """One line: what was asked, and if anything is left, how much and why."""
        done = self.collected
        parts = [f"{done.kept:,} teacher requests"]
        if done.kept:
            parts.append(f"{done.completion_tokens:,} tokens")
        if done.cost:
            parts.append(f"${done.cost:,.2f}")
        if self.replayed:
            parts.append(f"{self.replayed:,} more from the journal of an earlier run")
        if self.left:
            parts.append(f"{self.left:,} left ({f'stopped by {done.stopped}' if done.stopped else 'no answer came'})")
        return ", ".join(parts)


def ask(
    store: Lake,
    run: RunInfo,
    journal: Journal,
    teacher: Teacher,
    wanted: Wanted,
    budget: Budget,
    count: Count,
    say: Callable[[str], object],
    report: Report,
    commit_rows: int = ledger.COMMIT_ROWS,
) -> Asking:
    """Ask for what ``wanted`` lacks, within ``budget``; every answer is journalled at once and committed in batches.

    ``say`` gets a line now and then, ``report`` figures as metadata. Raises what the teacher raises; answers are kept.
    """
    replayed = replay(store, run, journal)
    if journal.torn:
        say(f"r1_traces: {journal.torn} answer(s) were being written when an earlier run was killed; they are asked again")
    account = Account(budget, spent(store, wanted.model))
    rows = Rows(wanted, teacher.name)
    with plan(store, wanted) as todo, Progress("r1_traces", todo.missing, say, "responses") as progress:
        watcher = Watcher(progress, report, todo.missing)
        loop: Ledger[Planned] = Ledger(
            teacher, journal, rows.of, lambda batch: commit(store, run, batch), account, count, watcher.watch, commit_rows
        )
        collected = ledger.run(loop.collect(todo.requests))
        return Asking(collected, todo.wanted, todo.missing, replayed)


@dataclass
class Rows:
    """Journal rows: each response, and with the first that used it, its prompt."""

    wanted: Wanted
    teacher: str
    _prompts: set[tuple[str, str]] = field(default_factory=set)

    def of(self, planned: Planned, answer: ChatAnswer, usage: Usage) -> dict[str, Any]:
        """``{"response": Response, "prompt": Prompt or None}``."""
        key = (planned.prompt_hash, planned.template.hash)
        prompt = None if key in self._prompts else prompt_row(planned.template, planned.request.messages)
        self._prompts.add(key)
        return {"response": response_row(planned, answer, usage, self.wanted, self.teacher, datetime.now(UTC)), "prompt": prompt}


def response_row(planned: Planned, answer: ChatAnswer, usage: Usage, wanted: Wanted, teacher: str, now: datetime) -> Response:
    """The row to keep for an answer."""
    return {
        "response_id": planned.request.key,
        "problem_id": planned.problem_id,
        "language": planned.language,
        "sample_index": planned.sample_index,
        "template": planned.template.name,
        "template_hash": planned.template.hash,
        "prompt_hash": planned.prompt_hash,
        "model": wanted.model,
        "served_model": answer.served_model,
        "revision": answer.revision,
        "teacher": teacher,
        "endpoint": answer.endpoint,
        "think_mode": answer.think_mode,
        "think_form": answer.split.form,
        "sampling": wanted.sampling_json,
        "seed": planned.request.seed,
        "content": answer.content,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "tokens_from": "counted" if usage.counted else "server",
        "cost": usage.cost,
        "latency_s": answer.latency_s,
        "attempts": answer.attempts,
        "failure": answer.failure,
        "created_at": now,
    }


def replay(store: Lake, run: RunInfo, journal: Journal) -> int:
    """Commit what earlier runs journalled; returns how many responses that were (the lake passes over those it has)."""
    replayed = 0
    recovered = journal.recovered()
    while part := list(islice(recovered, ledger.COMMIT_ROWS)):
        commit(store, run, part)
        replayed += len(part)
    journal.clear()
    return replayed


def commit(store: Lake, run: RunInfo, rows: Iterable[Mapping[str, Any]]) -> None:
    """Responses, their prompts and their lineage into the lake, in one transaction."""
    responses: dict[str, Response] = {}
    prompts: dict[tuple[str, str], Prompt] = {}
    for row in rows:
        responses.setdefault(row["response"]["response_id"], row["response"])
        if prompt := row["prompt"]:
            prompts[prompt["prompt_hash"], prompt["template_hash"]] = prompt
    edges: list[Edge] = [
        {"child": row["response_id"], "parent": row["problem_id"], "relation": "derived", "reason": f"asked {row['model']}"}
        for row in responses.values()
    ]
    with store.write(run, "r1_traces") as write:
        write.append(R1_TRACES, responses.values())
        write.append(PROMPTS, prompts.values())
        write.edges(edges, replace=False)


def spent(store: Lake, model: str) -> Spent:
    """What a model has been asked, has used and has cost so far, over all runs."""
    (row,) = store.rows(
        "SELECT count(*) AS requests, coalesce(sum(cost), 0.0) AS cost, "
        "coalesce(sum(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)), 0)::BIGINT AS tokens "
        "FROM r1_traces WHERE model = ?",
        [model],
    )
    return Spent(**row)


class Watcher:
    """Says how far the loop is: to the bar or log, and as metadata each time a line is due."""

    def __init__(self, progress: Progress, report: Report, missing: int) -> None:
        self._progress, self._report, self._missing = progress, report, missing
        self._shown = 0

    def watch(self, done: Collected) -> None:
        new, self._shown = done.kept - self._shown, done.kept
        if self._progress.add(new, note(done)):
            self._report(figures(done, self._missing))


def note(done: Collected) -> str:
    """``1,234 tokens/s, $0.12, failed: 2 context_too_long, errors: 3 timeout``."""
    parts = [f"{done.tokens_per_s:,.0f} tokens/s"]
    if done.cost:
        parts.append(f"${done.cost:,.2f}")
    for name, counts in (("failed", done.failed), ("errors", done.errors)):
        if counts:
            parts.append(f"{name}: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common()))
    return ", ".join(parts)


def figures(done: Collected, missing: int) -> dict[str, Any]:
    """The same as metadata, with what is planned and how long it will take."""
    seconds = time.monotonic() - done.began
    left = missing - done.kept
    return {
        "done": done.kept,
        "planned": missing,
        "time left": str(timedelta(seconds=round(left * seconds / done.kept))) if done.kept and left > 0 else "none",
        "completion tokens": done.completion_tokens,
        "tokens a second": round(done.tokens_per_s, 1),
        "cost, US dollars": round(done.cost, 4),
        "failed": dict(done.failed),
        "errors": dict(done.errors),
    }
