"""pass@k: the share of questions that k attempts solve, by subset, as the paper compares its subsets (docs/papers.md, KC-1).

Where every question has n attempts, whatever came of them, k of them are drawn in thought: the unbiased estimate
(``ocr_assets/statistics/passes.py``). Where attempts ended with the first that passed, an order is all there is: a question
counts for k if it passed within its first k.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ocr_assets.statistics import pass_at

DEPTHS = (1, 5, 10)


def within(sequence: Sequence[int], depth: int, longest: int) -> float | None:
    """What a question counts for pass@depth; None where too few attempts were made to say. ``longest``: of all questions'
    sequences."""
    if stopped_early(sequence, longest):
        return 1.0 if any(sequence[:depth]) else 0.0
    return pass_at(len(sequence), sum(sequence), depth) if len(sequence) >= depth else None


def stopped_early(sequence: Sequence[int], longest: int) -> bool:
    """Whether attempts ended with the first that passed. One as long as the longest did not: it had all there were, as each
    question has where all get the same number."""
    return bool(sequence) and sequence[-1] == 1 and sum(sequence) == 1 and (len(sequence) < longest or longest == 1)


def by_subset(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a subset and one of all: questions, and pass@1, @5, @10 in percent (null: no question has attempts enough).
    ``rows``: ``subset`` and ``pass_sequence``."""
    sequences: dict[str, list[Sequence[int]]] = {}
    for row in rows:
        for name in (row["subset"], "all"):
            sequences.setdefault(name, []).append(row["pass_sequence"])
    longest = max(map(len, sequences.get("all", ())), default=0)
    table = []
    for name in sorted(sequences, key=lambda name: (name == "all", name)):
        figures: dict[str, Any] = {"subset": name, "questions": len(sequences[name])}
        for depth in DEPTHS:
            found = [value for sequence in sequences[name] if (value := within(sequence, depth, longest)) is not None]
            figures[f"pass@{depth}"] = round(100 * sum(found) / len(found), 1) if found else None
        table.append(figures)
    return table
