"""A lake with its catalog in a real PostgreSQL: several processes write the same and other rows at once; none is lost or doubled."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest

from resources.lake import Lake, RunInfo, Table
from tests.support.postgres import postgres_server


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
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with postgres_server() as (address, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield address


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
