"""The lake: what a write publishes, what it refuses, and that several processes may write and read at once."""

import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypedDict

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.lake import InvalidRows, Lake, RunInfo, load_extensions
from resources.lake.tables import Table
from tests.support.size import size


class Item(TypedDict):
    id: str
    group: str
    number: int


ITEMS = Table("items", Item, ("id",), "Things to test with.")
RUN = RunInfo("run-1", "test")


def item(name: str, number: int = 0, group: str = "g") -> Item:
    return {"id": name, "group": group, "number": number}


@pytest.fixture
def lake(tmp_path: Path):
    with Lake(tmp_path / "lake", tables=[ITEMS]) as lake:
        yield lake


def contents(lake: Lake) -> list[tuple]:
    return [tuple(row.values()) for row in lake.rows("SELECT * FROM items ORDER BY id")]


def snapshots(lake: Lake) -> int:
    return lake.scalar("SELECT count(*) FROM lake.snapshots()")


def test_every_connection_reads_the_catalog_through_the_file_that_is_open(lake: Lake) -> None:
    """Else each look at one of its tables opens it anew: a question of three milliseconds takes ten, and nobody sees why."""
    assert lake.scalar("SELECT current_setting('sqlite_disable_multithreaded_scans')") is True


def test_append_replaces_only_what_it_is_told_to(tmp_path: Path) -> None:
    rows = [item("a", 1), item("b", -1)]
    with Lake(tmp_path / "one", tables=[ITEMS]) as lake:
        with lake.write(RUN, "stage") as write:
            write.append(ITEMS, rows)
        for _ in range(2):  # the second time nothing is left to replace
            with lake.write(RUN, "stage") as write:
                write.append(ITEMS, [item("a", 2), item("b", 2), item("c", 2)], replacing="number < 0")
            assert contents(lake) == [("a", "g", 1), ("b", "g", 2), ("c", "g", 2)]
        assert (write.changes["items"].inserted, write.changes["items"].deleted) == (0, 0)
        version = lake.version("items")
    with Lake(tmp_path / "two", tables=[ITEMS]) as lake:
        with lake.write(RUN, "stage") as write:
            write.append(ITEMS, [item("a", 1), item("b", 2), item("c", 2)])
        assert lake.version("items") == version


def test_append_leaves_known_rows_as_they_are(lake: Lake) -> None:
    with lake.write(RUN, "stage") as write:
        write.append(ITEMS, [item("a", 1)])
    with lake.write(RUN, "stage") as write:
        write.append(ITEMS, [item("a", 2), item("b", 2)])
    assert contents(lake) == [("a", "g", 1), ("b", "g", 2)]
    assert write.changes["items"].inserted == 1


def test_upsert_replaces_and_keeps_the_rest(lake: Lake) -> None:
    with lake.write(RUN, "stage") as write:
        write.append(ITEMS, [item("a", 1), item("b", 1)])
    with lake.write(RUN, "stage") as write:
        write.upsert(ITEMS, [item("a", 2)])
    assert contents(lake) == [("a", "g", 2), ("b", "g", 1)]


def test_sync_rewrites_only_its_part(lake: Lake) -> None:
    with lake.write(RUN, "stage") as write:
        write.append(ITEMS, [item("a", 1, "x"), item("b", 1, "x"), item("c", 1, "y")])
    with lake.write(RUN, "stage") as write:
        write.sync(ITEMS, [item("b", 1, "x"), item("d", 1, "x")], where={"group": "x"})
    assert [row[0] for row in contents(lake)] == ["b", "c", "d"]
    assert (write.changes["items"].inserted, write.changes["items"].deleted) == (1, 1)


def test_writing_the_same_again_makes_no_snapshot(lake: Lake) -> None:
    for _ in range(2):
        with lake.write(RUN, "stage") as write:
            write.sync(ITEMS, [item("a", 1)])
            write.edges([{"child": "b", "parent": "a", "relation": "derived", "reason": ""}])
        before = snapshots(lake)
    with lake.write(RUN, "stage") as write:
        write.sync(ITEMS, [item("a", 1)])
        write.edges([{"child": "b", "parent": "a", "relation": "derived", "reason": ""}])
    assert snapshots(lake) == before


def test_a_table_staged_in_parts_has_the_version_and_rows_of_all(lake: Lake) -> None:
    with lake.write(RUN, "stage") as write:
        write.sync(ITEMS, [item("a"), item("b")], where={"group": "g"})
        write.sync(ITEMS, [{"id": "c", "group": "h", "number": 0}], where={"group": "h"})
    assert lake.state("items") == (3, write.changes["items"].data_version)
    assert write.changes["items"].rows == 3
    with lake.write(RUN, "stage") as other:
        other.sync(ITEMS, [*(item(key) for key in "ab"), {"id": "c", "group": "h", "number": 0}])
    assert (other.changes["items"].inserted, other.changes["items"].deleted) == (0, 0)
    with lake.write(RUN, "stage") as write:
        write.sync(ITEMS, [item("a")], where={"group": "g"})
        write.sync(ITEMS, [{"id": "c", "group": "h", "number": 0}], where={"group": "h"})
    assert lake.state("items") == (2, write.changes["items"].data_version) != (2, other.changes["items"].data_version)


