"""Which problems restate a benchmark item: thresholds, judges' votes, people, and the policy that decides among them.

Threshold 0.7 and two judges for each pair above it are OpenCodeReasoning's (docs/papers.md, OCR-3). Here each judge is asked
in both orders and only a bare yes in both counts as its yes; an answer that never came is no vote, never "clean".
Everything decides from stored scores (``screening.py``) and stored votes, so another threshold or policy measures and asks
nothing again. Pure functions; asking is in ``judging.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ocr_assets.problems.decontamination.settings import DecontaminationSettings
from ocr_assets.schema import ContaminationPair, Decision, content_id
from resources.lake import Lake

MAX_QUESTION_TOKENS = 3_200  # longer questions are not asked (docs/papers.md, OCR-3)
TEST_SPLITS = {("code_contests", "test"), ("codeforces", "test")}  # excluded from the release (docs/papers.md, OCR-1)
Order = Literal["problem_first", "benchmark_first"]
ORDERS: tuple[Order, Order] = ("problem_first", "benchmark_first")
Layer = Literal["exact", "ngram", "embedding"]

# The latest decision of a person on each pair.
LATEST_DECISIONS = (
    "SELECT * FROM human_decisions QUALIFY row_number() OVER (PARTITION BY pair_id ORDER BY decided_at DESC, decision_id) = 1"
)

# All scores that may make a pair, with what a report shows of the item.
FOUND = """
SELECT s.*, i.version, i.item_id, i.question AS item_question
FROM contamination_scores s JOIN benchmark_items i USING (item_key) SEMI JOIN deduped_problems d USING (problem_id)
WHERE s.exact OR s.overlap >= $overlap OR s.cosine >= $threshold ORDER BY s.pair_id
"""


def vote_of(answer: str, cut: bool = False) -> Literal["yes", "no", "none"]:
    """Only a bare yes counts as yes (a reasoning model's thoughts before it are left aside).

    An empty answer, or one cut off by its token limit before it came to the point, is no vote.
    """
    said = answer.rpartition("</think>")[2].strip()
    if re.fullmatch(r"\W*yes\W*", said, re.IGNORECASE):
        return "yes"
    if not said or (cut and not re.match(r"\W*(yes|no)\b", said, re.IGNORECASE)):
        return "none"
    return "no"


def found_by(score: Mapping[str, Any], settings: DecontaminationSettings) -> Layer | None:
    """The most certain layer at which a stored score makes a pair, or None."""
    if score["exact"]:
        return "exact"
    if score["overlap"] >= settings.overlap:
        return "ngram"
    return "embedding" if score["cosine"] >= settings.threshold else None


def wants_judges(layer: Layer, settings: DecontaminationSettings) -> bool:
    """Whether a pair is a matter for the judges: equal texts are not, nor anything where likeness alone decides."""
    return layer == "embedding" and settings.policy != "similarity"


def decide(
    layer: Layer,
    votes: Sequence[Mapping[str, Any]],
    judges: Sequence[str],
    settings: DecontaminationSettings,
    human: Mapping[str, Any] | None = None,
) -> tuple[Decision, str]:
    """The decision on a pair and its reason. A pure function of what is stored.

    A person's decision outweighs everything. Equal texts and shared n-grams need no judge. ``votes``: those of ``judges`` to the
    present prompt. A judge confirms by a yes in both orders and has refused once both its votes are there and it does not; with
    a vote missing it has not decided, and neither has the pair unless the other judges suffice.
    """
    if human is not None:
        return human["decision"], f"{human['name']}: {human['reason']}"
    if settings.policy == "report_only":
        said = yes_of(votes, judges)
        return "reported", f"{', '.join(said)} says yes in both orders" if said else f"found by {layer}"
    if layer != "embedding":
        return "confirmed", "equal normalized texts" if layer == "exact" else "the item's n-grams stand in the problem"
    if settings.policy == "similarity":
        return "confirmed", f"cosine at or above {settings.threshold}"
    if settings.policy == "human":
        return "undecided", "waits for a person"
    agreed = yes_of(votes, judges)
    missing = [judge for judge in judges if len({v["order"] for v in votes if v["judge"] == judge and v["vote"] != "none"}) < 2]
    refused = [judge for judge in judges if judge not in agreed and judge not in missing]
    if not judges:
        return "undecided", "no vote from any judge"
    if settings.policy == "any_judge":
        if agreed:
            return "confirmed", f"{agreed[0]} says yes in both orders"
        if missing:
            return "undecided", f"no vote from {', '.join(missing)}"
        return "cleared", "no judge says yes in both orders"
    if refused:
        return "cleared", f"{refused[0]} does not say yes in both orders"
    if missing:
        return "undecided", f"no vote from {', '.join(missing)}"
    return "confirmed", "all judges say yes in both orders"


def yes_of(votes: Sequence[Mapping[str, Any]], judges: Sequence[str]) -> list[str]:
    """The judges that say yes in both orders."""
    yes = {(vote["judge"], vote["order"]) for vote in votes if vote["vote"] == "yes"}
    return [judge for judge in judges if all((judge, order) in yes for order in ORDERS)]


def pair_row(
    score: Mapping[str, Any],
    layer: Layer,
    votes: Sequence[Mapping[str, Any]],
    judges: Sequence[str],
    settings: DecontaminationSettings,
    human: Mapping[str, Any] | None = None,
) -> ContaminationPair:
    """A row of the report. ``score``: a row of ``FOUND``."""
    decision, reason = decide(layer, votes, judges, settings, human)
    return {
        "pair_id": score["pair_id"],
        "problem_id": score["problem_id"],
        "benchmark": score["benchmark"],
        "version": score["version"],
        "item_id": score["item_id"],
        "item_question": score["item_question"],
        "layer": layer,
        "cosine": score["cosine"],
        "overlap": score["overlap"],
        "yes": yes_of(votes, judges),
        "votes": sum(vote["vote"] != "none" and vote["judge"] in judges for vote in votes),
        "decision": decision,
        "reason": reason,
        "decided_by": human["name"] if human else None,
    }


@dataclass(frozen=True)
class FoundPair:
    """A pair that a layer found: its row of ``FOUND`` and the most certain layer."""

    pair_id: str
    score: Mapping[str, Any]
    layer: Layer


def pairs_of(store: Lake, settings: DecontaminationSettings) -> list[FoundPair]:
    """The pairs that the settings make of the stored scores, in a fixed order."""
    scores = store.rows(FOUND, {"overlap": settings.overlap, "threshold": settings.threshold})
    layers = ((score, found_by(score, settings)) for score in scores)
    return [FoundPair(score["pair_id"], score, layer) for score, layer in layers if layer is not None]


def decided(
    store: Lake, pairs: Sequence[FoundPair], judges: Sequence[str], template_hash: str, settings: DecontaminationSettings
) -> list[ContaminationPair]:
    """Rows of the report: each pair with the decision that votes (by the prompt ``template_hash``) and people make of it."""
    votes: dict[str, list[dict[str, Any]]] = {}
    for vote in store.stream('FROM judge_votes WHERE template_hash = ? ORDER BY judge, "order"', [template_hash]):
        votes.setdefault(vote["pair_id"], []).append(vote)
    people = {row["pair_id"]: row for row in store.rows(LATEST_DECISIONS)}
    return [
        pair_row(pair.score, pair.layer, votes.get(pair.pair_id, []), judges, settings, people.get(pair.pair_id))
        for pair in pairs
    ]


def vote_id(pair_id: str, judge: str, order: Order, template: str) -> str:
    """The key of a vote, known before it is asked for."""
    return content_id("vote", pair_id, judge, order, template)
