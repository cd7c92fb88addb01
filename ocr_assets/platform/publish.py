"""How an asset publishes a table: validate, commit with lineage, and tell Dagster what a person wants to see.

Every asset of the graph goes through ``publish``. What the rows are is computed by the stage's plain modules; how they
are stored is in ``resources/lake/lake.py``; the plots are drawn in ``ocr_assets/platform/plots.py``.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
import pyarrow as pa

from ocr_assets.platform import plots
from ocr_assets.platform.lake import project_lake
from ocr_assets.platform.version import code_version
from resources.lake import Change, InvalidRows, Lake, RunInfo, Write
from resources.lake.tables import Column, Table
from resources.settings import LakeResource

CHECK = "rows_match_declaration"
PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = 60
_READ_FIRST = {"statement", "question", "item_question", "content", "reasoning", "answer", "solution", "code"}  # in a preview
NO_ROWS = dg.TableSchema([dg.TableColumn("nothing")])
Results = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]


def declared(table: Table) -> list[dg.AssetCheckSpec]:
    """The blocking check every table has: no null, foreign value or doubled key against its declaration."""
    return [
        dg.AssetCheckSpec(
            CHECK,
            asset=dg.AssetKey(table.name),
            blocking=True,
            description="Columns, nulls, closed value sets and keys are as ocr_assets/schema declares them; "
            "checked before anything is published.",
        )
    ]


def described(table: Table) -> dict[str, Any]:
    """Definition metadata of a table's asset: its columns with types and meaning."""
    return {"dagster/column_schema": column_schema(table), "dagster/table_name": table.name}


def column_schema(table: Table) -> dg.TableSchema:
    """The table's columns as Dagster shows them."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                str(column.type),
                description=column.doc,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
            )
            for column in table.columns
        ]
    )


def run_info(context: dg.AssetExecutionContext) -> RunInfo:
    """The run in whose name the lake is written."""
    return RunInfo(context.run.run_id, context.run.job_name, code_version())


def publish(
    context: dg.AssetExecutionContext,
    lake_resource: LakeResource,
    table: Table,
    body: Callable[[Lake, Write], Mapping[str, Any]],
    *,
    after: Callable[[Lake], Mapping[str, Any]] = lambda lake: {},
) -> Results:
    """Run ``body`` inside one write of the lake and report it.

    ``body`` stages rows and edges and returns metadata of its own (numbers, text, ``dg.MetadataValue``); ``after`` adds
    metadata drawn from what is then published.
    Yields the check's result and the materialization with row count, what changed, what was dropped and why, a preview,
    the columns and a content-hash data version. Rows that break the declaration fail the check and the step; then
    nothing is published.
    """
    stage = context.asset_key.path[-1]
    with project_lake(lake_resource) as lake:
        before = lake.state(table.name)
        try:
            with lake.write(run_info(context), stage) as write:
                metadata = dict(body(lake, write))
        except InvalidRows as error:
            yield dg.AssetCheckResult(
                passed=False, check_name=CHECK, asset_key=context.asset_key, metadata={"breaches": error.problems}
            )
            raise dg.Failure(str(error), allow_retries=False) from error
        after_rows, version = lake.state(table.name)
        # A stage that commits as it goes (journals) has no change of its own in the last write.
        change = write.changes.get(table.name) or Change(table.name, inserted=max(0, after_rows - before[0]))
        log_line = f"{stage}: {after_rows:,} rows ({change.inserted:,} new, {change.deleted:,} gone)"
        context.log.info(log_line if change.inserted or change.deleted else f"{stage}: {after_rows:,} rows, nothing new")
        yield dg.MaterializeResult(
            asset_key=context.asset_key,
            data_version=dg.DataVersion(version),
            metadata={
                "dagster/row_count": after_rows,
                "new rows": change.inserted,
                "gone rows": change.deleted,
                "kept and dropped": funnel_of(lake, stage),
                **funnel_picture(lake, stage),
                "preview": preview(lake, table),
                **metadata,
                **after(lake),
            },
            check_results=[
                dg.AssetCheckResult(passed=True, check_name=CHECK, asset_key=context.asset_key, metadata={"rows": after_rows})
            ],
        )


def funnel_of(lake: Lake, stage: str) -> dg.TableMetadataValue:
    """This stage's part of the funnel, as a table in the metadata."""
    rows = lake.rows("SELECT outcome, reason, rows FROM funnel WHERE stage = ? LIMIT 40", [stage])
    schema = dg.TableSchema([dg.TableColumn("outcome"), dg.TableColumn("reason"), dg.TableColumn("rows", "int")])
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema=schema)


def funnel_picture(lake: Lake, stage: str) -> dict[str, Any]:
    """This stage's part of the funnel as bars; nothing for a stage that the funnel does not count."""
    rows = lake.rows("SELECT outcome, reason, rows FROM funnel WHERE stage = ? LIMIT 20", [stage])
    counts = {textwrap.shorten(f"{row['outcome']}: {row['reason']}", 48, placeholder="…"): int(row["rows"]) for row in rows}
    return {"rows by outcome": picture(plots.bars(counts, f"{stage}: what became of rows"), "rows by outcome")} if counts else {}


def preview(lake: Lake, table: Table) -> dg.TableMetadataValue:
    """A few rows, scalar columns only, texts cut: metadata stays in the event log for ever.

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
    rows = lake.rows(f"SELECT {selected} FROM {table.name} ORDER BY {order} LIMIT {PREVIEW_ROWS}")
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
