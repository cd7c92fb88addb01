"""How near each kept question is to every other, to our problems and to the benchmarks: measured once and kept.

Only what is new is compared: new questions with all questions, problems and benchmark items, new problems with all questions. New
benchmark items mean that all questions are compared with all items again, which costs a matrix product, for embeddings are kept
by the embedder. They lie in files and are compared by blocks; in memory together are the texts of new questions. What follows
from the measures is decided in ``screening.py``. Texts are compared as they are: so a problem's embedding is the one that the
contamination check made.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from ocr_assets.schema import COMPARED_PROBLEMS, QUESTION_MEASURES, QUESTION_PAIRS, QuestionPair, content_id
from ocr_assets.synthesis.settings import NEAR_FLOOR
from ocr_assets.texts import similarity
from ocr_assets.texts.normalize import VERSION as NORMALIZE_VERSION
from ocr_assets.texts.normalize import normalize, problem_id
from ocr_assets.texts.similarity import BLOCK, Embeds, Vectors
from ocr_assets.texts.variants import VariantMarks, are_variants
from resources.lake import Lake, Write

VERSION = "1"
Writing = Callable[[], AbstractContextManager[Write]]

KEPT = "SELECT question_id AS id, question AS text, md5(question) AS text_hash FROM synthetic_questions WHERE status = 'kept'"
PROBLEMS = "SELECT problem_id AS id, statement AS text, md5(statement) AS text_hash FROM problems"
NEW_QUESTIONS = f"""
FROM ({KEPT}) k ANTI JOIN (FROM question_measures WHERE settings = $settings) m
ON m.question_id = k.id AND m.text_hash = k.text_hash ORDER BY id
"""
KNOWN_QUESTIONS = f"""
FROM ({KEPT}) k SEMI JOIN (FROM question_measures WHERE settings = $settings) m
ON m.question_id = k.id AND m.text_hash = k.text_hash ORDER BY id
"""
NEW_PROBLEMS = f"""
FROM ({PROBLEMS}) p ANTI JOIN (FROM compared_problems WHERE settings = $settings) m
ON m.problem_id = p.id AND m.text_hash = p.text_hash ORDER BY id
"""
ITEMS_STALE = f"SELECT id, text FROM ({KNOWN_QUESTIONS}) JOIN question_measures m ON m.question_id = id WHERE m.items <> $items"


@dataclass(frozen=True)
class Measured:
    """What was compared now: questions and problems for the first time, questions with new benchmark items, pairs kept."""

    questions: int = 0
    problems: int = 0
    against_items: int = 0
    pairs: int = 0


@dataclass(frozen=True)
class _Texts:
    """Ids and texts with their embeddings, rows of a matrix that lies in a file."""

    rows: Sequence[Mapping[str, Any]]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.rows)


def measured_with(model: str) -> str:
    """What a stored measure depends on; another value measures anew."""
    return f"{model}, normalize {NORMALIZE_VERSION}, measures {VERSION}"


def measure(store: Lake, writing: Writing, embedder: Embeds) -> Measured:
    """Bring ``question_measures``, ``question_pairs`` and ``compared_problems`` up to date, in one commit.

    ``writing`` opens a write of the lake. With nothing new nothing is embedded, compared or written.
    """
    settings = measured_with(embedder.model)
    known = {"settings": settings}
    items = store.rows("SELECT item_key, question AS text FROM benchmark_items ORDER BY item_key")
    items_hash = content_id("items", [item["item_key"] for item in items])
    new = store.rows(f"SELECT id, text, text_hash {NEW_QUESTIONS}", known)
    new_problems = {row["id"] for row in store.rows(f"SELECT id {NEW_PROBLEMS}", known)}
    again = store.rows(ITEMS_STALE, {**known, "items": items_hash})
    gone = _gone(store)
    if not (new or new_problems or again or gone):
        return Measured()
    with tempfile.TemporaryDirectory() as folder:
        mine = _Texts(new, _embedded((row["text"] for row in new), len(new), embedder, Path(folder) / "new"))
        pairs = list(_pairs(store, mine, embedder, settings)) if new or new_problems else []
        nearest = dict(zip((row["id"] for row in new), _nearest(mine.vectors, items, embedder), strict=True))
        old = _embedded((row["text"] for row in again), len(again), embedder, Path(folder) / "again")
        renewed_nearest = dict(zip((row["id"] for row in again), _nearest(old, items, embedder), strict=True))
    measures = [
        {
            "question_id": row["id"],
            "text_hash": row["text_hash"],
            "settings": settings,
            "statement_key": problem_id(row["text"]),
            "items": items_hash,
            "item_key": nearest[row["id"]][0],
            "cosine": nearest[row["id"]][1],
        }
        for row in new
    ]
    renewed = [
        {**row, "items": items_hash, "item_key": found[0], "cosine": found[1]}
        for row in store.stream("FROM question_measures WHERE settings = $settings", known)
        if (found := renewed_nearest.get(row["question_id"])) is not None
    ]
    replaced = {row["id"] for row in new} | new_problems | gone
    lost = [
        pair["pair_id"]
        for pair in store.stream("SELECT pair_id, question_id, other_id, settings FROM question_pairs")
        if pair["settings"] != settings or not replaced.isdisjoint((pair["question_id"], pair["other_id"]))
    ]
    with writing() as write:
        write.sync(QUESTION_MEASURES, [*measures, *renewed], within=("question_id", [*nearest, *renewed_nearest, *gone]))
        write.sync(QUESTION_PAIRS, pairs, within=("pair_id", lost))
        write.sync_query(COMPARED_PROBLEMS, f"SELECT id AS problem_id, text_hash, $settings AS settings FROM ({PROBLEMS})", known)
    return Measured(len(new), len(new_problems), len(again), len(pairs))


def _gone(store: Lake) -> set[str]:
    """Questions with measures, and problems in pairs, that are no more."""
    query = f"""
        SELECT question_id AS id FROM question_measures WHERE question_id NOT IN (SELECT id FROM ({KEPT}))
        UNION SELECT other_id FROM question_pairs
        WHERE other_id NOT IN (SELECT id FROM ({KEPT})) AND other_id NOT IN (SELECT problem_id FROM problems)
    """
    return {row["id"] for row in store.rows(query)}


def _pairs(store: Lake, new: _Texts, embedder: Embeds, settings: str) -> Iterator[QuestionPair]:
    """New questions with each other, with those that were there and with all problems; those with the new problems."""
    known = {"settings": settings}
    yield from _between(new, new, settings, same=True)
    for block in _blocks(store, f"SELECT id, text {KNOWN_QUESTIONS}", known, embedder):
        yield from _between(new, block, settings)
    for block in _blocks(store, f"SELECT id, text FROM ({PROBLEMS})", None, embedder):
        yield from _between(new, block, settings)
    for problems in _blocks(store, f"SELECT id, text {NEW_PROBLEMS}", known, embedder):
        for questions in _blocks(store, f"SELECT id, text {KNOWN_QUESTIONS}", known, embedder):
            yield from _between(questions, problems, settings)


def _between(questions: _Texts, others: _Texts, settings: str, *, same: bool = False) -> Iterator[QuestionPair]:
    """The pairs from the floor on. ``same``: both are the same texts, and each pair counts once."""
    if not len(questions) or not len(others):
        return
    found = (
        similarity.among(questions.vectors, len(questions), NEAR_FLOOR)
        if same
        else similarity.above(questions.vectors, others.vectors, NEAR_FLOOR)
    )
    for left, right, cosines in found:
        for one, other, cosine in zip(left.tolist(), right.tolist(), cosines.tolist(), strict=True):
            mine, theirs = questions.rows[one], others.rows[other]
            variants = are_variants(*(VariantMarks(normalize(row["text"])) for row in (mine, theirs)))
            yield _pair(mine["id"], theirs["id"], cosine, variants, settings)


def _pair(one: str, other: str, cosine: float, is_variant: bool, settings: str) -> QuestionPair:
    # prob_ sorts before syn_: a problem is always the other one.
    low, high = sorted((one, other))
    return {
        "pair_id": content_id("near", low, high, settings),
        "question_id": high,
        "other_id": low,
        "settings": settings,
        "cosine": round(cosine, 4),
        "is_variant": is_variant,
    }


def _nearest(vectors: Vectors, items: Sequence[Mapping[str, Any]], embedder: Embeds) -> Iterable[tuple[str | None, float | None]]:
    """For each vector the nearest item's key and its cosine."""
    if not items or not len(vectors):
        return [(None, None)] * len(vectors)
    columns = embedder.embed([item["text"] for item in items])
    found: list[tuple[str | None, float | None]] = []
    for start in range(0, len(vectors), BLOCK):
        part = vectors[start : start + BLOCK]
        best = (part @ columns.T).argmax(axis=1)
        cosines = similarity.cosines(part, columns[best])
        found += [
            (items[item]["item_key"], round(cosine, 4)) for item, cosine in zip(best.tolist(), cosines.tolist(), strict=True)
        ]
    return found


