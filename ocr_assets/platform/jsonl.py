"""JSON lines, plain or compressed, with errors that name file, line and mend."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import zstandard


class BadLine(ValueError):
    """A line of a file cannot be used; the message names the file, the line and what to change."""


def open_bytes(path: Path) -> IO[bytes]:
    """A file to read, unpacked if it is .gz or .zst."""
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return io.BufferedReader(cast("io.RawIOBase", zstandard.open(path, "rb")))  # the bare reader has no lines
    return path.open("rb")


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number from 1, object) of each line that is not blank."""
    with open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line.rstrip())
            except json.JSONDecodeError as error:
                raise BadLine(
                    f"{path}, line {number}: not JSON ({error.msg} at column {error.colno}); write one object a line"
                ) from error
            except UnicodeDecodeError as error:
                raise BadLine(f"{path}, line {number}: not UTF-8 (byte {error.start}); save the file as UTF-8") from error
            except (ValueError, RecursionError) as error:  # a number of thousands of digits, arrays nested without end
                raise BadLine(f"{path}, line {number}: cannot be read as JSON ({error})") from error
            if not isinstance(value, dict):
                raise BadLine(f"{path}, line {number}: {type(value).__name__} instead of an object")
            yield number, value


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row number, row) of a Parquet file (from 0) or of JSON lines (line number from 1)."""
    if path.suffix != ".parquet":
        yield from read_jsonl(path)
        return
    import pyarrow.parquet as pq

    number = 0
    for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
        for row in batch.to_pylist():
            yield number, row
            number += 1
