"""Lineage answers as text for a terminal. The questions themselves are SQL macros in the files beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ocr_assets.platform.visible import visible
from resources.lake.catalog import COMMITS


class Asked(Protocol):
    """A lake that is open, for reading at least."""

    def rows(self, query: str) -> list[dict[str, Any]]: ...

    def scalar(self, query: str) -> Any: ...


def funnel(lake: Asked, run_id: str | None = None) -> str:
    """Rows in, kept and dropped by reason, at every stage; with ``run_id``, as it was when that run had ended."""
    rows = lake.rows("FROM funnel") if run_id is None else lake.rows(f"FROM funnel({_quoted(run_id)})")
    lines = []
    stage = ""
    for row in rows:
        if row["stage"] != stage:
            stage = row["stage"]
            lines.append(stage)
        lines.append(f"  {row['rows']:>9,}  {row['outcome']:<12} {_short(row['reason'], 90)}")
    if run_id is not None and not lines:
        raise KeyError(f"nothing was counted when run {run_id} had ended; FROM run lists the runs")
    return "\n".join(lines) if lines else "the lake is empty: run `ocr-assets run` first"


def trace(lake: Asked, row_id: str) -> str:
    """Where a row comes from, one step a line, back to file and row."""
    rows = lake.rows(f"FROM trace_of({_quoted(row_id)})")
    if not rows:
        return unknown(lake, row_id)
    lines = [row_id]
    for row in rows:
        where = f"  [{row['stands_in']}]" if row["stands_in"] else ""
        if row["step"] == 0:
            lines.append(f"{row['id']} is a row of a source{where}")
            continue
        verb = "has merged in" if row["relation"] == "merged_into" else "comes from"
        if row["gone_at"] is not None:
            verb = {"has merged in": "had merged in", "comes from": "came from"}[verb]
        reason = f"  ({_short(row['reason'], 80)})" if row["reason"] else ""
        lines.append(f"{'  ' * row['step']}{row['id']} {verb} {row['parent']}{where}{reason}{_until(row)}")
    return "\n".join(lines)


def why(lake: Asked, row_id: str) -> str:
    """What became of a row: the sum in one line, then each place where something of it ended."""
    rows = lake.rows(f"FROM why_dropped({_quoted(row_id)})")
    if not rows:
        return unknown(lake, row_id)
    lines = [f"{row_id}: {rows[0]['reason']}"]
    for row in rows[1:]:
        reason = f": {_short(row['reason'], 100)}" if row["reason"] else ""
        became = {
            "released": f"was released as {row['became']}",
            "kept": f"became {row['became']}",
            "dropped": f"was {row['became']}",
            "gone": f"was {row['became']} until {row['happened_at']:%Y-%m-%d %H:%M}",
        }[row["outcome"]]
        lines.append(f"  {row['id']} {became}{reason}")
    return "\n".join(lines)


def descendants(lake: Asked, row_id: str) -> str:
    """Every step forward from a row."""
    rows = lake.rows(f"FROM descendants({_quoted(row_id)})")
    if not rows:
        return unknown(lake, row_id)
    lines = [row_id]
    for row in rows:
        verb = {"derived": "became", "merged_into": "was merged into", "dropped": "was"}[row["relation"]]
        reason = f": {_short(row['reason'], 100)}" if row["reason"] else ""
        lines.append(f"{'  ' * row['step']}{row['id']} {verb} {row['became']}{reason}{_until(row)}")
    return "\n".join(lines)


def diff(lake: Asked, dataset: str, old: int, new: int) -> str:
    """What changed between two versions: the sums, then a row a line."""
    known = _dataset(lake, dataset)
    _refuse_expired(lake, dataset, old, new)
    rows = lake.rows(f"FROM diff({_quoted(dataset)}, {old:d}, {new:d})")
    if not rows:
        return f"{dataset}: nothing changed from {old} to {new}; versions there are: {known}"
    counts = {change: sum(row["change"] == change for row in rows) for change in ("added", "removed", "relabelled")}
    lines = [f"{dataset}, from {old} to {new}: " + ", ".join(f"{count:,} {change}" for change, count in counts.items() if count)]
    for row in rows:
        said = "; ".join(part for part in (", ".join(row["columns"]), row["why"]) if part)
        lines.append(f"  {row['change']:<10} {row['id']}  {_short(said, 160)}".rstrip())
    return "\n".join(lines)


def cost(lake: Asked, dataset: str) -> str:
    """What a dataset cost, by stage."""
    _dataset(lake, dataset)
    rows = lake.rows(f"FROM cost_of({_quoted(dataset)})")
    return (
        table([{name: _number(value) for name, value in row.items()} for row in rows]) if rows else f"{dataset}: nothing was paid"
    )


def provenance(lake: Asked, release: str, number: int = 0) -> str:
    """What a version of a release stands on."""
    rows = lake.rows(f"FROM provenance({_quoted(release)}, version_number := {number:d})")
    if not rows:
        there = lake.rows("SELECT DISTINCT release FROM release_version ORDER BY ALL")
        names = ", ".join(row["release"] for row in there) or "none yet"
        raise KeyError(f"{release} has no such version in the lake; releases there are: {names}")
    return table(rows)


def unknown(lake: Asked, row_id: str) -> str:
    """What is said of a row about which nothing is recorded in the direction that was asked for.

    Raises ``KeyError`` with a line for people if it is not known at all.
    """
    ids = f"(FROM ids_of({_quoted(row_id)}))"
    if lake.scalar(f"SELECT count(*) FROM record_edge WHERE child IN {ids} OR parent IN {ids}"):
        return f"{row_id}: nothing is recorded in this direction (an end of the chain)"
    raise KeyError(
        f"{row_id} is not in the lake's lineage; ids look like raw_…, prob_…, resp_…, sol_…, ver_…, trip_…, sft_…, origins like "
        "taco/train/5"
    )


def table(rows: Sequence[Mapping[str, Any]], widest: int = 60) -> str:
    """Rows as aligned text columns of at most ``widest`` characters."""
    if not rows:
        return "(no rows)"
    names = list(rows[0])
    texts = [[_short(str(row[name] if row[name] is not None else ""), widest) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in texts)) for i, name in enumerate(names)]
    header = "  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True))
    return "\n".join([header, *("  ".join(t.ljust(w) for t, w in zip(line, widths, strict=True)) for line in texts)])


def _dataset(lake: Asked, name: str) -> str:
    """The last versions of a dataset. Raises ``KeyError`` where there is none of that name."""
    rows = lake.rows(
        f"SELECT number AS version FROM release_version WHERE release = {_quoted(name)} UNION ALL SELECT DISTINCT snapshot "
        f"FROM dataset_version WHERE dataset = {_quoted(name)} AND dataset NOT IN (SELECT release FROM release_version) "
        f"AND snapshot IN (SELECT snapshot_id FROM {COMMITS}) ORDER BY version DESC LIMIT 10"
    )
    if not rows:
        raise KeyError(f"{name} is no table or release with versions in the lake; FROM dataset_version lists those there are")
    return ", ".join(str(row["version"]) for row in reversed(rows))


def _refuse_expired(lake: Asked, dataset: str, old: int, new: int) -> None:
    """Raises ``KeyError`` with a line for people where the rows of a table's version can no longer be read."""
    if lake.scalar(f"SELECT count(*) FROM release_version WHERE release = {_quoted(dataset)}"):
        return  # which rows a release had stands in the lake
    there = {row["snapshot_id"] for row in lake.rows(f"SELECT snapshot_id FROM {COMMITS}")}
    gone = [number for number, begin in ((old, old + 1), (new, new)) if begin not in there and begin <= max(there)]
    if gone:
        raise KeyError(
            f"{dataset}: version {' and '.join(map(str, gone))} was expired by upkeep, and its rows can no longer be read; "
            f"versions there are: {_dataset(lake, dataset)}"
        )


def _quoted(text: str) -> str:
    """As a literal: given parameters, DuckDB would load pandas first, which takes longer than the answer."""
    return "'" + text.replace("'", "''") + "'"


def _until(row: Mapping[str, Any]) -> str:
    return "" if row["gone_at"] is None else f"  [until {row['gone_at']:%Y-%m-%d %H:%M}: {_short(row['why_gone'], 100)}]"


def _number(value: Any) -> Any:
    return (
        f"{value:,.4g}"
        if isinstance(value, float) and abs(value) < 1000
        else f"{value:,.0f}"
        if isinstance(value, float)
        else value
    )


def _short(text: str, limit: int) -> str:
    text = visible(" ".join(text.split()))
    return text if len(text) <= limit else text[: limit - 1] + "…"
