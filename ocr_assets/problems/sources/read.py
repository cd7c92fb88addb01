"""Reading a folder of source files, row by row, in bounded memory (Parquet, Arrow, JSONL, also .gz and .zst), into the lake.

What a row's columns mean is said by the readers (a module a source). A row or file that cannot be read becomes a ``Quarantined``
row with its reason; the others go on.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from ocr_assets.platform.row_files import open_bytes
from ocr_assets.problems.sources import READERS, BadRow, ParsedProblem
from ocr_assets.problems.sources.published import problem_rows
from ocr_assets.programs.statements import multiple_answers_hint, stated_tolerance
from ocr_assets.programs.suites import SUITE_FIELDS, suite_row
from ocr_assets.schema import RAW_PROBLEMS, TEST_SUITES, Dataset, RawProblem, TestSuite, json_text, nth_raw_id, raw_id
from resources.lake import Gone, Quarantined, Write

SUFFIXES = (".parquet", ".arrow", ".feather", ".jsonl", ".jsonl.gz", ".jsonl.zst")
KEPT_CHARACTERS = 10_000
FILE_ROW = -1  # the row number under which a whole file is quarantined
_SPLIT = re.compile(r"(?:^|[^a-z])(train|test|valid(?:ation)?|dev)(?:[^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class SourceRow:
    """A row that could be read: the problem, and its test suite, which is stored apart.

    ``named``: the source itself gives the row a name; otherwise its index is the line it stands in.
    """

    problem: RawProblem
    suite: TestSuite
    named: bool


def read_source(folder: Path, dataset: Dataset) -> Iterator[SourceRow | Quarantined]:
    """Every row of every file below ``folder``, files in the order of their names.

    Raises ``FileNotFoundError`` if there is no file that can be read.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.endswith(SUFFIXES))
    if not files:
        raise FileNotFoundError(f"{dataset}: no {', '.join(SUFFIXES)} file below {folder}")
    seen: Counter[str] = Counter()
    for path in files:
        name = str(path.relative_to(folder))
        row = FILE_ROW
        try:
            for row, content in _rows(path):
                yield _read_row(dataset, name, row, content, seen)
        except (OSError, EOFError, zlib.error, zstandard.ZstdError, pa.ArrowException, UnicodeDecodeError) as error:
            remedy = "fetch it again or remove it; rows before the fault were kept"
            yield _quarantined(name, FILE_ROW, f"unreadable file: after row {row}: {error}; {remedy}", "")


def read_published(roots: Sequence[tuple[str, Path]]) -> Iterator[SourceRow | Quarantined]:
    """The problems that published answers bring with them, each once (``published.py``). ``roots``: (address, folder).

    Raises ``BadInput`` where a folder holds no file that can be read.
    """
    for file, row, problem in problem_rows(roots):
        try:
            if isinstance(problem, BadRow):
                raise problem
            yield placed("published", file, row, problem)
        except (BadRow, UnicodeEncodeError) as error:
            reason = str(error) if isinstance(error, BadRow) else f"broken text: {error.reason} at {error.start}"
            yield _quarantined(file, row, reason, "")


def store_rows(write: Write, dataset: Dataset, rows: Iterable[SourceRow | Quarantined]) -> None:
    """Stage the rows of one source in place of those it had: problems, suites that are new, and what cannot be used."""
    left = f"'no longer in its source {dataset}: it was row ' || t.row || ' of ' || t.file"
    problems = write.sync(RAW_PROBLEMS, where={"dataset": dataset}, gone=Gone("t.origin", left))
    quarantined = write.quarantine(scope=dataset)
    suites = write.append(TEST_SUITES)
    staged: set[str] = set()  # problems can have equal suites, such as none
    for row in rows:
        if not isinstance(row, SourceRow):
            quarantined.add(row)
            continue
        problems.add(row.problem)
        if row.suite["suite_id"] not in staged:
            staged.add(row.suite["suite_id"])
            suites.add(row.suite)


def _read_row(
    dataset: Dataset, file: str, row: int, content: Mapping[str, Any] | BadRow, seen: Counter[str]
) -> SourceRow | Quarantined:
    """One row, or why it cannot be used. ``seen``: how many rows before had the same content (and name); this one is added.

    A row that the source names is the same row when it comes again, and is left out. Equal rows without names are as many rows,
    told apart by their number.
    """
    shown = "" if isinstance(content, BadRow) else json.dumps(content, default=str, ensure_ascii=False)
    try:
        if isinstance(content, BadRow):
            raise content
        source_row = parsed_row(dataset, file, row, content)
        first = source_row.problem["raw_id"]
        if source_row.named and seen[first]:
            raise BadRow("doubled row: the same row was read before")
    except BadRow as error:
        return _quarantined(file, row, str(error), shown or error.content)
    except UnicodeEncodeError as error:
        return _quarantined(file, row, f"broken text: {error.reason} at {error.start}", shown)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return _quarantined(file, row, f"another schema than {dataset}'s: {error!r}", shown)
    source_row.problem["raw_id"] = nth_raw_id(first, seen[first])
    seen[first] += 1
    return source_row


def parsed_row(dataset: Dataset, file: str, row: int, content: Mapping[str, Any]) -> SourceRow:
    """What the source's reader makes of ``content``, with the row's place and ids, and what its statement says of grading.

    The id is that of the first row with this content (``nth_raw_id``).

    Raises ``BadRow``, or what a reader raises on a row of another schema; ``UnicodeEncodeError`` where text is broken.
    """
    return placed(dataset, file, row, READERS[dataset](content))


def placed(dataset: Dataset, file: str, row: int, problem: ParsedProblem) -> SourceRow:
    """A problem as a reader made it, with place, ids and what its statement says of grading. Raises ``UnicodeEncodeError``."""
    named = problem.index is not None
    judged_by_program = problem.checker is not None or problem.interactor is not None
    if problem.compare is None and not judged_by_program:
        problem.compare = stated_tolerance(problem.statement)
    fields = vars(problem) | {
        "dataset": dataset,
        "split": problem.split or _split(file),
        "index": str(row) if problem.index is None else problem.index,
        "multiple_answers_hint": None if judged_by_program else multiple_answers_hint(problem.statement),
    }
    fields["origin"] = f"{dataset}/{fields['split']}/{fields['index']}"
    notes = fields.pop("notes")  # not part of what the id is made of
    # Arrow cannot hold lone surrogates; such text is rare and always broken.
    json_text(fields).encode("utf-8")
    fields["raw_id"] = raw_id(fields, named=named)
    suite = suite_row({name: fields.pop(name) for name in SUITE_FIELDS})
    placed = {**fields, "suite_id": suite["suite_id"], "file": file, "row": row, "notes": notes}
    return SourceRow(cast("RawProblem", placed), suite, named)


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
    splits = _SPLIT.findall(file)
    name = splits[-1].lower() if splits else "train"
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
