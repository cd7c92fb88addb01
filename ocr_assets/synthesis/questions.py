"""Questions asked for and read: rows of answers, how they are committed, and stored answers read again by another rule.

What is asked is planned in ``plan.py``; how an answer is read is in ``reading.py``; how a model is asked is
``ocr_assets/generation/runner.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any, cast

from ocr_assets.generation.answers import answer_columns
from ocr_assets.generation.request_loop import Account, Count, Usage
from ocr_assets.generation.runner import PromptsOnce, Report, Say, Summary, open_runner
from ocr_assets.generation.spending import spent_on
from ocr_assets.schema import PROMPTS, QUESTION_SEEDS, SYNTHETIC_QUESTIONS, Prompt, QuestionSeed, SyntheticQuestion
from ocr_assets.synthesis.plan import PlannedQuestion, QuestionPlan, sampling_json
from ocr_assets.synthesis.reading import PARSER_VERSION, Reading, read_answer
from ocr_assets.synthesis.subsets.definition import Subset
from resources.lake import Edge, Lake, RunInfo
from resources.lake.journal import Journal
from resources.models.api import ChatAnswer, ChatModel
from resources.models.budget import Budget
from resources.models.reasoning import separate_reasoning

STAGE = "synthetic_questions"

RULES = "SELECT DISTINCT subset, rule FROM synthetic_questions WHERE failure IS NULL"

# Answers that were read by another parser or other rules, with what reading them needs.
READ_OTHERWISE = """
SELECT q.*, s.text AS seed_text, p.messages FROM synthetic_questions q
LEFT JOIN question_seeds s ON s.seed_id = q.seed_ids[1]
LEFT JOIN prompts p ON p.prompt_hash = q.prompt_hash AND p.template_hash = q.template_hash
WHERE q.subset = $subset AND q.failure IS NULL AND q.rule <> $rule
"""


def ask(
    store: Lake,
    run: RunInfo,
    journal: Journal,
    teacher: ChatModel,
    planned: Callable[[], Sequence[QuestionPlan]],
    budget: Budget,
    count: Count,
    say: Say,
    report: Report,
    commit_rows: int | None = None,
) -> Summary:
    """Ask for what ``planned()`` finds missing, within ``budget``; each answer is journalled at once and committed in batches.

    ``planned``: makes a plan for each subset, called when what an earlier run left in the journal is in the lake. All are asked
    in one loop, so that the teacher is never idle between two. Raises what the teacher raises; answers are kept.
    """
    runner = open_runner(STAGE, journal, lambda rows: commit(store, run, rows), count, say, report, commit_rows)
    plans = planned()
    requests = chain.from_iterable(plan.requests() for plan in plans)
    account = Account(budget, spent_on(store, teacher.model))
    return runner.ask(STAGE, "questions", teacher, requests, sum(plan.missing for plan in plans), account, Rows(teacher).of)


@dataclass
class Rows:
    """Journal rows: each question, its seeds that are no problems, and with the first that used it, its prompt."""

    teacher: ChatModel
    _prompts: PromptsOnce = field(default_factory=PromptsOnce)

    def of(self, planned: PlannedQuestion, answer: ChatAnswer, usage: Usage) -> dict[str, Any]:
        """``{"question": SyntheticQuestion, "seeds": [QuestionSeed], "prompt": Prompt or None}``."""
        return {
            "question": question_row(planned, answer, usage, self.teacher),
            "seeds": [seed.row for seed in planned.seeds if seed.kind != "problem"],
            "prompt": self._prompts.row(planned.template, planned.request.messages, planned.prompt_hash),
        }


def question_row(planned: PlannedQuestion, answer: ChatAnswer, usage: Usage, teacher: ChatModel) -> SyntheticQuestion:
    """The row to keep for an answer."""
    subset = planned.subset
    if answer.failure is not None:
        reading = Reading("failed", answer.failure)
    else:
        reading = read_answer(subset, planned.given, answer.separated.answer, answer.finish_reason)
    row: Any = {
        "question_id": planned.request.key,
        "subset": subset.name,
        "method": subset.method,
        "seed_ids": [seed.seed_id for seed in planned.seeds],
        "seed_name": planned.seeds[0].names[0] if planned.seeds else "",
        "sample_index": planned.sample_index,
        "status": reading.status,
        "reason": reading.reason,
        "question": reading.question,
        "quality": reading.quality,
        "category": reading.category,
        "form": reading.form,
        "rule": subset.rule(PARSER_VERSION),
        **answer_columns(planned.request, planned.template, planned.prompt_hash, answer, usage, teacher),
        "sampling": sampling_json(subset),
    }
    return cast("SyntheticQuestion", row)


def commit(store: Lake, run: RunInfo, rows: Iterable[Mapping[str, Any]]) -> None:
    """Questions, what they were made from, their prompts and their lineage into the lake, in one transaction."""
    questions: dict[str, SyntheticQuestion] = {}
    seeds: dict[str, QuestionSeed] = {}
    prompts: dict[tuple[str, str], Prompt] = {}
    for row in rows:
        questions.setdefault(row["question"]["question_id"], row["question"])
        seeds.update({seed["seed_id"]: seed for seed in row["seeds"]})
        if prompt := row["prompt"]:
            prompts[prompt["prompt_hash"], prompt["template_hash"]] = prompt
    edges: list[Edge] = [
        {"child": row["question_id"], "parent": seed, "relation": "derived", "reason": f"asked {row['model']}"}
        for row in questions.values()
        for seed in row["seed_ids"]
    ]
    with store.write(run, STAGE) as write:
        # Failures are asked again only where someone wants it; then the answer, paid for, stands in their place.
        write.append(SYNTHETIC_QUESTIONS, questions.values(), replacing="failure IS NOT NULL")
        write.append(QUESTION_SEEDS, seeds.values())
        write.append(PROMPTS, prompts.values())
        write.edges(edges, replace=False)


def read_again(store: Lake, run: RunInfo, subsets: Iterable[Subset]) -> int:
    """Read stored answers again that were read by another parser or other rules, in one commit a subset; returns how many."""
    stored = {(row["subset"], row["rule"]) for row in store.rows(RULES)}
    return sum(
        _read_again(store, run, subset)
        for subset in subsets
        if any(name == subset.name and rule != subset.rule(PARSER_VERSION) for name, rule in stored)
    )


def _read_again(store: Lake, run: RunInfo, subset: Subset) -> int:
    rule = subset.rule(PARSER_VERSION)

    def rows() -> Iterator[dict[str, Any]]:
        for row in store.stream(READ_OTHERWISE, {"subset": subset.name, "rule": rule}):
            seed_text, messages = row.pop("seed_text"), row.pop("messages")
            given = seed_text if row["seed_ids"] else json.loads(messages)[-1]["content"]
            answer = separate_reasoning(row["content"], row["reasoning"]).answer
            yield {**row, **asdict(read_answer(subset, given or "", answer, row["finish_reason"])), "rule": rule}

    with store.write(run, STAGE) as write:
        return write.upsert(SYNTHETIC_QUESTIONS, rows()).count
