"""Locks that go with their process: who works on a mix or trains a model is alone with it."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[IO[Any]]:
    """Hold the lock that this file is. Raises ``BlockingIOError`` where another has it, if not ``wait``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield lock
