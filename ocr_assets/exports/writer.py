"""Rows to a folder of Parquet shards, with card and manifest. The manifest comes last: a folder that has one is whole.

Where a release's folders lie, and how a new one takes the old one's place, is ``ocr_assets/platform/release_folders.py``.
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

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ocr_assets.platform.release_folders import MANIFEST

ROWS_PER_SHARD = 20_000  # about 250 MB of compressed R1 text


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
    rows_per_shard: int = ROWS_PER_SHARD,
    split: str | None = "language",
) -> Written:
    """Write shards, card and manifest for ``batches`` into ``folder``.

    Args:
        folder: where they are written; what lies there is removed first.
        batches: rows with the columns of ``schema``, ordered by ``split``; each value of it has shards of its own.
        manifest: what the manifest says beside the time, the rows per split and the files' hashes; ``version`` at least.
        card: the text of the dataset card, from the whole manifest.
        rows_per_shard: rows of a shard at most.
        split: the column that names a row's split; null: all rows are ``train``.
    """
    if folder.exists():
        shutil.rmtree(folder)
    (folder / "data").mkdir(parents=True)
    shards = _Shards(folder / "data", schema, rows_per_shard)
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
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((folder / "data").glob("*.parquet"))
        },
    }
    (folder / "README.md").write_text(card(whole), encoding="utf-8")
    (folder / MANIFEST).write_text(json.dumps(whole, indent=2) + "\n")
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
