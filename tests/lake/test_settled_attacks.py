"""Ways in which an asset might wrongly be taken for settled: files that change behind a setting, other processes, restored lakes."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ocr_assets.platform.assets import lake_asset
from ocr_assets.platform.lake import project_lake
from ocr_assets.platform.settled import Memory, Now
from ocr_assets.schema import PROMPTS, STATEMENT_KEYS
from resources.lake import RunInfo
from resources.settings import LakeResource, SourcesResource
from tests.support.lakes import new_lake
from tests.support.rows import row_of

RUN = RunInfo("run")


@lake_asset(STATEMENT_KEYS, reads=["releases"], writes=["training/packed"])
def statement_keys(context: dg.AssetExecutionContext, lake: LakeResource, sources: SourcesResource) -> Any:
    """Keys."""
    yield from ()


class Home:
    """A home in which one asset, whose sources lie in ``folder``, has run to its end."""

    def __init__(self, root: Path, folder: str = "") -> None:
        self.root, self.folder = root, folder
        self.store = new_lake(root / "lake").open()
        self.run()

    @property
    def memory(self) -> Memory:
        resources = {"lake": LakeResource(home=str(self.root)), "sources": SourcesResource(taco=self.folder, apps="")}
        return Memory.of(statement_keys, {}, resources)

    def run(self, word: str = "", meanwhile: Callable[[], object] = lambda: None) -> None:
        """The asset as ``publish`` runs it: it reads and writes ``word``, or nothing. ``meanwhile`` happens before its commit."""
        memory = self.memory
        with self.store.watch() as watch:
            self.store.rows("FROM judge_votes")
            meanwhile()
            if word:
                with self.store.write(RUN, "statement_keys") as write:
                    write.sync(STATEMENT_KEYS, [key(word)])
        memory.remember(self.store, watch)

    def another_run_writes(self, word: str) -> None:
        with project_lake(self.root / "lake") as lake, lake.write(RunInfo("other"), "other") as write:
            write.append(STATEMENT_KEYS, [key(word)])

    @property
    def is_settled(self) -> bool:
        return self.memory.holds(Now.of(self.store))


def key(word: str) -> Mapping[str, Any]:
    return row_of(STATEMENT_KEYS, raw_id=word)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "date=2026-01-01", "a,b", "x=y,z"])
def test_a_folder_counts_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "one.jsonl").write_text("{}\n")
    home = Home(tmp_path / "home", str(folder))
    assert home.is_settled
    (folder / "two.jsonl").write_text("{}\n")
    assert not home.is_settled


def _same_size_and_date(folder: Path) -> None:
    """As an archive with fixed dates, or ``cp -p``, leaves it."""
    before = (folder / "one.jsonl").stat()
    (folder / "new").write_text("[]\n")
    os.utime(folder / "new", ns=(before.st_mtime_ns, before.st_mtime_ns))
    (folder / "new").rename(folder / "one.jsonl")


def _file_behind_a_link(folder: Path) -> None:
    (folder.parent / "elsewhere" / "three.jsonl").write_text("{}\n")


def _link_leads_elsewhere(folder: Path) -> None:
    shutil.copytree(folder.parent / "elsewhere", folder.parent / "copy")
    (folder / "link").unlink()
    (folder / "link").symlink_to(folder.parent / "copy")


def _file_that_a_definition_names(folder: Path) -> None:
    (folder.parent / "seeds" / "more.py").write_text("def g(): pass\n")


def _file_gone(folder: Path) -> None:
    (folder / "one.jsonl").unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [_same_size_and_date, _file_behind_a_link, _link_leads_elsewhere, _file_that_a_definition_names, _file_gone],
)
def test_what_changes_in_or_behind_a_folder_counts(tmp_path: Path, change: Callable[[Path], None]) -> None:
    folder, elsewhere, seeds = tmp_path / "folder", tmp_path / "elsewhere", tmp_path / "seeds"
    for made in (folder, elsewhere, seeds):
        made.mkdir()
    (folder / "one.jsonl").write_text("{}\n")
    (folder / "link").symlink_to(elsewhere)
    (folder / "round").symlink_to(tmp_path)  # leads to the folder itself again
    (folder / ".#one.jsonl").symlink_to("somebody@somewhere.1")  # an editor's lock: a link to nowhere
    (folder / "subset.toml").write_text('title = "Own"\n[seeds]\npath = "../seeds"\n')
    home = Home(tmp_path / "home", str(folder))
    (folder / "round").unlink()
    home.run()
    assert home.is_settled
    change(folder)
    assert not home.is_settled


@pytest.mark.parametrize("address", ["hub", "hub:BAAI/TACO", "hub:BAAI/TACO@main", "hub:BAAI/TACO@v1"])
def test_a_name_on_the_hub_that_may_come_to_mean_other_files_never_settles(tmp_path: Path, address: str) -> None:
    assert not Home(tmp_path, address).is_settled


@pytest.mark.slow
def test_a_folder_of_everything_is_not_walked_through(tmp_path: Path) -> None:
    assert not Home(tmp_path, "/").is_settled


@pytest.mark.parametrize("place", ["releases/sft_dataset/data/one.parquet", "training/packed/mix/one.parquet"])
def test_files_beside_the_lake_count(tmp_path: Path, place: str) -> None:
    """A mix reads releases, a training packed rows: no table tells that they changed, or that they were deleted."""
    file = tmp_path / place
    file.parent.mkdir(parents=True)
    file.write_text("1")
    home = Home(tmp_path)
    assert home.is_settled
    file.write_text("22")
    assert not home.is_settled
    home.run()
    assert home.is_settled
    shutil.rmtree(tmp_path / place.split("/")[0])
    assert not home.is_settled


def test_a_file_that_changes_while_it_is_read_counts(tmp_path: Path) -> None:
    release = tmp_path / "releases" / "sft_dataset" / "manifest.json"
    release.parent.mkdir(parents=True)
    release.write_text("1")
    home = Home(tmp_path)
    home.run(meanwhile=lambda: release.write_text("22"))
    assert not home.is_settled


@pytest.mark.slow
def test_of_two_runs_at_once_neither_settles_what_the_other_wrote(tmp_path: Path) -> None:
    home = Home(tmp_path)

    home.run("second", meanwhile=lambda: home.another_run_writes("with other settings"))
    assert not home.is_settled
    home.run("third")
    assert home.is_settled

    memory = home.memory
    with home.store.watch() as watch, home.store.write(RUN, "statement_keys") as write:
        write.sync(STATEMENT_KEYS, [key("fourth")])
    home.another_run_writes("after our commit, before it is remembered")
    memory.remember(home.store, watch)
    assert not home.is_settled


@pytest.mark.slow
def test_a_restored_catalog_of_the_same_rows_is_not_the_lake_that_was_left(tmp_path: Path) -> None:
    """The backup was taken between two commits of a stage: its rows are there, the edges that followed are not."""
    home = Home(tmp_path)
    lake, files = tmp_path / "lake", ("catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm")
    memory = home.memory
    with home.store.watch() as watch:
        with home.store.write(RUN, "statement_keys") as write:
            write.sync(STATEMENT_KEYS, [key("second")])
        backup = {name: (lake / name).read_bytes() for name in files if (lake / name).exists()}
        with home.store.write(RUN, "statement_keys") as write:
            write.edges([{"child": "c", "parent": "p", "relation": "derived", "reason": ""}])
        memory.remember(home.store, watch)
    assert home.is_settled
    home.store.close()
    for name in files:
        (lake / name).unlink(missing_ok=True)
    for name, content in backup.items():
        (lake / name).write_bytes(content)
    home.store.open()
    assert not home.store.rows("FROM record_edge") and home.store.state("statement_keys")[0] == 1
    assert not home.is_settled
    with home.store.write(RunInfo("later"), "other") as write:
        write.edges([{"child": "d", "parent": "p", "relation": "derived", "reason": ""}])
    assert not home.is_settled, "the number of the lost commit was given again"


def test_rows_that_others_add_to_a_shared_table_are_no_news(tmp_path: Path) -> None:
    home = Home(tmp_path)

    def another_stage_asks() -> None:
        with project_lake(home.root / "lake") as lake, lake.write(RunInfo("other"), "other") as write:
            write.append(PROMPTS, [row_of(PROMPTS, prompt_hash="theirs", template_hash="h")])

    def asks() -> None:
        home.store.rows("FROM prompts")
        another_stage_asks()
        with home.store.write(RUN, "statement_keys") as write:
            write.append(PROMPTS, [row_of(PROMPTS, prompt_hash="ours", template_hash="h")])

    home.run("first", meanwhile=asks)
    assert home.is_settled, "another stage's prompts came while this one asked"
    another_stage_asks()
    assert home.is_settled, "and more of them came afterwards"


def test_a_limit_of_warnings_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "ocr.toml"
    project.write_text("")
    monkeypatch.setenv("OCR_PROJECT", str(project))
    home = Home(tmp_path)
    assert home.is_settled
    project.write_text("[warnings]\nmax_rows_lost = 0.9\n")
    assert not home.is_settled, "a limit of the project file"
    home.run()
    assert home.is_settled
    monkeypatch.setenv("OCR_MAX_ROWS_LOST", "0.8")
    assert not home.is_settled, "a limit of the environment"