def test_a_doubled_key_publishes_nothing(lake: Lake) -> None:
    with pytest.raises(InvalidRows, match=r"key \(id\) must be unique \(1 doubled, e.g. \('a',\)"), lake.write(RUN, "s") as write:
        write.append(ITEMS, [item("b")])
        write.append(ITEMS, [item("a"), item("a")])
    assert contents(lake) == []


def test_a_null_publishes_nothing(lake: Lake) -> None:
    with pytest.raises(InvalidRows, match="column number must not be null"), lake.write(RUN, "s") as write:
        write.append(ITEMS, [{"id": "a", "group": "g", "number": None}])
    assert contents(lake) == []


def test_an_error_in_the_block_publishes_nothing(lake: Lake) -> None:
    with pytest.raises(ZeroDivisionError), lake.write(RUN, "stage") as write:
        write.append(ITEMS, [item("a")])
        _ = 1 / 0
    assert contents(lake) == []


def test_edges_of_a_stage_are_replaced_and_others_kept(lake: Lake) -> None:
    def edges(stage: str, *children: str) -> None:
        with lake.write(RUN, stage) as write:
            write.edges([{"child": c, "parent": "p", "relation": "derived", "reason": ""} for c in children])

    edges("one", "a", "b")
    edges("two", "a")
    edges("one", "c")
    found = lake.rows("SELECT stage, child FROM record_edge ORDER BY ALL")
    assert [(row["stage"], row["child"]) for row in found] == [("one", "c"), ("two", "a")]


def test_versions_and_run_io_tell_what_was_read_and_written(lake: Lake) -> None:
    with lake.write(RunInfo("r1"), "make") as write:
        write.sync(ITEMS, [item("a")])
    first = lake.version("items")
    with lake.write(RunInfo("r2"), "other") as write:
        assert lake.scalar("SELECT count(*) FROM items WHERE id = ?", ["a"]) == 1
        write.released("made of items", "v1", 1)
    with lake.write(RunInfo("r3"), "make") as write:
        write.sync(ITEMS, [item("b")])
    io = {(row["run_id"], row["direction"], row["dataset"], row["data_version"]) for row in lake.rows("FROM run_io")}
    assert io == {
        ("r1", "output", "items", first),
        ("r2", "input", "items", first),
        ("r2", "output", "made of items", "v1"),
        ("r3", "output", "items", lake.version("items")),
    }
    snapshot = lake.scalar("SELECT snapshot FROM dataset_version WHERE dataset = 'items' AND data_version = ?", [first])
    assert lake.rows(f"SELECT id FROM items AT (VERSION => {snapshot})") == [{"id": "a"}]


SETUP = """
CREATE OR REPLACE VIEW numbers AS SELECT number FROM items;
CREATE OR REPLACE MACRO how_many() AS (SELECT count(*) FROM items);
CREATE OR REPLACE MACRO numbered(n) AS TABLE SELECT * FROM numbers WHERE number = n;
"""


def changed(cursor: duckdb.DuckDBPyConnection, query: str) -> None:
    cursor.execute("CREATE OR REPLACE TEMP TABLE seen AS SELECT 1 AS number")
    cursor.execute(query)


def many(cursor: duckdb.DuckDBPyConnection, query: str, parameters: list[list[str]]) -> None:
    cursor.execute("CREATE OR REPLACE TEMP TABLE seen (number BIGINT)")
    cursor.executemany(query, parameters)


