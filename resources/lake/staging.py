"""How one staged table meets the published one: what goes, what comes, and what that does to the table's data version.

The rows are staged, checked and committed by ``write.py``; nothing here begins or ends a transaction.
"""

from __future__ import annotations

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
    inserted: int = 0
    deleted: int = 0
    hash_delta: int = 0

    def apply(self, cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """Delete what must go and insert what is new; returns how many rows of each."""
        name, stage = f"lake.{self.table.name}", self.stage
        key = ", ".join(f'"{column}"' for column in self.table.key)
        on = " AND ".join(f't."{column}" = s."{column}"' for column in self.table.key)
        self.inserted = self.deleted = self.hash_delta = 0
        if self.keep_known:
            if self.replacing is not None:
                cursor.execute(
                    f"CREATE OR REPLACE TEMP TABLE {stage}_gone AS SELECT {key}, {self.hashed('t')} AS hash "
                    f"FROM (FROM {name} WHERE {self.replacing}) t SEMI JOIN {stage} s ON {on}"
                )
                self._delete_gone(cursor, name, key)
            fresh = f"SELECT s.* FROM {stage} s ANTI JOIN {name} t ON {on}"
        else:
            # Rows that stand published exactly as staged are not touched; md5 of the row's JSON tells.
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {stage}_old AS SELECT {key}, {self.hashed('t')} AS hash FROM {name} t "
                           f"WHERE {self._where()}", list(self.scope.values()))  # fmt: skip
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {stage}_new AS SELECT {key}, {self.hashed('s')} AS hash FROM {stage} s")
            gone = f"SELECT t.* FROM {stage}_old t ANTI JOIN {stage}_new s ON {on} AND t.hash = s.hash"
            if not self.delete_others:
                gone = f"SELECT g.* FROM ({gone}) g SEMI JOIN {stage}_new n USING ({key})"
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {stage}_gone AS {gone}")
            self._delete_gone(cursor, name, key)
            fresh = (
                f"SELECT s.* FROM {stage} s JOIN (SELECT s.* FROM {stage}_new s ANTI JOIN {stage}_old t "
                f"ON {on} AND t.hash = s.hash) t ON {on}"
            )
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE {stage}_fresh AS SELECT {self.hashed('f')} AS hash FROM ({fresh}) f")
        fresh_hash, self.inserted = hash_and_count(cursor, f"{stage}_fresh")
        if self.inserted:
            cursor.execute(f"INSERT INTO {name} {fresh}")
            self.hash_delta ^= fresh_hash
        for suffix in ("old", "new", "gone", "fresh"):
            cursor.execute(f"DROP TABLE IF EXISTS {stage}_{suffix}")
        return self.inserted, self.deleted

    def _delete_gone(self, cursor: duckdb.DuckDBPyConnection, name: str, key: str) -> None:
        gone_hash, self.deleted = hash_and_count(cursor, f"{self.stage}_gone")
        if self.deleted:
            cursor.execute(f"DELETE FROM {name} WHERE ({key}) IN (SELECT ({key}) FROM {self.stage}_gone)")
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
    found = []
    for column in table.columns:
        conditions = []
        if not column.nullable:
            conditions.append((f'"{column.name}" IS NULL', f"column {column.name} must not be null"))
        if column.one_of:
            allowed = ", ".join(f"'{value}'" for value in column.one_of)
            conditions.append(
                (
                    f'"{column.name}" NOT IN ({allowed})',
                    f"column {column.name} must be one of {', '.join(column.one_of)}",
                )
            )
        for condition, rule in conditions:
            examples = cursor.execute(f"SELECT {key}, count(*) OVER () FROM {relation} WHERE {condition} LIMIT 3").fetchall()
            if examples:
                found.append(f"{rule} ({examples[0][-1]} rows, e.g. {', '.join(str(e[:-1]) for e in examples)})")
    doubled = cursor.execute(
        f"SELECT {key}, count(*) OVER () FROM (SELECT {key} FROM {relation} GROUP BY ALL HAVING count(*) > 1) LIMIT 3"
    ).fetchall()
    if doubled:
        examples_text = ", ".join(str(example[:-1]) for example in doubled)
        found.append(f"key ({', '.join(table.key)}) must be unique ({doubled[0][-1]} doubled, e.g. {examples_text})")
    return found


def row_hash(table: Table, alias: str, without: tuple[str, ...] = ()) -> str:
    """SQL for the hash of a row: its values in declared order. Stored data versions depend on it, so it must stay as it is."""
    columns = ", ".join(f'{alias}."{column.name}"' for column in table.columns if column.name not in without)
    return f"md5_number(to_json(row({columns}))::VARCHAR)"
