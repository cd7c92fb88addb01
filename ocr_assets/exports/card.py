"""The dataset card of a release, and what it says about contamination.

Most texts on a card are somebody else's (licences, platforms, models, reasons): none of them is read as Markdown, HTML or YAML.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2
from pydantic import BaseModel

from ocr_assets.exports.facts import Facts
from ocr_assets.platform import plots
from ocr_assets.platform.visible import visible
from resources.lake.tables import Column

# Rows: benchmark, version ("" if it has none), items. What the problems of the release were compared with.
BENCHMARKS = """
SELECT benchmark, array_to_string(list_sort(list(DISTINCT version)), ' ') AS version, count(*) AS items
FROM benchmark_items GROUP BY benchmark ORDER BY benchmark
"""
PUBLIC = ("HumanEval", "MBPP", "BigCodeBench", "LiveCodeBench", "CodeContests")  # what the papers hold their problems against
MOST_UNDECIDED = 0.01
_LONGEST = 200  # characters of a text in a table
_SPECIAL = str.maketrans({character: f"&#{ord(character)};" for character in "&<>|`[]!*\\#~$"})
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))


def warning(benchmarks: Sequence[Mapping[str, Any]], bundled: Collection[str]) -> str | None:
    """What a reader has to know first where no benchmark but the bundled toy ones was compared with; else None.

    ``benchmarks``: rows of ``BENCHMARKS``; ``bundled``: names of the benchmarks that come with this project.
    """
    names = [str(row["benchmark"]) for row in benchmarks]
    if set(names) - set(bundled):
        return None
    compared = f"only with the bundled toy benchmark {', '.join(names)}" if names else "with no benchmark at all"
    return (
        f"This release is not decontaminated against any public benchmark: its problems were compared {compared}. "
        "Set OCR_BENCHMARKS=hub, or to a folder of benchmark files, and run again before you train or publish."
    )


def not_compared(benchmarks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The public benchmarks of the papers that the problems were not compared with, by their names."""
    names = [_plain(str(row["benchmark"])) for row in benchmarks if row["items"]]
    return [public for public in PUBLIC if not any(name.startswith(_plain(public)) for name in names)]


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def undecided_warning(facts: Facts) -> str | None:
    """What has to be said where too many problems are undecided; None: few are."""
    if facts.undecided is None or facts.undecided <= MOST_UNDECIDED:
        return None
    return (
        f"{facts.undecided:.1%} of the problems are undecided: they resemble a benchmark item, and neither judges nor a person "
        "have decided whether they restate it (`ocr-assets decontaminate review`)."
    )


def cell(value: object, most: int = _LONGEST) -> str:
    """A value as a Markdown table shows it: its text as it is, in one line of at most ``most`` characters, whatever it holds."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    line = " ".join(visible(str(value)).split())
    return (line if len(line) <= most else line[: most - 1] + "…").translate(_SPECIAL)


def size_category(rows: int) -> str:
    """The Hub's word for a number of rows."""
    return next((name for most, name in _SIZES if rows < most), "n>10M")


def pictures(label: str, labels: Sequence[Mapping[str, Any]], facts: Facts) -> dict[str, bytes]:
    """The card's plots: file name → PNG."""
    by_label = {visible(str(row["label"] or f"no {label}"))[:60]: int(row["rows"]) for row in labels[:20]}
    drawn = {"by_label.png": plots.bars(by_label, f"rows by {label}")} if by_label else {}
    if facts.lengths:
        drawn["lengths.png"] = plots.histogram(facts.lengths, facts.length_of.replace("_", " "), "tokens")
    return drawn


def card_text(
    manifest: Mapping[str, Any],
    *,
    columns: Sequence[Column],
    funnel: Sequence[Mapping[str, Any]],
    labels: Sequence[Mapping[str, Any]],
    licenses: Sequence[Mapping[str, Any]],
    settings: type[BaseModel],
    label: str,
    about: str,
    example: str,
    facts: Facts | None = None,
) -> str:
    """The card as Markdown with the Hub's YAML head.

    Args:
        manifest: of the release (``writer.write_release``), with ``run_id``, ``filters``, ``benchmarks`` and ``warning``.
        columns: of the released table, with type and meaning.
        funnel: rows of the lake's view ``funnel`` (stage, outcome, reason, rows), and what became of the rows in this release.
        labels, licenses: rows of the release by ``label`` (a column) and by licence.
        settings: whose fields the manifest's filters are.
        about, example: the first paragraph, and how the rows are read.
        facts: of the rows.
    """
    facts = facts or Facts()
    template = files(__package__).joinpath("card.md.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["cell"] = cell
    filters = [
        (name, json.dumps(manifest["filters"][name]), field.description or "") for name, field in settings.model_fields.items()
    ]
    rows = sum(manifest["rows"].values())
    return environment.from_string(template).render(
        manifest=manifest,
        columns=columns,
        funnel=funnel,
        labels=labels,
        licenses=licenses,
        filters=filters,
        label=label,
        about=about,
        example=example,
        facts=facts,
        rows=rows,
        size=size_category(rows),
        bytes=sum(manifest.get("bytes", {}).values()),
        not_compared=not_compared(manifest["benchmarks"]),
        undecided=undecided_warning(facts),
        plots=[name for name in manifest.get("files", {}) if name.endswith(".png")],
        is_synthetic="kodcode" in manifest.get("profile", ""),
    )
