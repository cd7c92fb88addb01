"""How one staged table meets the published one: what goes, what comes, and what that does to the table's data version.

The rows are staged, checked and committed by ``write.py``; nothing here begins or ends a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import duckdb

from resources.lake.tables import Table


@dataclass
class Plan:
    """One staged table and how it meets the published one."""

    table: Table
    keep_known: bool = False
    replacing: str | None = None
    delete_others: bool = False
    scope: dict[str, str] = field(default_factory=dict)
    volatile: tuple[str, ...] = ()
    column: str = ""  # with ``values``, a table of one column: only rows whose column is among them are compared
    values: str = ""
    stage: str = ""
    note_gone: Callable[[duckdb.DuckDBPyConnection, str, str], None] | None = None  # given the tables of what goes and is staged
    inserted: int = 0
    deleted: int = 0
    hash_delta: int = 0

    def apply(self, cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """Delete what must go and insert what is new; returns how many rows of each."""
        self.inserted = self.deleted = self.hash_delta = 0
        if self.delete_others or self._may_be_known(cursor):
            fresh = self._replace_known(cursor) if not self.keep_known else self._leave_known(cursor)
        else:
            fresh = f"FROM {self.stage}"
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE {self.stage}_fresh AS SELECT {self.hashed('f')} AS hash FROM ({fresh}) f")
        fresh_hash, self.inserted = hash_and_count(cursor, f"{self.stage}_fresh")
        if self.inserted:
            cursor.execute(f"INSERT INTO {self._name} {fresh}")
            self.hash_delta ^= fresh_hash
        for suffix in ("old", "new", "gone", "fresh"):
            cursor.execute(f"DROP TABLE IF EXISTS {self.stage}_{suffix}")
        return self.inserted, self.deleted

    @property
    def _name(self) -> str:
        return f"lake.{self.table.name}"

    @property
    def _key(self) -> str:
        return ", ".join(f'"{column}"' for column in self.table.key)

    @property
    def _same_key(self) -> str:
        return " AND ".join(f't."{column}" = s."{column}"' for column in self.table.key)

    def _may_be_known(self, cursor: duckdb.DuckDBPyConnection) -> bool:
        """Whether a published row begins its key as a staged one does. Most commits bring only new rows, and this reads one
        column of the table where everything else reads all."""
        first = self.table.key[0]
        query = f'SELECT 1 FROM {self._name} t SEMI JOIN {self.stage} s ON t."{first}" = s."{first}" LIMIT 1'
        return cursor.execute(query).fetchone() is not None

    def _leave_known(self, cursor: duckdb.DuckDBPyConnection) -> str:
        """Delete published rows that give way (``replacing``); gives the SELECT of the staged rows to be inserted."""
        if self.replacing is not None:
            cursor.execute(
                f"CREATE OR REPLACE TEMP TABLE {self.stage}_gone AS SELECT {self._key}, {self.hashed('t')} AS hash "
                f"FROM (FROM {self._name} WHERE {self.replacing}) t SEMI JOIN {self.stage} s ON {self._same_key}"
            )
            self._delete_gone(cursor)
        return f"SELECT s.* FROM {self.stage} s ANTI JOIN {self._name} t ON {self._same_key}"

    def _replace_known(self, cursor: duckdb.DuckDBPyConnection) -> str:
        """Delete published rows that are staged otherwise, or no more; gives the SELECT of the staged rows to be inserted.

        Rows published exactly as staged are not touched; md5 of the row's JSON tells.
        """
        stage = self.stage
        among = "" if self.delete_others else f"SEMI JOIN {stage} s ON {self._same_key}"
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE {stage}_old AS SELECT {self._key}, {self.hashed('t')} AS hash "
            f"FROM {self._name} t {among} WHERE {self._where()}",
            list(self.scope.values()),
        )
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE {stage}_new AS SELECT {self._key}, {self.hashed('s')} AS hash FROM {stage} s"
        )
        same = f"{self._same_key} AND t.hash = s.hash"
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE {stage}_gone AS SELECT t.* FROM {stage}_old t ANTI JOIN {stage}_new s ON {same}"
        )
        if self.note_gone is not None:
            self.note_gone(cursor, f"{stage}_gone", stage)
        self._delete_gone(cursor)
        changed = f"SELECT s.* FROM {stage}_new s ANTI JOIN {stage}_old t ON {same}"
        return f"SELECT s.* FROM {stage} s JOIN ({changed}) t ON {self._same_key}"

    def _delete_gone(self, cursor: duckdb.DuckDBPyConnection) -> None:
        gone_hash, self.deleted = hash_and_count(cursor, f"{self.stage}_gone")
        if self.deleted:
            cursor.execute(f"DELETE FROM {self._name} WHERE ({self._key}) IN (SELECT ({self._key}) FROM {self.stage}_gone)")
            self.hash_delta ^= gone_hash

    def _where(self) -> str:
        conditions = [f't."{column}" = ?' for column in self.scope]
        if self.values:
            conditions.append(f't."{self.column}" IN (SELECT value FROM {self.values})')
        return " AND ".join(conditions) or "true"

    def hashed(self, alias: str) -> str:
        return row_hash(self.table, alias, self.volatile)


def hash_and_count(cursor: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
    """Order-free hash of a table's ``hash`` column, and its rows."""
    row = cursor.execute(f"SELECT bit_xor(hash), count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0] or 0) & ((1 << 128) - 1), int(row[1])


def breaches_of(cursor: duckdb.DuckDBPyConnection, table: Table, relation: str) -> list[str]:
    """How the rows of ``relation`` break the declaration of ``table``: nulls, values outside the set, doubled keys."""
    key = ", ".join(f'"{column}"' for column in table.key)
    rules = []
    for column in table.columns:
        if not column.nullable:
            rules.append((f'"{column.name}" IS NULL', f"column {column.name} must not be null"))
        if column.one_of:
            allowed = ", ".join(f"'{value}'" for value in column.one_of)
            rules.append(
                (f'"{column.name}" NOT IN ({allowed})', f"column {column.name} must be one of {', '.join(column.one_of)}")
            )
    breaches = []
    if rules:
        counts = ", ".join(f"count(*) FILTER ({condition})" for condition, _ in rules)
        broken = cursor.execute(f"SELECT {counts} FROM {relation}").fetchone() or ()
        for (condition, rule), rows in zip(rules, broken, strict=True):
            if rows:
                examples = cursor.execute(f"SELECT {key} FROM {relation} WHERE {condition} LIMIT 3").fetchall()
                breaches.append(f"{rule} ({rows} rows, e.g. {', '.join(map(str, examples))})")
    doubled = cursor.execute(
        f"SELECT {key}, count(*) OVER () FROM (SELECT {key} FROM {relation} GROUP BY ALL HAVING count(*) > 1) LIMIT 3"
    ).fetchall()
    if doubled:
        keys = ", ".join(str(row[:-1]) for row in doubled)
        breaches.append(f"key ({', '.join(table.key)}) must be unique ({doubled[0][-1]} doubled, e.g. {keys})")
    return breaches


def row_hash(table: Table, alias: str, without: tuple[str, ...] = ()) -> str:
    """SQL for the hash of a row: its values in declared order. Stored data versions depend on it, so it must stay as it is."""
    columns = ", ".join(f'{alias}."{column.name}"' for column in table.columns if column.name not in without)
    return f"md5_number(to_json(row({columns}))::VARCHAR)"
