"""What is counted of every triplet: Qwen tokens of its texts, and how its reasoning ends. A row of ``token_counts`` each.

This is the only place of the stage that reads texts, each once; distributions are queries over the counts (``distributions.py``).
Tokens are Qwen's, since the papers train Qwen2.5 models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ocr_assets.analysis.loops import repeated_tail
from ocr_assets.platform.progress import Progress
from ocr_assets.schema import TOKEN_COUNTS, TokenCount
from resources.lake import Lake, RunInfo
from resources.models.reasoning import CLOSE, OPEN
from resources.settings.work import opened_work
from resources.tokenizer import QwenTokenizer
from resources.work import Work

STAGE = "token_statistics"
COUNTING_VERSION = "2"  # raise it where the same texts count otherwise
BATCH_CHARACTERS = 8_000_000  # of texts that are counted at once
TEXTS = ("reasoning", "answer", "code")
COMMIT_ROWS = 20_000  # a killed run loses no more than these

# A triplet's texts never change under its id, so what was counted in this way stays counted. Parameter: counter.
_OWED = """
SELECT triplet_id, problem_id, solution_id FROM verified_triplets
ANTI JOIN (FROM token_counts WHERE counter = $counter) USING (triplet_id)
"""
# All of a response stands in its solution; answers to one problem share its question.
UNCOUNTED = f"""
SELECT t.triplet_id, t.problem_id, s.reasoning, s.answer, s.code FROM solutions s JOIN ({_OWED}) t USING (solution_id)
"""
QUESTIONS = f"""
SELECT problem_id, any_value(question) AS question FROM verified_triplets SEMI JOIN ({_OWED}) USING (problem_id)
GROUP BY problem_id
"""
Count = Callable[[Sequence[str]], Sequence[int]]


def counter_of(tokenizer: QwenTokenizer) -> str:
    """The name of this way to count, by version and vocabulary: what was counted otherwise is counted anew."""
    return f"{COUNTING_VERSION}-{_digest(tokenizer.vocabulary)[:12]}"


@cache  # a vocabulary is loaded once a process, too
def _digest(vocabulary: Path) -> str:
    return hashlib.sha256(vocabulary.read_bytes()).hexdigest()


def count_new(store: Lake, run: RunInfo, tokenizer: QwenTokenizer, say: Callable[[str], object], work: Work | None = None) -> int:
    """Count the triplets that were not counted yet, in commits of ``COMMIT_ROWS``. Returns how many that were. ``work``: where;
    null: as set."""
    counter = counter_of(tokenizer)
    parameters = {"counter": counter}
    if not store.scalar(f"SELECT count(*) FROM ({_OWED})", parameters):
        return 0
    questions: dict[str, int] = {}
    for batch in batches(store.stream(QUESTIONS, parameters), ("question",)):
        counts = tokenizer.count([row["question"] for row in batch])
        questions |= dict(zip((row["problem_id"] for row in batch), counts, strict=True))
    shards = (
        (batch, {row["problem_id"]: questions[row["problem_id"]] for row in batch})
        for batch in batches(store.stream(UNCOUNTED, parameters), TEXTS)
    )
    work = work or opened_work(processes=False)
    rows = chain.from_iterable(work.map(partial(_counted, tokenizer.own_vocabulary, counter), shards))
    done = 0
    with Progress("token_statistics", None, say, "triplets") as progress:
        while part := list(islice(rows, COMMIT_ROWS)):
            with store.write(run, STAGE) as write:
                write.upsert(TOKEN_COUNTS, part)
            done += len(part)
            progress.add(len(part))
    return done


def _counted(
    vocabulary: Path | None, counter: str, shard: tuple[Sequence[Mapping[str, Any]], Mapping[str, int]]
) -> list[TokenCount]:
    """``count_tokens`` wherever that is; the vocabulary there has to be the same."""
    tokenizer = QwenTokenizer(vocabulary)
    if counter_of(tokenizer) != counter:
        raise ValueError(f"another vocabulary than the driver's is at {tokenizer.vocabulary}")
    return list(count_tokens(shard[0], shard[1], tokenizer.count, counter))


def count_tokens(
    rows: Iterable[Mapping[str, Any]], questions: Mapping[str, int], count: Count, counter: str = COUNTING_VERSION
) -> Iterator[TokenCount]:
    """Rows of ``UNCOUNTED`` in, one ``TokenCount`` each out.

    ``questions``: problem → tokens of its question. ``count`` gives the tokens of each of a batch of texts. A response is counted
    as it is trained on: reasoning between both think tags, then the answer.
    """
    opening, closing = count([f"{OPEN}\n", f"\n{CLOSE}"])
    for batch in batches(rows, TEXTS):
        counts = iter(count([row[name] or "" for row in batch for name in TEXTS]))
        for row, reasoning, answer, code in zip(batch, counts, counts, counts, strict=True):
            tail = repeated_tail(row["reasoning"] or "")
            tags = 0 if row["reasoning"] is None else opening + (0 if row["answer"] is None else closing)
            yield {
                "triplet_id": row["triplet_id"],
                "question_tokens": questions[row["problem_id"]],
                "reasoning_tokens": reasoning,
                "solution_tokens": code,
                "response_tokens": tags + reasoning + answer,
                "repeated_share": tail.length / len(row["reasoning"].rstrip()) if tail else 0.0,
                "repeated_period": tail.period if tail else None,
                "counter": counter,
            }


def batches(
    rows: Iterable[Mapping[str, Any]], texts: Sequence[str], characters: int = BATCH_CHARACTERS
) -> Iterator[list[Mapping[str, Any]]]:
    """The rows in lists whose ``texts`` have about so many characters together, at least one row each."""
    batch: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(row[name] or "") for name in texts)
        if size >= characters:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


__all__ = ["COUNTING_VERSION", "QUESTIONS", "UNCOUNTED", "batches", "count_new", "count_tokens", "counter_of"]
