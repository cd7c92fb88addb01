"""The verdicts that ``ocr-assets verify`` knows already: on disk the moment they are known, and found again by a later call.

Beside the output lies ``<output>.known``: JSON lines in order of completion, from the first verdict until the output is whole. A
verdict counts again while its ``fingerprint`` (code, suite, settings, grader) is the same.
"""

from __future__ import annotations

import fcntl
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ocr_assets.platform.row_files import BadInput, encoded, read_rows


class KnownVerdicts:
    """Rows by solution id, in a file; in memory only where each one lies. Threads may share it; to a second process it is refused
    (``BadInput``)."""

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + ".known")
        self._places: dict[str, tuple[str, int]] = {}  # solution: fingerprint, place of its row in the file
        self._lock = threading.Lock()
        self._file: IO[bytes] = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise BadInput(f"{output}: another call is writing it; wait for its end, or give another name with -o") from error
        self._read_own()
        self._read_output(output)

    def __enter__(self) -> KnownVerdicts:
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the file; one without rows is removed."""
        self._file.close()
        if not self._places:
            self.path.unlink(missing_ok=True)

    def find(self, solution_id: str, fingerprint: str) -> dict[str, Any] | None:
        """The row of a solution that was judged before as it would be judged now; a sandbox error is no verdict."""
        known, place = self._places.get(solution_id, ("", 0))
        return self._row(place) if known == fingerprint else None

    def get(self, solution_id: str) -> dict[str, Any]:
        """The row of a solution that is here."""
        return self._row(self._places[solution_id][1])

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row down; it is on disk when this returns."""
        line = encoded(row) + b"\n"
        with self._lock:
            place = self._file.seek(0, 2)
            self._file.write(line)
            self._file.flush()
            self._places[str(row["solution_id"])] = (_fingerprint(row), place)

    def remove(self) -> None:
        """Delete the file: its rows are in the output."""
        self.path.unlink(missing_ok=True)

    def _row(self, place: int) -> dict[str, Any]:
        with self._lock:
            self._file.seek(place)
            row: dict[str, Any] = json.loads(self._file.readline())
        return row

    def _read_own(self) -> None:
        """The rows of a call that was broken off; its last line may be cut."""
        self._file.seek(0)
        place = 0
        for line in self._file:
            try:
                row = json.loads(line)
                self._places[str(row["solution_id"])] = (_fingerprint(row), place)
            except (ValueError, TypeError, KeyError):
                break
            place += len(line)
        self._file.truncate(place)

    def _read_output(self, output: Path) -> None:
        """The rows of an output that is there, as far as they are verdicts of ours; it is written anew at the end."""
        if not output.is_file():
            return
        try:
            for _, row in read_rows(output):
                if "solution_id" in row and str(row["solution_id"]) not in self._places and _fingerprint(row):
                    self.add(row)
        except BadInput:
            return  # what can be read of it counts; the rest is judged again


def _fingerprint(row: Mapping[str, Any]) -> str:
    return "" if row.get("verdict") == "sandbox_error" else str(row.get("fingerprint") or "")
