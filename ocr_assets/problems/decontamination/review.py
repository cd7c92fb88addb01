"""What a person sees of a pair, and the decision that person leaves. Recorded decisions outweigh every policy."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, Literal

from ocr_assets.schema import HumanDecision, content_id
from resources.lake import Lake

PAIRS = """
SELECT r.*, d.statement, d.origins, d.source,
    coalesce((SELECT list(v ORDER BY v.judge, v."order") FROM judge_votes v WHERE v.pair_id = r.pair_id), []) AS answers
FROM contamination_report r JOIN problems d USING (problem_id)
"""
_SHOWN_LINES = 40


def pairs_to_review(
    lake: Lake, decisions: Sequence[str] = ("undecided", "confirmed"), benchmark: str | None = None, pair_id: str | None = None
) -> list[dict[str, Any]]:
    """Rows of the report with the problem's statement and all votes: undecided ones first, then by likeness.

    ``pair_id``: that pair whatever its decision, by its id or the beginning of it.
    """
    if pair_id is not None:
        return lake.rows(f"{PAIRS} WHERE starts_with(r.pair_id, $pair) ORDER BY r.pair_id", {"pair": pair_id})
    where = "WHERE list_contains($decisions, r.decision) AND ($benchmark IS NULL OR r.benchmark = $benchmark)"
    order = "ORDER BY r.decision = 'undecided' DESC, r.cosine DESC, r.pair_id"
    return lake.rows(f"{PAIRS} {where} {order}", {"decisions": list(decisions), "benchmark": benchmark})


def side_by_side(pair: Mapping[str, Any], width: int | None = None, lines: int = _SHOWN_LINES) -> str:
    """A pair as text: scores, votes, and both statements in two columns, at most ``lines`` of each (0: all)."""
    width = width or max(80, min(160, shutil.get_terminal_size().columns))
    column = (width - 3) // 2
    item = f"{pair['benchmark']}/{pair['item_id']}" + (f" ({pair['version']})" if pair["version"] else "")
    head = [
        f"{pair['pair_id']}   {pair['decision']}: {pair['reason']}",
        f"layer {pair['layer']}, cosine {pair['cosine']:.3f}, n-gram overlap {pair['overlap']:.2f}",
    ]
    for vote in pair["answers"]:
        head.append(
            f"  {vote['judge']} ({vote['order'].replace('_', ' ')}): {vote['vote']} — {' '.join(vote['answer'].split())[:60]}"
        )
    left, right = _wrapped(pair["statement"], column, lines), _wrapped(pair["item_question"], column, lines)
    body = [
        f"{', '.join(pair['origins'])[:column]:<{column}} | {item[:column]}",
        f"{'-' * column}-+-{'-' * column}",
        *(f"{one:<{column}} | {other}".rstrip() for one, other in zip_longest(left, right, fillvalue="")),
    ]
    return "\n".join([*head, "", *body])


def _wrapped(text: str, width: int, most: int) -> list[str]:
    lines = [part for line in text.splitlines() for part in (textwrap.wrap(line, width) or [""])]
    return lines if not most or len(lines) <= most else [*lines[: most - 1], f"… {len(lines) - most + 1} more lines"]


def decision_row(
    pair_id: str, decision: Literal["confirmed", "cleared"], name: str, reason: str, decided_at: datetime
) -> HumanDecision:
    """A decision to be kept. Raises ``ValueError`` if it has no name or no reason: a decision nobody signed audits nothing."""
    name, reason = name.strip(), reason.strip()
    if not name or not reason:
        raise ValueError("a decision needs the name of who decides and a reason")
    return {
        "decision_id": content_id("human", pair_id, decision, name, reason, decided_at.isoformat()),
        "pair_id": pair_id,
        "decision": decision,
        "name": name,
        "reason": reason,
        "decided_at": decided_at,
    }
