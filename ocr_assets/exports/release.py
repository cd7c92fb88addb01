"""The one path by which rows leave the lake: checked, versioned, written as shards with card and manifest, swapped in whole.

What a release holds is said in a ``Release``; the profiles make them (``sft.py``, ``kodcode.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
from pydantic import BaseModel

from ocr_assets import samples
from ocr_assets.exports.card import BENCHMARKS, card_text, warning
from ocr_assets.exports.writer import current_version, write_release
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results
from ocr_assets.platform.lake import lake_of_run
from ocr_assets.platform.publish import picture, run_info
from ocr_assets.platform.settled import memory_of_step
from resources.lake import breaches_of
from resources.lake.tables import Table
from resources.settings import LakeResource


@dataclass(frozen=True)
class Release:
    """What is released, and what the card says of it.

    ``table``: the columns; its name is that of the dataset and of its folder. ``rows``: SELECT of them, in the order of splits.
    ``edges``: SELECT of the lineage (child, parent, relation, reason). ``settings``: which rows; another one is another version.
    ``split``: the column that names a row's split; null: all are ``train``. ``label``: the column whose counts the card and the
    UI show, ``licenses``: a SELECT of license and rows over ``{rows}``. ``about``: the card's first paragraph, ``example``: how
    its rows are read.
    """

    table: Table
    rows: str
    edges: str
    settings: BaseModel
    split: str | None
    label: str
    licenses: str
    about: str
    example: str

    @property
    def name(self) -> str:
        return self.table.name


def release(context: dg.AssetExecutionContext, lake: LakeResource, what: Release) -> Results:
    """Release it into ``$OCR_HOME/releases/<name>``, if rows, settings or benchmarks changed since."""
    folder, query = lake.releases / what.name, what.rows
    store = lake_of_run(lake)
    memory = memory_of_step(context, lake)
    if last := publish.last_if_settled(context, store, memory):
        yield publish.unchanged(context, store, what.table, last)
        return
    with store.watch() as watch:
        with store.cursor() as cursor:
            breaches = breaches_of(cursor, what.table, f"({query})")
        if breaches:
            yield publish.failed(context, breaches)
            raise dg.Failure(f"{what.name}: nothing was released, because {'; '.join(breaches)}", allow_retries=False)
        benchmarks = store.rows(BENCHMARKS)
        not_decontaminated = warning(benchmarks, samples.BENCHMARK_NAMES)
        filters = what.settings.model_dump()
        version = store.query_version(query, salt=repr((filters, benchmarks)))
        with store.write(run_info(context), what.name) as write:
            write.edges_query(what.edges)
            rows = store.scalar(f"SELECT count(*) FROM ({query})")
            write.released(what.name, version, rows)
        labels = store.rows(
            f"SELECT {what.label} AS label, count(*) AS rows FROM ({query}) GROUP BY ALL ORDER BY rows DESC, label"
        )
        is_new = current_version(folder) != version
        if is_new:
            manifest = {
                "dataset": what.name,
                "version": version,
                "run_id": context.run.run_id,
                "filters": filters,
                "benchmarks": benchmarks,
                "warning": not_decontaminated,
            }
            funnel = store.rows("SELECT stage, outcome, reason, rows FROM funnel")
            licenses = store.rows(what.licenses.format(rows=query))
            write_release(
                folder,
                store.batches(query),
                what.table.schema,
                manifest,
                lambda whole: card_text(
                    whole,
                    columns=what.table.columns,
                    funnel=funnel,
                    labels=labels,
                    licenses=licenses,
                    settings=type(what.settings),
                    label=what.label,
                    about=what.about,
                    example=what.example,
                ),
                split=what.split,
            )
        context.log.info(f"{what.name}: {rows:,} rows {'released to' if is_new else 'unchanged in'} {folder}")
        if not_decontaminated:
            context.log.warning(f"{what.name}: {not_decontaminated}")
        by_label = {str(row["label"] or f"no {what.label}"): int(row["rows"]) for row in labels}
        metadata = {
            "folder": dg.MetadataValue.path(str(folder)),
            "released now": is_new,
            "decontaminated": not_decontaminated or "compared with " + ", ".join(row["benchmark"] for row in benchmarks),
            f"by {what.label}": picture(plots.bars(by_label, f"Released rows by {what.label}"), f"released rows by {what.label}"),
        }
        yield publish.published(context, store, what.table, rows, version, metadata, relation=f"({query})")
    memory.remember(store, watch)
