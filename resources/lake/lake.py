"""The lake: DuckLake tables with transactions and snapshots, and the lineage kept beside the data.

What belongs here: opening the catalog, writing tables (append, sync, upsert) so that readers see all of a change or
nothing, reading them in Arrow batches, and the lineage tables every stage shares. What the project's tables are is in
``ocr_assets/schema``; the questions people ask of them (SQL macros) are in ``ocr_assets/platform/lineage``.

Format: https://ducklake.select (Parquet data files, catalog in SQLite or PostgreSQL). A plain DuckDB file would admit one
writing process and lock its readers out.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

import duckdb
import pyarrow as pa
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from resources.lake.tables import Column, Table

log = logging.getLogger(__name__)


class Edge(TypedDict):
    """One step of lineage between two rows, in PROV's sense."""

    child: Annotated[str, "Id of the later row; of a dropped row: the stage that dropped it"]
    parent: Annotated[str, "Id of the earlier row"]
    relation: Literal["derived", "merged_into", "dropped"]
    reason: str


class Quarantined(TypedDict):
    """A source row that could not be used: where it stands, why, and the row itself."""

    file: str
    row: Annotated[int, "Row in the file, from 0; -1: the file itself"]
    reason: str
    content: Annotated[str, "The row as text, cut at 10,000 characters"]


class _RecordEdge(Edge):
    stage: Annotated[str, "Asset that wrote the edge"]
    scope: Annotated[str, "Part of the stage rewritten together: a partition, or empty"]
    run_id: str
    created_at: datetime


class _QuarantineRow(Quarantined):
    stage: str
    scope: str
    run_id: str
    created_at: datetime


class _Run(TypedDict):
    run_id: str
    job: str
    started_at: datetime
    code_version: str


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


RECORD_EDGE = Table("record_edge", _RecordEdge, ("child", "parent", "relation", "stage"), "Lineage between rows.")
QUARANTINE = Table("quarantine", _QuarantineRow, ("stage", "scope", "file", "row"), "Source rows that could not be used.")
RUN = Table("run", _Run, ("run_id",), "Runs that wrote to the lake.")
DATASET_VERSION = Table("dataset_version", _DatasetVersion, ("dataset", "snapshot"), "Versions of every dataset.")
RUN_IO = Table("run_io", _RunIo, ("run_id", "stage", "direction", "dataset"), "What each run read and wrote.")
LINEAGE_TABLES = (RECORD_EDGE, QUARANTINE, RUN, DATASET_VERSION, RUN_IO)


class InvalidRows(ValueError):
    """Rows break their table's declaration; nothing was published. ``problems`` lists each breach with example keys."""

    def __init__(self, table: Table, problems: Sequence[str]) -> None:
        super().__init__(f"table {table.name}: nothing was published, because " + "; ".join(problems))
        self.table = table
        self.problems = list(problems)


@dataclass(frozen=True)
class RunInfo:
    """Who writes: the Dagster run (or ``cli-…``), its job, and the version of the code."""

    run_id: str
    job: str = ""
    code_version: str = ""


@dataclass
class Change:
    """What a write did to a table, and the table's state after it."""

    table: str
    inserted: int = 0
    deleted: int = 0
    rows: int = 0
    data_version: str = ""


