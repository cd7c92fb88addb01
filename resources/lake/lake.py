"""The lake: DuckLake tables with transactions and snapshots, opened and read here.

What the project's tables are is in ``ocr_assets/schema``; writing them is in ``write.py``, bringing an older lake up to date in
``migrations.py``, the tables of lineage that every lake has in ``lineage.py``, the catalog in ``catalog.py``.

Format: https://ducklake.select (Parquet data files, catalog in SQLite or PostgreSQL). A plain DuckDB file would admit one
writing process and lock its readers out.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import duckdb
import pyarrow as pa

from resources.lake import migrations, options, owners
from resources.lake.catalog import COMMITS, Catalog, DiskFull, disk_of, retry, spill_folder, transaction, use_lake
from resources.lake.lineage import LINEAGE_TABLES, SCHEMA_VERSION, RunInfo
from resources.lake.migrations import Migration, Migrator, SchemaMismatch
from resources.lake.reads import ReadingCursor, ReadTables
from resources.lake.tables import Table
from resources.lake.watch import NEVER_WRITTEN, Watch
from resources.lake.write import Change, Write

log = logging.getLogger(__name__)


@dataclass
class Lake:
    """An open lake. One object a process; each thread takes its own ``cursor()``.

    ``home``: folder with ``catalog.sqlite`` and ``data/``; ``catalog``: a DuckLake catalog address to use instead of the
    SQLite file (``postgres:dbname=…``), then ``data_path`` may be an object store. ``tables`` are created where they are
    missing, ``setup_sql`` makes views and macros, ``migrations`` lead from earlier shapes of the tables to these.
    """

    home: Path
    catalog: str | None = None
    data_path: str | None = None
    memory_limit: str = "3GB"
    tables: Sequence[Table] = ()
    setup_sql: str = ""
    migrations: Sequence[Migration] = ()
    _connection: duckdb.DuckDBPyConnection | None = field(default=None, repr=False)
    _tables_read: ReadTables | None = field(default=None, repr=False)
    _writing: list[Write] = field(default_factory=list, repr=False)
    _watches: list[Watch] = field(default_factory=list, repr=False)
    _idle: list[duckdb.DuckDBPyConnection] = field(default_factory=list, repr=False)

    def open(self) -> Lake:
        """Attach the catalog, creating it where there is none; migrate an older lake; create tables that are missing.

        Raises ``SchemaMismatch`` if the lake is newer than the code, or a table's columns differ and no migration leads there.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        spill = str(spill_folder(self.home))
        # The extensions are code that pip installed, as everything here is; to check their signatures too would take half of
        # the time that opening a lake takes.
        trusted = {"allow_unsigned_extensions": "true"}
        connection = duckdb.connect(config={"memory_limit": self.memory_limit, "temp_directory": spill, **trusted})
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET TimeZone = 'UTC'")
        self._catalog = Catalog(self.home, self.catalog, self.data_path)
        try:
            self._catalog.attach(connection)
            self._connection = connection
            # Most openings find everything as declared, and need not wait for whoever writes.
            if not retry(self._is_up_to_date):
                self.locked(self._bring_up_to_date)
                self.locked(self._complete_options)
            self._tables_read = ReadTables(connection)
        except BaseException:
            self._connection = None
            connection.close()
            raise
        return self

    def close(self) -> None:
        if self._connection is not None:
            self._idle = []
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Lake:
        return self if self._connection else self.open()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """An own connection to the same database, for one thread or one open reader. What it reads is noted as the input of
        the stage that is writing."""
        return cast(duckdb.DuckDBPyConnection, ReadingCursor(self.plain_cursor(), self.note_reads))

    def plain_cursor(self) -> duckdb.DuckDBPyConnection:
        """As ``cursor``, for the lake's own bookkeeping: nothing is noted."""
        if self._connection is None:
            raise RuntimeError("the lake is closed; use `with lake:`")
        return use_lake(self._connection.cursor())

    @contextlib.contextmanager
    def _idle_cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one query whose result is fetched whole. It is kept for the next: a new one asks the catalog first."""
        idle = self._idle
        try:
            cursor = idle.pop()
        except IndexError:  # all are in use, or there is none yet
            cursor = self.plain_cursor()
        yield cursor
        idle.append(cursor)

    def note_reads(self, query: str) -> None:
        """Note the tables that ``query`` names, with their data versions now, as inputs of the stages that are being written."""
        for watch in self._watches:
            watch.queries.add(query)
        unnoted = [write for write in self._writing if not write.knows(query)]
        if unnoted and self._tables_read is not None:
            read = self.tables_of([query])
            versions = self.versions({name for write in unnoted for name in write.not_noted(read)})
            for write in unnoted:
                write.note_inputs(query, versions)

    @contextlib.contextmanager
    def watch(self) -> Iterator[Watch]:
        """See which datasets are read and written while the block runs."""
        watch = Watch(self, self.versions())
        self._watches = [*self._watches, watch]
        try:
            yield watch
        finally:
            self._watches = [other for other in self._watches if other is not watch]

    def tables_of(self, queries: Collection[str]) -> set[str]:
        """Names of the lake's data tables that the queries read, through views and macros too."""
        assert self._tables_read is not None, "the lake is not open"
        own = {table.name for table in self.tables}
        return {name for query in queries for name in self._tables_read.of(query)} & own

    def note_written(self, changes: Mapping[str, Change]) -> None:
        """Tell those who watch. Called by a write that was published."""
        for watch in self._watches:
            watch.note(changes)

    def rows(self, query: str, parameters: object = None) -> list[dict[str, Any]]:
        """A small result as dicts."""
        self.note_reads(query)
        with self._idle_cursor() as cursor:
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
        # A stage that commits as it goes writes within its write: each of its commits has the inputs read so far.
        with disk_of(self.home):
            write = Write(self, run, stage, scope, outer=[other for other in self._writing if other.stage == stage])
        self._writing = [*self._writing, write]
        try:
            yield write
            write.publish()
        finally:
            self._writing = [other for other in self._writing if other is not write]
            write.close()

    def locked(self, action: Callable[[], None]) -> None:
        """Run ``action``, a whole transaction, while no other process writes; again if the catalog was busy all the same.

        Raises ``DiskFull``."""
        assert self._connection is not None
        connection = self._connection

        def once() -> None:
            with self._catalog.writer_lock(connection):
                try:
                    with disk_of(self.home):
                        action()
                except DiskFull:
                    self._remove_uncommitted()
                    raise

        retry(once, also_away=True)

    def note_counts(self, run_id: str, stage: str, counts: Sequence[tuple[int, str, str, int]]) -> None:
        """Note what became of a stage's rows (place, outcome, reason, rows) now that ``run_id`` wrote it, if that is news."""
        query = "SELECT place, outcome, reason, rows FROM stage_count WHERE stage = ? QUALIFY noted_at = max(noted_at) OVER ()"
        counts = counts or [(0, "in", "", 0)]  # that there are none any more is a count, too

        rows = [(run_id, place, stage, outcome, reason, count) for place, outcome, reason, count in counts]

        def note() -> None:
            with contextlib.closing(self.plain_cursor()) as cursor, transaction(cursor):
                cursor.executemany("INSERT INTO stage_count VALUES (?, ?, ?, ?, ?, ?, now())", rows)

        with self._idle_cursor() as cursor:
            noted = cursor.execute(query, [stage]).fetchall()
        if sorted(noted) != sorted(counts):
            self.locked(note)

    def _remove_uncommitted(self) -> None:
        """Give back the room of data files that no commit names; call it while no other process can be writing any.

        Only in a folder that is this lake's alone: another lake's files are named by no commit of ours either."""
        if self.catalog is not None or self.data_path is not None:
            return
        with contextlib.suppress(duckdb.Error), contextlib.closing(self.plain_cursor()) as cursor:
            cursor.execute("CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)")

    def query_version(self, query: str, salt: str = "") -> str:
        """Order-free hash of a query's rows and ``salt``: equal rows, equal version. Reads the whole result."""
        xor = self.scalar(f"SELECT bit_xor(md5_number(to_json(q)::VARCHAR)) FROM ({query}) q") or 0
        return hashlib.md5(f"{int(xor):x} {salt}".encode(), usedforsecurity=False).hexdigest()

    def state(self, dataset: str) -> tuple[int, str]:
        """Rows and data version of a dataset as last written; (0, ``NEVER_WRITTEN``) if it never was."""
        query = "SELECT rows, data_version FROM dataset_version WHERE dataset = ? ORDER BY snapshot DESC, created_at DESC LIMIT 1"
        with self._idle_cursor() as cursor:
            rows = cursor.execute(query, [dataset]).fetchall()
        return (rows[0][0], rows[0][1]) if rows else (0, NEVER_WRITTEN)

    def version(self, dataset: str) -> str:
        """The dataset's current data version."""
        return self.state(dataset)[1]

    def versions(self, datasets: Collection[str] | None = None) -> dict[str, str]:
        """The current data versions of several datasets (zeros where one was never written), or of all that were written."""
        if datasets is not None and not datasets:
            return {}
        which, parameters = ("", None) if datasets is None else ("WHERE dataset IN ?", [list(datasets)])
        query = f"SELECT dataset, max_by(data_version, (snapshot, created_at)) FROM dataset_version {which} GROUP BY ALL"
        with self._idle_cursor() as cursor:
            known: dict[str, str] = dict(cursor.execute(query, parameters).fetchall())
        return known if datasets is None else {name: known.get(name, NEVER_WRITTEN) for name in datasets}

    def last_commit(self) -> tuple[int, str]:
        """Number and time of the newest commit. A lake that has the same one goes on from the lake that it was made in."""
        with self._idle_cursor() as cursor:
            query = f"SELECT snapshot_id, snapshot_time::VARCHAR FROM {COMMITS} ORDER BY ALL DESC LIMIT 1"
            number, when = cursor.execute(query).fetchall()[0]
            return number, when

    def time_of_commit(self, number: int) -> str | None:
        """When a commit was made; None: the lake has no such commit."""
        with self._idle_cursor() as cursor:
            query = f"SELECT snapshot_time::VARCHAR FROM {COMMITS} WHERE snapshot_id = ?"
            found = cursor.execute(query, [number]).fetchone()
            return found[0] if found else None

    @property
    def _views(self) -> str:
        """The hash by which the lake tells whether its views and macros are those of the code."""
        return hashlib.md5(self.setup_sql.encode(), usedforsecurity=False).hexdigest()

    def _is_up_to_date(self) -> bool:
        with contextlib.closing(self.plain_cursor()) as cursor:
            columns = migrations.columns_of(cursor)
            if any(columns.get(table.name) != [c.name for c in table.columns] for table in (*LINEAGE_TABLES, *self.tables)):
                return False
            if options.lacking(cursor, self.tables):
                return False
            version = migrations.version_of(cursor)
            row = cursor.execute("SELECT views FROM schema_version WHERE version = ?", [version]).fetchone()
            return (
                version == migrations.newest(self.migrations)
                and row is not None
                and (not self.setup_sql or row[0] == self._views)
            )

    def _bring_up_to_date(self) -> None:
        """Everything that the lake lacks, in one transaction: it is as before, or as declared."""
        newest = migrations.newest(self.migrations)
        with contextlib.closing(self.plain_cursor()) as cursor, transaction(cursor):
            columns = migrations.columns_of(cursor)
            is_new = not columns
            version = newest if is_new else migrations.version_of(cursor)
            if version > newest:
                raise SchemaMismatch(
                    f"lake at {self.home}: its tables have version {version}, this code knows {newest}; "
                    "install the newer ocr-assets that wrote it, or use another OCR_HOME"
                )
            if SCHEMA_VERSION.name not in columns:
                migrations.create_table(cursor, SCHEMA_VERSION)
                self._note(cursor, version, "the lake was created" if is_new else "the lake was there before it had versions")
            owed = [migration for migration in self.migrations if migration.version > version]
            migrator = Migrator(cursor)
            for migration in owed:
                log.warning("lake at %s: migrating it to version %d: %s", self.home, migration.version, migration.why)
                migration.apply(migrator)
                self._note(cursor, migration.version, migration.why)
            changed = {*migrator.touched, *self._complete_tables(cursor)}
            for table in self.tables:
                if table.name in changed:
                    migrations.settle(cursor, table, f"migration-{newest}")
            if self.setup_sql:
                cursor.execute("USE lake")  # what is created without a schema belongs there
                cursor.execute(self.setup_sql)
                cursor.execute("UPDATE schema_version SET views = ? WHERE version = ?", [self._views, newest])

    def _complete_options(self) -> None:
        with contextlib.closing(self.plain_cursor()) as cursor:
            options.complete(cursor, self.tables, self.home)
            if self.data_path is not None:
                owners.mark(cursor, self.data_path)

    def _complete_tables(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[str]:
        """Create tables that are missing and add columns that were added to the end of one; yields the names of the latter."""
        columns = migrations.columns_of(cursor)
        for table in (*LINEAGE_TABLES, *self.tables):
            there = columns.get(table.name)
            if there is None:
                migrations.create_table(cursor, table)
                continue
            more = table.columns[len(there) :]
            as_before = there == [column.name for column in table.columns[: len(there)]]
            if as_before and more and all(column.nullable for column in more):
                # What was paid for or judged outlives a new version: its new columns are null.
                migrations.add_columns(cursor, table, more)
                yield table.name
            elif not as_before or more:
                raise SchemaMismatch(
                    f"lake at {self.home}: table {table.name} has columns {there}, the code expects "
                    f"{[column.name for column in table.columns]}, and no migration leads there; "
                    "use another OCR_HOME or remove this lake"
                )

    def _note(self, cursor: duckdb.DuckDBPyConnection, version: int, why: str) -> None:
        cursor.execute("INSERT INTO schema_version VALUES (?, ?, '', ?)", [version, why, datetime.now(UTC)])
