"""Upkeep: what is needed can be read as before, what is not goes, beside readers and writers, and killed at any moment."""

import os
import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

import pytest

from ocr_assets.platform.lineage import report
from ocr_assets.platform.upkeep import STAGE, needed
from ocr_assets.schema import RAW_PROBLEMS, RELEASE_VERSION
from resources.lake import Lake, RunInfo, Table
from resources.lake.at_work import Journals, StageLock
from resources.lake.upkeep import Rules, keep_up, look
from tests.support.graph import run
from tests.support.lakes import new_lake
from tests.support.rows import row_of
from tests.support.s3 import BUCKET, Store
from tests.support.size import size

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = Rules(timedelta(0), timedelta(0))
RUN = RunInfo("test")


class Item(TypedDict):
    id: str
    number: int
    text: str


ITEMS = Table("items", Item, ("id",))
OTHERS = Table("others", Item, ("id",))
CONTENT = "SELECT count(*), sum(number), bit_xor(hash(id, text)) FROM {} AT (VERSION => {})"


def rows(numbers: Any, text: str = "x") -> list[dict[str, Any]]:
    return [{"id": f"id-{number}", "number": number, "text": f"{text} {number} " * 20} for number in numbers]


def changed(lake: Lake, chance: random.Random) -> None:
    """Any change of either table."""
    first = chance.randrange(2_000)
    with lake.write(RUN, "items") as write:
        for table in (ITEMS, OTHERS):
            kind = chance.choice(["append", "upsert", "sync", "nothing"])
            if kind == "append":
                write.append(table, rows(range(first, first + 200)))
            elif kind == "upsert":
                write.upsert(table, rows(range(first, first + 50), str(chance.random())))
            elif kind == "sync":
                ids = [f"id-{number}" for number in range(first, first + 300)]
                write.sync(table, rows(range(first, first + 100, 3), "s"), within=("id", ids))


def contents(lake: Lake) -> dict[tuple[str, int], Any]:
    with lake.plain_cursor() as cursor:
        snapshots = [number for (number,) in cursor.execute("SELECT snapshot_id FROM lake.snapshots()").fetchall()]
        found = {}
        for table in ("items", "others"):
            for number in snapshots:
                if cursor.execute(
                    f"SELECT begin_snapshot <= {number} FROM __ducklake_metadata_lake.ducklake_table WHERE table_name = '{table}'"
                ).fetchone() == (True,):
                    found[table, number] = cursor.execute(CONTENT.format(table, number)).fetchone()
        return found


def as_at(found: dict[tuple[str, int], Any], number: int | None = None) -> list[Any]:
    """What the tables held at a snapshot; None: at the newest."""
    newest = max(key[1] for key in found) if number is None else number
    return [found[table, newest] for table in ("items", "others")]


def files(lake: Lake) -> set[Path]:
    return set((lake.home / "data").rglob("*.parquet"))


