"""Questions that somebody wrote: rows of JSON lines or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocr_assets.platform.row_files import place_of, read_rows
from ocr_assets.synthesis.seeds.seed import Seed, seed_of

COLUMNS = ("question", "instruction", "statement", "prompt", "text")
IDS = ("id", "question_id", "problem_id", "task_id", "name")
READABLE = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")


def questions(path: Path, column: str | None = None) -> Iterator[Seed]:
    """Each row's text, from ``column`` or the first of the usual ones that has text; ``path``: a file, or a folder of files.

    Raises ``ValueError`` for a path that is not there, and for a row without text, naming it.
    """
    if not path.exists():
        raise ValueError(f"questions: {path}: no such file or folder")
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if file.name.endswith(READABLE))
    for file in files:
        for number, row in read_rows(file):
            text = _first(row, (column,) if column else COLUMNS)
            if text is None:
                raise ValueError(f"{place_of(file, number)}: no text; {column or 'one of ' + ', '.join(COLUMNS)} must hold it")
            name = _first(row, IDS) or f"{file.name}:{number}"
            yield seed_of("question", name, place_of(Path(file.name), number), text, _first(row, ("license",)))


def _first(row: dict[str, Any], columns: tuple[str, ...]) -> str | None:
    for column in columns:
        value = row.get(column)
        if value is not None and str(value).strip():
            return str(value).strip()
    return None
