"""Rows to a folder of Parquet shards, with manifest and card, swapped in whole: a reader never sees half a release."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROWS_PER_SHARD = 20_000  # about 250 MB of compressed R1 text


@dataclass(frozen=True)
class Written:
    """What was written: folder, rows per split, and the version it was given."""

    folder: Path
    rows: Mapping[str, int]
    version: str


def current_version(folder: Path) -> str | None:
    """Version of the release that lies there, if one does."""
    manifest = folder / "manifest.json"
    return str(json.loads(manifest.read_text())["version"]) if manifest.is_file() else None


def write_release(
    folder: Path,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    manifest: Mapping[str, Any],
    card: Callable[[Mapping[str, Any]], str],
    rows_per_shard: int = ROWS_PER_SHARD,
    split: str | None = "language",
) -> Written:
    """Write shards, manifest and card for ``batches`` and swap them in.

    Args:
        folder: where the release will lie; what lies there is gone only after the new one is whole.
        batches: rows with the columns of ``schema``, ordered by ``split``; each value of it has shards of its own.
        manifest: what the manifest says beside the time, the rows per split and the files' hashes; ``version`` at least.
        card: the text of the dataset card, from the whole manifest.
        rows_per_shard: rows of a shard at most.
        split: the column that names a row's split; null: all rows are ``train``.
    """
    building = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    (building / "data").mkdir(parents=True)
    shards = _Shards(building / "data", schema, rows_per_shard)
    for batch in batches:
        if split is None:
            shards.add("train", batch)
            continue
        names = batch.column(split)
        for name in pc.unique(names):
            shards.add(str(name), batch.filter(pc.equal(names, name)))
    shards.close()
    whole = {
        **manifest,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": shards.rows,
        "files": {
            str(path.relative_to(building)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((building / "data").glob("*.parquet"))
        },
    }
    (building / "manifest.json").write_text(json.dumps(whole, indent=2) + "\n")
    (building / "README.md").write_text(card(whole), encoding="utf-8")
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    building.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return Written(folder, shards.rows, str(whole["version"]))


class _Shards:
    """Parquet files ``<language>-00000.parquet`` …, each of at most ``rows_per_shard`` rows."""

    def __init__(self, folder: Path, schema: pa.Schema, rows_per_shard: int) -> None:
        self._folder, self._schema, self._limit = folder, schema, rows_per_shard
        self._writer: pq.ParquetWriter | None = None
        self._language, self._in_shard, self._number = "", 0, 0
        self.rows: dict[str, int] = {}

    def add(self, language: str, batch: pa.RecordBatch) -> None:
        while batch.num_rows:
            if self._writer is None or language != self._language or self._in_shard >= self._limit:
                self._open(language)
            assert self._writer is not None
            part = batch.slice(0, self._limit - self._in_shard)
            self._writer.write_batch(part.cast(self._schema))
            self._in_shard += part.num_rows
            self.rows[language] = self.rows.get(language, 0) + part.num_rows
            batch = batch.slice(part.num_rows)

    def _open(self, language: str) -> None:
        self.close()
        self._number = self._number + 1 if language == self._language else 0
        self._language, self._in_shard = language, 0
        path = self._folder / f"{language}-{self._number:05d}.parquet"
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
