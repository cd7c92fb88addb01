"""How an asset publishes: validate, commit with lineage, and tell Dagster what a person wants to see.

An asset whose table is worked out anew uses ``replace``; one whose rows are paid for one by one (answers of models, runs of
programs) or follow from each other uses ``append``, which keeps what was committed when the run is killed. An asset that
publishes something else, such as a folder, reports it with ``failed`` and ``published``.

What an asset is before it runs, its decorator, is in ``assets.py``. What the rows are is computed by the stage's plain
modules; how they are stored is in ``resources/lake``; the plots are drawn in ``plots.py``.
"""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from ocr_assets.platform import openlineage, partitions, plots
from ocr_assets.platform.assets import CHECK, ROWS_LOST, Results, watched
from ocr_assets.platform.lake import lake_of_run
from ocr_assets.platform.run_details import run_info
from ocr_assets.platform.settled import AGAIN, Memory, Now, memory_of_step, partitions_of
from ocr_assets.platform.watching import Figures, figures_of, warnings_of
from resources.lake import Change, InvalidRows, Lake, Write
from resources.lake.tables import Column, Table
from resources.settings import LakeResource

PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = 60
_READ_FIRST = {"statement", "question", "item_question", "content", "reasoning", "answer", "solution", "code"}  # in a preview
LEFT = "left"  # in a body's metadata: how much it could not do now, to be tried again by the next run
NO_ROWS = dg.TableSchema([dg.TableColumn("nothing")])
Body = Callable[[Lake, Write], Mapping[str, Any]]
After = Callable[[Lake], Mapping[str, Any]]


def nothing_more(lake: Lake) -> Mapping[str, Any]:
    """The ``after`` of an asset that shows nothing of its own."""
    return {}


def replace(
    context: dg.AssetExecutionContext, lake_resource: LakeResource, table: Table, body: Body, *, after: After = nothing_more
) -> Results:
    """Publish a table in one write: ``body`` stages what the table (or the partitions that are run) shall hold.

    ``body`` reads through the lake, stages rows and edges in the write, and returns metadata of its own (numbers, text,
    ``dg.MetadataValue``). Tables that only serve it, such as measurements, it may commit on the way. ``after`` adds metadata
    drawn from what is then published. ``left`` among the metadata says how much could not be done now.

    Yields the check's result and the materialization with row count, what changed, what was dropped and why, a preview,
    the columns and a content-hash data version. Rows that break the declaration fail the check and the step; then
    nothing is published.

    Raises:
        TypeError: ``body`` staged nothing of the table, or committed rows of it itself.
    """
    with openlineage.told(context, lake_of_run(lake_resource), table):
        yield from _publish(context, lake_resource, table, body, after, as_you_go=False)


def append(
    context: dg.AssetExecutionContext, lake_resource: LakeResource, table: Table, body: Body, *, after: After = nothing_more
) -> Results:
    """Publish a table in commits of its own: each stays, whatever becomes of the run after it.

    ``body`` commits the table's rows by writes that it opens (``lake.write(run_info(context), stage)``), what was paid for
    through ``resources/lake/batches.py``. The write that it is given holds none of them: what it stages there, such as edges
    drawn from the whole table, is recorded at the end, with the stage's inputs. "new rows" and "gone rows" are those of the
    commits.

    Returns, shows and fails as ``replace``, but that rows which break the declaration leave earlier commits published.

    Raises:
        TypeError: ``body`` staged rows of the table in the last write.
    """
    with openlineage.told(context, lake_of_run(lake_resource), table):
        yield from _publish(context, lake_resource, table, body, after, as_you_go=True)


def _publish(
    context: dg.AssetExecutionContext, lake_resource: LakeResource, table: Table, body: Body, after: After, *, as_you_go: bool
) -> Results:
    stage = context.asset_key.path[-1]
    lake = lake_of_run(lake_resource)
    memory = memory_of_step(context, lake_resource)
    if last := last_if_settled(context, lake, memory):
        yield unchanged(context, lake, table, last)
        return
    with lake.watch() as watch:
        try:
            with lake.write(run_info(context), stage) as write:
                metadata = dict(body(lake, write))
                if as_you_go and write.stages(table):
                    raise TypeError(f"{stage}: publish.append records what was committed; {table.name} was staged at the end")
                if not as_you_go and (not write.stages(table) or table.name in write.committed):
                    raise TypeError(f"{stage}: publish.replace needs all of {table.name} staged in its one write")
        except InvalidRows as error:
            yield failed(context, error.problems)
            raise dg.Failure(str(error), allow_retries=False) from error
        drawn = after(lake)
    rows, version = lake.state(table.name)
    change = (write.committed if as_you_go else write.changes).get(table.name) or Change(table.name)
    log_line = f"{stage}: {rows:,} rows ({change.inserted:,} new, {change.deleted:,} gone)"
    context.log.info(log_line if change.inserted or change.deleted else f"{stage}: {rows:,} rows, nothing new")
    changed = {"new rows": change.inserted, "gone rows": change.deleted}
    before = rows - change.inserted + change.deleted
    told = {**changed, **metadata, **drawn}
    parts = [partitions.rows_of(lake, table, key) for key in partitions_of(context)]
    if len(parts) == 1:
        (part,) = parts
        before = part.rows - change.inserted + change.deleted
        yield published(context, lake, table, part.rows, part.version, told, part.relation, before, part.fates)
    else:
        yield published(context, lake, table, rows, version, told, before=before)
        yield from partitions.events(
            context, parts, {part.key: page(lake, table, part.rows, told, part.relation, part.fates) for part in parts}
        )
    if not metadata.get(LEFT):
        memory.remember(lake, watch)


