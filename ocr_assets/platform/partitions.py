"""What the page of one partition shows: its own rows, funnel and preview, and the hash of its own rows as its data version.

A run over several partitions is one step with one result, which Dagster copies to each partition. So after it each gets an event
of its own. Which partitions there are is the assets' matter; the column that names a row's partition is declared with the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG  # the tag of an event that carries it

from resources.lake import Lake
from resources.lake.tables import Table


@dataclass(frozen=True)
class PartitionRows:
    """The rows of one partition. ``relation``: where they are read; ``fates``: what became of them and of source rows that could
    not be used, as the funnel says it: outcome, reason, rows."""

    key: str
    relation: str
    rows: int
    version: str
    fates: Sequence[Mapping[str, Any]]


def rows_of(lake: Lake, table: Table, key: str) -> PartitionRows:
    """The rows of ``table`` that are of the partition ``key``."""
    relation = f"(SELECT * FROM {table.name} WHERE {table.partition} = {_quoted(key)})"
    outcome, reason = table.fate
    fates = lake.rows(
        f"SELECT {outcome} AS outcome, {reason} AS reason, count(*) AS rows FROM {relation} GROUP BY ALL "
        f"UNION ALL SELECT 'quarantined', regexp_extract(reason, '^[^:]+'), count(*) FROM quarantine "
        f"WHERE stage = {_quoted(table.name)} AND scope = {_quoted(key)} GROUP BY ALL ORDER BY outcome, rows DESC, reason"
    )
    rows = int(lake.scalar(f"SELECT count(*) FROM {relation}"))
    return PartitionRows(key, relation, rows, lake.query_version(f"FROM {relation}"), fates)


def events(
    context: dg.AssetExecutionContext, partitions: Sequence[PartitionRows], metadata: Mapping[str, Mapping[str, Any]]
) -> Iterator[dg.AssetMaterialization]:
    """An event for each partition of a step over several, behind the one that Dagster made of the step's result: with the same
    provenance, and data version and metadata of its own. ``metadata``: by partition."""
    for partition in partitions:
        records = dg.AssetRecordsFilter(asset_key=context.asset_key, asset_partitions=[partition.key])
        found = [record.asset_materialization for record in context.instance.fetch_materializations(records, limit=1).records]
        tags = {**((found[0].tags if found and found[0] else None) or {}), DATA_VERSION_TAG: partition.version}
        yield dg.AssetMaterialization(context.asset_key, partition=partition.key, metadata=metadata[partition.key], tags=tags)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


__all__ = ["PartitionRows", "events", "rows_of"]
