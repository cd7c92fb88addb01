"""Rows of a benchmark's published files: JSON lines, a JSON array, Parquet; what is wrong with one is said with file and row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from ocr_assets.evaluation.benchmarks.api import WrongBenchmark
from ocr_assets.platform.row_files import BadInput, Refuse, place_of, read_rows

READABLE = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".parquet")


def files_in(folder: Path) -> list[Path]:
    """The files of a folder that can be read, or the one file that is given. Raises ``WrongBenchmark`` where there is none."""
    if folder.is_file():
        return [folder]
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.endswith(READABLE))
    if not found:
        raise WrongBenchmark(f"{folder}: no {', '.join(READABLE)} file")
    return found


def rows(files: Sequence[Path], needed: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place for messages, row) of every row of ``files``. Raises ``WrongBenchmark``: a file that cannot be read, or a row that
    lacks a column of ``needed``."""
    for path in files:
        try:
            for place, row in read_any(path):
                missing = [name for name in needed if name not in row]
                if missing:
                    raise WrongBenchmark(f"{place}: no {', '.join(missing)}; the columns are {', '.join(sorted(row))}")
                yield place, row
        except BadInput as error:
            raise WrongBenchmark(str(error)) from error


def read_any(path: Path, refuse: Refuse | None = None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place for messages, row) of JSON lines, a JSON array or Parquet. Raises ``BadInput``; lines that are no objects are
    told to ``refuse``, if it is given."""
    if path.suffix != ".json":
        yield from ((place_of(path, number), row) for number, row in read_rows(path, refuse))
        return
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        raise BadInput(f"{path}: {error}") from error
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise BadInput(f"{path}: a list of objects is expected")
    yield from ((f"{path}, item {number}", value) for number, value in enumerate(values))


def text(row: Mapping[str, Any], name: str, place: str) -> str:
    """A column that must hold text."""
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise WrongBenchmark(f"{place}: {name} holds no text")
    try:
        return whole(value)
    except UnicodeEncodeError as error:
        raise WrongBenchmark(f"{place}: {name}: {error}") from error


def whole(value: str) -> str:
    """``value``. Raises ``UnicodeEncodeError``, a ``ValueError``, where it has half a character (a lone surrogate), which no
    program can be given."""
    value.encode()
    return value


def named(row: Mapping[str, Any], name: str, place: str) -> str | None:
    """A column that may hold text, or nothing."""
    return None if row.get(name) in (None, "") else text(row, name, place)


def texts(row: Mapping[str, Any], name: str, place: str) -> list[str]:
    """A column that may hold a list of texts, or nothing."""
    values = row.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise WrongBenchmark(f"{place}: {name} is a list of texts")
    return values


def day(value: Any, place: str) -> date | None:
    """A day as it stands in a file (``2024-08-03T00:00:00``, a timestamp, null)."""
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise WrongBenchmark(f"{place}: {value!r} is no day") from error