WAYS_TO_READ = {
    "rows": lambda lake, write: lake.rows("SELECT * FROM items WHERE id = $id", {"id": "a"}),
    "stream": lambda lake, write: list(lake.stream("FROM lake.items")),
    "a view": lambda lake, write: lake.scalar("SELECT sum(number) FROM numbers"),
    "a macro": lambda lake, write: lake.rows("FROM numbered(?)", [1]),
    "a subquery": lambda lake, write: lake.scalar("SELECT (SELECT count(*) FROM items)"),
    "a CTE": lambda lake, write: lake.rows("WITH i AS (SELECT * FROM items) SELECT * FROM i"),
    "a CTE of the table's name": lambda lake, write: lake.rows("WITH items AS (SELECT * FROM items) SELECT * FROM items"),
    "a scalar macro": lambda lake, write: lake.scalar("SELECT how_many()"),
    "other letters": lambda lake, write: lake.rows('SELECT * FROM Lake."ITEMS"'),
    "an old version": lambda lake, write: lake.rows(
        f"FROM items AT (VERSION => {lake.scalar('SELECT max(snapshot_id) FROM lake.snapshots()')})"
    ),
    "PIVOT": lambda lake, write: lake.rows('PIVOT items ON "group" USING sum(number)'),
    "SUMMARIZE a view": lambda lake, write: lake.rows("SUMMARIZE numbers"),
    "TABLE": lambda lake, write: lake.cursor().execute("CREATE OR REPLACE TEMP TABLE seen AS TABLE items").fetchall(),
    "UPDATE": lambda lake, write: changed(lake.cursor(), "UPDATE seen SET number = (SELECT max(number) FROM items)"),
    "executemany": lambda lake, write: many(
        lake.cursor(), "INSERT INTO seen SELECT number FROM items WHERE id = ?", [["a"], ["b"]]
    ),
    "query": lambda lake, write: lake.cursor().query("FROM items").fetchall(),
    "a cursor": lambda lake, write: lake.cursor().execute("CREATE OR REPLACE TEMP TABLE seen AS SELECT id FROM items").fetchall(),
    "sync_query": lambda lake, write: write.sync_query(OTHERS, "SELECT * FROM items"),
    "edges_query": lambda lake, write: write.edges_query(
        "SELECT id AS child, id AS parent, 'derived' AS relation, '' AS reason FROM items"
    ),
}
OTHERS = Table("others", Item, ("id",))


@pytest.fixture(scope="module")
def read_in_many_ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with Lake(tmp_path_factory.mktemp("lake"), tables=[ITEMS, OTHERS], setup_sql=SETUP) as lake:
        with lake.write(RUN, "items") as write:
            write.sync(ITEMS, [item("a", 1)])
        yield lake


@pytest.mark.parametrize("way", WAYS_TO_READ)
def test_whatever_way_a_stage_reads_the_lake_notes_it(read_in_many_ways: Lake, way: str) -> None:
    lake = read_in_many_ways
    version = lake.version("items")
    lake.rows("FROM others")  # no stage is writing: nobody's input
    with lake.write(RunInfo(way), "others") as write:
        WAYS_TO_READ[way](lake, write)
        if way != "sync_query":
            write.sync(OTHERS, [item(way)])
    query = "SELECT dataset, data_version FROM run_io WHERE run_id = ? AND direction = 'input'"
    assert lake.rows(query, [way]) == [{"dataset": "items", "data_version": version}]


def test_a_commit_on_the_way_has_the_inputs_read_so_far(lake: Lake) -> None:
    with lake.write(RUN, "make") as write:
        write.sync(ITEMS, [item("a")])
    with pytest.raises(ZeroDivisionError), lake.write(RunInfo("r2"), "judge"):
        lake.rows("FROM items")
        with lake.write(RunInfo("r2"), "judge") as commit:
            commit.released("verdicts", "v1", 1)
        raise ZeroDivisionError
    assert lake.scalar("SELECT count(*) FROM run_io WHERE run_id = 'r2' AND direction = 'input' AND dataset = 'items'") == 1


@pytest.mark.slow
@pytest.mark.sized
@settings(max_examples=size(5, 40))
@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 2)), max_size=4, unique_by=lambda t: t[0]), max_size=4)
)
def test_equal_data_has_an_equal_version_whatever_the_way(tmp_path_factory, steps) -> None:
    final = [item(name, number) for name, number in (steps[-1] if steps else [])]
    with Lake(tmp_path_factory.mktemp("one"), tables=[ITEMS]) as lake:
        for step in steps:
            with lake.write(RUN, "s") as write:
                write.sync(ITEMS, [item(name, number) for name, number in step])
        with lake.write(RUN, "s") as write:
            write.sync(ITEMS, final)
        version = lake.version("items")
        assert contents(lake) == sorted((i["id"], i["group"], i["number"]) for i in final)
    with Lake(tmp_path_factory.mktemp("two"), tables=[ITEMS]) as lake:
        with lake.write(RUN, "s") as write:
            write.sync(ITEMS, final)
        assert lake.version("items") == version


def test_another_shape_of_a_table_is_refused_with_the_remedy(tmp_path: Path) -> None:
    class Other(TypedDict):
        id: str

    with Lake(tmp_path, tables=[ITEMS]):
        pass
    with (
        pytest.raises(ValueError, match=r"table items has columns .* use another OCR_HOME"),
        Lake(tmp_path, tables=[Table("items", Other, ("id",))]),
    ):
        pass


