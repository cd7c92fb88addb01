"""The graph with its catalog and Dagster's storage in PostgreSQL, its data in an object store and, in the full size, its programs
and its counting on a Ray cluster of two nodes: the same tables as on one machine with files.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocr_assets.platform.lake import project_lake
from resources.lake import Lake
from resources.lake.upkeep import keep_up
from resources.settings import LakeResource
from tests.lake.test_upkeep import AT_ONCE
from tests.support.graph import TO_THE_RELEASE, only, open_lake, run
from tests.support.postgres import Postgres
from tests.support.ray_cluster import ray_nodes
from tests.support.s3 import BUCKET, KEYS, Store
from tests.support.size import size

# When, by which run and how fast: what no two runs have in common.
VOLATILE = re.compile(r'"(run_id|\w+_at|\w+_s|host_speed|memory_mb|snapshot|folder)":("[^"]*"|[^,}\]]*),?')
# In the full size with sandboxes, on to the release.
ASSETS = TO_THE_RELEASE[: size(6, len(TO_THE_RELEASE))]
NODES = size(0, 2)


@dataclass(frozen=True)
class Outgrown:
    """A home and the environment of its commands."""

    home: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        """What a command prints."""
        done = run(*arguments, home=self.home, **self.environment)
        return done.stdout + done.stderr

    def lake(self) -> Lake:
        place = {"catalog": self.environment["OCR_CATALOG"], "data_path": self.environment["OCR_DATA_PATH"]}
        return project_lake(LakeResource(home=str(self.home), **place))


@pytest.fixture
def outgrown(postgres: Postgres, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outgrown]:
    servers = {**postgres.environment, **store.environment}
    for name, value in servers.items():
        monkeypatch.setenv(name, value)
    place = {"OCR_CATALOG": postgres.database(), "OCR_DATA_PATH": f"s3://{BUCKET}/ocr"}
    environment = {**servers, **place, "OCR_DAGSTER": postgres.database(), "OCR_SANDBOX": "docker"}
    with ExitStack() as stack:
        if NODES:
            address = stack.enter_context(ray_nodes(NODES)).address
            environment |= {"OCR_SANDBOX": "ray", "OCR_WORK": "ray", "OCR_RAY_ADDRESS": address}
        yield Outgrown(tmp_path / "outgrown", environment)


def contents(lake: Lake) -> dict[str, list[str]]:
    """Table → its rows, as JSON, without what is volatile."""
    found = {}
    for table in lake.tables:
        rows = lake.rows(f'SELECT to_json(q)::VARCHAR AS row FROM "{table.name}" q')
        found[table.name] = sorted(VOLATILE.sub("", row["row"]) for row in rows)
    return found


@pytest.mark.slow
@pytest.mark.sized
@pytest.mark.timeout(1800)  # the full size runs the demo's graph twice
def test_the_graph_on_servers_has_the_tables_of_the_graph_on_files(outgrown: Outgrown, tmp_path: Path) -> None:
    said = outgrown.run("run", *only(*ASSETS))
    run("run", *only(*ASSETS), home=tmp_path / "files", OCR_SANDBOX="docker")
    with open_lake(tmp_path / "files") as files, outgrown.lake() as lake:
        on_files = contents(files)
        on_servers = contents(lake)
        assert {name: set(on_servers[name]) ^ set(rows) for name, rows in on_files.items() if on_servers[name] != rows} == {}
        assert on_servers.keys() == on_files.keys() and sum(map(len, on_files.values())) > 500
        same = [name for name in ASSETS if not any(VOLATILE.match(f'"{column.name}":,') for column in _columns(lake, name))]
        assert {name: lake.version(name) for name in same} == {name: files.version(name) for name in same} and len(same) >= 2
        (first,) = lake.rows("SELECT min_by(snapshot, snapshot) AS n, min_by(rows, snapshot) AS rows FROM dataset_version "
                             "WHERE dataset = 'raw_problems'")  # fmt: skip
        at_first = f"SELECT count(*) FROM raw_problems AT (VERSION => {first['n']})"
        assert lake.scalar(at_first) == first["rows"], "time travel"
        done = keep_up(lake, AT_ONCE, {first["n"]})
        assert done.merged_into and done.files_removed and contents(lake) == on_files and lake.scalar(at_first) == first["rows"]
    again = outgrown.run("run", *only(*ASSETS))
    assert "nothing new" in again and " new, 0 gone)" not in again, "after upkeep the assets look through their inputs once"
    said += again
    written = "".join(path.read_text(errors="replace") for path in outgrown.home.rglob("*") if path.is_file())
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in said + written and not list((outgrown.home / "lake").rglob("*.parquet"))


def _columns(lake: Lake, table: str) -> list:
    return [column for one in lake.tables if one.name == table for column in one.columns]
