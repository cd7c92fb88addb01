"""What DuckLake is told of how to store this lake: its options, which stand in the catalog and hold for all who write.

Set when a lake is opened that lacks one. What tables there are is ``tables.py``; files that were written before are rewritten by
``upkeep.py``, as far as they are small.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import duckdb

from resources.lake.tables import Table

log = logging.getLogger(__name__)
_INLINED = "data_inlining_row_limit"  # how few rows of an insert go into the catalog
# Row groups of 2,048 rows: whoever looks up a row with long texts reads so many of them, not 122,880. With 60,000 rows of 4 kB:
# half the size, and half the CPU seconds a look-up (zstd with large row groups: six times as many). Files of 128 MB bound what a
# merge holds in memory.
_OF_ALL_TABLES = {"parquet_compression": "zstd", "parquet_row_group_size": "2048", "target_file_size": "128MB"}


def lacking(cursor: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> bool:
    """Whether the lake lacks an option."""
    return bool(_lacking_of_all(cursor) or _nested_in_the_catalog(cursor, tables))


def complete(cursor: duckdb.DuckDBPyConnection, tables: Iterable[Table], home: Path) -> None:
    """Set what the lake lacks. A table's options cannot be set before it is committed.

    DuckLake keeps the rows of a small insert in the catalog, and nested values there as text: a struct loses its backslashes, so
    that another text comes back or none that can be read, and a list with a NUL in it cannot be committed (1.0 on duckdb 1.5.5).
    So tables with either are kept in files, however few their rows.
    """
    for name in _lacking_of_all(cursor):
        cursor.execute(f"CALL lake.set_option('{name}', '{_OF_ALL_TABLES[name]}')")
    for name in _nested_in_the_catalog(cursor, tables):
        cursor.execute(f"CALL lake.set_option('{_INLINED}', 0, table_name => '{name}')")
        try:
            cursor.execute(f"CALL ducklake_flush_inlined_data('lake', schema_name => 'main', table_name => '{name}')")
        except duckdb.Error as error:
            log.warning("lake at %s: rows of %s cannot be read and have to be stored anew: %s", home, name, error)


def _lacking_of_all(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    found = cursor.execute("SELECT option_name FROM ducklake_options('lake') WHERE scope = 'GLOBAL'").fetchall()
    return [name for name in _OF_ALL_TABLES if (name,) not in found]


def _nested_in_the_catalog(cursor: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> list[str]:
    """Tables whose few rows DuckLake would keep in the catalog as text, though they hold structs or lists."""
    options = cursor.execute("SELECT scope_entry FROM ducklake_options('lake') WHERE option_name = ? AND value = '0'", [_INLINED])
    done = {entry.rpartition(".")[2] for (entry,) in options.fetchall() if entry}
    return [table.name for table in tables if table.is_nested and table.name not in done]


__all__ = ["complete", "lacking"]