@dataclass
class Lake:
    """An open lake. One object a process; each thread takes its own ``cursor()``.

    ``home``: folder with ``catalog.sqlite`` and ``data/``; ``catalog``: a DuckLake catalog address to use instead of the
    SQLite file (``postgres:dbname=…``), then ``data_path`` may be an object store.
    """

    home: Path
    catalog: str | None = None
    data_path: str | None = None
    memory_limit: str = "4GB"
    tables: Sequence[Table] = ()
    setup_sql: str = ""
    _connection: duckdb.DuckDBPyConnection | None = field(default=None, repr=False)

    def open(self) -> Lake:
        """Attach the catalog, creating it and any missing table, and adding columns that were added to the end of a table.

        Raises ``ValueError`` if a table's columns differ otherwise.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        spill = self.home / "spill" / str(os.getpid())
        connection = duckdb.connect(config={"memory_limit": self.memory_limit, "temp_directory": str(spill)})
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET TimeZone = 'UTC'")
        load_extensions(connection, postgres=(self.catalog or "").startswith("postgres:"))
        catalog = self.catalog or f"sqlite:{self.home / 'catalog.sqlite'}"
        data_path = self.data_path or str(self.home / "data")
        options = f"DATA_PATH '{data_path}'"
        if catalog.startswith("sqlite:"):
            # WAL lets people read while a run writes; the timeout lets two writers queue instead of failing.
            options += ", META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 30000"
            # Files are recorded relative to the data path, so a home that was moved or copied still opens.
            options += ", OVERRIDE_DATA_PATH true"
        _retry(lambda: connection.execute(f"ATTACH IF NOT EXISTS 'ducklake:{catalog}' AS lake ({options})"))
        connection.execute("USE lake")
        self._connection = connection
        _retry(self._create_missing)
        return self

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Lake:
        return self if self._connection else self.open()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """An own connection to the same database, for one thread or one open reader."""
        if self._connection is None:
            raise RuntimeError("the lake is closed; use `with lake:`")
        cursor = self._connection.cursor()
        cursor.execute("USE lake")
        return cursor

    def rows(self, query: str, parameters: object = None) -> list[dict[str, Any]]:
        """A small result as dicts."""
        with contextlib.closing(self.cursor()) as cursor:
            return [dict(row) for row in cursor.execute(query, parameters).to_arrow_table().to_pylist()]

    def scalar(self, query: str, parameters: object = None) -> Any:
        """The first value of the first row."""
        with contextlib.closing(self.cursor()) as cursor:
            row = cursor.execute(query, parameters).fetchone()
        return None if row is None else row[0]

    def batches(self, query: str, parameters: object = None, size: int = 2048) -> Iterator[pa.RecordBatch]:
        """A result of any size as a stream of Arrow batches."""
        with contextlib.closing(self.cursor()) as cursor:
            yield from cursor.execute(query, parameters).to_arrow_reader(size)

    def stream(self, query: str, parameters: object = None, size: int = 256) -> Iterator[dict[str, Any]]:
        """A result of any size as a stream of dicts."""
        for batch in self.batches(query, parameters, size):
            yield from batch.to_pylist()

    @contextlib.contextmanager
    def write(self, run: RunInfo, stage: str, scope: str = "") -> Iterator[Write]:
        """Collect changes of one stage, validated as they are staged, and publish them in one transaction at the end.

        Nothing is published when the block raises, or when a table's rows break its declaration (``InvalidRows``).
        A write that changes nothing makes no snapshot.
        """
        write = Write(self, run, stage, scope)
        try:
            yield write
            write.publish()
        finally:
            write.close()

    def query_version(self, query: str, salt: str = "") -> str:
        """Order-free hash of a query's rows and ``salt``: equal rows, equal version. Reads the whole result."""
        xor = self.scalar(f"SELECT bit_xor(md5_number(to_json(q)::VARCHAR)) FROM ({query}) q") or 0
        return hashlib.md5(f"{int(xor):x} {salt}".encode(), usedforsecurity=False).hexdigest()

    def state(self, dataset: str) -> tuple[int, str]:
        """Rows and data version of a dataset as last written; (0, zeros) if it never was."""
        query = "SELECT rows, data_version FROM dataset_version WHERE dataset = ? ORDER BY snapshot DESC, created_at DESC LIMIT 1"
        found = self.rows(query, [dataset])
        return (found[0]["rows"], found[0]["data_version"]) if found else (0, "0" * 32)

    def version(self, dataset: str) -> str:
        """The dataset's current data version."""
        return self.state(dataset)[1]

    def _create_missing(self) -> None:
        assert self._connection is not None
        existing: dict[str, list[str]] = {}
        query = "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = 'lake' ORDER BY column_index"
        for table, column in self._connection.execute(query).fetchall():
            existing.setdefault(table, []).append(column)
        changed = False
        with contextlib.closing(self.cursor()) as cursor, _transaction(cursor):
            for table in (*LINEAGE_TABLES, *self.tables):
                if table.name not in existing:
                    _create(cursor, table)
                    changed = True
                    continue
                count = len(existing[table.name])
                more = table.columns[count:]
                as_before = existing[table.name] == [column.name for column in table.columns[:count]]
                if as_before and more and all(column.nullable for column in more):
                    # What was paid for or judged outlives a new version: its new columns are null.
                    _add_columns(cursor, table, more)
                    changed = True
                elif not as_before or more:
                    raise ValueError(
                        f"lake at {self.home}: table {table.name} has columns {existing[table.name]}, the code expects "
                        f"{[column.name for column in table.columns]}; use another OCR_HOME or remove this lake"
                    )
            if changed and self.setup_sql:
                cursor.execute(self.setup_sql)