def _blocks(store: Lake, query: str, parameters: object, embedder: Embeds) -> Iterator[_Texts]:
    """The rows of a query with their embeddings, some at once."""
    with closing(store.cursor()) as cursor:
        held: list[dict[str, Any]] = []
        reader: pa.RecordBatchReader = cursor.execute(query, parameters).to_arrow_reader(BLOCK)
        for batch in reader:
            held += batch.to_pylist()
            while len(held) >= BLOCK:
                part, held = held[:BLOCK], held[BLOCK:]
                yield _Texts(part, embedder.embed([row["text"] for row in part]))
        if held:
            yield _Texts(held, embedder.embed([row["text"] for row in held]))


def _embedded(texts: Iterable[str], count: int, embedder: Embeds, path: Path) -> Vectors:
    """Embeddings as a matrix that lies in a file: of a million questions they are 1.5 GB."""
    iterator = iter(texts)
    matrix: Any = np.zeros((0, 1), np.float32)
    for start in range(0, count, BLOCK):
        part = embedder.embed([next(iterator) for _ in range(min(BLOCK, count - start))])
        if start == 0:
            matrix = np.memmap(path, np.float32, "w+", shape=(count, part.shape[1]))
        matrix[start : start + len(part)] = part
    return cast("Vectors", matrix)
