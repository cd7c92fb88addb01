"""The lake: DuckLake tables with transactions, snapshots and lineage (``lake.py``), row types (``tables.py``), journals."""

from resources.lake.lake import (
    DATASET_VERSION,
    LINEAGE_TABLES,
    QUARANTINE,
    RECORD_EDGE,
    RUN,
    RUN_IO,
    Change,
    Edge,
    InvalidRows,
    Lake,
    Quarantined,
    RunInfo,
    Write,
    breaches_of,
    load_extensions,
)

__all__ = [
    "DATASET_VERSION",
    "LINEAGE_TABLES",
    "QUARANTINE",
    "RECORD_EDGE",
    "RUN",
    "RUN_IO",
    "Change",
    "Edge",
    "InvalidRows",
    "Lake",
    "Quarantined",
    "RunInfo",
    "Write",
    "breaches_of",
    "load_extensions",
]