@pytest.mark.sized
@pytest.mark.parametrize("seed", range(size(2, 20)))
def test_what_is_needed_reads_as_before_and_the_rest_is_gone(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with Lake(tmp_path / "lake", tables=[ITEMS, OTHERS]) as lake:
        for _ in range(20):
            changed(lake, chance)
        before, newest = contents(lake), lake.last_commit()[0]
        named = set(chance.sample(range(3, newest), 4))
        stay = {number + more for number in named for more in (0, 1)}
        states, there = [lake.state(name) for name in ("items", "others")], files(lake)
        expected = look(lake, AT_ONCE, named)
        assert files(lake) == there and contents(lake) == before, "looking changes nothing"
        done = keep_up(lake, AT_ONCE, named)
        assert done.snapshots_expired >= expected.snapshots_expired > 0 and done.merged_into < done.small_files
        after = contents(lake)
        left = {number for _, number in after}
        assert stay <= left and len([number for number in left if number <= newest and number not in stay]) <= 1
        # Merging makes snapshots of its own, after the newest.
        assert all(value == before[name, min(number, newest)] for (name, number), value in after.items())
        assert len(files(lake)) < len(there) and [lake.state(name) for name in ("items", "others")] == states
        again = keep_up(lake, AT_ONCE, named)
        assert (again.small_files, again.strange_files_removed) == (0, 0), "done is done"
        changed(lake, chance)


def test_a_reader_reads_to_its_end_and_grace_keeps_its_files(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake", tables=[ITEMS]) as lake:
        for turn in range(10):
            with lake.write(RUN, "items") as write:
                write.append(ITEMS, rows(range(turn * 300, turn * 300 + 300)))
        there = files(lake)
        stream = lake.stream("SELECT id FROM items ORDER BY number", size=100)
        unsorted = lake.batches("SELECT id FROM items", size=100)
        seen = {next(stream)["id"]}
        some = next(unsorted).num_rows
        with Lake(lake.home, tables=[ITEMS]) as other:
            done = keep_up(other, Rules(timedelta(0)))
            assert done.merged_into == 1 and done.files_removed == 0 and files(lake) > there
            with other.write(RUN, "items") as write:
                write.append(ITEMS, rows([5_000]))
        seen |= {row["id"] for row in stream}
        assert len(seen) == 3_000 and some + sum(batch.num_rows for batch in unsorted) == 3_000
        assert lake.scalar("SELECT count(*) FROM items") == 3_001
        assert keep_up(lake, AT_ONCE).files_removed >= 10


def test_a_file_that_somebody_removed_by_hand_stops_nothing(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake", tables=[ITEMS]) as lake:
        for turn in range(3):
            with lake.write(RUN, "items") as write:
                write.append(ITEMS, rows(range(turn * 100, turn * 100 + 100)))
        old = files(lake)
        keep_up(lake, Rules(timedelta(0)))
        for path in list(old)[:2]:
            path.unlink()
        keep_up(lake, AT_ONCE)
        assert not files(lake) & old and lake.scalar("SELECT count(*) FROM items") == 300


def test_files_that_no_commit_names_go_but_not_where_another_lake_has_its_own(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Lake(tmp_path / "one", data_path=str(data), tables=[ITEMS]) as one:
        with one.write(RUN, "items") as write:
            write.append(ITEMS, rows(range(100)))
        strange = data / "main" / "items" / "ducklake-killed.parquet"
        strange.write_bytes(b"half a file")
        assert look(one, AT_ONCE).strange_files_removed == 1 and look(one, Rules()).strange_files_removed == 0
        assert keep_up(one, AT_ONCE).strange_files_removed == 1 and not strange.exists()
        with Lake(tmp_path / "two", data_path=str(data), tables=[ITEMS]) as two:
            with two.write(RUN, "items") as write:
                write.append(ITEMS, rows(range(100, 300)))
            assert keep_up(one, AT_ONCE).shared and keep_up(two, AT_ONCE).shared
            assert two.scalar("SELECT sum(number) FROM items") == sum(range(100, 300))
        assert one.scalar("SELECT sum(number) FROM items") == sum(range(100))


KEEP_UP = """
import sys
from pathlib import Path
from datetime import timedelta
from resources.lake import Lake
from resources.lake.upkeep import Rules, keep_up
from tests.lake.test_upkeep import AT_ONCE, ITEMS, OTHERS
with Lake(Path(sys.argv[1]), tables=[ITEMS, OTHERS]) as lake:
    print("begun", flush=True)
    keep_up(lake, AT_ONCE, {int(number) for number in sys.argv[2:]})
"""


@pytest.mark.sized
def test_killed_at_any_moment_nothing_is_lost_and_the_next_goes_on(tmp_path: Path) -> None:
    chance = random.Random(3)
    with Lake(tmp_path / "lake", tables=[ITEMS, OTHERS]) as lake:
        for _ in range(20):
            changed(lake, chance)
        before = contents(lake)
    line = [sys.executable, "-c", KEEP_UP, str(tmp_path / "lake"), "9"]
    for number in range(size(3, 25)):
        with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "begun\n"
            time.sleep(number * size(0.1, 0.03))
            process.kill()
        with Lake(tmp_path / "lake", tables=[ITEMS, OTHERS]) as lake:
            after = contents(lake)
            assert as_at(after, 9) == as_at(before, 9) and as_at(after) == as_at(before)
            changed(lake, random.Random(number))
            before = {**before, **contents(lake)}
    with Lake(tmp_path / "lake", tables=[ITEMS, OTHERS]) as lake:
        keep_up(lake, AT_ONCE, {9})
        assert keep_up(lake, AT_ONCE, {9}).strange_files_removed == 0
        after = contents(lake)
        assert as_at(after, 9) == as_at(before, 9) and as_at(after) == as_at(before)


def test_in_a_store_a_killed_upload_is_never_seen_and_removed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    with Lake(tmp_path / "lake", data_path=f"s3://{BUCKET}/ocr", tables=[ITEMS]) as lake:
        for turn in range(4):
            with lake.write(RUN, "items") as write:
                write.append(ITEMS, rows(range(turn * 100, turn * 100 + 100)))
        there = set(store.names("ocr/main"))
        upload = (
            "import sys, os; from pathlib import Path; from tests.lake.test_upkeep import *; from resources.lake.staging import Plan\n"
            "apply = Plan.apply\n"
            "Plan.apply = lambda plan, cursor: (apply(plan, cursor), os.kill(os.getpid(), 9))\n"
            f"with Lake(Path(sys.argv[1]), data_path='s3://{BUCKET}/ocr', tables=[ITEMS]) as lake, lake.write(RUN, 'items') as write:\n"
            "    write.append(ITEMS, rows(range(1000, 2000)))\n"
        )
        killed = subprocess.run([sys.executable, "-c", upload, str(lake.home)], cwd=ROOT, capture_output=True, text=True)
        assert killed.returncode == -9, killed.stderr
        (left,) = set(store.names("ocr/main")) - there
        assert lake.scalar("SELECT count(*) FROM items") == 400
        assert look(lake, AT_ONCE).strange_files_removed == 1
        done = keep_up(lake, AT_ONCE)
        assert done.strange_files_removed == 1 and done.merged_into == 1 and left not in store.names()
        assert lake.scalar("SELECT sum(number) FROM items") == sum(range(400)) and len(store.names("ocr/main/items")) == 1


def test_releases_and_the_newest_versions_are_needed_and_expired_ones_are_said_to_be(tmp_path: Path) -> None:
    with new_lake(tmp_path / "lake") as lake:
        snapshots = []
        for number in range(6):
            with lake.write(RunInfo(f"run-{number}"), "raw_problems") as write:
                write.append(RAW_PROBLEMS, [row_of(RAW_PROBLEMS, raw_id=f"raw_{number}", origin=f"a/b/{number}")])
            snapshots.append(lake.last_commit()[0])
        with lake.write(RunInfo("run-9"), "released") as write:
            write.append(
                RELEASE_VERSION, [row_of(RELEASE_VERSION, release="mine", number=1, snapshot=snapshots[1], run_id="run-9")]
            )
        assert needed(lake) >= {snapshots[1], snapshots[5]} and not needed(lake) & {*snapshots[2:5], snapshots[0]}
        keep_up(lake, AT_ONCE, needed(lake))
        assert "4 added" in report.diff(lake, "raw_problems", snapshots[1], snapshots[5])
        there = f"{snapshots[1]}, {snapshots[2]}, {snapshots[5]}"
        with pytest.raises(KeyError, match=f"version {snapshots[3]} was expired by upkeep.*: {there}"):
            report.diff(lake, "raw_problems", snapshots[3], snapshots[5])


@pytest.mark.slow
def test_the_command_says_first_and_two_at_once_are_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with new_lake(home / "lake") as lake:
        for number in range(3):
            with lake.write(RUN, "raw_problems") as write:
                write.append(RAW_PROBLEMS, [row_of(RAW_PROBLEMS, raw_id=f"raw_{number}", origin=f"a/b/{number}")])
        newest = lake.last_commit()
    said = run("upkeep", home=home).stdout
    assert "snapshots to expire: 0 (older than 30 days;" in said and "nothing was changed; --yes does it" in said
    with new_lake(home / "lake") as lake:
        assert lake.last_commit() == newest
    with StageLock(Journals(home / "lake" / "journal"), STAGE):
        busy = run("upkeep", "--yes", home=home, check=False)
        assert busy.returncode == 1 and f"upkeep is being written by process {os.getpid()}" in busy.stderr
    assert "0 files removed that nothing needs" in run("upkeep", "--yes", home=home).stdout
    none = run("upkeep", home=tmp_path / "empty", check=False)
    assert none.returncode == 2 and "there is no lake" in none.stderr
