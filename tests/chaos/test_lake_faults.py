"""Faults of disk, catalog, files and clock: a write ends as an undisturbed one, or in one error with nothing half-written."""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ocr_assets.schema import PROMPTS
from resources.lake import Lake, RunInfo
from resources.lake import write as writing
from resources.lake.catalog import DiskFull
from resources.lake.journal import Journal
from tests.support.lakes import new_lake
from tests.support.rows import row_of
from tests.support.size import size

RUN = RunInfo("run")
ROWS = 300


def prompts(number: int, characters: int = 0) -> list[Mapping[str, Any]]:
    """Rows whose text does not compress."""
    return [
        row_of(PROMPTS, prompt_hash=f"{number:03} {row:04}", template_hash="h", messages=os.urandom(characters // 2 or 1).hex())
        for row in range(ROWS)
    ]


def publish(lake: Lake, number: int, characters: int = 0) -> None:
    with lake.write(RUN, "prompts") as write:
        rows = prompts(number, characters)
        write.sync(PROMPTS, rows)
        write.edges([{"child": row["prompt_hash"], "parent": f"{number}", "relation": "derived", "reason": ""} for row in rows])


def contents(lake: Lake) -> list[Any]:
    """All that a write changes."""
    return [
        lake.rows("FROM prompts ORDER BY ALL"),
        lake.rows("SELECT child, parent FROM record_edge ORDER BY ALL"),
        lake.rows("SELECT dataset, data_version, rows FROM dataset_version ORDER BY ALL"),
        lake.scalar("SELECT count(*) FROM lake.snapshots()"),
    ]


def numbers(lake: Lake) -> list[str]:
    return [row["n"] for row in lake.rows("SELECT DISTINCT left(prompt_hash, 3) AS n FROM prompts ORDER BY ALL")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a disk of the test's own cannot be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.long
def test_a_disk_that_is_full_in_the_middle_of_a_write_leaves_what_was_there(small_disk: Path) -> None:
    with new_lake(small_disk / "lake") as lake:
        publish(lake, 1)
        before = contents(lake)
        with pytest.raises(DiskFull, match="lake: the disk is full, and nothing was written; make room"):
            publish(lake, 2, characters=80_000)
        assert contents(lake) == before
    with new_lake(small_disk / "lake") as lake:  # as the next run finds it
        assert contents(lake) == before
        publish(lake, 2)
        assert numbers(lake) == ["002"]


def test_a_disk_that_becomes_full_at_any_moment_of_a_commit_leaves_what_was_there(small_disk: Path) -> None:
    """So little is left that the rows, or the catalog's pages, or its index of pages in waiting find no room."""
    ballast, refused = small_disk / "ballast", 0
    with new_lake(small_disk / "lake") as lake:
        publish(lake, 1)
        for number, left in enumerate((0, 20_000, 60_000, 80_000, 1 << 20), 2):
            before = contents(lake)
            with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))
            os.truncate(ballast, ballast.stat().st_size - left)
            try:
                publish(lake, number)
            except DiskFull as error:
                refused += 1
                assert "make room and run again" in str(error)
            ballast.unlink()
            assert (contents(lake) == before) == (numbers(lake) != [f"{number:03}"])
            assert lake.state("prompts")[0] == len(lake.rows("FROM prompts"))
        assert numbers(lake) == ["006"] and refused >= 3, "with room enough it is written"


def test_a_disk_that_is_full_says_so_before_an_answer_counts_as_kept(small_disk: Path) -> None:
    kept = 0
    with Journal(small_disk, "answers") as journal, pytest.raises(OSError, match=r"the disk is full; make room|No space left"):
        for number in range(100):
            journal.append({"number": number, "content": "x" * 200_000})
            kept += 1
    assert 10 < kept < 100
    with Journal(small_disk, "answers") as journal:
        assert [row["number"] for row in journal.recovered()] == list(range(kept))
        assert journal.torn <= 1
        journal.clear()


# Another process: SQLite's locks hold nobody off within one, and the lake has an SQLite of its own.
HOLDER = """
import sqlite3, sys, time
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
print("free", flush=True)
other.execute("ROLLBACK")
"""


@pytest.mark.long
@pytest.mark.sized
def test_a_catalog_that_is_busy_for_a_while_is_waited_for(tmp_path: Path) -> None:
    """As when a backup tool or another client of SQLite holds it: 31 s in the full size, beyond SQLite's own patience."""
    with new_lake(tmp_path) as lake:
        publish(lake, 1)
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "catalog.sqlite"), str(size(2, 31))]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            publish(lake, 2)
            ready, _, _ = select.select([holder.stdout], [], [], 0)
            assert ready, "it was written while the other held the catalog"
        assert numbers(lake) == ["002"]
        assert lake.state("prompts")[0] == ROWS


