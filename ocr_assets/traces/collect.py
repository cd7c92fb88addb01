"""From plan to lake: the rows of an answer of the teacher and how they are committed.

How a model is asked and what is said meanwhile is ``ocr_assets/generation/runner.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from ocr_assets.generation.answers import answer_columns
from ocr_assets.generation.request_loop import Account, Count, Usage
from ocr_assets.generation.runner import PromptsOnce, Report, Say, Summary, open_runner
from ocr_assets.generation.spending import spent_on
from ocr_assets.schema import PROMPTS, R1_TRACES, Prompt, Response
from ocr_assets.traces.following import more_to_ask
from ocr_assets.traces.plan import Planned, Wanted, plan
from resources.lake import Edge, Lake, RunInfo
from resources.lake.journal import Journal
from resources.models.api import ChatAnswer, ChatModel
from resources.models.budget import Budget

_ASKED_HERE = {"license": None, "origin": None}


def ask(
    store: Lake,
    run: RunInfo,
    journal: Journal,
    teacher: ChatModel,
    wanted: Wanted,
    budget: Budget,
    count: Count,
    say: Say,
    report: Report,
    commit_rows: int | None = None,
) -> Summary:
    """Ask for what ``wanted`` lacks, within ``budget``; every answer is journalled at once and committed in batches.

    Where policies look at verdicts, those that come meanwhile count: solved problems are not asked about again, and unsolved ones
    are, as long as somebody judges (``following.py``).

    ``say`` gets a line now and then, ``report`` figures as metadata. Raises what the teacher raises; answers are kept.
    """
    runner = open_runner("r1_traces", journal, lambda rows: commit(store, run, rows), count, say, report, commit_rows)
    account = Account(budget, spent_on(store, wanted.model))
    rows = Rows(teacher)
    with plan(store, wanted) as todo:
        more = partial(more_to_ask, store, journal.journals, todo) if todo.reads_verdicts else None
        return runner.ask("r1_traces", "responses", teacher, todo.requests, lambda: todo.missing, account, rows.of, more=more)


@dataclass
class Rows:
    """Journal rows: each response, and with the first that used it, its prompt."""

    teacher: ChatModel
    _prompts: PromptsOnce = field(default_factory=PromptsOnce)

    def of(self, planned: Planned, answer: ChatAnswer, usage: Usage) -> dict[str, Any]:
        """``{"response": Response, "prompt": Prompt or None}``."""
        prompt = self._prompts.row(planned.template, planned.request.messages, planned.prompt_hash)
        return {"response": response_row(planned, answer, usage, self.teacher), "prompt": prompt}


def response_row(planned: Planned, answer: ChatAnswer, usage: Usage, teacher: ChatModel) -> Response:
    """The row to keep for an answer."""
    columns = answer_columns(planned.request, planned.template, planned.prompt_hash, answer, usage, teacher)
    own = {
        "response_id": planned.request.key,
        "problem_id": planned.problem_id,
        "language": planned.language,
        "sample_index": planned.sample_index,
        "think_mode": answer.think_mode,
        "think_form": answer.separated.form,
        **_ASKED_HERE,
    }
    return cast("Response", {**columns, **own})


def commit(store: Lake, run: RunInfo, rows: Iterable[Mapping[str, Any]]) -> None:
    """Responses, their prompts and their lineage into the lake, in one transaction."""
    responses: dict[str, Response] = {}
    prompts: dict[tuple[str, str], Prompt] = {}
    for row in rows:
        # A journal that was written before these columns existed may be replayed after an update.
        response: Response = {"message": None, **_ASKED_HERE, **row["response"]}  # type: ignore[typeddict-item]
        responses.setdefault(response["response_id"], response)
        if prompt := row["prompt"]:
            prompts[prompt["prompt_hash"], prompt["template_hash"]] = prompt
    edges: list[Edge] = [
        {"child": row["response_id"], "parent": row["problem_id"], "relation": "derived", "reason": f"asked {row['model']}"}
        for row in responses.values()
    ]
    with store.write(run, "r1_traces") as write:
        # Failures are asked again only where someone wants it; then the answer, paid for, stands in their place.
        write.append(R1_TRACES, responses.values(), replacing="failure IS NOT NULL")
        write.append(PROMPTS, prompts.values())
        write.edges(edges, replace=False)
