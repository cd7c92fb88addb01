"""How far a long step is: a bar on a terminal, elsewhere one log line every 30 seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from types import TracebackType
from typing import Any, TypeVar

from tqdm import tqdm

LINE_EVERY_S = 30.0
Row = TypeVar("Row")


class Progress:
    """``with Progress("verdicts", total, context.log.info) as progress: progress.add(1, "12 wrong_answer")``.

    Args:
        task: what is being done, in front of every line.
        total: how many there are to do; None if that is not known, then no remaining time is shown.
        log: takes a line.
        unit: what is counted.
    """

    def __init__(self, task: str, total: int | None, log: Callable[[str], object], unit: str = "rows") -> None:
        self._task, self._total, self._log, self._unit = task, total, log, unit
        self._count, self._note = 0, ""
        self._start = self._last = time.monotonic()
        self._bar: Any = None
        if sys.stderr.isatty():
            self._bar = tqdm(total=total, desc=task, unit=f" {unit}", file=sys.stderr, leave=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def add(self, count: int = 1, note: str = "") -> bool:
        """Count ``count`` more (0 is allowed) and replace the note beside them, if one is given.

        Returns whether a line was due, so that a caller can commit or report at the same pace.
        """
        self._count += count
        self._note = note or self._note
        if self._bar is not None:
            self._bar.set_postfix_str(self._note, refresh=False)
            self._bar.update(count)
        if time.monotonic() - self._last < LINE_EVERY_S:
            return False
        self._last = time.monotonic()
        if self._bar is None:
            self._log(self.line())
        return True

    def expect(self, total: int) -> None:
        """There are so many to do, as is known now."""
        self._total = total
        if self._bar is not None:
            self._bar.total = total

    def through(self, rows: Iterable[Row]) -> Iterator[Row]:
        """``rows``, each counted as it passes."""
        for row in rows:
            yield row
            self.add()

    def figures(self) -> dict[str, Any]:
        """The same as numbers: what is counted (``unit``), how many are ``done`` and ``planned``, the note."""
        return {"unit": self._unit, "done": self._count, "planned": self._total, "note": self._note}

    def line(self) -> str:
        """``verdicts: 1,200 of 5,000 rows, 40.0/s, 0:01:35 left, <note>``."""
        rate = self._count / max(time.monotonic() - self._start, 1e-9)
        parts = [f"{self._task}: {self._count:,}" + (f" of {self._total:,}" if self._total else "") + f" {self._unit}"]
        parts.append(f"{rate:,.1f}/s")
        if self._total and rate:
            parts.append(f"{timedelta(seconds=round(max(0, self._total - self._count) / rate))} left")
        return ", ".join([*parts, *([self._note] if self._note else [])])
