"""A kept question's fate, decided from what was measured: clean, a duplicate, or a restated benchmark item.

Questions with equal normalized texts, or joined by a chain of pairs at or above the threshold that are no variants of each other,
are one. Exactly one stays: a problem of ours, if one is among them; else the question that stayed before, so that what was
paid for it is not lost; else the one with the smallest id. Pure functions but for ``screen``; measuring is ``measuring.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ocr_assets.schema import QUESTION_SCREENING, QuestionScreening
from ocr_assets.synthesis.measuring import measured_with
from ocr_assets.synthesis.settings import ScreeningSettings
from ocr_assets.texts.groups import joined
from resources.lake import Edge, Lake, Write

MEASURED = """
SELECT m.question_id, q.subset, m.statement_key, m.cosine, i.question AS item_question, i.benchmark || '/' || i.item_id AS item
FROM question_measures m JOIN synthetic_questions q USING (question_id) LEFT JOIN benchmark_items i USING (item_key)
WHERE m.settings = $settings ORDER BY m.question_id
"""
# Equal texts: problems are named by their representative's key, and other members' keys stand beside.
PROBLEM_KEYS = """
SELECT DISTINCT k.statement_key, p.problem_id
FROM (SELECT problem_id, unnest(raw_ids) AS raw_id FROM deduped_problems) p JOIN statement_keys k USING (raw_id)
SEMI JOIN question_measures m ON m.statement_key = k.statement_key
"""
STAYED = "SELECT question_id FROM question_screening WHERE fate <> 'duplicate'"
LEFT_OUT = "SELECT question_id, subset, status, reason FROM synthetic_questions WHERE status <> 'kept' ORDER BY question_id"


@dataclass(frozen=True)
class Groups:
    """Which questions are one: question → the question or problem that stays (itself where it stays), and the highest cosine
    that joins it to its group (1 for equal texts, None where it is alone)."""

    stays: Mapping[str, str]
    similarity: Mapping[str, float]


def groups(
    questions: Mapping[str, str],
    problems: Sequence[tuple[str, str]],
    pairs: Sequence[Mapping[str, Any]],
    stayed: frozenset[str],
    threshold: float,
) -> Groups:
    """Who stays.

    ``questions``: id → statement key; ``problems``: (statement key, problem id) of equal texts; ``pairs``: rows of
    ``question_pairs``; ``stayed``: questions that stood for their group before.
    """
    joins: list[tuple[str, str, float]] = []
    by_key: dict[str, list[str]] = {}
    for question, key in questions.items():
        by_key.setdefault(key, []).append(question)
    for same in by_key.values():
        joins += [(one, other, 1.0) for one, other in pairwise(same)]
    for key, problem in problems:
        joins += [(question, problem, 1.0) for question in by_key.get(key, ())[:1]]
    joins += [
        (pair["question_id"], pair["other_id"], pair["cosine"])
        for pair in pairs
        if pair["cosine"] >= threshold and not pair["is_variant"] and pair["question_id"] in questions
    ]
    similarity: dict[str, float] = {}
    for one, other, cosine in joins:
        for member in (one, other):
            similarity[member] = max(cosine, similarity.get(member, 0.0))
    group_of = joined((one, other) for one, other, _ in joins)
    best: dict[str, str] = {}
    for member, group in group_of.items():
        best[group] = min(best.get(group, member), member, key=lambda name: _rank(name, stayed))
    return Groups({question: best.get(group_of.get(question, ""), question) for question in questions}, similarity)


def _rank(name: str, stayed: frozenset[str]) -> tuple[bool, bool, str]:
    return not name.startswith("prob_"), name not in stayed, name


def screening_row(
    measured: Mapping[str, Any], stays: str, similarity: float | None, settings: ScreeningSettings
) -> QuestionScreening:
    """The row of a question. ``measured``: a row of ``MEASURED``."""
    duplicate = stays != measured["question_id"]
    contaminated = measured["cosine"] is not None and measured["cosine"] >= settings.benchmark_threshold
    reason = None
    if duplicate:
        reason = f"duplicate: {'equal text' if similarity == 1.0 else f'cosine at or above {settings.duplicate_threshold}'}"
    elif contaminated:
        reason = f"contaminated: {measured['item'].partition('/')[0]}, cosine at or above {settings.benchmark_threshold}"
    return {
        "question_id": measured["question_id"],
        "subset": measured["subset"],
        "fate": "duplicate" if duplicate else "contaminated" if contaminated else "clean",
        "duplicate_of": stays if duplicate else None,
        "duplicate_similarity": similarity if duplicate else None,
        "benchmark_similarity": measured["cosine"],
        "benchmark_instruction": measured["item_question"],
        "benchmark_task_id": measured["item"],
        "filter_reason": reason,
    }


def screen(store: Lake, write: Write, model: str, settings: ScreeningSettings) -> dict[str, int]:
    """Stage ``question_screening`` anew, and an edge for each question: kept, merged, or dropped with its reason.

    ``model``: the embedding model whose measures count. Returns how many questions have each fate.
    """
    known = {"settings": measured_with(model)}
    measured = {row["question_id"]: row for row in store.rows(MEASURED, known)}
    keys = {question: row["statement_key"] for question, row in measured.items()}
    problems = [(row["statement_key"], row["problem_id"]) for row in store.rows(PROBLEM_KEYS)]
    pairs = store.rows("FROM question_pairs WHERE settings = $settings ORDER BY pair_id", known)
    stayed = frozenset(row["question_id"] for row in store.rows(STAYED))
    found = groups(keys, problems, pairs, stayed, settings.duplicate_threshold)
    rows = [
        screening_row(row, found.stays[question], found.similarity.get(question), settings) for question, row in measured.items()
    ]
    write.sync(QUESTION_SCREENING, rows)
    write.edges(_edges(store, rows))
    counts = {"clean": 0, "duplicate": 0, "contaminated": 0}
    for row in rows:
        counts[row["fate"]] += 1
    return counts


def _edges(store: Lake, rows: Sequence[QuestionScreening]) -> Iterator[Edge]:
    for row in rows:
        if row["duplicate_of"] is not None:
            yield {
                "child": row["duplicate_of"],
                "parent": row["question_id"],
                "relation": "merged_into",
                "reason": str(row["filter_reason"]),
            }
        elif row["filter_reason"] is not None:
            yield {
                "child": "question_screening",
                "parent": row["question_id"],
                "relation": "dropped",
                "reason": row["filter_reason"],
            }
    for left in store.stream(LEFT_OUT):
        yield {
            "child": "question_screening",
            "parent": left["question_id"],
            "relation": "dropped",
            "reason": f"{left['status']}: {left['reason'].partition(':')[0]}",
        }
