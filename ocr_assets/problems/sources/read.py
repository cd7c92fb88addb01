"""Reading a folder of source files, row by row, in bounded memory: Parquet, Arrow, JSONL (also .gz, .zst).

What a row means is the readers' matter. A row or file that cannot be read becomes a ``Quarantined`` row with its reason;
the others go on.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from ocr_assets.platform.row_files import open_bytes
from ocr_assets.problems.sources import READERS, BadRow
from ocr_assets.programs.statements import stated_tolerance
from ocr_assets.schema import Dataset, RawProblem, json_text, raw_id
from resources.lake import Quarantined

SUFFIXES = (".parquet", ".arrow", ".feather", ".jsonl", ".jsonl.gz", ".jsonl.zst")
KEPT_CHARACTERS = 10_000
FILE_ROW = -1  # the row number under which a whole file is quarantined
_SPLIT = re.compile(r"(?:^|[^a-z])(train|test|valid(?:ation)?|dev)(?:[^a-z]|$)", re.IGNORECASE)


def read_source(
    folder: Path, dataset: Dataset, checker_needed: Callable[[str], str | None]
) -> Iterator[RawProblem | Quarantined]:
    """Every row below ``folder``, as a problem or quarantined. Files in the order of their names.

    ``checker_needed`` finds the sentence that allows several answers. Raises ``FileNotFoundError`` if there is nothing.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.endswith(SUFFIXES))
    if not files:
        raise FileNotFoundError(f"{dataset}: no {', '.join(SUFFIXES)} file below {folder}")
    seen: set[str] = set()
    for path in files:
        name = str(path.relative_to(folder))
        row = FILE_ROW
        try:
            for row, content in _rows(path):
                yield _problem(dataset, name, row, content, checker_needed, seen)
        except (OSError, EOFError, zlib.error, zstandard.ZstdError, pa.ArrowException, UnicodeDecodeError) as error:
            mend = "fetch it again or remove it; rows before the fault were kept"
            yield _quarantined(name, FILE_ROW, f"unreadable file: after row {row}: {error}; {mend}", "")


def _problem(
    dataset: Dataset,
    file: str,
    row: int,
    content: Mapping[str, Any] | BadRow,
    checker_needed: Callable[[str], str | None],
    seen: set[str],
) -> RawProblem | Quarantined:
    shown = "" if isinstance(content, BadRow) else json.dumps(content, default=str, ensure_ascii=False)
    try:
        if isinstance(content, BadRow):
            raise content
        draft = READERS[dataset](content)
        split = draft.split or _split(file)
        index = draft.index if draft.index is not None else str(row)
        judged_by_program = draft.checker or draft.interactor
        needs = None if judged_by_program else checker_needed(draft.statement)
        compare = draft.compare or (None if judged_by_program else stated_tolerance(draft.statement))
        fields = {
            "dataset": dataset, "split": split, "index": index, "origin": f"{dataset}/{split}/{index}",
            "source": draft.source, "license": draft.license, "title": draft.title, "url": draft.url,
            "difficulty": draft.difficulty, "tags": draft.tags, "statement": draft.statement,
            "starter_code": draft.starter_code, "entry_point": draft.entry_point, "tests": draft.tests, "compare": compare,
            "checker": draft.checker, "interactor": draft.interactor, "multiple_answers_hint": needs, "limits": draft.limits,
            "reference_solutions": draft.reference_solutions,
        }  # fmt: skip
        key = raw_id(fields)
        # Arrow cannot hold lone surrogates; such text is rare and always broken.
        json_text(fields).encode("utf-8")
        if key in seen:
            raise BadRow("doubled row: the same row was read before")
    except BadRow as error:
        return _quarantined(file, row, str(error), shown or error.content)
    except UnicodeEncodeError as error:
        return _quarantined(file, row, f"broken text: {error.reason} at {error.start}", shown)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return _quarantined(file, row, f"another schema than {dataset}'s: {error!r}", shown)
    seen.add(key)
    return cast("RawProblem", {**fields, "raw_id": key, "file": file, "row": row, "notes": draft.notes})


def _quarantined(file: str, row: int, reason: str, content: str) -> Quarantined:
    return {
        "file": file,
        "row": row,
        "reason": _clean(reason),
        "content": _clean(content[:KEPT_CHARACTERS]),
    }


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _split(file: str) -> str:
    found = _SPLIT.findall(file)
    name = found[-1].lower() if found else "train"
    return "validation" if name in ("valid", "validation", "dev") else name


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    if path.name.endswith((".jsonl", ".jsonl.gz", ".jsonl.zst")):
        yield from _json_rows(path)
        return
    number = 0
    for batch in _batches(path):
        for content in batch.to_pylist():
            yield number, content
            number += 1


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=64)  # rows with all their tests can be megabytes
        return
    with pa.memory_map(str(path)) as source:
        try:
            reader = pa.ipc.open_file(source)
            yield from (reader.get_batch(number) for number in range(reader.num_record_batches))
        except pa.ArrowInvalid:  # what `datasets` writes is the stream format, under the same suffix
            source.seek(0)
            yield from pa.ipc.open_stream(source)


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | BadRow]]:
    with open_bytes(path) as file:
        number = 0
        for line in file:
            if not line.strip():
                continue
            try:
                value = json.loads(line)
                if not isinstance(value, dict):
                    raise BadRow(f"no object: {type(value).__name__}")
                yield number, value
            except (ValueError, RecursionError) as error:
                bad = error if isinstance(error, BadRow) else BadRow(f"broken JSON: {error}")
                bad.content = line[:KEPT_CHARACTERS].decode("utf-8", "replace")
                yield number, bad
            number += 1
