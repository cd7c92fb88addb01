"""Migrations: an older lake is brought to the declared tables with its rows kept, in one transaction, by one process."""

import multiprocessing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

from resources.lake import Lake, Migration, Migrator, RunInfo, SchemaMismatch, Table


class Item(TypedDict):
    id: str
    number: int
    text: str


class Thing(TypedDict):
    id: Annotated[str, "Its id"]
    words: list[str]
    amount: int
    note: str | None


class Word(TypedDict):
    word: str


ITEMS, THINGS, WORDS = Table("items", Item, ("id",)), Table("things", Thing, ("id",)), Table("words", Word, ("word",))
RUN = RunInfo("run-1")
ROWS = [{"id": f"i{number}", "number": number, "text": f"a b{number}"} for number in range(3000)]


def to_things(lake: Migrator) -> None:
    lake.rename_table("items", "things")
    lake.rename_column("things", "number", "amount")
    lake.rename_stage("items", "things")


def split_words(lake: Migrator) -> None:
    def rows(before: Iterator[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        for row in before:
            yield {"id": row["id"], "words": row["text"].split(), "amount": row["amount"], "note": None}

    lake.rewrite_rows(THINGS, "SELECT * FROM things", rows)
    lake.rewrite("words", "SELECT DISTINCT unnest(words) AS word FROM things")


MIGRATIONS = (Migration(2, "items are called things", to_things), Migration(3, "texts are kept as words", split_words))
VIEW = "CREATE OR REPLACE VIEW amounts AS SELECT amount FROM things"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A lake of before the migrations."""
    with Lake(tmp_path / "lake", tables=[ITEMS]) as lake, lake.write(RUN, "items") as write:
        write.append(ITEMS, ROWS)
        write.edges([{"child": "i1", "parent": "p", "relation": "derived", "reason": ""}])
    return tmp_path / "lake"


def opened(home: Path, migrations: tuple[Migration, ...] = MIGRATIONS) -> Lake:
    return Lake(home, tables=[THINGS, WORDS], setup_sql=VIEW, migrations=migrations)


def expected() -> list[dict[str, Any]]:
    return [{"id": row["id"], "words": row["text"].split(), "amount": row["number"], "note": None} for row in ROWS]


@pytest.mark.long
def test_an_older_lake_has_the_declared_tables_its_rows_and_true_versions(old: Path, tmp_path: Path) -> None:
    for _ in range(2):  # the second opening finds nothing to do
        with opened(old) as lake:
            assert lake.rows("FROM things ORDER BY amount") == expected()
            assert lake.scalar("SELECT count(*) FROM words") == 3001
            assert lake.scalar("SELECT stage FROM record_edge") == "things"
            assert lake.scalar("SELECT sum(amount) FROM amounts") == sum(range(3000))
            versions = [row["version"] for row in lake.rows("SELECT version FROM schema_version ORDER BY ALL")]
            assert versions == [1, 2, 3]
            assert lake.state("things")[0] == 3000
            migrated = {table: lake.version(table) for table in ("things", "words")}
            snapshots = lake.scalar("SELECT count(*) FROM lake.snapshots()")
    with opened(tmp_path / "new") as lake:
        with lake.write(RUN, "things") as write:
            write.append(THINGS, expected())
            write.append(WORDS, [{"word": word} for word in {"a", *(f"b{number}" for number in range(3000))}])
        assert {table: lake.version(table) for table in ("things", "words")} == migrated
        assert [row["version"] for row in lake.rows("SELECT version FROM schema_version")] == [3]
    with opened(old) as lake:
        assert lake.scalar("SELECT count(*) FROM lake.snapshots()") == snapshots
        with lake.write(RUN, "things") as write:
            write.sync(THINGS, expected())
        assert (write.changes["things"].inserted, write.changes["things"].deleted) == (0, 0)
        nullable = "SELECT column_name FROM duckdb_columns() WHERE table_name = 'things' AND is_nullable"
        assert lake.rows(nullable) == [{"column_name": "note"}]
        comment = "SELECT comment FROM duckdb_columns() WHERE table_name = 'things' AND column_name = 'id'"
        assert lake.scalar(comment) == "Its id"


def test_a_migration_that_fails_leaves_the_lake_as_it_was(old: Path) -> None:
    def fails(lake: Migrator) -> None:
        lake.drop_table("things")
        raise ZeroDivisionError

    for broken in (
        Migration(3, "fails", fails),
        Migration(3, "makes another shape than declared", lambda lake: lake.drop_column("things", "text")),
    ):
        with pytest.raises((ZeroDivisionError, SchemaMismatch)):
            opened(old, (MIGRATIONS[0], broken)).open()
        with Lake(old, tables=[ITEMS]) as lake:
            assert lake.rows("FROM items ORDER BY number") == ROWS
            assert lake.scalar("SELECT stage FROM record_edge") == "items"


def test_columns_are_added_filled_and_dropped(old: Path) -> None:
    class Longer(TypedDict):
        id: str
        number: int
        double: int

    def change(lake: Migrator) -> None:
        lake.drop_column("items", "text")
        lake.add_column("items", "double", "BIGINT", "2 * number")

    table = Table("items", Longer, ("id",))
    with Lake(old, tables=[table], migrations=[Migration(2, "doubled", change)]) as lake:
        rows = [{"id": row["id"], "number": row["number"], "double": 2 * row["number"]} for row in ROWS]
        assert lake.rows("FROM items ORDER BY number") == rows
        with lake.write(RUN, "items") as write:
            write.sync(table, rows[:-1])
        assert (write.changes["items"].inserted, write.changes["items"].deleted) == (0, 1)


def test_a_lake_newer_than_the_code_is_refused_in_one_line(old: Path) -> None:
    with opened(old):
        pass
    with pytest.raises(SchemaMismatch, match=r"^lake at .*: its tables have version 3, this code knows 1; install .*$") as caught:
        Lake(old, tables=[ITEMS]).open()
    assert "\n" not in str(caught.value)


def test_migrations_are_numbered_without_gaps(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="numbered 2, 3"):
        Lake(tmp_path, tables=[ITEMS], migrations=[MIGRATIONS[1]]).open()


def test_other_views_are_made_anew_without_a_migration(old: Path) -> None:
    for view in ("SELECT 1 AS one", "SELECT 2 AS one"):
        with Lake(old, tables=[ITEMS], setup_sql=f"CREATE OR REPLACE VIEW ones AS {view}") as lake:
            assert lake.scalar("FROM ones") == int(view.split()[1])


def _open(home: str, barrier: Any) -> None:
    barrier.wait()
    with opened(Path(home)) as lake:
        assert lake.scalar("SELECT count(*) FROM things") == 3000


@pytest.mark.slow
def test_processes_that_open_an_older_lake_at_once_migrate_it_once(old: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    processes = [context.Process(target=_open, args=(str(old), barrier)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with opened(old) as lake:
        assert lake.scalar("SELECT count(*) FROM schema_version") == 3
        assert lake.rows("FROM things ORDER BY amount") == expected()
