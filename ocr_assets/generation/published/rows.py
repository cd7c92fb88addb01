"""The files of published datasets and their rows, as a stream: Parquet and JSON lines (plain, ``.gz``, ``.zst``).

Memory is bounded by a batch of rows: of Parquet as many as make about 64 MB by what the file says of itself, of JSON lines one. A
row that cannot be read comes as ``BadRow``; a file that cannot be read on raises ``BadInput`` after the rows before the fault.
What a row means is said by ``formats.py`` and ``own.py``.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocr_assets.generation.published.formats import Format, format_of
from ocr_assets.generation.published.own import NAME, read_own
from ocr_assets.platform.row_files import BadInput, open_bytes, schema_of
from ocr_assets.programs.published import BadRow

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")
BATCH_BYTES = 64_000_000
MOST_ROWS = 256
LONGEST_LINE = 512_000_000  # bytes; a file of one endless line must not fill the memory
VERSION = "1"  # of the readers: another one reads every file again
_COLUMNS_FROM = 100  # rows of JSON lines that are asked for their columns
Numbered = tuple[int, Mapping[str, Any] | BadRow]


@dataclass(frozen=True)
class PublishedFile:
    """A file of a published dataset. ``name``: its path below the root, by which rows are named; ``address``: as it was given."""

    path: Path
    name: str
    address: str
    format: Format

    @property
    def state(self) -> str:
        """What tells whether it has to be read again: size and time of the file, its column map, the version of the readers."""
        told = self.path.stat()
        beside = self.path.parent / NAME
        own = beside.read_bytes() if beside.is_file() else b""
        seen = f"{VERSION} {self.format.name} {told.st_size} {told.st_mtime_ns} ".encode() + own
        return hashlib.blake2b(seen, digest_size=10).hexdigest()


@dataclass(frozen=True)
class Unreadable:
    """A file of which nothing can be read, and why. ``name``: as of ``PublishedFile``."""

    name: str
    reason: str


def files_below(root: Path, address: str) -> list[PublishedFile | Unreadable]:
    """The files below a folder in the order of their names; a file whose columns nobody knows is ``Unreadable``.

    ``published.toml`` beside a file wins over what its columns give away. Raises ``BadInput`` where there is no file.
    """
    paths = sorted(path for path in root.rglob("*") if path.is_file() and path.name.endswith(SUFFIXES))
    if not paths:
        raise BadInput(f"{address}: no {', '.join(SUFFIXES)} file below {root}")
    found: list[PublishedFile | Unreadable] = []
    for path in paths:
        if any(part.startswith(".") for part in path.relative_to(root).parts):
            continue  # what a download keeps for itself
        name = path.relative_to(root).as_posix()
        try:
            found.append(PublishedFile(path, name, address, _format(path)))
        except BadInput as error:
            found.append(Unreadable(name, str(error)))
    return found


def _format(path: Path) -> Format:
    columns = _columns(path)
    own = read_own(path.parent)
    known = None if (path.parent / NAME).is_file() else format_of(columns)
    if known is not None:
        return known
    own.refuse_missing(columns, path)
    return own.format()


def _columns(path: Path) -> set[str]:
    schema = schema_of(path)
    if schema is not None:
        return set(schema.names)
    columns: set[str] = set()
    rows = (row for _, row in _json_rows(path, 0) if not isinstance(row, BadRow))
    for row, _ in zip(rows, range(_COLUMNS_FROM), strict=False):
        columns |= row.keys()
    if not columns:
        raise BadInput(f"{path}: no row of it can be read")
    return columns


def numbered_rows(file: PublishedFile, start: int = 0, columns: Sequence[str] | None = None) -> Iterator[Numbered]:
    """(row from 0, row) of a file from row ``start`` on; ``columns``: only these, as far as it has them. Raises ``BadInput``."""
    if file.path.suffix == ".parquet":
        yield from _parquet_rows(file.path, start, columns)
    else:
        yield from _json_rows(file.path, start)


def _parquet_rows(path: Path, start: int, columns: Sequence[str] | None) -> Iterator[Numbered]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as opened:
            names = None if columns is None else [name for name in opened.schema_arrow.names if name in set(columns)]
            for group in range(opened.num_row_groups):
                about = opened.metadata.row_group(group)
                if number + about.num_rows <= start:
                    number += about.num_rows
                    continue
                size = max(1, about.total_byte_size // max(1, about.num_rows))
                most = max(1, min(MOST_ROWS, BATCH_BYTES // size))
                for batch in opened.iter_batches(batch_size=most, row_groups=[group], columns=names, use_threads=False):
                    for row in _batch_rows(batch):
                        if number >= start:
                            yield number, row
                        number += 1
    except (pa.ArrowException, OSError, ValueError) as error:
        line = str(error).strip().partition("\n")[0]
        raise BadInput(f"{path}, from row {number}: cannot be read as Parquet ({line}); fetch it again or remove it") from error


def _batch_rows(batch: pa.RecordBatch) -> Iterator[Mapping[str, Any] | BadRow]:
    try:
        yield from batch.to_pylist()
        return
    except (UnicodeDecodeError, OverflowError):  # one row spoils the batch; pylist is made whole before the first is given
        pass
    for number in range(batch.num_rows):
        try:
            yield from batch.slice(number, 1).to_pylist()
        except (UnicodeDecodeError, OverflowError) as error:
            yield BadRow(f"broken text: {error}")


def _json_rows(path: Path, start: int) -> Iterator[Numbered]:
    import zstandard

    number = 0
    try:
        with open_bytes(path) as opened:
            while line := opened.readline(LONGEST_LINE):
                whole = line.endswith(b"\n") or len(line) < LONGEST_LINE
                while not whole:
                    rest = opened.readline(1 << 20)
                    whole = not rest or rest.endswith(b"\n")
                    line = b""
                if line and not line.strip():
                    continue
                if number >= start:
                    yield number, _object(line) if line else BadRow(f"too long: a line of more than {LONGEST_LINE:,} bytes")
                number += 1
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise BadInput(f"{path}, after row {number - 1}: cannot be read on ({error}); it is damaged or cut off") from error


def _object(line: bytes) -> Mapping[str, Any] | BadRow:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRow(f"broken JSON: {error}")
    return value if isinstance(value, dict) else BadRow(f"no object: {type(value).__name__}")
