"""Which lakes have their data in a place that was chosen for them (a folder, ``s3://…``): each leaves a mark there.

Files that no commit of a lake names are rubbish only where no other lake has its files.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from resources.lake.extensions import quoted
from resources.lake.object_store import is_remote


def mark(cursor: duckdb.DuckDBPyConnection, data_path: str) -> str:
    """Leave the lake's mark, if it is not there; returns its name."""
    (lake,) = cursor.execute("SELECT md5(min(created_at)::VARCHAR) FROM schema_version").fetchall()[0]
    own = f"{data_path.rstrip('/')}/owner-{lake}"
    if own not in _marks(cursor, data_path):
        if not is_remote(data_path):
            Path(data_path).mkdir(parents=True, exist_ok=True)
        told = "This place holds the data of a lake of ocr-assets."
        cursor.execute(f"COPY (SELECT {quoted(told)}) TO {quoted(own)} (FORMAT csv, HEADER false)")
    return own


def is_shared(cursor: duckdb.DuckDBPyConnection, data_path: str) -> bool:
    """Whether another lake has its data there too."""
    own = mark(cursor, data_path)
    return any(other != own for other in _marks(cursor, data_path))


def _marks(cursor: duckdb.DuckDBPyConnection, data_path: str) -> list[str]:
    found = cursor.execute(f"SELECT file FROM glob({quoted(data_path.rstrip('/') + '/owner-*')})").fetchall()
    return [name for (name,) in found]


__all__ = ["is_shared", "mark"]
