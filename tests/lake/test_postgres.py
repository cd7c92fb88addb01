"""A lake with its catalog in a real PostgreSQL: several processes write the same and other rows at once; none is lost or doubled."""

import multiprocessing
from pathlib import Path
from typing import Any, TypedDict

import pytest

from resources.lake import CannotOpen, Lake, RunInfo, Table
from resources.lake.staging import Plan
from tests.support.postgres import Postgres, sessions_end


class Item(TypedDict):
    id: str
    number: int


ITEMS = Table("items", Item, ("id",))
WRITES = 5


def rows_of(writer: int, turn: int) -> list[dict[str, Any]]:
    """Rows that only this writer has, and rows that every writer writes in this turn."""
    own = [{"id": f"own-{writer}-{turn}-{number}", "number": number} for number in range(20)]
    return [*own, *({"id": f"shared-{turn}-{number}", "number": number} for number in range(20))]


def write(home: str, catalog: str, writer: int, start: Any) -> None:
    with Lake(Path(home), catalog, tables=[ITEMS]) as lake:
        start.wait()
        for turn in range(WRITES):
            with lake.write(RunInfo(f"run-{writer}"), "items") as change:
                (change.append if writer % 2 else change.upsert)(ITEMS, rows_of(writer, turn))


@pytest.fixture
def server(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in postgres.environment.items():
        monkeypatch.setenv(name, value)
    return postgres.database()


@pytest.mark.slow
@pytest.mark.parametrize("writers", [1, 4, pytest.param(8, marks=pytest.mark.long)])
def test_processes_that_write_at_once_lose_and_double_nothing(server: str, tmp_path: Path, writers: int) -> None:
    with Lake(tmp_path / "lake", server, tables=[ITEMS]):
        pass
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(writers)
    processes = [context.Process(target=write, args=(str(tmp_path / "lake"), server, writer, start)) for writer in range(writers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * writers
    expected = {row["id"]: row for writer in range(writers) for turn in range(WRITES) for row in rows_of(writer, turn)}
    with Lake(tmp_path / "lake", server, tables=[ITEMS]) as lake:
        assert lake.rows("FROM items ORDER BY id") == [expected[key] for key in sorted(expected)]
        rows, version = lake.state("items")
        doubled = "SELECT dataset, snapshot FROM dataset_version GROUP BY ALL HAVING count(*) > 1"
        assert lake.rows(doubled) == []
    with Lake(tmp_path / "other", tables=[ITEMS]) as other:
        with other.write(RunInfo("one"), "items") as change:
            change.append(ITEMS, expected.values())
        assert (rows, version) == other.state("items")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')", "true"], ids=["lock", "all"])
def test_a_writer_whose_sessions_end_while_another_writes_doubles_and_loses_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """The server gives the lock of a lost session to others: what they commit, the writer has not seen."""
    home, rows = tmp_path / "lake", [{"id": f"row-{number}", "number": number} for number in range(50)]
    apply, others = Plan.apply, iter([rows])
    with Lake(home, server, tables=[ITEMS]) as lake, Lake(home, server, tables=[ITEMS]) as other:

        def apply_and_lose(plan: Plan, cursor: Any) -> tuple[int, int]:
            done = apply(plan, cursor)
            for row in others:
                assert sessions_end(server, which)
                with other.write(RunInfo("other"), "items") as change:
                    change.append(ITEMS, row)
            return done

        monkeypatch.setattr(Plan, "apply", apply_and_lose)
        with lake.write(RunInfo("one"), "items") as change:
            change.append(ITEMS, [*rows, {"id": "one more", "number": 50}])
        monkeypatch.undo()
        assert change.changes["items"].inserted == 1, "the others' rows were seen in the end"
        assert lake.scalar("SELECT count(*) FROM items") == lake.scalar("SELECT count(DISTINCT id) FROM items") == 51
        assert lake.state("items")[0] == 51


@pytest.mark.slow
def test_a_lake_that_cannot_be_opened_says_why_in_one_line(server: str, tmp_path: Path) -> None:
    with Lake(tmp_path / "one", server, tables=[ITEMS]):
        pass
    data = f"{tmp_path / 'one' / 'data'}/"
    with pytest.raises(CannotOpen, match=f"set OCR_DATA_PATH={data} on every machine"):
        Lake(tmp_path / "two", server, tables=[ITEMS]).open()
    with Lake(tmp_path / "two", server, data, tables=[ITEMS]) as lake:
        assert lake.rows("FROM items") == []
    for address, reason in (
        (server.replace("dbname=", "dbname=no_"), "does not exist"),
        ("postgres:host=/nowhere dbname=x", "Is the server running"),
    ):
        with pytest.raises(CannotOpen, match=reason) as error:
            Lake(tmp_path / "three", address, tables=[ITEMS]).open()
        assert str(error.value).startswith("OCR_CATALOG=postgres:") and "\n" not in str(error.value)
