"""Who works on a stage, and how far that is: a lock that goes with its process, and beside it a file that says what is done.

One process at a time writes a stage that pays for something. Both files lie in the stage's folder of the journals, so that who
watches finds all stages at one place. What was paid for on its way into the lake is ``journal.py``.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

MOMENT_S = 1.0  # a lock that somebody only looks at is free again within this time
WAIT_S = 0.2
PROGRESS = "progress.json"


class Busy(RuntimeError):
    """Another process is writing the same stage; the message names it."""


class StageLock:
    """``with StageLock(folder, "verdicts") as lock``: no other process has the lock of this name in ``folder`` meanwhile.

    Raises ``Busy`` where another process has it; with ``wait``, which is told so in a line, that process is waited for instead.
    """

    def __init__(self, folder: Path, name: str, wait: Callable[[str], object] | None = None) -> None:
        self.folder, self._name, self._wait = folder / name, name, wait
        self._began = datetime.now(UTC)

    def __enter__(self) -> StageLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / "lock").open("a+")
        try:
            self._take()
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def tell(self, figures: Mapping[str, Any]) -> None:
        """Have the file of progress say this, and since when (``began_at``) and at what time. A reader never sees half of it."""
        told = {"began_at": self._began.isoformat(), "updated_at": datetime.now(UTC).isoformat(), "process": os.getpid()}
        path = self.folder / PROGRESS
        new = path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps({**told, **figures}, default=str), encoding="utf-8")
        new.replace(path)

    def _take(self) -> None:
        asked, said = time.monotonic(), False
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() - asked >= MOMENT_S and not said:
                    holder = _holder(self.folder)
                    if self._wait is None:
                        raise Busy(f"{self._name} is being written by process {holder}; wait for it or end it") from error
                    self._wait(f"{self._name}: process {holder} is at work on it; waiting for it to end")
                    said = True
            time.sleep(WAIT_S)


def is_held(folder: Path, name: str) -> bool:
    """Whether a process has the lock of this name in ``folder`` now."""
    try:
        file = (folder / name / "lock").open("r")
    except FileNotFoundError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def progress_of(folder: Path, name: str) -> dict[str, Any] | None:
    """What the stage's last worker told, and whether it is ``working``; None: it told nothing."""
    with suppress(FileNotFoundError):
        told = json.loads((folder / name / PROGRESS).read_text(encoding="utf-8"))
        return {"stage": name, **told, "working": is_held(folder, name)}
    return None


def progress(folder: Path) -> Iterator[dict[str, Any]]:
    """What every stage told that ever worked with these journals, the last first; as ``progress_of``."""
    told = [progress_of(folder, path.parent.name) for path in folder.glob(f"*/{PROGRESS}")]
    yield from sorted((one for one in told if one is not None), key=lambda one: str(one["updated_at"]), reverse=True)


def _holder(folder: Path) -> str:
    with (folder / "lock").open() as file:
        return file.read().strip() or "unknown"
