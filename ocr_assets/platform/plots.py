"""Small pictures for asset metadata, drawn from rows that a query already made small. PNG bytes out, no files.

What to count is the assets' matter; this module only draws.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VERDICT_COLOURS = {
    "accepted": "#2e7d32",
    "suspect": "#9ccc65",
    "wrong_answer": "#c62828",
    "time_limit": "#ef6c00",
    "idle_limit": "#ffb74d",
    "memory_limit": "#6a1b9a",
    "output_limit": "#ab47bc",
    "runtime_error": "#5d4037",
    "compile_error": "#455a64",
    "ungradable": "#78909c",
    "sandbox_error": "#000000",
    "no verdict": "#bdbdbd",
}


def bars(counts: Mapping[str, int], title: str, unit: str = "rows") -> bytes:
    """Horizontal bars, first entry on top, each with its number."""
    figure, axes = _figure(max(2.0, 0.6 + 0.32 * len(counts)))
    names = list(counts)[::-1]
    drawn = axes.barh(names, [counts[name] for name in names], color="#1565c0")
    axes.bar_label(drawn, labels=[f"{counts[name]:,}" for name in names], padding=3, fontsize=8)
    axes.margins(x=0.12)
    axes.set_xlabel(unit)
    return _png(figure, axes, title)


def steps(values: Sequence[float], title: str, unit: str) -> bytes:
    """How a number went from version to version, the last with its value."""
    figure, axes = _figure(2.2)
    places = list(range(1, len(values) + 1))
    axes.plot(places, values, marker="o", markersize=4, drawstyle="steps-post", color="#1565c0")
    axes.annotate(f"{values[-1]:,}", (places[-1], values[-1]), xytext=(6, 0), textcoords="offset points", fontsize=8, va="center")
    axes.set_ylim(bottom=0, top=max([*values, 1]) * 1.15)
    axes.set_xticks([])
    axes.set_xlabel("versions, the newest on the right")
    axes.set_ylabel(unit)
    return _png(figure, axes, title)


def histogram(values: Sequence[float], title: str, unit: str, marks: Mapping[str, float] | None = None) -> bytes:
    """How often each value occurs, with named vertical lines (quantiles, thresholds)."""
    figure, axes = _figure(2.8)
    axes.hist(values, bins=min(60, max(10, len(values) // 8)), color="#1565c0")
    for name, value in (marks or {}).items():
        axes.axvline(value, color="#c62828", linewidth=1)
        axes.text(value, axes.get_ylim()[1], f" {name}", fontsize=8, va="top", color="#c62828")
    axes.set_xlabel(unit)
    axes.set_ylabel("rows")
    return _png(figure, axes, title)


def shares(rows: Sequence[Mapping[str, Any]], name: str, columns: Sequence[str], title: str) -> bytes:
    """Bars of several shares beside each other, a group a row. ``rows``: dicts of ``name`` and ``columns`` (percent, or null)."""
    figure, axes = _figure(max(2.0, 0.8 + 0.42 * len(rows)))
    height = 0.8 / len(columns)
    for number, column in enumerate(columns):
        places = [len(rows) - place - (number - (len(columns) - 1) / 2) * height for place in range(len(rows))]
        axes.barh(places, [row[column] or 0.0 for row in rows], height=height, label=column)
    axes.set_yticks([len(rows) - place for place in range(len(rows))], [str(row[name]) for row in rows])
    axes.set_xlim(0, 100)
    axes.legend(fontsize=7, ncols=len(columns), loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False)
    return _png(figure, axes, title)


def lines(rows: Sequence[Mapping[str, Any]], name: str, x: str, y: str, title: str, unit: str) -> bytes:
    """A line a group. ``rows``: dicts of ``name`` (group), ``x`` and ``y``, each group's in the order of x."""
    figure, axes = _figure(3.2)
    groups: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        groups.setdefault(str(row[name]), []).append((row[x], row[y]))
    for group, points in groups.items():
        axes.plot([point[0] for point in points], [point[1] for point in points], linewidth=1, label=group)
    axes.set_xlabel(x)
    axes.set_ylabel(unit)
    axes.legend(fontsize=7, frameon=False)
    return _png(figure, axes, title)


