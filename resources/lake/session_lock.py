"""A lock that all machines share which work on a lake: an advisory lock of the catalog's PostgreSQL database, held by a session.

It goes with its process, since the server ends the session of a process that is gone: at once where the process died, within a
minute where the whole machine did. Who takes such locks for what is in ``at_work.py``; the lock of a commit is in ``catalog.py``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from typing import Any

from resources.lake.extensions import POSTGRES, CannotOpen
from resources.secrets import hidden

_TO_CONNECT_S = 10
# The database is the lake's own, so the stage's name says which lock of which lake.
_HOLDER = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid::bigint = %s AND l.objid::bigint = %s
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class SessionLock:
    """The lock of one stage on the server at ``address`` (libpq's form). ``try_take`` it, and ``close`` to let go.

    Raises ``CannotOpen`` where the server does not answer.
    """

    def __init__(self, address: str, stage: str) -> None:
        self._address = address
        digest = hashlib.sha256(f"ocr-assets/{stage}".encode()).digest()
        self._high, self._low = int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")
        self._session: Any = None

    def try_take(self) -> bool:
        """Whether this process has the lock now; else another has, whom ``holder`` names."""
        (taken,) = self._ask("SELECT pg_try_advisory_lock(%s)", [self._key])
        return bool(taken)

    def holder(self) -> str | None:
        """Who has the lock: ``process 123 on host``; None: nobody has."""
        row = self._ask(_HOLDER, [self._high, self._low])
        return None if row is None else str(row[0]).removeprefix("ocr-assets: ") or "unknown"

    def is_lost(self) -> bool:
        """Whether the session that held the lock has ended, and another may have the lock since."""
        if self._session is not None:
            with contextlib.suppress(CannotOpen):
                self._ask("SELECT 1", [])
        return self._session is None

    def close(self) -> None:
        """Let go of the lock."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @property
    def _key(self) -> int:
        return int.from_bytes((self._high << 32 | self._low).to_bytes(8, "big"), "big", signed=True)

    def _ask(self, query: str, parameters: list[Any]) -> Any:
        if self._session is None:
            self._session = self._connected()
        try:
            with self._session.cursor() as cursor:
                cursor.execute(query, parameters)
                return cursor.fetchone()
        except self._session.Error as error:
            self.close()
            raise self._cannot(error) from None

    def _connected(self) -> Any:
        try:
            import psycopg2
        except ModuleNotFoundError as error:
            raise CannotOpen("the lake needs the package psycopg2-binary; pip install 'ocr-assets[postgres]'") from error

        name = f"ocr-assets: process {os.getpid()} on {socket.gethostname()}"[:63]  # longer ones the server cuts off
        try:
            session = psycopg2.connect(
                self._address,
                application_name=name,
                connect_timeout=_TO_CONNECT_S,
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                tcp_user_timeout=60_000,
            )
        except psycopg2.OperationalError as error:
            raise self._cannot(error) from None
        session.autocommit = True
        with session.cursor() as cursor:
            # The same on the other side: a machine that lost its power does not keep its lock.
            cursor.execute("SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3")
            cursor.execute("SET idle_session_timeout = 0")
        return session

    def _cannot(self, error: Exception) -> CannotOpen:
        return CannotOpen(f"OCR_CATALOG={POSTGRES}{hidden(self._address)}: {hidden(' '.join(str(error).split()))}")


__all__ = ["SessionLock"]
