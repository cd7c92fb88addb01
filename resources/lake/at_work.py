"""Who works on a stage, and how far that is: a lock that goes with its process, and beside it a file that says what is done.

One process at a time writes a stage that pays for something. Both files lie in the stage's folder of the journals, so that who
watches finds all stages at one place. Where several machines work on one lake, a lock of the catalog's database stands beside the
file (``session_lock.py``), so that one of them pays. What was paid for on its way into the lake is ``journal.py``.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from resources.lake.extensions import CannotOpen
from resources.lake.session_lock import SessionLock

MOMENT_S = 1.0  # a lock that somebody only looks at is free again within this time
WAIT_S = 0.2
CONFIRM_S = 10.0
PROGRESS = "progress.json"


class Busy(RuntimeError):
    """Another process is writing the same stage; the message names it."""


@dataclass(frozen=True)
class Journals:
    """Where the journals of this machine lie, and the lock server of a lake on which other machines work too.

    ``server``: libpq's address of the catalog's PostgreSQL database; None: all who write the lake see ``folder``.
    """

    folder: Path
    server: str | None = None

    @classmethod
    def of(cls, place: Journals | Path) -> Journals:
        """A folder stands for itself, on this machine alone."""
        return place if isinstance(place, Journals) else cls(place)


class StageLock:
    """``with StageLock(journals, "verdicts") as lock``: no other process has the lock of this name meanwhile, on any machine that
    works on the lake.

    Raises ``Busy`` where another process has it; with ``wait``, which is told so in a line, that process is waited for instead.
    """

    def __init__(self, journals: Journals | Path, name: str, wait: Callable[[str], object] | None = None) -> None:
        journals = Journals.of(journals)
        self.folder, self._name, self._wait = journals.folder / name, name, wait
        self._shared = SessionLock(journals.server, name) if journals.server else None
        self._began = datetime.now(UTC)

    def __enter__(self) -> StageLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / "lock").open("a+")
        try:
            self._take()
        except BaseException:
            self._let_go()
            raise
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        self._confirmed = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._let_go()

    def confirm(self) -> None:
        """See to it that the lock is still held where its server has ended the session meanwhile; it looks every ten seconds.

        While the server is away nobody can take the lock. Raises ``Busy`` if another process has it since.
        """
        if self._shared is None or time.monotonic() - self._confirmed < CONFIRM_S:
            return
        self._confirmed = time.monotonic()
        with suppress(CannotOpen):
            if self._shared.is_lost() and not self._shared.try_take():
                raise Busy(
                    f"{self._name}: the catalog's server ended this process's session, and {self._shared.holder()} writes the "
                    "stage now; what was kept here is taken up by the next run on this machine"
                )

    def tell(self, figures: Mapping[str, Any]) -> None:
        """Have the file of progress say this, and since when (``began_at``) and at what time. A reader never sees half of it."""
        told = {"began_at": self._began.isoformat(), "updated_at": datetime.now(UTC).isoformat(), "process": os.getpid()}
        path = self.folder / PROGRESS
        new = path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps({**told, **figures}, default=str), encoding="utf-8")
        new.replace(path)

    def _take(self) -> None:
        asked, said = time.monotonic(), False
        while (holder := self._holder()) is not None:
            if time.monotonic() - asked >= MOMENT_S and not said:
                if self._wait is None:
                    raise Busy(f"{self._name} is being written by {holder}; wait for it or end it")
                self._wait(f"{self._name}: {holder} is at work on it; waiting for it to end")
                said = True
            time.sleep(WAIT_S)

    def _holder(self) -> str | None:
        """Take the lock; returns who has it if that is another process."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"process {(self.folder / 'lock').read_text().strip() or 'unknown'}"
        if self._shared is None or self._shared.try_take():
            return None
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return self._shared.holder() or "another process"

    def _let_go(self) -> None:
        if self._shared is not None:
            self._shared.close()
        self._file.close()


def is_held(journals: Journals | Path, name: str) -> bool:
    """Whether a process has the lock of this name now, on any machine."""
    journals = Journals.of(journals)
    if is_held_here(journals, name):
        return True
    if journals.server is None:
        return False
    with closing(SessionLock(journals.server, name)) as shared:
        return shared.holder() is not None


def is_held_here(journals: Journals | Path, name: str) -> bool:
    """Whether a process of this machine has the lock of this name now."""
    try:
        file = (Journals.of(journals).folder / name / "lock").open("r")
    except FileNotFoundError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def progress_of(journals: Journals | Path, name: str) -> dict[str, Any] | None:
    """What the stage's last worker on this machine told, and whether it is ``working``; None: it told nothing."""
    folder = Journals.of(journals).folder
    with suppress(FileNotFoundError):
        told = json.loads((folder / name / PROGRESS).read_text(encoding="utf-8"))
        return {"stage": name, **told, "working": is_held_here(journals, name)}
    return None


def progress(journals: Journals | Path) -> Iterator[dict[str, Any]]:
    """What every stage told that ever worked with these journals, the last first; as ``progress_of``."""
    told = [progress_of(journals, path.parent.name) for path in Journals.of(journals).folder.glob(f"*/{PROGRESS}")]
    yield from sorted((one for one in told if one is not None), key=lambda one: str(one["updated_at"]), reverse=True)
