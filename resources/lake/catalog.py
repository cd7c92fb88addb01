"""The catalog behind the lake: extensions, attaching, one writer at a time, transactions, and waiting while it is busy.

What differs between a SQLite and a PostgreSQL catalog is here and nowhere else. What is written is in ``write.py``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import duckdb
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

_BUSY = ("database is locked", "conflict", "failed to commit ducklake transaction", "busy")
_FULL = ("disk is full", "no space left")
_NOTHING_LEFT = 1 << 20  # bytes
_WAIT_S = 120
Result = TypeVar("Result")


def load_extensions(connection: duckdb.DuckDBPyConnection, *, postgres: bool = False) -> None:
    """Load DuckLake and the catalog's driver straight from their PyPI packages: offline, and nothing is installed.

    Raises ``ModuleNotFoundError`` with the remedy if the PostgreSQL driver is wanted and its package is missing.
    """
    for extension in ("ducklake", "sqlite_scanner", *(["postgres_scanner"] if postgres else [])):
        try:
            folder = files(f"duckdb_extension_{extension}") / "extensions" / f"v{duckdb.__version__}"
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"the lake's catalog needs the package duckdb-extension-{extension.replace('_', '-')}=={duckdb.__version__}; "
                "install it with: pip install 'ocr-assets[postgres]'"
            ) from error
        connection.execute(f"LOAD '{folder / f'{extension}.duckdb_extension'}'")


class DiskFull(OSError):
    """A write could not be finished, and left everything as it was; the message names the folder."""


class Catalog:
    """The address of a lake's catalog, and how it is attached and locked.

    ``address``: a DuckLake catalog such as ``postgres:dbname=ocr``; None: ``catalog.sqlite`` in ``home``.
    """

    def __init__(self, home: Path, address: str | None, data_path: str | None) -> None:
        self._home = home
        self._address = address or f"sqlite:{home / 'catalog.sqlite'}"
        self._data_path = data_path or str(home / "data")

    @property
    def is_postgres(self) -> bool:
        return self._address.startswith("postgres:")

    def attach(self, connection: duckdb.DuckDBPyConnection, *, read_only: bool = False) -> None:
        """Attach the lake as ``lake`` and make it the default, creating it where it does not exist; not if ``read_only``."""
        load_extensions(connection, postgres=self.is_postgres)
        # DuckLake repeats a commit that others overtook; ten times, its default, is too few for eight writers.
        connection.execute("SET ducklake_max_retry_count = 100")
        options = f"DATA_PATH {_text(self._data_path)}"
        if self._address.startswith("sqlite:"):
            # WAL lets people read while a run writes; the timeout lets two writers queue instead of failing.
            options += ", META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 30000"
            # Files are recorded relative to the data path, so a home that was moved or copied still opens.
            options += ", OVERRIDE_DATA_PATH true"
        if read_only:
            options += ", READ_ONLY"
        retry(lambda: connection.execute(f"ATTACH IF NOT EXISTS {_text(f'ducklake:{self._address}')} AS lake ({options})"))
        if self.is_postgres and not read_only:
            server = _text(self._address.removeprefix("postgres:"))
            connection.execute(f"ATTACH IF NOT EXISTS {server} AS lake_lock (TYPE postgres)")
        use_lake(connection)

    @contextlib.contextmanager
    def writer_lock(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Hold the lake's writer lock: a transaction begun inside it sees all that was committed before.

        DuckLake lets two appends commit that never saw each other, which would double rows and break data versions. The lock
        goes with its process or its server session, however that ends. Other clients of the lake may read meanwhile.
        """
        if not self.is_postgres:
            with (self._home / "writer.lock").open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
            return
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN")
            # Any number will do as long as all writers of this database agree on it.
            cursor.execute("FROM postgres_query('lake_lock', 'SELECT pg_advisory_xact_lock(7095061)::text')")
            cursor.fetchall()
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def use_lake(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Have ``connection`` find the lake's tables by their bare names, and hold little of a result that is streamed; returns it.

    DuckDB's own schema stays first: otherwise the catalog would be asked for every function that a query calls. What waits to
    be fetched is counted without the texts themselves: DuckDB's 1 MB would be 30 chunks of 2,048 texts, 2 GB of reasoning.
    """
    connection.execute("SET streaming_buffer_size = '16KB'")
    connection.execute("SET search_path = 'system.main,lake.main'")
    return connection


@contextlib.contextmanager
def transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit at the end of the block; roll back if it raises."""
    cursor.execute("BEGIN")
    try:
        yield
    except BaseException:
        with contextlib.suppress(duckdb.Error):  # the transaction may be gone already; the first error is the one to show
            cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")


def retry(action: Callable[[], Result]) -> Result:
    """Run ``action``, again while another process holds the catalog, for at most two minutes."""
    busy = retry_if_exception(lambda error: isinstance(error, duckdb.Error) and _says(error, _BUSY) and not _says(error, _FULL))
    retrying = Retrying(
        retry=busy, stop=stop_after_delay(_WAIT_S), wait=wait_random_exponential(multiplier=0.1, max=5), reraise=True
    )
    return retrying(action)


@contextlib.contextmanager
def disk_of(folder: Path) -> Iterator[None]:
    """Say in one line that the disk is full, where that is why the block failed. Raises ``DiskFull``."""
    try:
        yield
    except duckdb.Error as error:
        # SQLite tells of files that it cannot enlarge as errors of the disk.
        if _says(error, _FULL) or (_says(error, ("i/o error",)) and shutil.disk_usage(folder).free < _NOTHING_LEFT):
            raise DiskFull(f"{folder}: the disk is full, and nothing was written; make room and run again ({error})") from error
        raise


def is_full(error: BaseException) -> bool:
    """Whether it says that the disk is full."""
    return _says(error, _FULL)


def _text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def _says(error: BaseException, signs: Iterable[str]) -> bool:
    return any(sign in str(error).lower() for sign in signs)


def spill_folder(home: Path) -> Path:
    """Where this process's queries spill what does not fit in memory."""
    return home / "spill" / str(os.getpid())
