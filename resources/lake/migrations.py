"""Migrations: how a lake written by earlier code gets the tables that this code declares, with its rows kept.

A lake notes its version in the table ``schema_version``; one without that table has version 1. All migrations that are owed run
in one transaction under the writer's lock when the lake is opened, so a lake is at one version or the other, never between. A
project's list of migrations lives with its row types, not here. Columns that are only added to the end of a table and may be
null need no migration: opening the lake adds them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from resources.lake.lineage import SCHEMA_VERSION
from resources.lake.staging import breaches_of, hash_and_count, row_hash
from resources.lake.tables import Column, Table

log = logging.getLogger(__name__)
FIRST_VERSION = 1
Row = dict[str, Any]


class SchemaMismatch(ValueError):
    """The lake's tables are not what the code declares, and no migration leads there; the message says what to do."""


@dataclass(frozen=True)
class Migration:
    """The step from version - 1 to ``version``. ``why``: one sentence for people. ``apply`` changes the tables.

    ``apply`` must not depend on row types of today's code: they go on changing, the step does not.
    """

    version: int
    why: str
    apply: Callable[[Migrator], None]


class Migrator:
    """What a migration may do to the tables; data versions of the tables it touched are noted anew afterwards.

    ``cursor`` is a DuckDB connection inside the migration's transaction, for SELECTs and whatever has no method here.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self.cursor = cursor
        self.touched: set[str] = set()

    def rename_table(self, old: str, new: str) -> None:
        """Rename a table; its history of data versions stays under the old name."""
        self.cursor.execute(f"ALTER TABLE lake.{old} RENAME TO {new}")
        self.touched.discard(old)
        self.touched.add(new)

    def drop_table(self, name: str) -> None:
        """Remove a table and its rows; earlier snapshots keep them."""
        self.cursor.execute(f"DROP TABLE IF EXISTS lake.{name}")
        self.touched.discard(name)

    def rename_stage(self, old: str, new: str) -> None:
        """Have the edges and the quarantine of an asset go by its new name, so that it can replace them as its own."""
        there = columns_of(self.cursor)
        for table in ("record_edge", "record_edge_gone", "quarantine"):
            if table in there:
                self.cursor.execute(f"UPDATE lake.{table} SET stage = ? WHERE stage = ?", [new, old])

    def rename_column(self, table: str, old: str, new: str) -> None:
        self.cursor.execute(f'ALTER TABLE lake.{table} RENAME COLUMN "{old}" TO "{new}"')
        self.touched.add(table)

    def drop_column(self, table: str, column: str) -> None:
        self.cursor.execute(f'ALTER TABLE lake.{table} DROP COLUMN "{column}"')
        self.touched.add(table)

    def add_column(self, table: str, column: str, sql_type: str, value: str | None = None) -> None:
        """Add a column at the end; ``value``: SQL expression over the row's other columns that fills it, else it is null."""
        self.cursor.execute(f'ALTER TABLE lake.{table} ADD COLUMN "{column}" {sql_type}')
        if value is not None:
            self.cursor.execute(f'UPDATE lake.{table} SET "{column}" = {value}')
        self.touched.add(table)

    def rewrite(self, table: str, query: str, parameters: object = None) -> None:
        """Have the table hold what a SELECT gives, with the SELECT's columns and types; it may read the table itself. A table
        that does not exist is made."""
        self.cursor.execute(f"CREATE TABLE lake.{table}_rewritten AS {query}", parameters)
        self.cursor.execute(f"DROP TABLE IF EXISTS lake.{table}")
        self.cursor.execute(f"ALTER TABLE lake.{table}_rewritten RENAME TO {table}")
        self.touched.add(table)

    def rewrite_rows(self, table: Table, query: str, change: Callable[[Iterator[Row]], Iterable[Mapping[str, Any]]]) -> None:
        """Have ``table`` hold what ``change`` makes of a SELECT's rows; both are streamed. ``table``: its shape after this
        migration, declared with it."""
        name = f"{table.name}_rewritten"
        create_table(self.cursor, table, name)
        self.cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE migration_source AS SELECT row_number() OVER () AS nth, q FROM ({query}) q"
        )
        for batch in table.batches(change(self._rows("temp.main.migration_source"))):
            self.cursor.register("migrated_batch", pa.Table.from_batches([batch]))
            self.cursor.execute(f"INSERT INTO lake.{name} FROM migrated_batch")
            self.cursor.unregister("migrated_batch")
        self.cursor.execute("DROP TABLE temp.main.migration_source")
        self.cursor.execute(f"DROP TABLE IF EXISTS lake.{table.name}")
        self.cursor.execute(f"ALTER TABLE lake.{name} RENAME TO {table.name}")
        self.touched.add(table.name)

    def _rows(self, relation: str, size: int = 1024) -> Iterator[Row]:
        """The rows that ``rewrite_rows`` set aside. In slices, since an open result would end at the connection's next
        statement."""
        start = 0
        while True:
            query = f"SELECT unnest(q) FROM {relation} WHERE nth > ? AND nth <= ? ORDER BY nth"
            rows = self.cursor.execute(query, [start, start + size]).to_arrow_table().to_pylist()
            yield from rows
            if len(rows) < size:
                return
            start += size