@pytest.mark.slow
def test_columns_added_to_the_end_keep_the_rows_and_their_version(tmp_path: Path) -> None:
    class Longer(Item):
        note: Annotated[str | None, "A remark"]
        score: float | None

    class Demanding(Item):
        note: str

    longer = Table("items", Longer, ("id",))
    old, new = {**item("a"), "note": None, "score": None}, {**item("b"), "note": "n", "score": 0.5}
    with Lake(tmp_path / "old", tables=[ITEMS]) as lake, lake.write(RUN, "s") as write:
        write.append(ITEMS, [item("a"), item("c")])
    view = "CREATE OR REPLACE VIEW noted AS SELECT * FROM items"
    for _ in range(2):
        with Lake(tmp_path / "old", tables=[longer], setup_sql=view) as lake:
            with lake.write(RUN, "s") as write:
                write.upsert(longer, [old, new])
            assert lake.rows("FROM noted ORDER BY id") == [old, new, {**item("c"), "note": None, "score": None}]
            version = lake.version("items")
    with Lake(tmp_path / "new", tables=[longer]) as lake:
        with lake.write(RUN, "s") as write:
            write.append(longer, [old, new, {**item("c"), "note": None, "score": None}])
        assert lake.version("items") == version
    with Lake(tmp_path / "third", tables=[ITEMS]):
        pass
    with (
        pytest.raises(ValueError, match="use another OCR_HOME"),
        Lake(tmp_path / "third", tables=[Table("items", Demanding, ("id",))]),
    ):
        pass


def _append_many(home: str, name: str) -> None:
    """Rows that only this process writes, and rows that all of them write."""
    with Lake(Path(home), tables=[ITEMS]) as lake:
        for number in range(10):
            with lake.write(RunInfo(f"run-{name}"), f"stage-{name}") as write:
                rows = [item(f"{name}-{number}"), item(f"shared-{number}", number)]
                (write.append if number % 2 else write.upsert)(ITEMS, rows)


@pytest.mark.slow
def test_several_processes_write_while_another_client_reads(tmp_path: Path) -> None:
    home = tmp_path / "lake"
    with Lake(home, tables=[ITEMS]):
        pass
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(str(home), name)) for name in "abc"]
    for writer in writers:
        writer.start()
    seen = []
    reader = duckdb.connect()
    load_extensions(reader)
    reader.execute(f"ATTACH 'ducklake:sqlite:{home}/catalog.sqlite' AS other (READ_ONLY)")
    while any(writer.is_alive() for writer in writers):
        seen.append(reader.execute("SELECT count(*) FROM other.items").fetchone()[0])
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert seen == sorted(seen)
    assert reader.execute("SELECT count(*), count(DISTINCT id) FROM other.items").fetchone() == (40, 40)
    reader.close()
    expected = [item(f"{name}-{number}") for name in "abc" for number in range(10)]
    expected += [item(f"shared-{number}", number) for number in range(10)]
    with Lake(home, tables=[ITEMS]) as lake:
        state = lake.state("items")
        assert lake.rows("FROM items ORDER BY id") == sorted(expected, key=lambda row: row["id"])
    with Lake(tmp_path / "one", tables=[ITEMS]) as one:
        with one.write(RUN, "stage") as write:
            write.append(ITEMS, expected)
        assert one.state("items") == state


STREAMED = """
import re, sys
from pathlib import Path
from resources.lake import Lake

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10

with Lake(Path(sys.argv[1])) as lake:
    with lake.plain_cursor() as cursor:
        cursor.execute("CREATE TABLE lake.long AS SELECT ''::VARCHAR AS text LIMIT 0")
        for part in range(20):
            cursor.execute("INSERT INTO lake.long SELECT repeat(md5((i + ?)::VARCHAR), 600) FROM range(2048) r(i)", [part * 2048])
    before = peak()
    rows = sum(batch.num_rows for batch in lake.batches("FROM long", size=256))
    print(rows, peak() - before)
"""


@pytest.mark.slow
def test_a_stream_of_long_texts_is_never_whole_in_memory(tmp_path: Path) -> None:
    """786 MB of texts: DuckDB counts those that wait to be fetched as if they had no length."""
    done = subprocess.run([sys.executable, "-c", STREAMED, str(tmp_path / "lake")], capture_output=True, text=True, check=True)
    rows, megabytes = map(int, done.stdout.split())
    assert rows == 20 * 2048
    assert megabytes < 400, megabytes


@pytest.mark.slow
def test_what_does_not_fit_in_memory_goes_to_disk(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake", memory_limit="200MB") as lake, lake.plain_cursor() as cursor:
        made = "CREATE TABLE memory.main.staged AS SELECT i, md5(i::VARCHAR) || md5((-i)::VARCHAR) AS text FROM range(6_000_000) r(i)"
        cursor.execute(made)
        assert any((tmp_path / "lake" / "spill").rglob("*.tmp"))
        assert cursor.execute("SELECT count(*) FROM memory.main.staged WHERE length(text) = 64").fetchall() == [(6_000_000,)]
    assert not any((tmp_path / "lake" / "spill").iterdir())
