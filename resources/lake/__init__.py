"""The lake: DuckLake tables with transactions, snapshots and lineage.

``tables.py``: what a table is; ``lake.py``: opening and reading; ``write.py`` and ``staging.py``: publishing; ``lineage.py``: the
tables of lineage; ``history.py``: what went; ``migrations.py``: older lakes; ``catalog.py``: SQLite and PostgreSQL;
``journal.py``: what is kept between two commits.
"""

from resources.lake.catalog import load_extensions
from resources.lake.history import Gone
from resources.lake.lake import NEVER_WRITTEN, Lake, Watch
from resources.lake.lineage import (
    DATASET_VERSION,
    LINEAGE_TABLES,
    QUARANTINE,
    RECORD_EDGE,
    RECORD_EDGE_GONE,
    ROW_GONE,
    ROW_RENAMED,
    RUN,
    RUN_IO,
    SCHEMA_VERSION,
    Edge,
    Quarantined,
    RunInfo,
)
from resources.lake.migrations import Migration, Migrator, SchemaMismatch
from resources.lake.staging import breaches_of
from resources.lake.tables import Column, Table
from resources.lake.write import Change, InvalidRows, Write

__all__ = [
    "DATASET_VERSION",
    "LINEAGE_TABLES",
    "NEVER_WRITTEN",
    "QUARANTINE",
    "RECORD_EDGE",
    "RECORD_EDGE_GONE",
    "ROW_GONE",
    "ROW_RENAMED",
    "RUN",
    "RUN_IO",
    "SCHEMA_VERSION",
    "Change",
    "Column",
    "Edge",
    "Gone",
    "InvalidRows",
    "Lake",
    "Migration",
    "Migrator",
    "Quarantined",
    "RunInfo",
    "SchemaMismatch",
    "Table",
    "Watch",
    "Write",
    "breaches_of",
    "load_extensions",
]
