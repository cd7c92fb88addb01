"""The catalog behind the lake: attaching, one writer at a time, transactions, and waiting while it is busy or restarts.

What differs between a SQLite and a PostgreSQL catalog is here and in ``at_work.py``, and nowhere else. Data files may lie in an
object store (``object_store.py``). What is written is in ``write.py``.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import duckdb
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from resources.lake.extensions import POSTGRES, CannotOpen, load_extensions, quoted
from resources.lake.object_store import is_remote, open_store
from resources.secrets import hidden

_BUSY = ("database is locked", "conflict", "failed to commit ducklake transaction", "busy")
# What DuckDB says of a server that is being restarted, or has ended our session; and of a store that does not answer.
_AWAY = ("server closed the connection", "connection to server", "no connection to the server", "terminating connection",
         "the database system is", 'failed to execute query "rollback"', "could not connect to server", "http 50")  # fmt: skip
_FULL = ("disk is full", "no space left")
_NOTHING_LEFT = 1 << 20  # bytes
_WAIT_S = 120
_KEEPALIVE = "SET LOCAL tcp_keepalives_idle = 30; SET LOCAL tcp_keepalives_interval = 10; SET LOCAL tcp_keepalives_count = 3"
METADATA = "__ducklake_metadata_lake"  # DuckLake's own tables
COMMITS = f"{METADATA}.ducklake_snapshot"  # ducklake_snapshots() reads the changes of all of them, too
Result = TypeVar("Result")


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
        return self._address.startswith(POSTGRES)

    def attach(self, connection: duckdb.DuckDBPyConnection, *, read_only: bool = False) -> None:
        """Attach the lake as ``lake`` and make it the default, creating it where it does not exist; not if ``read_only``.

        Raises ``CannotOpen`` where a package, a server, a store or the right to use it is missing.
        """
        load_extensions(connection, postgres=self.is_postgres)
        # The catalog's tables are small and many: a scan by several threads opens the file once more, and reads of all tables how
        # they are made, before it reads a few rows of one.
        connection.execute("SET GLOBAL sqlite_disable_multithreaded_scans = true")
        if is_remote(self._data_path):
            open_store(connection, self._data_path)
        # DuckLake by itself would repeat a commit that others overtook, though it never saw what they wrote. Here it fails, and
        # the whole transaction is run again (``retry``): also a writer that lost its lock on the way doubles nothing.
        connection.execute("SET ducklake_max_retry_count = 0")
        options = f"DATA_PATH {quoted(self._data_path)}"
        if self._address.startswith("sqlite:"):
            # WAL lets people read while a run writes; the timeout lets two writers queue instead of failing.
            options += ", META_JOURNAL_MODE 'WAL', META_BUSY_TIMEOUT 30000"
            # Files are recorded relative to the data path, so a home that was moved or copied still opens.
            options += ", OVERRIDE_DATA_PATH true"
        if read_only:
            options += ", READ_ONLY"
        try:
            retry(lambda: connection.execute(f"ATTACH IF NOT EXISTS {quoted(f'ducklake:{self._address}')} AS lake ({options})"))
            if self.is_postgres and not read_only:
                server = quoted(self._address.removeprefix(POSTGRES))
                connection.execute(f"ATTACH IF NOT EXISTS {server} AS lake_lock (TYPE postgres)")
        except duckdb.Error as error:
            if fault := self._fault(str(error)):
                raise CannotOpen(fault) from None
            raise
        use_lake(connection)

    def _fault(self, message: str) -> str | None:
        """In one line, why this catalog cannot be attached; None: DuckDB's own message is as good."""
        known = re.search(r'does not match existing data path in the catalog "(.*)"', message)
        if known:
            return (
                f"{hidden(self._address)}: the data of this catalog's lake lie at {known[1]}, not at {self._data_path}; "
                f"set OCR_DATA_PATH={known[1]} on every machine"
            )
        if self.is_postgres and "Unable to connect" in message:
            said = " ".join(message.rpartition("Unable to connect to Postgres at")[2].partition('": ')[2].split())
            return f"OCR_CATALOG={hidden(self._address)}: {hidden(said)}; the password is read from PGPASSWORD or ~/.pgpass"
        return None

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
            # The server notices within a minute that a machine is gone, and gives its lock to others.
            cursor.execute(f"CALL postgres_execute('lake_lock', '{_KEEPALIVE}')")
            # Any number will do as long as all writers of this database agree on it.
            cursor.execute("FROM postgres_query('lake_lock', 'SELECT pg_advisory_xact_lock(7095061)::text')")
            cursor.fetchall()
            try:
                yield
            finally:
                # Where the session is gone, so is the lock; whether the block did its work is the block's matter.
                with contextlib.suppress(duckdb.Error):
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


def retry(action: Callable[[], Result], *, also_away: bool = False) -> Result:
    """Run ``action``, again while another process holds the catalog, for at most two minutes. ``also_away``: and while the server
    of the catalog, or the store of the data, does not answer."""
    signs = (*_BUSY, *_AWAY) if also_away else _BUSY
    busy = retry_if_exception(lambda error: isinstance(error, duckdb.Error) and _says(error, signs) and not _says(error, _FULL))
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


def _says(error: BaseException, signs: Iterable[str]) -> bool:
    return any(sign in str(error).lower() for sign in signs)


def spill_folder(home: Path) -> Path:
    """Where this process's queries spill what does not fit in memory. DuckDB makes and removes it, but not what it lies in."""
    (home / "spill").mkdir(parents=True, exist_ok=True)
    return home / "spill" / str(os.getpid())
