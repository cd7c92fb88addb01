"""Rows of files, read and written as a stream: JSON lines (plain, ``.gz``, ``.zst``) and Parquet.

What belongs here: opening, decoding and encoding files row by row, with errors that name file, row and mend. What the rows
mean is the caller's matter; the terminal's part (options, progress bars, exit codes) is in ``ocr_assets/cli/files.py``.
Memory stays flat: JSON lines are handled one by one, Parquet in groups of at most 1,000 rows or 16 MiB of text.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]

ROWS_READ_AT_ONCE = 256
ROWS_IN_A_GROUP = 1_000
TEXT_IN_A_GROUP = 16 << 20  # characters

__all__ = [
    "BadInput", "Refuse", "encoded", "open_bytes", "place_of",
    "read_jsonl", "read_rows", "schema_of", "write_lines", "write_rows",
]  # fmt: skip


class BadInput(ValueError):
    """A file that the user gave cannot be used; the message names the file, the row and what to change."""


Refuse = Callable[[BadInput], None]


def open_bytes(path: Path) -> IO[bytes]:
    """A file to read, unpacked if it is .gz or .zst."""
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return io.BufferedReader(_Zstd(path))
    return path.open("rb")


class _Zstd(io.RawIOBase):
    """A .zst file unpacked, all its frames; ``EOFError`` where it is cut off (zstandard's own reader just ends there)."""

    def __init__(self, path: Path) -> None:
        import zstandard

        self._frames = zstandard.ZstdDecompressor()
        self._file = path.open("rb")
        self._frame = self._frames.decompressobj()
        self._begun = False  # within a frame
        self._unpacked = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._unpacked:
            packed = self._file.read(8192)  # little, as it may unpack to much
            if not packed:
                if self._begun:
                    raise EOFError("the compressed data ends early")
                return 0
            unpacked = []
            while packed:
                self._begun = True
                unpacked.append(self._frame.decompress(packed))
                packed = self._frame.unused_data if self._frame.eof else b""
                if self._frame.eof:
                    self._frame, self._begun = self._frames.decompressobj(), False
            self._unpacked = memoryview(b"".join(unpacked))
        size = min(len(buffer), len(self._unpacked))
        buffer[:size] = self._unpacked[:size]
        self._unpacked = self._unpacked[size:]
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


def place_of(path: Path, number: int) -> str:
    """How messages name a row: ``x.jsonl, line 3`` (from 1) or ``x.parquet, row 0`` (from 0)."""
    return f"{path}, {'row' if path.suffix == '.parquet' else 'line'} {number}"


def read_rows(path: Path, refuse: Refuse | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row number, row) of a Parquet file (from 0) or of JSON lines (line number from 1). Raises ``BadInput``, as ``read_jsonl``
    does."""
    return _read_parquet(path) if path.suffix == ".parquet" else read_jsonl(path, refuse)


def read_jsonl(path: Path, refuse: Refuse | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of each line that is not blank. Raises ``BadInput`` at the first line it cannot use, or tells
    ``refuse`` and goes on; a file that cannot be read on is raised in any case."""
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            value = _object(line, place_of(path, number))
        except BadInput as error:
            if refuse is None:
                raise
            refuse(error)
        else:
            yield number, value


def _object(line: bytes, place: str) -> dict[str, Any]:
    try:
        value = json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        raise BadInput(f"{place}: not JSON ({error.msg} at column {error.colno}); write one object a line") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{place}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, arrays nested without end
        raise BadInput(f"{place}: cannot be read as JSON ({error})") from error
    if not isinstance(value, dict):
        raise BadInput(f"{place}: {type(value).__name__} instead of an object")
    return value


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, line). A compressed file that is cut off or damaged is ``BadInput``."""
    damage: tuple[type[Exception], ...] = (EOFError, OSError, zlib.error)  # what gzip raises, and the file system
    if path.suffix == ".zst":
        import zstandard

        damage = (*damage, zstandard.ZstdError)
    number = 0
    try:
        with open_bytes(path) as file:
            for number, line in enumerate(file, 1):
                yield number, line
    except damage as error:
        raise BadInput(f"{path}, after line {number}: cannot be read on ({error}); the file is damaged or cut off") from error


def _read_parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS_READ_AT_ONCE):
            for row in batch.to_pylist():
                yield number, row
                number += 1
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}, from row {number}: cannot be read as Parquet ({_first_line(error)})") from error


def schema_of(path: Path) -> pa.Schema | None:
    """The columns of a Parquet file with their types; None for JSON lines, which declare none. Raises ``BadInput``."""
    if path.suffix != ".parquet":
        return None
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: cannot be read as Parquet ({_first_line(error)})") from error


def write_rows(rows: Iterable[Row], path: Path, declared: pa.Schema | None = None) -> int:
    """Write rows to ``path`` and return how many: Parquet or JSON lines (plain, .gz, .zst), by the name's ending.

    The rows go to ``<path>.partial`` and are moved to ``path`` when all are there, so a file of that name is always whole.
    After a failure the partial JSON lines stay, if there are any; each line of a plain file is on disk as soon as it is known.

    ``declared``: types of columns that are known beforehand, in Parquet's case. Other columns take the type that the first
    rows (1,000 or 16 MiB of text) suggest. Raises ``BadInput`` if a later row has other columns or does not fit.
    """
    partial = path.with_name(path.name + ".partial")
    is_parquet = path.suffix == ".parquet"
    count = 0

    def counted() -> Iterator[Row]:
        nonlocal count
        for row in rows:
            yield row
            count += 1

    try:
        if is_parquet:
            _write_parquet(counted(), partial, path, declared)
        else:
            with _packed(partial, path.suffix) as file:
                write_lines(counted(), file)
        partial.replace(path)
    except BaseException:
        if is_parquet or count == 0:
            partial.unlink(missing_ok=True)
        raise
    return count


def write_lines(rows: Iterable[Row], file: IO[bytes]) -> None:
    """Write one JSON object a line, each as soon as it is known."""
    for row in rows:
        file.write(encoded(row) + b"\n")
        if isinstance(file, io.BufferedWriter):
            file.flush()


def encoded(row: Row) -> bytes:
    """A row as compact JSON in UTF-8. Days and times become ISO text, a decimal its digits; NaN and infinities become null."""
    try:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(row), ensure_ascii=False, separators=(",", ":"), default=_plain)
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate: JSON can say it only as an escape
        return json.dumps(json.loads(text), separators=(",", ":")).encode()


def _plain(value: object) -> object:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise BadInput(f"a value of type {type(value).__name__} cannot be written as JSON; write Parquet (-o NAME.parquet)")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, list | tuple) else value


@contextlib.contextmanager
def _packed(path: Path, suffix: str) -> Iterator[IO[bytes]]:
    """A file to write, packed if ``suffix`` is .gz or .zst."""
    with path.open("wb") as plain:
        if suffix == ".gz":
            with gzip.GzipFile(filename="", fileobj=plain, mode="wb", compresslevel=6, mtime=0) as packed:
                yield cast("IO[bytes]", packed)
        elif suffix == ".zst":
            import zstandard

            with zstandard.ZstdCompressor().stream_writer(plain, closefd=False) as packed_zst:
                yield cast("IO[bytes]", packed_zst)
        else:
            yield plain


def _write_parquet(rows: Iterable[Row], partial: Path, path: Path, declared: pa.Schema | None) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema: pa.Schema | None = None
    written = 0
    with contextlib.ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for group in _groups(rows):
            schema = schema or _schema(group, declared, path)
            writer = writer or _opened(stack, partial, path, schema)
            writer.write_table(_table(group, schema, path, written))
            written += len(group)
        if writer is None:
            _opened(stack, partial, path, declared or pa.schema([]))


def _opened(stack: contextlib.ExitStack, partial: Path, path: Path, schema: pa.Schema) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return stack.enter_context(pq.ParquetWriter(partial, schema, compression="zstd"))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:  # such as an object without any field
        raise BadInput(f"{path}: Parquet cannot hold these columns ({_first_line(error)}); write JSON lines instead") from error


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows in groups that fit into memory."""
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += _text_in(row)
        if len(group) >= ROWS_IN_A_GROUP or size >= TEXT_IN_A_GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _text_in(value: Any) -> int:
    """About how many characters of text a value holds."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_text_in, value.values()))
    return sum(map(_text_in, value)) if isinstance(value, list | tuple) else 8


def _schema(first: Sequence[Row], declared: pa.Schema | None, path: Path) -> pa.Schema:
    """Columns in order of appearance: declared ones as declared, others as the first rows suggest."""
    import pyarrow as pa

    names = dict.fromkeys(name for row in first for name in row)
    known = {} if declared is None else {name: declared.field(name).type for name in declared.names}
    fields = []
    for name in names:
        try:
            kind = known[name] if name in known else pa.array([row.get(name) for row in first]).type
        except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
            raise BadInput(
                f"{path}: column {name} has no one type in the first {len(first):,} rows ({_first_line(error)}); "
                "write JSON lines instead"
            ) from error
        fields.append(pa.field(name, kind))
    return pa.schema(fields)


def _table(group: Sequence[Row], schema: pa.Schema, path: Path, start: int) -> pa.Table:
    """A group of rows as a table. Raises ``BadInput`` naming the first row that does not fit, counted from 0."""
    import pyarrow as pa

    whole = pa.struct(list(schema))
    for number, row in enumerate(group, start):
        unknown = _unknown_field(row, whole)
        if unknown:
            raise BadInput(f"{path}, row {number}: no row before has `{unknown}`; write JSON lines, or give every row the field")
    failures = (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError)
    try:
        return pa.Table.from_pylist([dict(row) for row in group], schema=schema)
    except failures as error:
        for number, row in enumerate(group, start):
            for field in schema:
                try:
                    pa.array([row.get(field.name)], field.type)
                except failures as misfit:
                    kind = "always null" if pa.types.is_null(field.type) else str(field.type)
                    raise BadInput(
                        f"{path}, row {number}: `{field.name}` was {kind} in the rows before, this does not fit "
                        f"({_first_line(misfit)}); write JSON lines instead"
                    ) from error
        raise


def _unknown_field(value: Any, kind: pa.DataType, name: str = "") -> str | None:
    """The first field of an object, however deep, that its struct type has not: Arrow would leave it out silently."""
    import pyarrow as pa

    if pa.types.is_struct(kind) and isinstance(value, Mapping):
        for key, inner in value.items():
            inside = f"{name}.{key}" if name else str(key)
            index = kind.get_field_index(key)
            unknown = inside if index < 0 else _unknown_field(inner, kind.field(index).type, inside)
            if unknown:
                return unknown
    elif pa.types.is_list(kind) and isinstance(value, list | tuple) and pa.types.is_nested(kind.value_type):
        return next((unknown for item in value if (unknown := _unknown_field(item, kind.value_type, name))), None)
    return None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
