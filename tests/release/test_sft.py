"""Release files: shards, filters, and a swap that is never half done."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_assets.records import SFT_DATASET
from ocr_assets.release.sft import Filters, current_version, write_release

CARD = {"funnel": [], "verdicts": [], "licenses": [], "run_id": "r"}


def rows(language: str, count: int, start: int = 0) -> list[dict]:
    row = {
        column.name: [] if pa.types.is_list(column.type) else None if column.nullable else 0 if pa.types.is_integer(column.type)
        else False if pa.types.is_boolean(column.type) else "x" for column in SFT_DATASET.columns
    }  # fmt: skip
    return [
        {**row, "id": f"{language}{start + number:04d}", "language": language, "parse_status": "ok"} for number in range(count)
    ]


def test_shards_hold_every_row_once_in_order(tmp_path: Path) -> None:
    batches = [
        SFT_DATASET.batch(rows("cpp", 3)),
        SFT_DATASET.batch(rows("cpp", 4, 3) + rows("python", 5)),
        SFT_DATASET.batch(rows("python", 9, 5)),
    ]
    release = write_release(tmp_path / "out", batches, Filters(), "v1", CARD, rows_per_shard=6)
    assert release.rows == {"cpp": 7, "python": 14}
    names = sorted(path.name for path in (tmp_path / "out" / "data").iterdir())
    assert names == [
        "cpp-00000.parquet",
        "cpp-00001.parquet",
        "python-00000.parquet",
        "python-00001.parquet",
        "python-00002.parquet",
    ]
    ids = [i for name in names for i in pq.read_table(tmp_path / "out" / "data" / name).column("id").to_pylist()]
    assert ids == [f"cpp{n:04d}" for n in range(7)] + [f"python{n:04d}" for n in range(14)]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sorted(manifest["files"]) == [f"data/{name}" for name in names]
    assert current_version(tmp_path / "out") == "v1"


def test_a_release_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    write_release(tmp_path / "out", [SFT_DATASET.batch(rows("cpp", 1))], Filters(), "v1", CARD)

    def breaking():
        yield SFT_DATASET.batch(rows("cpp", 2))
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_release(tmp_path / "out", breaking(), Filters(), "v2", CARD)
    assert current_version(tmp_path / "out") == "v1"
    assert pq.read_table(tmp_path / "out" / "data").num_rows == 1


def test_filters_say_why() -> None:
    assert "not accepted" in Filters(keep="accepted").drop_reason_sql()
    assert "not accepted" not in Filters().drop_reason_sql()
    assert "'filter: language '" in Filters(languages=("python",)).drop_reason_sql()