class Write:
    """Staged changes of one stage; see ``Lake.write``."""

    def __init__(self, lake: Lake, run: RunInfo, stage: str, scope: str) -> None:
        self._lake, self._run, self._stage, self._scope = lake, run, stage, scope
        self._cursor = lake.cursor()
        self._plans: list[_Plan] = []
        self._inputs: list[str] = []
        self._outputs: list[tuple[str, str, int]] = []
        self._now = datetime.now(UTC)
        self.changes: dict[str, Change] = {}

    def append(self, table: Table, rows: Iterable[Mapping[str, Any]], *, replacing: str | None = None) -> None:
        """Add rows whose key is not in the table yet; known keys are left as they are, but for published rows for which the
        condition ``replacing`` holds: these give way."""
        self._stage_rows(table, rows, _Plan(table, keep_known=True, replacing=replacing))

    def upsert(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows, replacing those with the same key."""
        self._stage_rows(table, rows, _Plan(table))

    def sync(
        self,
        table: Table,
        rows: Iterable[Mapping[str, Any]],
        where: Mapping[str, str] | None = None,
        within: tuple[str, Iterable[str]] | None = None,
    ) -> None:
        """Make the table (or the part where columns equal ``where``) hold exactly ``rows``; equal rows are not touched.

        ``within``: a column and values; only published rows with one of them are compared and may go, so that a small change
        costs little in a large table. Staged rows outside it must be new ones.
        """
        self._stage_rows(table, rows, self._within(_Plan(table, scope=dict(where or {}), delete_others=True), within))

    def sync_query(self, table: Table, query: str, parameters: object = None) -> None:
        """As ``sync``, with the rows computed by a SELECT over the lake that yields the table's columns by name."""
        plan = _Plan(table, delete_others=True)
        plan.stage = self._new_stage(table)
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        self._cursor.execute(f"INSERT INTO {plan.stage} SELECT {columns} FROM ({query})", parameters)
        self._validate_and_add(plan)

    def edges(self, edges: Iterable[Edge], *, replace: bool = True, within: tuple[str, Iterable[str]] | None = None) -> None:
        """Record lineage. ``replace``: these are all the edges of this stage and scope (of those ``within``, as in ``sync``);
        else they are added."""
        rows = ({**edge, **self._stamp()} for edge in edges)
        if replace:
            plan = _Plan(RECORD_EDGE, scope={"stage": self._stage, "scope": self._scope}, delete_others=True)
            plan = self._within(plan, within)
        else:
            plan = _Plan(RECORD_EDGE, keep_known=True)
        plan.volatile = ("run_id", "created_at")
        self._stage_rows(RECORD_EDGE, rows, plan)

    def edges_query(self, query: str, parameters: Mapping[str, Any] | None = None) -> None:
        """As ``edges`` with ``replace``, computed by a SELECT of child, parent, relation, reason (named parameters)."""
        plan = _Plan(RECORD_EDGE, scope={"stage": self._stage, "scope": self._scope}, delete_others=True)
        plan.volatile = ("run_id", "created_at")
        plan.stage = self._new_stage(RECORD_EDGE)
        self._cursor.execute(
            f"INSERT INTO {plan.stage} SELECT child, parent, relation, reason, $stage, $scope, $run_id, $created_at "
            f"FROM ({query})",
            {**self._stamp(), **(parameters or {})},
        )
        self._validate_and_add(plan)

    def quarantine(self, rows: Iterable[Quarantined], scope: str = "") -> None:
        """Set the rows this stage could not use, in all or in one ``scope`` (a partition)."""
        plan = _Plan(QUARANTINE, scope={"stage": self._stage, "scope": scope}, delete_others=True)
        plan.volatile = ("run_id", "created_at")
        self._stage_rows(QUARANTINE, ({**row, **self._stamp(), "scope": scope} for row in rows), plan)

    def reads(self, *datasets: str) -> None:
        """Note which datasets the stage read, at their current versions."""
        self._inputs.extend(datasets)

    def released(self, dataset: str, data_version: str, rows: int) -> None:
        """Note a dataset written outside the lake (release files)."""
        self._outputs.append((dataset, data_version, rows))

    def publish(self) -> None:
        """Commit everything staged; retried while the catalog is busy."""
        _retry(self._publish_once)

    def close(self) -> None:
        for plan in self._plans:
            self._cursor.execute(f"DROP TABLE IF EXISTS {plan.stage}")
            if plan.values:
                self._cursor.execute(f"DROP TABLE IF EXISTS {plan.values}")
        self._cursor.close()

    def _stamp(self) -> dict[str, Any]:
        return {"stage": self._stage, "scope": self._scope, "run_id": self._run.run_id, "created_at": self._now}

    def _within(self, plan: _Plan, within: tuple[str, Iterable[str]] | None) -> _Plan:
        if within is not None:
            plan.column, plan.values = within[0], f"temp.main.within_{len(self._plans)}"
            values = pa.table({"value": pa.array(within[1], pa.string())})
            self._cursor.register("within_values", values)
            self._cursor.execute(f"CREATE OR REPLACE TEMP TABLE {plan.values} AS SELECT DISTINCT value FROM within_values")
            self._cursor.unregister("within_values")
        return plan

    def _new_stage(self, table: Table) -> str:
        name = f"temp.main.stage_{len(self._plans)}"
        self._cursor.register("empty_batch", pa.Table.from_batches([], table.schema))
        self._cursor.execute(f"CREATE TEMP TABLE {name} AS FROM empty_batch")
        self._cursor.unregister("empty_batch")
        return name

    def _stage_rows(self, table: Table, rows: Iterable[Mapping[str, Any]], plan: _Plan) -> None:
        plan.stage = self._new_stage(table)
        for batch in table.batches(rows):
            self._cursor.register("staged_batch", pa.Table.from_batches([batch]))
            self._cursor.execute(f"INSERT INTO {plan.stage} FROM staged_batch")
            self._cursor.unregister("staged_batch")
        self._validate_and_add(plan)

    def _validate_and_add(self, plan: _Plan) -> None:
        self._plans.append(plan)
        breaches = breaches_of(self._cursor, plan.table, plan.stage)
        if breaches:
            raise InvalidRows(plan.table, breaches)

    def _publish_once(self) -> None:
        self.changes = {}
        with _transaction(self._cursor):
            touched = False
            for plan in self._plans:
                change = self.changes.setdefault(plan.table.name, Change(plan.table.name))
                inserted, deleted = plan.apply(self._cursor)
                change.inserted += inserted
                change.deleted += deleted
                touched |= bool(inserted or deleted)
            touched |= self._note_versions()
            touched |= self._note_run()
            if touched:
                message = f"{self._stage} {self._scope}".strip()
                self._cursor.execute(
                    "CALL lake.set_commit_message('ocr-assets', ?, extra_info => ?)", [message, self._run.run_id]
                )

    def _note_versions(self) -> bool:
        """Write a dataset version for each data table that changed, from the hashes of the rows that came and went."""
        versions = []
        for plan in self._plans:
            if plan.table in LINEAGE_TABLES:
                continue
            change = self.changes[plan.table.name]
            last = self._cursor.execute(
                "SELECT data_version, rows FROM dataset_version WHERE dataset = ? ORDER BY snapshot DESC, created_at DESC "
                "LIMIT 1",
                [plan.table.name],
            ).fetchone()
            old_version, old_rows = last or ("0" * 32, 0)
            change.rows = old_rows + plan.inserted - plan.deleted
            change.data_version = f"{int(old_version, 16) ^ plan.hash_delta:032x}"
            if plan.inserted or plan.deleted or last is None:
                versions.append((change.table, change.data_version, change.rows))
        for dataset, data_version, rows in self._outputs:
            known = self._cursor.execute(
                "SELECT data_version FROM dataset_version WHERE dataset = ? ORDER BY snapshot DESC, created_at DESC LIMIT 1",
                [dataset],
            ).fetchone()
            self.changes[dataset] = Change(dataset, rows=rows, data_version=data_version)
            if known is None or known[0] != data_version:
                versions.append((dataset, data_version, rows))
        if not versions:
            return False
        row = self._cursor.execute("SELECT max(snapshot_id) FROM lake.snapshots()").fetchone()
        snapshot = (row[0] if row else 0) + 1
        self._cursor.executemany(
            "INSERT INTO dataset_version VALUES (?, ?, ?, ?, ?, ?)",
            [(*version, snapshot, self._run.run_id, self._now) for version in versions],
        )
        return True

    def _note_run(self) -> bool:
        known = self._cursor.execute("SELECT 1 FROM run WHERE run_id = ?", [self._run.run_id]).fetchone()
        if known is None:
            self._cursor.execute(
                "INSERT INTO run VALUES (?, ?, ?, ?)",
                [self._run.run_id, self._run.job, self._now, self._run.code_version],
            )
        outputs = {(name, change.data_version) for name, change in self.changes.items() if change.data_version}
        inputs = {(name, self._lake.version(name)) for name in self._inputs}
        noted = self._cursor.execute(
            "SELECT direction, dataset, data_version FROM run_io WHERE run_id = ? AND stage = ?",
            [self._run.run_id, self._stage],
        ).fetchall()
        rows = [
            (self._run.run_id, self._stage, direction, dataset, version, self._now)
            for direction, pairs in (("input", inputs), ("output", outputs))
            for dataset, version in sorted(pairs)
            if (direction, dataset, version) not in noted
        ]
        if rows:
            self._cursor.executemany("INSERT INTO run_io VALUES (?, ?, ?, ?, ?, ?)", rows)
        return known is None or bool(rows)


@dataclass
class _Plan:
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
                    f"CREATE OR REPLACE TEMP TABLE {stage}_gone AS SELECT {key}, {self._hash('t')} AS hash "
                    f"FROM (FROM {name} WHERE {self.replacing}) t SEMI JOIN {stage} s ON {on}"
                )
                self._delete_gone(cursor, name, key)
            fresh = f"SELECT s.* FROM {stage} s ANTI JOIN {name} t ON {on}"
        else:
            # Rows that stand published exactly as staged are not touched; md5 of the row's JSON tells.
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {stage}_old AS SELECT {key}, {self._hash('t')} AS hash FROM {name} t "
                           f"WHERE {self._where()}", list(self.scope.values()))  # fmt: skip
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {stage}_new AS SELECT {key}, {self._hash('s')} AS hash FROM {stage} s")
            gone = f"SELECT t.* FROM {stage}_old t ANTI JOIN {stage}_new s ON {on} AND t.hash = s.hash"
            if not self.delete_others:
                gone = f"SELECT g.* FROM ({gone}) g SEMI JOIN {stage}_new n USING ({key})"
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE {stage}_gone AS {gone}")
            self._delete_gone(cursor, name, key)
            fresh = (
                f"SELECT s.* FROM {stage} s JOIN (SELECT s.* FROM {stage}_new s ANTI JOIN {stage}_old t "
                f"ON {on} AND t.hash = s.hash) t ON {on}"
            )
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE {stage}_fresh AS SELECT {self._hash('f')} AS hash FROM ({fresh}) f")
        fresh_hash, self.inserted = _hash_and_count(cursor, f"{stage}_fresh")
        if self.inserted:
            cursor.execute(f"INSERT INTO {name} {fresh}")
            self.hash_delta ^= fresh_hash
        for suffix in ("old", "new", "gone", "fresh"):
            cursor.execute(f"DROP TABLE IF EXISTS {stage}_{suffix}")
        return self.inserted, self.deleted

    def _delete_gone(self, cursor: duckdb.DuckDBPyConnection, name: str, key: str) -> None:
        gone_hash, self.deleted = _hash_and_count(cursor, f"{self.stage}_gone")
        if self.deleted:
            cursor.execute(f"DELETE FROM {name} WHERE ({key}) IN (SELECT ({key}) FROM {self.stage}_gone)")
            self.hash_delta ^= gone_hash

    def _where(self) -> str:
        conditions = [f't."{column}" = ?' for column in self.scope]
        if self.values:
            conditions.append(f't."{self.column}" IN (SELECT value FROM {self.values})')
        return " AND ".join(conditions) or "true"

    def _hash(self, alias: str) -> str:
        columns = ", ".join(f'{alias}."{c.name}"' for c in self.table.columns if c.name not in self.volatile)
        return f"md5_number(to_json(row({columns}))::VARCHAR)"


