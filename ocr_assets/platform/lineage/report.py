"""Lineage answers as text for a terminal. The questions themselves are SQL macros in ``macros.sql``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resources.lake import Lake


def funnel(lake: Lake) -> str:
    """Rows in, kept and dropped by reason, at every stage."""
    lines = []
    stage = ""
    for row in lake.rows("FROM funnel"):
        if row["stage"] != stage:
            stage = row["stage"]
            lines.append(stage)
        lines.append(f"  {row['rows']:>9,}  {row['outcome']:<12} {_short(row['reason'], 90)}")
    return "\n".join(lines) if lines else "the lake is empty: run `ocr-assets run` first"


def trace(lake: Lake, row_id: str) -> str:
    """Where a row comes from, one step a line, back to file and row."""
    rows = lake.rows("FROM trace(?)", [row_id])
    if not rows:
        return unknown(lake, row_id)
    lines = [row_id]
    for row in rows:
        verb = "has merged in" if row["relation"] == "merged_into" else "comes from"
        where = f"  [{row['stands_in']}]" if row["stands_in"] else ""
        reason = f"  ({_short(row['reason'], 80)})" if row["reason"] else ""
        lines.append(f"{'  ' * row['step']}{row['id']} {verb} {row['parent']}{where}{reason}")
    return "\n".join(lines)


def why(lake: Lake, row_id: str) -> str:
    """What became of a row: every step forward, with the reason where one was dropped."""
    rows = lake.rows("FROM why(?)", [row_id])
    if not rows:
        return unknown(lake, row_id)
    lines = [row_id]
    for row in rows:
        verb = {"derived": "became", "merged_into": "was merged into", "dropped": "was"}[row["relation"]]
        reason = f": {_short(row['reason'], 100)}" if row["reason"] else ""
        lines.append(f"{'  ' * row['step']}{row['id']} {verb} {row['became']}{reason}")
    return "\n".join(lines)


def unknown(lake: Lake, row_id: str) -> str:
    """Raised as text: nothing is recorded about the id, in this direction."""
    known = lake.scalar("SELECT count(*) FROM record_edge WHERE child = ? OR parent = ?", [row_id, row_id])
    if known:
        return f"{row_id}: nothing is recorded in this direction (an end of the chain)"
    raise KeyError(f"{row_id} is not in the lake's lineage; ids look like raw_…, prob_…, resp_…, sol_…, ver_…, trip_…, sft_…")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as aligned text columns."""
    if not rows:
        return "(no rows)"
    names = list(rows[0])
    texts = [[_short(str(row[name] if row[name] is not None else ""), 60) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in texts)) for i, name in enumerate(names)]
    header = "  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True))
    return "\n".join([header, *("  ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)) for line in texts)])


def _short(text: str, limit: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
