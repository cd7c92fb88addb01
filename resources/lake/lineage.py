"""The lineage tables every lake has beside its data: edges between rows, what went, bad rows, runs, versions, reads and writes.

Nouns follow OpenLineage (run, dataset, input, output) and PROV (derived, merged into). They are filled by ``write.py``; the
questions people ask of them are SQL macros of the project, not of the lake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, TypedDict

from resources.lake.tables import Table


class Edge(TypedDict):
    """One step of lineage between two rows, in PROV's sense."""

    child: Annotated[str, "Id of the later row; of a dropped row: the stage that dropped it"]
    parent: Annotated[str, "Id of the earlier row"]
    relation: Literal["derived", "merged_into", "dropped"]
    reason: str


class Quarantined(TypedDict):
    """A source row that could not be used: where it is, why, and the row itself."""

    file: str
    row: Annotated[int, "Row in the file, from 0; -1: the file itself"]
    reason: str
    content: Annotated[str, "The row as text, cut at 10,000 characters"]


class _RecordEdge(Edge):
    stage: Annotated[str, "Asset that wrote the edge"]
    scope: Annotated[str, "Part of the stage rewritten together: a partition, or empty"]
    run_id: str
    created_at: datetime


class _RecordEdgeGone(_RecordEdge):
    why: Annotated[str, "Why it went, where something it came from is gone: the first cause"]
    gone_run_id: Annotated[str, "Run that removed it"]
    gone_at: datetime


class _RowGone(TypedDict):
    dataset: Annotated[str, "Table that the row left"]
    id: str
    label: Annotated[str, "The name by which people know it; of a raw problem: its origin"]
    why: str
    run_id: Annotated[str, "Run that removed it"]
    gone_at: datetime
    snapshot: Annotated[int, "The last lake snapshot that holds it: … FROM t AT (VERSION => snapshot)"]
    back_at: Annotated[datetime | None, "When it came back; null: it is gone"]


class _RowRenamed(TypedDict):
    old_id: str
    new_id: Annotated[str, "Its id since"]
    why: str
    renamed_at: datetime


class _StageCount(TypedDict):
    run_id: str
    place: Annotated[int, "Of the stage in the order in which data flows"]
    stage: str
    outcome: Annotated[str, "in: rows that the stage takes in; else what became of them"]
    reason: str
    rows: int
    noted_at: datetime


class _QuarantineRow(Quarantined):
    stage: str
    scope: str
    run_id: str
    created_at: datetime


class _Run(TypedDict):
    run_id: str
    job: str
    started_at: datetime
    code_version: Annotated[str, "Installed package, and in a git checkout its commit"]
    configuration: Annotated[
        str | None, "All resources and the configuration of the run's assets, as JSON; keys are no part of it"
    ]
    packages: Annotated[str | None, "Versions of the packages that the code stands on, as JSON"]
    images: Annotated[str | None, "Images that programs ran in, with digest, as a JSON list"]
    project: Annotated[str | None, "The project file and its sha256, as JSON; null: there was none"]


class _DatasetVersion(TypedDict):
    dataset: Annotated[str, "Table or release"]
    data_version: Annotated[str, "Order-free hash of all rows: equal data, equal version"]
    rows: int
    snapshot: Annotated[int, "Lake snapshot in which it was current: … FROM t AT (VERSION => snapshot)"]
    run_id: str
    created_at: datetime


class _RunIo(TypedDict):
    run_id: str
    stage: str
    direction: Literal["input", "output"]
    dataset: str
    data_version: str
    created_at: datetime


class _SchemaVersion(TypedDict):
    version: Annotated[int, "Version of the tables' shapes; a lake that was never migrated has version 1"]
    why: Annotated[str, "What the migration to this version changed"]
    views: Annotated[str, "md5 of the SQL that made the lake's views and macros"]
    created_at: datetime


RECORD_EDGE = Table("record_edge", _RecordEdge, ("child", "parent", "relation", "stage"), "Lineage between rows.")
RECORD_EDGE_GONE = Table(
    "record_edge_gone",
    _RecordEdgeGone,
    ("child", "parent", "relation", "stage", "gone_at"),
    "Lineage that is no more: edges as they were, and what became of them.",
)
ROW_GONE = Table("row_gone", _RowGone, ("dataset", "id", "gone_at"), "Rows that left their source, or their place in it.")
ROW_RENAMED = Table("row_renamed", _RowRenamed, ("old_id",), "Ids that a migration replaced.")
STAGE_COUNT = Table(
    "stage_count",
    _StageCount,
    ("stage", "noted_at", "outcome", "reason"),
    "What became of a stage's rows, as counted when a run had written it.",
)
QUARANTINE = Table("quarantine", _QuarantineRow, ("stage", "scope", "file", "row"), "Source rows that could not be used.")
RUN = Table("run", _Run, ("run_id",), "Runs that wrote to the lake.")
DATASET_VERSION = Table("dataset_version", _DatasetVersion, ("dataset", "snapshot"), "Versions of every dataset.")
RUN_IO = Table("run_io", _RunIo, ("run_id", "stage", "direction", "dataset"), "What each run read and wrote.")
SCHEMA_VERSION = Table("schema_version", _SchemaVersion, ("version",), "Versions of the tables' shapes, and their migrations.")
LINEAGE_TABLES = (
    RECORD_EDGE,
    RECORD_EDGE_GONE,
    ROW_GONE,
    ROW_RENAMED,
    STAGE_COUNT,
    QUARANTINE,
    RUN,
    DATASET_VERSION,
    RUN_IO,
    SCHEMA_VERSION,
)


@dataclass(frozen=True)
class RunInfo:
    """Who writes: the Dagster run (or ``cli-…``), its job, the version of the code, and what the table ``run`` says besides, as
    JSON. ``images``: those that programs ran in so far."""

    run_id: str
    job: str = ""
    code_version: str = ""
    configuration: str | None = None
    packages: str | None = None
    project: str | None = None
    images: tuple[str, ...] = ()
