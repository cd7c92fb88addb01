"""Which problems may be asked of the teacher, and the labels they carry: the last step of decontamination.

What was decided about pairs of a problem and a benchmark item is in ``decide.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ocr_assets.schema import CLEAN_PROBLEMS, CleanProblem, Contamination
from resources.lake import Lake, Write

MAX_QUESTION_TOKENS = 3_200  # longer questions are not asked (docs/papers.md, OCR-3)
TEST_SPLITS = {("code_contests", "test"), ("codeforces", "test")}  # excluded from the release (docs/papers.md, OCR-1)
WEIGHTIEST: tuple[Contamination, ...] = ("undecided", "reported", "cleared")
_PAIRS = "SELECT problem_id, benchmark, item_id, cosine, decision FROM contamination_report ORDER BY ALL"
# Only what contamination_report has compared: a problem that nobody looked at yet is not clean. It waits.
_PROBLEMS = (
    "SELECT problem_id, dataset, split, statement FROM problems SEMI JOIN screened ON screened.subject = problems.problem_id"
)


def label_problems(store: Lake, write: Write, count: Callable[[Sequence[str]], Sequence[int]]) -> int:
    """Stage ``clean_problems`` anew, and an edge with the reason for each problem that is dropped; returns how many are. Problems
    that were not yet compared with the benchmarks are left for the next time.

    ``count`` gives the tokens of each of a batch of texts.
    """
    pairs: dict[str, list[dict[str, Any]]] = {}
    for pair in store.stream(_PAIRS):
        pairs.setdefault(pair["problem_id"], []).append(pair)
    problems, edges = write.sync(CLEAN_PROBLEMS), write.edges()
    for batch in store.batches(_PROBLEMS, size=256):
        rows = batch.to_pylist()
        for row, tokens in zip(rows, count([row["statement"] for row in rows]), strict=True):
            own = pairs.get(row["problem_id"], [])
            reason = drop_reason(row, own, tokens)
            if reason is None:
                problems.add(labels_of(row["problem_id"], own, tokens))
            else:
                dropped = {"child": "clean_problems", "parent": row["problem_id"], "relation": "dropped", "reason": reason}
                edges.add(dropped)
    return edges.count


def drop_reason(problem: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]], tokens: int) -> str | None:
    """Why a problem is not asked of the teacher, or None. ``pairs``: its rows of the contamination report."""
    if (problem["dataset"], problem["split"]) in TEST_SPLITS:
        return "test split of its source"
    confirmed = next((pair for pair in pairs if pair["decision"] == "confirmed"), None)
    if confirmed is not None:
        return f"contaminated: {confirmed['benchmark']}/{confirmed['item_id']}"
    if tokens > MAX_QUESTION_TOKENS:
        return f"question longer than {MAX_QUESTION_TOKENS} tokens"
    return None


def labels_of(problem_id: str, pairs: Sequence[Mapping[str, Any]], tokens: int) -> CleanProblem:
    """The row of a problem that is not dropped."""
    nearest = max(pairs, key=lambda pair: pair["cosine"], default=None)
    decisions = {pair["decision"] for pair in pairs}
    return {
        "problem_id": problem_id,
        "nearest_benchmark": None if nearest is None else f"{nearest['benchmark']}/{nearest['item_id']}",
        "nearest_cosine": None if nearest is None else nearest["cosine"],
        "contamination": next((name for name in WEIGHTIEST if name in decisions), "clean"),
        "question_tokens": tokens,
    }
