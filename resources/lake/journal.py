"""A journal between two commits of the lake: what was paid for is on disk before anything else happens.

One writer at a time, by a lock that goes with its process (``at_work.py``); the next run takes over the files of a dead one. Rows
are JSON lines in segments: while one is being committed, the next is written. The lake's anti-join on keys makes replaying
harmless, so a row may be both journalled and committed, but never lost.

A journal is its machine's own. Where several machines work on one lake, what one of them had paid for and not yet committed when
it was killed (the last minute at most) waits there until that machine works on the stage again; what another has asked meanwhile
is in the lake, and is not doubled.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from resources.lake.at_work import Busy, Journals, StageLock

SYNC_EVERY_S = 1.0


class Corrupt(RuntimeError):
    """A whole line of a journal is not what was written; the message names file and line and says what to do."""


class Journal:
    """``with Journal(journals, "r1_traces") as journal``: the only writer of this name while it is open (``wait``: see
    ``StageLock``).

    ``recovered()`` gives what earlier processes left; ``append`` keeps a row; ``clear`` forgets all once the lake has it.
    To commit while rows still come in: ``segment = journal.roll()``, commit what was appended before, ``forget(segment)``.
    """

    def __init__(self, journals: Journals | Path, name: str, wait: Callable[[str], object] | None = None) -> None:
        self.journals = Journals.of(journals)
        self._lock = StageLock(self.journals, name, wait)
        self._folder = self._lock.folder
        self._synced = 0.0
        self._dirty = False
        self._swapping = threading.Lock()  # the file must not change while another thread syncs it
        self.torn = 0

    def __enter__(self) -> Journal:
        self._lock.__enter__()
        self._left = sorted(self._folder.glob("*.jsonl"))
        self._open_segment()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._swapping:
            self._sync()
            self._file.close()
        if self._path.stat().st_size == 0:
            self._path.unlink()
        self._lock.__exit__(kind, error, trace)

    def recovered(self) -> Iterator[dict[str, Any]]:
        """Rows that earlier processes kept but may not have committed. A line cut by a crash is skipped and counted in
        ``torn``: its row was never acknowledged. Raises ``Corrupt`` for any other line that cannot be read."""
        for path in self._left:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if not line.endswith(b"\n"):
                        self.torn += 1
                        continue
                    try:
                        yield json.loads(line, object_hook=_revive)
                    except ValueError as error:
                        raise Corrupt(
                            f"{path}, line {number}: not as it was written ({error}); the disk may be failing. Remove that line "
                            "and run again: what stood there is asked again"
                        ) from error

    def append(self, row: Mapping[str, Any]) -> None:
        """Keep ``row``: after this returns, killing the process loses nothing; after ``sync``, nor does a power cut. It syncs
        by itself when the last time is a second ago. Raises ``Busy`` if the stage's lock was lost to another (``confirm``)."""
        line = json.dumps(row, default=_plain, ensure_ascii=True).encode() + b"\n"
        if self._file.write(line) != len(line):
            raise OSError(f"{self._path}: the disk is full; make room and run again")
        self._dirty = True
        self._lock.confirm()
        if time.monotonic() - self._synced >= SYNC_EVERY_S:
            self.sync()

    def tell(self, figures: Mapping[str, Any]) -> None:
        """Say how far the work is (``StageLock.tell``)."""
        self._lock.tell(figures)

    def sync(self) -> None:
        """Have the disk hold what was appended. May be called from another thread."""
        with self._swapping:
            self._sync()

    def _sync(self) -> None:
        if self._dirty:
            self._dirty = False
            self._synced = time.monotonic()
            os.fdatasync(self._file.fileno())

    def roll(self) -> Path:
        """Begin a new segment; the one returned is to be forgotten once its rows are committed."""
        with self._swapping:
            finished = self._path
            self._sync()
            self._file.close()
            self._open_segment()
        return finished

    def forget(self, segment: Path) -> None:
        """The lake holds the rows of this segment."""
        segment.unlink()

    def clear(self) -> None:
        """Forget everything kept so far: call it when the lake has committed it."""
        for path in self._left:
            path.unlink()
        self._left = []
        self._file.seek(0)
        self._file.truncate()

    def _open_segment(self) -> None:
        self._path = self._folder / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.jsonl"
        self._file: IO[bytes] = self._path.open("ab", buffering=0)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return {"__datetime__": value.isoformat()}
    raise TypeError(f"{type(value).__name__} cannot be journalled")


def _revive(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value["__datetime__"]) if value.keys() == {"__datetime__"} else value


__all__ = ["Busy", "Corrupt", "Journal"]
