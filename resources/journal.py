"""A journal between two commits of the lake: what was paid for is on disk before anything else happens.

One file a process, locked while its process lives; the next run takes over the files of dead ones. Rows are JSON lines.
The lake's anti-join on keys makes replaying harmless, so a row may be journalled and committed, but never lost.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

SYNC_EVERY_S = 1.0


class Busy(RuntimeError):
    """Another process is writing the same stage; the message names it."""


class Journal:
    """``with Journal(folder, "r1_traces") as journal``: the only writer of this name while it is open.

    ``recovered()`` gives what earlier processes left; ``append`` keeps a row; ``clear`` forgets all once the lake has it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder / name, name
        self._synced = 0.0
        self.torn = 0

    def __enter__(self) -> Journal:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self._folder / "lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "unknown"
            self._lock.close()
            raise Busy(f"{self._name} is being written by process {holder}; wait for it or end it") from error
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        self._left = sorted(self._folder.glob("*.jsonl"))
        self._path = self._folder / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.jsonl"
        self._file: IO[bytes] = self._path.open("ab", buffering=0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()
        if self._path.stat().st_size == 0:
            self._path.unlink()
        self._lock.close()

    def recovered(self) -> Iterator[dict[str, Any]]:
        """Rows that earlier processes kept but may not have committed. A line cut by a crash is skipped and counted in
        ``torn``: its row was never acknowledged."""
        for path in self._left:
            with path.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        self.torn += 1
                        continue
                    yield json.loads(line, object_hook=_revive)

    def append(self, row: Mapping[str, Any]) -> None:
        """Keep ``row``: after this returns, killing the process loses nothing; within a second, nor does a power cut."""
        line = json.dumps(row, default=_plain, ensure_ascii=True).encode() + b"\n"
        self._file.write(line)
        now = time.monotonic()
        if now - self._synced >= SYNC_EVERY_S:
            os.fdatasync(self._file.fileno())
            self._synced = now

    def clear(self) -> None:
        """Forget everything kept so far: call it when the lake has committed it."""
        for path in self._left:
            path.unlink()
        self._left = []
        self._file.seek(0)
        self._file.truncate()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return {"__datetime__": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be journalled")


def _revive(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value["__datetime__"]) if value.keys() == {"__datetime__"} else value
