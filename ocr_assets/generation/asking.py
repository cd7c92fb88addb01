"""Asking a model about the rows of a query: one way for all stages whose answers are taken apart as they come.

A ``Kind`` says what is asked for each row, how often, and how an answer becomes a row of its table; the stages define theirs.
The key of an answer is the hash of all that was asked, so what the lake holds is never asked again, and another prompt, model or
sampling asks anew. How requests are sent is ``runner.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from ocr_assets.generation.answers import answer_columns, sampling_json, seed_of
from ocr_assets.generation.prompts import PromptTemplate, prompt_hash
from ocr_assets.generation.request_loop import Account, Count, Usage
from ocr_assets.generation.runner import PromptsOnce, Report, Say, Summary, open_runner
from ocr_assets.generation.sampling import SampleCounts, SamplingPolicy
from ocr_assets.generation.spending import spent_on
from ocr_assets.schema import PROMPTS, Prompt, content_id
from resources.lake import Edge, Lake, RunInfo
from resources.lake.journal import Journal
from resources.lake.tables import Table
from resources.models.api import ChatAnswer, ChatModel, ChatRequest, Message, Sampling
from resources.models.budget import Budget

Row = Mapping[str, Any]


class Asked(NamedTuple):
    """A prompt: its template, and the turns made from it."""

    template: PromptTemplate
    messages: list[Message]


@dataclass(frozen=True)
class Kind:
    """Something that a model is asked.

    ``name``: of its journal. ``table``: of its answers; its key column is their id, ``index`` the column that numbers those of
    one subject. ``prefix``: of ids. ``subjects``: a query whose rows are what is asked about (parameters: ``model``,
    ``sampling`` and those of ``Wanted``), each with ``made``: a list of what the table holds for it, structs of ``index``,
    ``prompt_hash`` and ``standing`` (passed, failed, pending, or a labelled failure). ``subject``: its column that names one.
    ``prompt``: what is asked about a row. ``alias``: the name a person would give the answer of that index. ``named``: columns
    of the answer's row that the subject tells. ``read``: the rest of it, from a row and an answer. ``think``: the answer begins
    with reasoning. ``stage``: the asset that asks, where it has another name than the table.
    """

    name: str
    table: Table
    prefix: str
    index: str
    subject: str
    subjects: str
    prompt: Callable[[Row], Asked]
    alias: Callable[[Row, int], str]
    named: Callable[[Row], dict[str, Any]]
    read: Callable[[Row, ChatAnswer], dict[str, Any]]
    think: bool = False
    stage: str = ""


@dataclass(frozen=True)
class Planned:
    """A request, its template, the subject's row and which of its answers this is."""

    request: ChatRequest
    template: PromptTemplate
    row: Row
    index: int
    prompt_hash: str


@dataclass(frozen=True)
class Wanted:
    """How often each subject is asked, of which model, how drawn. ``parameters``: further ones of the kind's query."""

    policy: SamplingPolicy
    sampling: Sampling
    model: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    ask_again: Sequence[str] = ()


def missing(store: Lake, kind: Kind, wanted: Wanted) -> Iterator[Planned]:
    """Every request whose answer the lake lacks, lazily: memory does not grow with what it holds."""
    parameters = {"model": wanted.model, "sampling": sampling_json(wanted.sampling), **wanted.parameters}
    for row in store.stream(kind.subjects, parameters, size=256):
        asked = kind.prompt(row)
        hashed = prompt_hash(asked.messages)
        made = {
            one["index"]: one["standing"]
            for one in row["made"] or ()
            if one["prompt_hash"] == hashed and one["standing"] not in wanted.ask_again
        }
        standings = list(made.values())
        counts = SampleCounts(len(made), standings.count("passed"), standings.count("pending"))
        for index in range(wanted.policy.wanted(counts)):
            if index not in made:
                yield _planned(kind, wanted, row, index, asked, hashed)


def _planned(kind: Kind, wanted: Wanted, row: Row, index: int, asked: Asked, hashed: str) -> Planned:
    drawn = sampling_json(wanted.sampling)
    template = asked.template
    key = content_id(kind.prefix, row[kind.subject], template.hash, hashed, wanted.model, drawn, index)
    request = ChatRequest(
        key=key,
        messages=asked.messages,
        sampling=wanted.sampling,
        seed=seed_of(key),
        think=kind.think,
        aliases=[kind.alias(row, index)],
    )
    return Planned(request, template, row, index, hashed)


def ask(
    store: Lake,
    run: RunInfo,
    journal: Journal,
    model: ChatModel,
    kind: Kind,
    wanted: Wanted,
    budget: Budget,
    count: Count,
    say: Say,
    report: Report,
    commit_rows: int | None = None,
) -> Summary:
    """Ask for what is missing, within ``budget``; each answer is journalled at once and committed in batches. Raises what the
    model raises; answers are kept."""
    stage = kind.stage or kind.table.name
    commit_to = partial(commit, store, run, kind.table, stage=stage)
    runner = open_runner(stage, journal, commit_to, count, say, report, commit_rows)
    number = sum(1 for _ in missing(store, kind, wanted))
    rows = _Rows(kind, model)
    account = Account(budget, spent_on(store, wanted.model))
    return runner.ask(stage, "answers", model, missing(store, kind, wanted), number, account, rows.of)


@dataclass
class _Rows:
    """Journal rows: each answer as a row of its table, and with the first that used it, its prompt."""

    kind: Kind
    model: ChatModel
    _prompts: PromptsOnce = field(default_factory=PromptsOnce)

    def of(self, planned: Planned, answer: ChatAnswer, usage: Usage) -> dict[str, Any]:
        kind = self.kind
        row = {
            kind.table.key[0]: planned.request.key,
            kind.index: planned.index,
            **kind.named(planned.row),
            **kind.read(planned.row, answer),
            **answer_columns(planned.request, planned.template, planned.prompt_hash, answer, usage, self.model),
        }
        prompt = self._prompts.row(planned.template, planned.request.messages, planned.prompt_hash)
        return {"answer": row, "prompt": prompt, "parent": planned.row[kind.subject]}


def commit(store: Lake, run: RunInfo, table: Table, rows: Iterable[Mapping[str, Any]], stage: str = "") -> None:
    """Answers, their prompts and their lineage into the lake, in one transaction. ``stage``: if not the table's name."""
    key = table.key[0]
    answers: dict[str, Mapping[str, Any]] = {}
    prompts: dict[tuple[str, str], Prompt] = {}
    edges: list[Edge] = []
    for row in rows:
        answer = row["answer"]
        if answer[key] not in answers:
            reason = f"asked {answer['model']}: {answer['failure'] or answer['parse_status']}"
            edges.append({"child": answer[key], "parent": row["parent"], "relation": "derived", "reason": reason})
        answers.setdefault(answer[key], answer)
        if prompt := row["prompt"]:
            prompts[prompt["prompt_hash"], prompt["template_hash"]] = prompt
    with store.write(run, stage or table.name) as write:
        # Failures are asked again only where someone wants it; then the answer, paid for, stands in their place.
        write.append(table, answers.values(), replacing="failure IS NOT NULL")
        write.append(PROMPTS, prompts.values())
        write.edges(edges, replace=False)
