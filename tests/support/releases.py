"""Releases for tests of those who read them, written without a run."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from ocr_assets.exports.profiles import PROFILES
from ocr_assets.exports.writer import SPLIT, write_release
from resources.lake import Lake


def write_profile(lake: Lake, profile: str, folder: Path, **settings: Any) -> Path:
    """Write a release of ``profile`` from what the lake holds now into ``folder``; returns the folder."""
    made = PROFILES[profile]
    release = made.make(made.settings(**settings), made.table)
    query = f"SELECT *, 'train' AS {SPLIT} FROM ({release.rows}) ORDER BY \"{made.table.key[0]}\""
    batches: list[pa.RecordBatch] = list(lake.batches(query))
    head = "---\nconfigs:\n- config_name: default\n  description: {}\n  data_files:\n  - split: train\n    path: data/train-*.parquet\n---\n"
    write_release(folder, batches, made.table.schema, {"version": profile}, lambda whole: head.format(folder))
    return folder