def intervals(rows: Sequence[Mapping[str, Any]], title: str, unit: str, *, zero: bool = False) -> bytes:
    """Values with their intervals, the first row on top. ``rows``: dicts of ``name``, ``value``, ``low`` and ``high`` (null: a
    figure of others, drawn as a diamond). ``zero``: a line there, for differences."""
    figure, axes = _figure(max(1.6, 0.9 + 0.28 * len(rows)))
    for place, row in zip(range(len(rows), 0, -1), rows, strict=True):
        if row["low"] is None or row["high"] is None:
            axes.plot(row["value"], place, marker="D", markersize=5, color="#ef6c00", linestyle="none")
        else:
            axes.plot([row["low"], row["high"]], [place, place], color="#1565c0", linewidth=2, solid_capstyle="butt")
            axes.plot(row["value"], place, marker="o", markersize=5, color="#0d47a1", linestyle="none")
    if zero:
        axes.axvline(0, color="#9e9e9e", linewidth=1)
    axes.set_yticks(range(len(rows), 0, -1), [str(row["name"]) for row in rows])
    axes.set_ylim(0.4, len(rows) + 0.6)
    axes.set_xlabel(unit)
    axes.grid(axis="x", color="#e0e0e0", linewidth=0.6)
    axes.set_axisbelow(True)
    return _png(figure, axes, title)


def heatmap(rows: Sequence[Mapping[str, Any]], x: str, y: str, value: str, title: str, unit: str) -> bytes:
    """Shares from 0 to 1 as colours with their percent. ``rows``: dicts of ``x`` (column), ``y`` (row) and ``value``; columns and
    rows in the order in which they come first; a pair that does not occur is empty."""
    across, down = (list(dict.fromkeys(str(row[name]) for row in rows)) for name in (x, y))
    known = {(str(row[x]), str(row[y])): float(row[value]) for row in rows}
    figure, axes = _figure(max(2.4, 1.2 + 0.34 * len(down)))
    axes.imshow(
        [[known.get((column, row), 0.0) for column in across] for row in down], cmap="Blues", vmin=0, vmax=1, aspect="auto"
    )
    for (column, row), share in known.items():
        place = across.index(column), down.index(row)
        axes.text(*place, f"{share:.0%}", ha="center", va="center", fontsize=7, color="white" if share > 0.55 else "#212121")
    axes.set_xticks(range(len(across)), across, rotation=30, ha="right")
    axes.set_yticks(range(len(down)), down)
    axes.set_xlabel(unit)
    return _png(figure, axes, title)


def stacked_verdicts(rows: Sequence[Mapping[str, Any]], title: str, unit: str = "triplets") -> bytes:
    """Verdict shares per group. ``rows``: dicts of ``value`` (group), ``verdict`` (null: no verdict), ``rows``."""
    import polars as pl

    table = (
        pl.DataFrame(
            [(str(row["value"]), row["verdict"] or "no verdict", row["rows"]) for row in rows],
            ["value", "verdict", "rows"],
            orient="row",
        )
        .pivot("verdict", index="value", values="rows", aggregate_function="sum")
        .fill_null(0)
        .sort("value", descending=True)
    )
    groups = table["value"].to_list()
    figure, axes = _figure(max(2.2, 1.0 + 0.32 * len(groups)))
    left = pl.zeros(len(groups), eager=True)
    for verdict, colour in VERDICT_COLOURS.items():
        if verdict in table.columns:
            axes.barh(groups, table[verdict].to_list(), left=left.to_list(), color=colour, label=verdict)
            left = left + table[verdict]
    axes.set_xlabel(unit)
    axes.legend(fontsize=7, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.22 if len(groups) > 4 else -0.3), frameon=False)
    return _png(figure, axes, title)


def _figure(height: float) -> tuple[Figure, Axes]:
    # The object interface, not pyplot: no global state, safe in any thread of the code server.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, height), dpi=80, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    return figure, axes


def _png(figure: Figure, axes: Axes, title: str) -> bytes:
    axes.set_title(title, fontsize=10, loc="left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()
