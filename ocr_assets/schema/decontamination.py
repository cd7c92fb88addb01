"""Benchmark items, scores, judges' votes, people's decisions, and the report on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypedDict

from resources.lake.tables import Table

Decision = Literal["confirmed", "cleared", "undecided", "reported"]


class BenchmarkItem(TypedDict):
    """An item of a benchmark that training data must not restate; only its question matters here."""

    item_key: Annotated[str, "Hash of benchmark, id and question"]
    benchmark: Annotated[str, "Benchmark name"]
    version: Annotated[str, "Version or release that brought it; empty: the benchmark has none"]
    item_id: Annotated[str, "Item within the benchmark"]
    question: Annotated[str, "Its text"]
    published: Annotated[str | None, "Day of its contest, where the benchmark says it"]
    file: Annotated[str, "File it was read from"]


class Screened(TypedDict):
    """A problem or benchmark item that has been compared with all those on the other side."""

    subject: Annotated[str, "problem_id or item_key"]
    text_hash: Annotated[str, "Hash of the problem's statement as it was compared"]
    settings: Annotated[str, "What the comparison depends on: embedding model, n-grams, neighbours kept"]


class ContaminationScore(TypedDict):
    """How much a problem and a benchmark item resemble each other. Thresholds and policies decide from these."""

    pair_id: Annotated[str, "Hash of problem and item"]
    problem_id: Annotated[str, "The problem"]
    item_key: Annotated[str, "The item"]
    benchmark: Annotated[str, "Its benchmark"]
    cosine: Annotated[float, "Similarity of the embeddings"]
    overlap: Annotated[float, "Share of the item's word n-grams that stand in the problem; 0 for very short items"]
    exact: Annotated[bool, "Equal normalized texts"]


class JudgeVote(TypedDict):
    """One answer of one judge to one order of a pair."""

    vote_id: Annotated[str, "Hash of pair, judge, order and template"]
    pair_id: Annotated[str, "The pair"]
    judge: Annotated[str, "Model name"]
    order: Annotated[Literal["problem_first", "benchmark_first"], "Which text came first"]
    vote: Annotated[
        Literal["yes", "no", "none"], "Only a bare yes is yes; none: the judge cannot answer this, or did not come to the point"
    ]
    answer: Annotated[str, "Raw answer, or the failure"]
    template_hash: Annotated[str, "Hash of the template's text"]
    prompt_tokens: Annotated[int | None, "See tokens_from"]
    completion_tokens: Annotated[int | None, "See tokens_from"]
    cost: Annotated[float | None, "US dollars, as the server reports them, else by OCR_JUDGE_PRICES; null: not known"]
    # Null in votes cast before these were stored.
    tokens_from: Annotated[Literal["server", "counted"] | None, "server: as it counts; counted: Qwen tokens of the texts"]
    prompt_hash: Annotated[str | None, "Hash of the rendered messages; they stand in the table prompts"]
    served_model: Annotated[str | None, "Model as the server reports it"]
    revision: Annotated[str | None, "Build or weights behind that name, as the server reports them"]
    endpoint: Annotated[str | None, "Who answered"]
    sampling: Annotated[str | None, "JSON of temperature, top_p, max_tokens"]
    reasoning: Annotated[str | None, "reasoning_content, where the server sends it apart"]
    finish_reason: Annotated[str | None, "stop, length …"]
    latency_s: Annotated[float | None, "From asking to answer, seconds, of the try that was answered"]
    attempts: Annotated[int | None, "Tries until the answer"]
    created_at: Annotated[datetime | None, "When (UTC)"]


class HumanDecision(TypedDict):
    """What a person decided about a pair; the latest counts, under every policy."""

    decision_id: Annotated[str, "Hash of the other columns"]
    pair_id: Annotated[str, "The pair"]
    decision: Annotated[Literal["confirmed", "cleared"], "confirmed: the problem restates the item"]
    name: Annotated[str, "Who decided"]
    reason: Annotated[str, "Why"]
    decided_at: Annotated[datetime, "When (UTC)"]


class ContaminationPair(TypedDict):
    """A problem and a benchmark item that a layer found, and what was decided about them."""

    pair_id: Annotated[str, "Hash of problem and item"]
    problem_id: Annotated[str, "The problem"]
    benchmark: Annotated[str, "Benchmark name"]
    version: Annotated[str, "The item's version"]
    item_id: Annotated[str, "Item within the benchmark"]
    item_question: Annotated[str, "The item's text"]
    layer: Annotated[Literal["exact", "ngram", "embedding"], "The most certain layer that found the pair"]
    cosine: Annotated[float, "Similarity of the embeddings"]
    overlap: Annotated[float, "Share of the item's word n-grams that stand in the problem"]
    yes: Annotated[list[str], "Judges that say yes in both orders"]
    votes: Annotated[int, "Answers of the present judges to the present prompt: see judge_votes"]
    decision: Annotated[Decision, "confirmed: dropped; cleared; undecided: not released; reported: by policy no more than told"]
    reason: Annotated[str, "Why"]
    decided_by: Annotated[str | None, "The person; null: decided by rule"]


BENCHMARK_ITEMS = Table("benchmark_items", BenchmarkItem, ("item_key",), "What problems are held against.")


SCREENED = Table("screened", Screened, ("subject",), "Problems and items that have been compared with all others.")


CONTAMINATION_SCORES = Table(
    "contamination_scores", ContaminationScore, ("pair_id",), "Each problem's nearest benchmark items, and shared n-grams."
)


JUDGE_VOTES = Table("judge_votes", JudgeVote, ("vote_id",), "What judges answered about pairs.")


HUMAN_DECISIONS = Table("human_decisions", HumanDecision, ("decision_id",), "What people decided about pairs.")


CONTAMINATION_REPORT = Table(
    "contamination_report", ContaminationPair, ("pair_id",), "Every pair that a layer found, and the decision on it."
)
