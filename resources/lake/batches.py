"""Rows that were paid for on their way into the lake: journalled the moment they are there, committed in batches.

Used by everything that asks a model or runs a program. The journal itself is ``journal.py``; how rows are committed is the
stage's matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

from resources.lake.journal import Journal

COMMIT_ROWS, COMMIT_CHARACTERS, COMMIT_S = 2_000, 32_000_000, 60.0
Row = Mapping[str, Any]


class JournalledBatches:
    """``replay`` first, then ``add`` each row and ``commit_if_due``, and ``flush`` at the end.

    ``commit`` puts rows into the lake in one transaction and passes over those it holds already, so replaying is harmless. It is
    called from another thread, one call at a time, but for ``replay`` and the end of ``flush``. A batch is committed when it has
    ``rows`` rows or ``characters`` characters, and after ``seconds``.
    """

    def __init__(
        self,
        journal: Journal,
        commit: Callable[[Sequence[Row]], None],
        rows: int | None = None,
        characters: int | None = None,
        seconds: float | None = None,
    ) -> None:
        self._journal, self._commit = journal, commit
        self._most_rows = COMMIT_ROWS if rows is None else rows
        self._most_characters = COMMIT_CHARACTERS if characters is None else characters
        self._seconds = COMMIT_S if seconds is None else seconds
        self._rows: list[Row] = []
        self._characters = 0
        self._begun = time.monotonic()
        self._committing: Future[None] | None = None
        self._committer = ThreadPoolExecutor(1, "commit")

    def replay(self) -> int:
        """Commit what earlier runs left in the journal, and forget it; returns how many rows that were."""
        replayed = 0
        recovered = self._journal.recovered()
        while part := list(islice(recovered, self._most_rows)):
            self._commit(part)
            replayed += len(part)
        self._journal.clear()
        return replayed

    def add(self, row: Row, characters: int = 0) -> None:
        """Journal ``row``: after this returns, killing the process loses nothing. ``characters``: how much text it holds."""
        self._journal.append(row)
        self._rows.append(row)
        self._characters += characters

    def commit_if_due(self) -> Future[None] | None:
        """Begin a commit in the other thread if a batch is full or old.

        Returns a future if a full batch has to wait for the commit before it: wait, then call again, so memory stays flat.
        Raises what an earlier commit raised.
        """
        full = len(self._rows) >= self._most_rows or self._characters >= self._most_characters
        if not self._rows or (not full and time.monotonic() - self._begun < self._seconds):
            return None
        if self._under_way() is not None:
            return self._committing if full else None
        self._begin()
        return None

    def commit_now(self) -> Future[None] | None:
        """Begin to commit whatever there is. Returns a future: wait, then call again; None: the lake has everything. Raises what
        a commit raised."""
        if self._under_way() is None and self._rows:
            self._begin()
        return self._under_way()

    def _under_way(self) -> Future[None] | None:
        """The commit in the other thread, unless it has ended. Raises what it raised."""
        if self._committing is not None and self._committing.done():
            self._committing.result()
            self._committing = None
        return self._committing

    def _begin(self) -> None:
        segment, rows = self._journal.roll(), self._rows
        self._rows, self._characters, self._begun = [], 0, time.monotonic()

        def commit() -> None:
            self._commit(rows)
            self._journal.forget(segment)

        self._committing = self._committer.submit(commit)

    def flush(self, ended_well: bool) -> None:
        """Everything into the lake. Unless all ``ended_well`` the journal stays as it is, for the next run to replay."""
        with self._committer:
            if self._committing is not None:
                self._committing.result()
        rows, self._rows = self._rows, []
        if rows:
            self._commit(rows)
        if ended_well:
            self._journal.clear()
