"""The dataset card of a release, and what it says about contamination."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2
from pydantic import BaseModel

from resources.lake.tables import Column

# Rows: benchmark, version ("" if it has none), items. What the problems of the release were compared with.
BENCHMARKS = """
SELECT benchmark, array_to_string(list_sort(list(DISTINCT version)), ' ') AS version, count(*) AS items
FROM benchmark_items GROUP BY benchmark ORDER BY benchmark
"""


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
) -> str:
    """The card as Markdown with the Hub's YAML head.

    Args:
        manifest: of the release (``writer.write_release``), with ``run_id``, ``filters``, ``benchmarks`` and ``warning``.
        columns: of the released table, with type and meaning.
        funnel: rows of the lake's view ``funnel`` (stage, outcome, reason, rows).
        labels, licenses: rows of the release by ``label`` (a column) and by licence.
        settings: whose fields the manifest's filters are.
        about, example: the first paragraph, and how the rows are read.
    """
    template = files(__package__).joinpath("card.md.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    filters = [
        (name, json.dumps(manifest["filters"][name]), field.description or "") for name, field in settings.model_fields.items()
    ]
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
    )