def _hash_and_count(cursor: duckdb.DuckDBPyConnection, table: str) -> tuple[int, int]:
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


def load_extensions(connection: duckdb.DuckDBPyConnection, *, postgres: bool = False) -> None:
    """Load DuckLake and the catalog's driver straight from their PyPI packages: offline, and nothing is installed."""
    for extension in ("ducklake", "sqlite_scanner", *(["postgres_scanner"] if postgres else [])):
        folder = files(f"duckdb_extension_{extension}") / "extensions" / f"v{duckdb.__version__}"
        connection.execute(f"LOAD '{folder / f'{extension}.duckdb_extension'}'")


def _sql_types(cursor: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    cursor.register("empty_batch", pa.Table.from_batches([], table.schema))
    types = {row[0]: row[1] for row in cursor.execute("DESCRIBE empty_batch").fetchall()}
    cursor.unregister("empty_batch")
    return types


def _comment(cursor: duckdb.DuckDBPyConnection, table: Table, columns: Iterable[Column]) -> None:
    for column in columns:
        if column.doc:
            text = column.doc.replace("'", "''")
            cursor.execute(f"COMMENT ON COLUMN lake.{table.name}.\"{column.name}\" IS '{text}'")


def _add_columns(cursor: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[Column]) -> None:
    names = ", ".join(column.name for column in columns)
    log.warning("table %s is of before the columns %s: adding them, and reading all its rows once", table.name, names)
    types = _sql_types(cursor, table)
    for column in columns:
        cursor.execute(f'ALTER TABLE lake.{table.name} ADD COLUMN "{column.name}" {types[column.name]}')
    _comment(cursor, table, columns)
    # A row's hash covers all columns, so the same rows have another version now.
    version = f"SELECT bit_xor({_Plan(table)._hash('t')}) FROM lake.{table.name} t"
    row = cursor.execute(version).fetchone()
    cursor.execute(
        "INSERT INTO dataset_version SELECT dataset, ?, rows, (SELECT max(snapshot_id) + 1 FROM lake.snapshots()), run_id, now() "
        "FROM dataset_version WHERE dataset = ? ORDER BY snapshot DESC, created_at DESC LIMIT 1",
        [f"{int(row[0] or 0) if row else 0:032x}", table.name],
    )


def _create(cursor: duckdb.DuckDBPyConnection, table: Table) -> None:
    types = _sql_types(cursor, table)
    columns = (f'"{c.name}" {types[c.name]}{"" if c.nullable else " NOT NULL"}' for c in table.columns)
    cursor.execute(f"CREATE TABLE lake.{table.name} ({', '.join(columns)})")
    _comment(cursor, table, table.columns)
    if table.doc:
        text = table.doc.replace("'", "''")
        cursor.execute(f"COMMENT ON TABLE lake.{table.name} IS '{text}'")


@contextlib.contextmanager
def _transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    cursor.execute("BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # the transaction may be gone already; the first error is the one to show
            cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


_BUSY = ("database is locked", "conflict", "failed to commit ducklake transaction", "busy")


def _retry(action: Callable[[], Any]) -> None:
    """Run ``action`` again while another process holds the catalog, for at most two minutes."""
    busy = retry_if_exception(lambda error: isinstance(error, duckdb.Error) and any(sign in str(error).lower() for sign in _BUSY))
    for attempt in Retrying(
        retry=busy, stop=stop_after_delay(120), wait=wait_random_exponential(multiplier=0.1, max=5), reraise=True
    ):
        with attempt:
            action()