def last_if_settled(context: dg.AssetExecutionContext, lake: Lake, memory: Memory) -> Mapping[str, Any] | None:
    """What Dagster was told of the asset the last time, if it has nothing to do since (``settled.py``); else None.

    A step over partitions always has: what it was told of one of them is not true of all.
    """
    if partitions_of(context) or AGAIN in context.run.tags:
        return None
    event = context.instance.get_latest_materialization_event(context.asset_key)
    if event is None or event.asset_materialization is None or not memory.holds(Now.of(lake)):
        return None
    last: Mapping[str, Any] = event.asset_materialization.metadata
    return last


def unchanged(context: dg.AssetExecutionContext, lake: Lake, table: Table, last: Mapping[str, Any]) -> dg.MaterializeResult[Any]:
    """The result of an asset that has nothing to do: what Dagster was told ``last``, for the UI shows the newest event only."""
    known, version = lake.state(table.name)
    figures = {figure.name: last[figure.name].value if figure.name in last else None for figure in watched(table)}
    context.log.info(f"{table.name}: {known:,} rows, nothing it depends on has changed")
    return dg.MaterializeResult(
        asset_key=context.asset_key,
        data_version=dg.DataVersion(version),
        metadata={**last, **{name: 0 for name in ("new rows", "gone rows", ROWS_LOST.name) if name in last}},
        check_results=_checks(context, table, known, {**figures, ROWS_LOST.name: 0.0}),
    )


def failed(context: dg.AssetExecutionContext, breaches: Sequence[str]) -> dg.AssetCheckResult:
    """The result of the check of a table whose rows break its declaration. The asset yields it and raises ``dg.Failure``."""
    return dg.AssetCheckResult(passed=False, check_name=CHECK, asset_key=context.asset_key, metadata={"breaches": list(breaches)})


def published(
    context: dg.AssetExecutionContext,
    lake: Lake,
    table: Table,
    rows: int,
    version: str,
    metadata: Mapping[str, Any],
    relation: str = "",
    before: int = 0,
    fates: Sequence[Mapping[str, Any]] | None = None,
) -> dg.MaterializeResult[Any]:
    """What Dagster is told of rows that were checked and published: what ``page`` shows, their content hash, and the numbers that
    are watched, with a warning where one is beyond its limit.

    ``before``: how many rows there were. The others: see ``page``.
    """
    stage = context.asset_key.path[-1]
    counts = lake.rows("SELECT place, outcome, reason, rows FROM funnel WHERE stage = ?", [stage])
    lake.note_counts(context.run.run_id, stage, [(row["place"], row["outcome"], row["reason"], row["rows"]) for row in counts])
    if fates is None and stage == table.name:
        fates = [{name: row[name] for name in ("outcome", "reason", "rows")} for row in counts]
    figures = figures_of(lake, table, relation or table.name, rows, before)
    numbers = {name: value for name, value in figures.items() if value is not None}
    return dg.MaterializeResult(
        asset_key=context.asset_key,
        data_version=dg.DataVersion(version),
        metadata=page(lake, table, rows, {**metadata, **numbers}, relation, fates),
        check_results=_checks(context, table, rows, figures),
    )


