"""The lake: DuckLake tables with transactions, snapshots and lineage.

``tables.py``: what a table is; ``lake.py``: opening and reading; ``write.py`` and ``staging.py``: publishing; ``lineage.py``: the
tables of lineage; ``history.py``: what went; ``migrations.py``: older lakes; ``catalog.py``: SQLite and PostgreSQL;
``object_store.py``: S3; ``journal.py``: what is kept between two commits; ``watch.py``: what a process reads and writes;
``reading.py``: asking without writing.

The names are imported when they are asked for: a question at the terminal must not wait for PyArrow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resources.lake.extensions import CannotOpen, load_extensions
    from resources.lake.history import Gone
    from resources.lake.lake import Lake
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
        STAGE_COUNT,
        Edge,
        Quarantined,
        RunInfo,
    )
    from resources.lake.migrations import Migration, Migrator, SchemaMismatch
    from resources.lake.staging import breaches_of
    from resources.lake.tables import Column, Table
    from resources.lake.watch import NEVER_WRITTEN, Watch
    from resources.lake.write import Change, InvalidRows, Write

_NAMES = {
    "extensions": ("CannotOpen", "load_extensions"),
    "history": ("Gone",),
    "lake": ("Lake",),
    "lineage": (
        "DATASET_VERSION", "LINEAGE_TABLES", "QUARANTINE", "RECORD_EDGE", "RECORD_EDGE_GONE", "ROW_GONE", "ROW_RENAMED", "RUN",
        "RUN_IO", "SCHEMA_VERSION", "STAGE_COUNT", "Edge", "Quarantined", "RunInfo",
    ),
    "migrations": ("Migration", "Migrator", "SchemaMismatch"),
    "staging": ("breaches_of",),
    "tables": ("Column", "Table"),
    "watch": ("NEVER_WRITTEN", "Watch"),
    "write": ("Change", "InvalidRows", "Write"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


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
    "STAGE_COUNT",
    "CannotOpen",
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