@pytest.mark.long
@pytest.mark.parametrize("damage", ["cut", "overwritten", "deleted"])
def test_a_damaged_data_file_is_named_and_nothing_is_written(tmp_path: Path, damage: str) -> None:
    with new_lake(tmp_path) as lake:
        publish(lake, 1)
        versions = lake.versions()
    (file,) = (path for path in (tmp_path / "data").rglob("*.parquet") if "prompts" in path.parts)
    whole = file.read_bytes()
    if damage == "deleted":
        file.unlink()
    else:
        file.write_bytes(whole[: len(whole) // 2] if damage == "cut" else os.urandom(len(whole)))
    with new_lake(tmp_path) as lake:
        with pytest.raises(duckdb.Error, match=file.name):
            publish(lake, 2)
        assert lake.versions() == versions
        assert {row["parent"] for row in lake.rows("FROM record_edge")} == {"1"}
    file.write_bytes(whole)
    with new_lake(tmp_path) as lake:
        publish(lake, 2)
        assert numbers(lake) == ["002"]


@pytest.mark.long
def test_a_clock_that_jumps_changes_neither_rows_nor_which_version_is_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back by years, ahead by years: what was written last is what counts."""
    jumps = iter([0, -4000, 4000, -8000])

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.fromtimestamp(time.time(), tz or UTC) + timedelta(days=offset)

    monkeypatch.setattr(writing, "datetime", Clock)
    with new_lake(tmp_path / "jumping") as lake, new_lake(tmp_path / "steady") as steady:
        for number, offset in enumerate(jumps):  # noqa: B007 - the clock reads it
            publish(lake, number)
        offset = 0
        publish(steady, number)
        assert numbers(lake) == numbers(steady) == ["003"]
        assert lake.versions()["prompts"] == lake.version("prompts")
        assert lake.state("prompts")[0] == ROWS
        seen = {row["data_version"] for row in lake.rows("FROM dataset_version WHERE dataset = 'prompts'")}
        assert len(seen) == 4
        with lake.write(RUN, "prompts") as write:
            write.sync(PROMPTS, lake.rows("FROM prompts"))
        assert (write.changes["prompts"].inserted, write.changes["prompts"].deleted) == (0, 0)
        assert write.changes["prompts"].data_version == lake.version("prompts")


TWO_AT_ONCE = """
import sys
from pathlib import Path
from ocr_assets.schema import PROMPTS
from resources.lake import RunInfo
from tests.chaos.test_lake_faults import new_lake, publish, row_of
with new_lake(Path(sys.argv[1])) as lake:
    print("open", flush=True)
    sys.stdin.readline()
    for number in range(3):
        with lake.write(RunInfo(sys.argv[2]), "prompts") as write:
            rows = [row_of(PROMPTS, prompt_hash=f"{number} {row}", template_hash="h") for row in range(50)]
            write.sync(PROMPTS, rows)
            write.edges([{"child": row["prompt_hash"], "parent": "p", "relation": "derived", "reason": ""} for row in rows])
"""


def test_two_runs_of_one_asset_at_once_leave_what_one_would(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    with new_lake(tmp_path):
        pass
    both = [
        subprocess.Popen(
            [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path), f"run {number}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        )
        for number in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in both:
        process.communicate(timeout=120)
        assert process.returncode == 0
    with new_lake(tmp_path) as lake:
        keys = {f"2 {row}" for row in range(50)}
        found = [row["prompt_hash"] for row in lake.rows("FROM prompts")]
        edges = [row["child"] for row in lake.rows("FROM record_edge")]
        assert len(found) == len(edges) == 50 and set(found) == set(edges) == keys
        with lake.write(RUN, "prompts") as write:
            write.sync(PROMPTS, lake.rows("FROM prompts"))
        assert lake.state("prompts")[0] == 50
