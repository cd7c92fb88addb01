"""Rows to a folder of Parquet shards, with card and manifest. The manifest comes last: a folder that has one is whole.

The same rows in the same order are the same bytes, however they arrive: where a row group or a shard ends follows from the rows
alone. Memory holds one row group. Where a release's folders lie, and how a new one takes the old one's place, is
``ocr_assets/platform/release_folders.py``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ocr_assets.platform.release_folders import MANIFEST

SPLIT = "released_split"  # the column of what is written that names a row's split; no column of the release


@dataclass(frozen=True)
class Sizes:
    """Where a row group and a shard end: after so many rows, or bytes of their values. One row is never too large."""

    group_rows: int = 2_000
    group_bytes: int = 32 << 20  # what a reader that streams holds in memory
    shard_rows: int = 20_000  # about 250 MB of compressed R1 text
    shard_bytes: int = 2 << 30


@dataclass(frozen=True)
class Written:
    """What was written: folder, rows per split, and the version it was given."""

    folder: Path
    rows: Mapping[str, int]
    version: str


def write_release(
    folder: Path,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    manifest: Mapping[str, Any],
    card: Callable[[Mapping[str, Any]], str],
    sizes: Sizes | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> Written:
    """Write shards, card and manifest for ``batches`` into ``folder``.

    Args:
        folder: where they are written; what lies there is removed first.
        batches: rows with the columns of ``schema`` and ``SPLIT``, ordered by the latter; each value of it has shards of its own.
        manifest: what the manifest says beside the time, the rows per split and the files' hashes; ``version`` at least.
        card: the text of the dataset card, from the whole manifest.
        sizes: where shards and row groups end.
        pictures: file name → PNG, laid into ``plots``.
    """
    if folder.exists():
        shutil.rmtree(folder)
    (folder / "data").mkdir(parents=True)
    shards = _Shards(folder / "data", schema, sizes or Sizes())
    for batch in batches:
        names = batch.column(SPLIT)
        rows = batch.select(schema.names)
        for name in pc.unique(names):
            shards.add(str(name), rows.filter(pc.equal(names, name)))
    shards.close()
    if pictures:
        (folder / "plots").mkdir()
        for name, png in pictures.items():
            (folder / "plots" / name).write_bytes(png)
    written = sorted(path for part in ("data", "plots") for path in (folder / part).glob("*"))
    whole = {
        **manifest,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": shards.rows,
        "files": {str(path.relative_to(folder)): _digest(path) for path in written},
        "bytes": {str(path.relative_to(folder)): path.stat().st_size for path in written},
    }
    (folder / "README.md").write_text(card(whole), encoding="utf-8")
    (folder / MANIFEST).write_text(json.dumps(whole, indent=2) + "\n")
    return Written(folder, shards.rows, str(whole["version"]))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Shards:
    """Parquet files ``<split>-00000.parquet`` …"""

    def __init__(self, folder: Path, schema: pa.Schema, sizes: Sizes) -> None:
        self._folder, self._schema, self._sizes = folder, schema, sizes
        self._writer: pq.ParquetWriter | None = None
        self._split, self._number = "", 0
        self._shard_rows = self._shard_bytes = 0
        self._group: list[pa.RecordBatch] = []
        self._group_rows = self._group_bytes = 0
        self.rows: dict[str, int] = {}

    def add(self, split: str, batch: pa.RecordBatch) -> None:
        """Add rows behind those that were added before."""
        sums = np.cumsum(row_bytes(batch))
        start = 0
        while start < batch.num_rows:
            if self._writer is None or split != self._split or self._is_full:
                self._open(split)
            room = self._sizes.group_bytes - self._group_bytes + (int(sums[start - 1]) if start else 0)
            most = min(self._sizes.group_rows, self._sizes.shard_rows - self._shard_rows) - self._group_rows
            end = min(int(np.searchsorted(sums, room, side="right")), start + most)
            if end <= start and not self._group:
                end = start + 1
            if end > start:
                self._group.append(batch.slice(start, end - start))
                self._group_rows += end - start
                self._group_bytes += int(sums[end - 1] - (sums[start - 1] if start else 0))
            if end < batch.num_rows or most == end - start:
                self._end_group()
            start = max(end, start)

    @property
    def _is_full(self) -> bool:
        return self._shard_rows >= self._sizes.shard_rows or self._shard_bytes >= self._sizes.shard_bytes

    def _end_group(self) -> None:
        if not self._group:
            return
        assert self._writer is not None
        # In one piece: where pages end must not follow from how the rows arrived.
        table = pa.Table.from_batches([batch.cast(self._schema) for batch in self._group]).combine_chunks()
        self._writer.write_table(table, row_group_size=table.num_rows)
        self.rows[self._split] = self.rows.get(self._split, 0) + table.num_rows
        self._shard_rows += table.num_rows
        self._shard_bytes += self._group_bytes
        self._group, self._group_rows, self._group_bytes = [], 0, 0

    def _open(self, split: str) -> None:
        self.close()
        self._number = self._number + 1 if split == self._split else 0
        self._split, self._shard_rows, self._shard_bytes = split, 0, 0
        path = self._folder / f"{split}-{self._number:05d}.parquet"
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def close(self) -> None:
        """End the last shard."""
        if self._writer is not None:
            self._end_group()
            self._writer.close()
            self._writer = None


def row_bytes(values: Any) -> npt.NDArray[np.int64]:
    """About how many bytes each row of a batch or array holds: those of its texts, and eight for any other value. What it says
    follows from the values alone."""
    if isinstance(values, pa.RecordBatch):
        return _sum([row_bytes(column) for column in values.columns], values.num_rows)
    kind = values.type
    if pa.types.is_struct(kind):
        return _sum([row_bytes(field) for field in values.flatten()], len(values))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        ends = np.concatenate([[0], np.cumsum(_plain(pc.list_value_length(values)))])
        sums = np.concatenate([[0], np.cumsum(row_bytes(values.flatten()))])
        found: npt.NDArray[np.int64] = sums[ends[1:]] - sums[ends[:-1]]
        return found
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _plain(pc.binary_length(values))
    return np.full(len(values), 8, np.int64)


def _sum(parts: list[npt.NDArray[np.int64]], rows: int) -> npt.NDArray[np.int64]:
    return np.sum(parts, axis=0, dtype=np.int64) if parts else np.zeros(rows, np.int64)


def _plain(numbers: Any) -> npt.NDArray[np.int64]:
    return np.asarray(numbers.fill_null(0).to_numpy(zero_copy_only=False), np.int64)


__all__ = ["SPLIT", "Sizes", "Written", "row_bytes", "write_release"]