def page(
    lake: Lake,
    table: Table,
    rows: int,
    metadata: Mapping[str, Any],
    relation: str = "",
    fates: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """What the UI shows of rows: pictures first, one at least; then their number, what became of them, a preview, and
    ``metadata``.

    ``relation``: where the rows are read, if not in the table. ``fates``: what became of them (outcome, reason, rows), if not
    what the funnel says of the table's stage.
    """
    shown = {"dagster/row_count": rows, **funnel(lake, table.name, fates), "preview": preview(lake, table, relation), **metadata}
    pictures = {name: value for name, value in shown.items() if _is_picture(value)}
    if not pictures:
        pictures = {"rows over time": picture(plots.steps(_history(lake, table, rows), f"{table.name}: rows", "rows"), "rows")}
    return {**pictures, **{name: value for name, value in shown.items() if name not in pictures}}


def _is_picture(value: Any) -> bool:
    return isinstance(value, dg.MarkdownMetadataValue) and (value.md_str or "").startswith("![")


def _history(lake: Lake, table: Table, rows: int) -> list[int]:
    """How many rows the table's last versions had, the present one last."""
    versions = lake.rows(
        "SELECT rows FROM dataset_version WHERE dataset = ? ORDER BY snapshot DESC, created_at DESC LIMIT 50", [table.name]
    )
    return [row["rows"] for row in reversed(versions)] or [rows]


def _checks(context: dg.AssetExecutionContext, table: Table, rows: int, figures: Figures) -> list[dg.AssetCheckResult]:
    as_declared = dg.AssetCheckResult(passed=True, check_name=CHECK, asset_key=context.asset_key, metadata={"rows": rows})
    return [as_declared, *warnings_of(context.asset_key, table, figures)]


def funnel(lake: Lake, stage: str, fates: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """This stage's part of the funnel as metadata: a table, and bars if there is anything to count. ``fates``: other rows."""
    rows = (
        lake.rows("SELECT outcome, reason, rows FROM funnel WHERE stage = ? LIMIT 40", [stage]) if fates is None else fates[:40]
    )
    schema = dg.TableSchema([dg.TableColumn("outcome"), dg.TableColumn("reason"), dg.TableColumn("rows", "int")])
    shown: dict[str, Any] = {"kept and dropped": dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema=schema)}
    if rows:
        bars = {
            textwrap.shorten(f"{row['outcome']}: {row['reason']}", 48, placeholder="…"): int(row["rows"]) for row in rows[:20]
        }
        shown["rows by outcome"] = picture(plots.bars(bars, f"{stage}: what became of rows"), "rows by outcome")
    return shown


def preview(lake: Lake, table: Table, relation: str = "") -> dg.TableMetadataValue:
    """A few rows of the table, or of ``relation`` with the table's columns; scalar columns only, texts cut: metadata stays in
    the event log for ever.

    First what a person reads (statements and programs, labels, numbers), last ids and hashes.
    """
    columns = sorted((column for column in table.columns if not pa.types.is_nested(column.type)), key=_reading_order)
    selected = ", ".join(
        f'left(replace("{c.name}", chr(10), \' \'), {PREVIEW_CHARACTERS}) AS "{c.name}"'
        if pa.types.is_string(c.type)
        else f'"{c.name}"::VARCHAR AS "{c.name}"'
        for c in columns
    )
    order = ", ".join(f'"{column}"' for column in table.key)
    rows = lake.rows(f"SELECT {selected} FROM {relation or table.name} ORDER BY {order} LIMIT {PREVIEW_ROWS}")
    schema = dg.TableSchema([dg.TableColumn(column.name) for column in columns])
    records = [dg.TableRecord({name: value or "" for name, value in row.items()}) for row in rows]
    return dg.MetadataValue.table(records, schema=schema)


def _reading_order(column: Column) -> int:
    if column.name in _READ_FIRST:
        return 0
    if column.name == "id" or column.name.endswith(("_id", "_key", "_hash")):
        return 3
    return 1 if pa.types.is_string(column.type) else 2


def table_of(lake: Lake, query: str) -> dg.TableMetadataValue:
    """A small query's result as a table in the metadata."""
    rows = lake.rows(query)
    records = [dg.TableRecord({name: "" if value is None else value for name, value in row.items()}) for row in rows]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name) for name in rows[0]]) if rows else NO_ROWS)


def picture(png: bytes, title: str) -> dg.MarkdownMetadataValue:
    """A plot that the UI shows inside the metadata."""
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")


def pictures(folder: Path, plots: Mapping[str, bytes]) -> dict[str, dg.MarkdownMetadataValue]:
    """Plots (title → PNG) as the UI shows them, and as files ``<title>.png`` in ``folder``, where those of other titles go.

    The asset declares the folder among those that it ``writes`` (``lake_asset``).
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = {title: re.sub(r"\W+", "_", title.lower()).strip("_") + ".png" for title in plots}
    for file in folder.glob("*.png"):
        if file.name not in names.values():
            file.unlink()
    for title, png in plots.items():
        building = folder / f".{names[title]}.building"
        building.write_bytes(png)
        building.replace(folder / names[title])
    return {title: picture(png, title) for title, png in plots.items()}


__all__ = [
    "After",
    "Body",
    "append",
    "failed",
    "funnel",
    "picture",
    "pictures",
    "preview",
    "published",
    "replace",
    "run_info",
    "table_of",
]