def version_of(cursor: duckdb.DuckDBPyConnection) -> int:
    """The lake's schema version."""
    if SCHEMA_VERSION.name not in columns_of(cursor):
        return FIRST_VERSION
    row = cursor.execute("SELECT max(version) FROM lake.schema_version").fetchone()
    return (row[0] if row else None) or FIRST_VERSION


def newest(migrations: Sequence[Migration]) -> int:
    """The version that the code's tables have. Raises ``ValueError`` where the list is not 2, 3, 4 …"""
    versions = [migration.version for migration in migrations]
    if versions != list(range(FIRST_VERSION + 1, FIRST_VERSION + 1 + len(versions))):
        raise ValueError(f"migrations must be numbered {FIRST_VERSION + 1}, {FIRST_VERSION + 2}, … in this order, not {versions}")
    return versions[-1] if versions else FIRST_VERSION


def columns_of(cursor: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The columns of every table in the lake, in order."""
    columns: dict[str, list[str]] = {}
    query = "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'lake' ORDER BY column_index"
    for table, column in cursor.execute(query).fetchall():
        columns.setdefault(table, []).append(column)
    return columns


def sql_types(cursor: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """DuckDB's type of each column."""
    cursor.register("empty_batch", pa.Table.from_batches([], table.schema))
    types = {row[0]: row[1] for row in cursor.execute("DESCRIBE empty_batch").fetchall()}
    cursor.unregister("empty_batch")
    return types


def create_table(cursor: duckdb.DuckDBPyConnection, table: Table, name: str | None = None) -> None:
    """Create the table as declared, with its comments; ``name``: another name than its own."""
    types = sql_types(cursor, table)
    columns = (f'"{c.name}" {types[c.name]}{"" if c.nullable else " NOT NULL"}' for c in table.columns)
    cursor.execute(f"CREATE TABLE lake.{name or table.name} ({', '.join(columns)})")
    comment(cursor, table, table.columns, name)
    if table.doc:
        cursor.execute(f"COMMENT ON TABLE lake.{name or table.name} IS '{_quoted(table.doc)}'")


def add_columns(cursor: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[Column]) -> None:
    """Add columns that the declaration has at its end; they are null in the rows there are."""
    names = ", ".join(column.name for column in columns)
    log.warning("table %s was written before it had the columns %s: adding them and reading all its rows once", table.name, names)
    types = sql_types(cursor, table)
    for column in columns:
        cursor.execute(f'ALTER TABLE lake.{table.name} ADD COLUMN "{column.name}" {types[column.name]}')
    comment(cursor, table, columns)


def comment(cursor: duckdb.DuckDBPyConnection, table: Table, columns: Iterable[Column], name: str | None = None) -> None:
    """Have the columns' meanings be their comments."""
    for column in columns:
        if column.doc:
            cursor.execute(f"COMMENT ON COLUMN lake.{name or table.name}.\"{column.name}\" IS '{_quoted(column.doc)}'")


def settle(cursor: duckdb.DuckDBPyConnection, table: Table, run_id: str) -> None:
    """After its columns changed: the table has the declared types, its meanings are noted, and its data version is true.

    Raises ``SchemaMismatch`` if the types are others or rows break the declaration.
    """
    described = cursor.execute(f"DESCRIBE lake.{table.name}").fetchall()
    there = {row[0]: row[1] for row in described}
    declared = sql_types(cursor, table)
    if list(there.items()) != list(declared.items()):
        raise SchemaMismatch(f"table {table.name}: its migration made the columns {there}, the code declares {declared}")
    # NOT NULL cannot be set on a table that the same transaction wrote; what is staged is checked by us in any case.
    for column, (name, _, nullable, *_) in zip(table.columns, described, strict=True):
        if column.nullable and nullable == "NO":
            cursor.execute(f'ALTER TABLE lake.{table.name} ALTER COLUMN "{name}" DROP NOT NULL')
    if breaches := breaches_of(cursor, table, f"lake.{table.name}"):
        raise SchemaMismatch(f"table {table.name}: after its migration, {'; '.join(breaches)}")
    comment(cursor, table, table.columns)
    version, rows = hash_and_count(cursor, f"(SELECT {row_hash(table, 't')} AS hash FROM lake.{table.name} t)")
    cursor.execute(
        "INSERT INTO lake.dataset_version SELECT ?, ?, ?, max(snapshot_id) + 1, ?, now() FROM lake.snapshots()",
        [table.name, f"{version:032x}", rows, run_id],
    )


def _quoted(text: str) -> str:
    return text.replace("'", "''")
