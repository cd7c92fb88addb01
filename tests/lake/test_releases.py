"""Releases have names, versions that stay, and a ledger in the lake; no run changes one that it was not asked for."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from ocr_assets.exports import ledger
from ocr_assets.exports.assets import release_asset
from ocr_assets.exports.profiles import PROFILES
from ocr_assets.platform.lake import project_lake
from ocr_assets.platform.release_folders import ReleaseFolder
from resources.lake import RunInfo
from resources.lake.at_work import StageLock
from resources.lake.reading import ReadOnlyLake
from resources.settings import LakeResource
from tests.support.lakes import unpack_old_lake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with triplets, made once."""
    home = tmp_path_factory.mktemp("released")
    unpack_old_lake(home / "lake")
    with project_lake(home / "lake"):
        pass
    return home


@pytest.fixture
def home(migrated: Path, tmp_path: Path) -> Iterator[Path]:
    copy = tmp_path / "home"
    shutil.copytree(migrated, copy)
    yield copy


def release(home: Path, name: str = "sft_dataset", profile: str = "ocr", **config: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [release_asset(name, PROFILES[profile])],
        resources={"lake": LakeResource(home=str(home))},
        run_config={"ops": {name: {"config": config}}},
        raise_on_error=False,
    )


def released(home: Path, name: str = "sft_dataset", version: str = "current") -> set[str]:
    files = (home / "releases" / name / version / "data").glob("*.parquet")
    return {row for file in files for row in pq.read_table(file, columns=["id"]).column("id").to_pylist()}


def ledger_of(home: Path, name: str = "sft_dataset") -> dict[int, set[str]]:
    """Version → ids of its rows, as the lake has them."""
    query = """
        SELECT v.number, list(r.id) FILTER (r.id IS NOT NULL) AS ids, v.rows FROM release_version v
        LEFT JOIN released_row r ON r.release = v.release AND r.from_number <= v.number
            AND v.number <= coalesce(r.to_number, v.number)
        WHERE v.release = ? GROUP BY ALL"""
    with project_lake(home / "lake") as lake:
        found = lake.rows(query, [name])
    assert all(len(row["ids"] or []) == row["rows"] for row in found)
    return {row["number"]: set(row["ids"] or []) for row in found}


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def forget(home: Path, dropped: int) -> None:
    """Take some triplets out of the lake, as a source that shrank would."""
    with project_lake(home / "lake") as lake:
        keep = lake.rows(f"FROM verified_triplets ORDER BY triplet_id OFFSET {dropped}")
        with lake.write(RunInfo("shrinking"), "verified_triplets") as write:
            from ocr_assets.schema import VERIFIED_TRIPLETS

            write.sync(VERIFIED_TRIPLETS, keep)


def failure(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    (step,) = result.get_step_failure_events()
    assert step.event_specific_data is not None
    error = step.event_specific_data.error
    return str((error.cause or error).message)


def test_each_change_is_a_version_and_those_before_stay_as_they_are(home: Path) -> None:
    assert release(home).success
    first, before = released(home), files(home / "releases" / "sft_dataset" / "v1")
    assert first and json.loads(before["manifest.json"])["number"] == 1
    again = release(home)
    (shown,) = again.asset_materializations_for_node("sft_dataset")
    assert shown.metadata["released now"].value is False and ledger_of(home) == {1: first}
    forget(home, 20)
    assert release(home).success
    assert released(home) < first and released(home, version="v1") == first
    assert files(home / "releases" / "sft_dataset" / "v1") == before
    assert (home / "releases" / "sft_dataset" / "current").readlink() == Path("v2")
    assert ledger_of(home) == {1: first, 2: released(home)}
    with project_lake(home / "lake") as lake:
        assert lake.scalar("SELECT count(*) FROM released_row") == len(first), "rows that stay are not written again"
        assert lake.scalar("SELECT count(*) FROM released_row WHERE parent_id IS NULL") == 0
        (last,) = lake.rows("FROM release_version WHERE number = 2")
        at = lake.scalar(f"SELECT count(*) FROM verified_triplets AT (VERSION => {last['snapshot']})")
        assert at == lake.scalar("SELECT count(*) FROM verified_triplets"), "the snapshot that it was read from can be read back"
    assert (last["folder"], last["profile"], last["rows"]) == ("releases/sft_dataset/v2", "ocr", len(released(home)))
    assert json.loads(last["settings"])["keep"] == "all"


def test_a_release_waits_for_who_makes_it_on_another_machine(home: Path) -> None:
    """The folders are two, the numbers in the lake are one."""
    with ThreadPoolExecutor(1) as pool:
        with StageLock(LakeResource(home=str(home)).journals, "release-sft_dataset"):
            waiting = pool.submit(release, home)
            time.sleep(2)
            assert not waiting.done() and not (home / "releases" / "sft_dataset" / "v1").exists()
        assert waiting.result().success and released(home)


def test_settings_belong_to_a_name_and_others_need_one_of_their_own(home: Path) -> None:
    assert release(home).success
    before = files(home / "releases" / "sft_dataset")
    said = failure(release(home, keep="accepted", languages=["cpp"]))
    assert "sft_dataset: languages=['cpp'], keep='accepted' is not what the project says" in said and "release_as" in said
    result = release(home, keep="accepted", languages=["cpp"], release_as="accepted_cpp")
    assert result.success
    (shown,) = result.asset_materializations_for_node("sft_dataset")
    assert shown.metadata["released as"].value == "accepted_cpp, version 1"
    assert files(home / "releases" / "sft_dataset") == before, "no run changes a release that it was not asked for"
    assert released(home, "accepted_cpp") < released(home), "a triplet has the same id in every release of a profile"
    assert ledger_of(home, "accepted_cpp") == {1: released(home, "accepted_cpp")}
    with project_lake(home / "lake") as lake:
        assert shown.metadata["dagster/row_count"].value == lake.state("sft_dataset")[0] == len(released(home))
    assert release(home).success and files(home / "releases" / "accepted_cpp" / "v1")
    for name, why in (
        ("kodcode_rl", "is a release of the project"), ("Strict", "small letters"), ("verdicts", "is a table of the lake"),
        ("../out", "small letters"),
    ):  # fmt: skip
        assert why in failure(release(home, keep="accepted", release_as=name)), name
    said = failure(release(home, "kodcode_v1", "kodcode_v1", release_as="accepted_cpp"))
    assert "accepted_cpp is a release of profile ocr" in said


@pytest.mark.long
def test_a_release_of_the_project_file_has_its_filters_and_is_kept_from_runs_without_that_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = '[releases.strict]\nprofile = "ocr"\nkeep = "accepted"\n[releases.sft_dataset]\nlanguages = ["cpp"]\n'
    (home / "ocr.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("OCR_PROJECT", str(home))
    assert release(home, "strict").success and release(home).success
    assert "keep='all' is not what" in failure(release(home, "strict", keep="all"))
    with project_lake(home / "lake") as lake:
        settings = {row["release"]: json.loads(row["settings"]) for row in lake.rows("FROM release_version")}
    assert (settings["strict"]["keep"], settings["sft_dataset"]["languages"]) == ("accepted", ["cpp"])
    monkeypatch.delenv("OCR_PROJECT")
    said = failure(release(home))
    assert f"set OCR_PROJECT={home / 'ocr.toml'}" in said and "\n" not in said.strip()
    assert release(home, release_as="mine").success, "by name, anything can be released"


@pytest.mark.long
@pytest.mark.parametrize("killed_at", ["record", "put"])
def test_a_killed_release_leaves_nothing_half(home: Path, killed_at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert release(home).success
    first = released(home)
    forget(home, 20)

    class Killed(BaseException):
        """As a kill would end it."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(*((ledger, "record") if killed_at == "record" else (ReleaseFolder, "put")), die)
        assert "Killed" in failure(release(home))
    assert released(home) == first, "readers still have the version before, whole"
    assert release(home).success
    assert ledger_of(home) == {1: first, 2: released(home)} and len(released(home)) < len(first)
    assert sorted(path.name for path in (home / "releases" / "sft_dataset").iterdir()) == [".lock", "current", "v1", "v2"]


@pytest.mark.long
def test_a_release_of_before_there_were_versions_becomes_the_first(home: Path) -> None:
    assert release(home).success
    first, folder = released(home), home / "releases" / "sft_dataset"
    shutil.copytree(folder / "v1", home / "old")
    manifest = json.loads((home / "old" / "manifest.json").read_text())
    for new in ("number", "profile", "snapshot"):
        del manifest[new]
    shutil.rmtree(home / "old" / "plots")  # there were none
    for of_files in ("files", "bytes"):
        manifest[of_files] = {name: value for name, value in manifest[of_files].items() if not name.startswith("plots/")}
    (home / "old" / "manifest.json").write_text(json.dumps(manifest))
    shutil.rmtree(folder)
    shutil.copytree(home / "old", folder)
    with project_lake(home / "lake") as lake:
        lake.plain_cursor().execute("DELETE FROM release_version; DELETE FROM released_row")
    assert release(home).success
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "current", "v1"], "nothing changed, so no new version"
    assert ledger_of(home) == {1: first} and released(home) == first
    forget(home, 20)
    assert release(home).success
    assert ledger_of(home) == {1: first, 2: released(home)}
    with project_lake(home / "lake") as lake:
        assert lake.scalar("SELECT count(*) FROM released_row") == len(first), "hashed alike from files and from the lake"
        (taken_in,) = lake.rows("FROM release_version WHERE number = 1")
    assert (taken_in["run_id"], taken_in["version"]) == (manifest["run_id"], manifest["version"])


@pytest.mark.long
def test_a_home_that_was_copied_with_its_links_followed_is_released_into(home: Path) -> None:
    assert release(home).success
    folder = home / "releases" / "sft_dataset"
    (folder / "current").unlink()
    shutil.copytree(folder / "v1", folder / "current")
    forget(home, 20)
    assert release(home).success
    assert (folder / "current").readlink() == Path("v2") and released(home) == ledger_of(home)[2]


@pytest.mark.long
def test_old_versions_go_only_where_that_is_set_and_a_folder_that_was_removed_is_written_again(home: Path) -> None:
    folder = home / "releases" / "sft_dataset"
    for _ in range(2):
        assert release(home).success
        forget(home, 20)
    assert release(home, keep_versions=2).success
    assert ReleaseFolder(home / "releases", "sft_dataset").numbers == [2, 3] and set(ledger_of(home)) == {1, 2, 3}
    shutil.rmtree(folder / "v3")
    assert release(home).success and set(ledger_of(home)) == {1, 2, 3}
    assert released(home) == ledger_of(home)[3]


@pytest.mark.long
def test_a_newest_version_that_was_damaged_or_is_another_is_written_again_and_set_aside(home: Path) -> None:
    assert release(home).success
    first = released(home)
    forget(home, 20)
    assert release(home).success
    folder, second = home / "releases" / "sft_dataset", released(home)
    (folder / "v2").rename(home / "lost")
    shutil.copytree(folder / "v1", folder / "v2")
    assert release(home).success and released(home) == second == ledger_of(home)[2], "files are what the ledger says"
    shard = next((folder / "v2" / "data").glob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:1000])
    assert release(home).success and released(home) == second
    assert sorted(path.name for path in folder.glob("v*")) == ["v1", "v2", "v2.replaced", "v2.replaced-2"]
    assert released(home, version="v1") == first and set(ledger_of(home)) == {1, 2}


def version(folder: Path, version: str = "a", shard: bytes = b"rows") -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "python-00000.parquet").write_bytes(shard)
    listed = {"data/python-00000.parquet": hashlib.sha256(b"rows").hexdigest()}
    manifest = {"version": version, "created_at": "2026-01-01T00:00:00+00:00", "files": listed}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_only_whole_folders_are_versions_and_what_lies_in_the_way_is_set_aside(tmp_path: Path) -> None:
    folder = ReleaseFolder(tmp_path, "mine")
    for name in ("v1", "v03", "v2.replaced", "v4"):
        version(folder.path / name)
    (folder.version(2) / "data").mkdir(parents=True)
    (folder.version(4) / "manifest.json").write_text('{"ver')
    assert folder.numbers == [1]
    version(folder.version(5), shard=b"ro")
    assert folder.numbers == [1, 5] and folder.is_whole(1, "a") and not folder.is_whole(1, "b") and not folder.is_whole(5)
    assert not folder.is_whole(2) and not folder.is_whole(4)
    for _ in range(2):
        version(folder.building(2))
        folder.put(2)
    assert folder.is_whole(2) and (folder.path / "v2.replaced").is_dir() and (folder.path / "v2.replaced-3").is_dir()


def test_recovery_removes_only_what_was_being_built_and_takes_no_note_for_a_release(tmp_path: Path) -> None:
    folder = ReleaseFolder(tmp_path, "mine")
    version(folder.version(1))
    (folder.version(1) / "README.md").write_text("the card")
    (folder.path / "README.md").write_text("a note")
    (folder.path / "data").mkdir()
    (folder.path / ".v1.swp").write_text("an editor's")
    (folder.path / ".vscode").mkdir()
    (folder.building(2)).mkdir()
    (folder.building(2) / "manifest.json").write_text('{"ver')
    folder.recover(2, "b")
    assert (folder.version(1) / "README.md").read_text() == "the card" and (folder.path / "README.md").read_text() == "a note"
    assert sorted(path.name for path in folder.path.glob(".v*")) == [".v1.swp", ".vscode"]


def test_a_kill_while_old_versions_are_removed_leaves_no_half_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ReleaseFolder(tmp_path, "mine")
    for number in (1, 2):
        version(folder.version(number))

    def die(path: Path) -> None:
        (path / "data" / "python-00000.parquet").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(shutil, "rmtree", die)
        folder.keep(1)
    assert folder.numbers == [2]
    folder.recover(2, "a")
    assert [path.name for path in folder.path.iterdir()] == ["v2"]


def test_a_lake_lies_also_in_a_folder_whose_name_is_a_text_of_sql(tmp_path: Path) -> None:
    place = tmp_path / "o'brien" / "lake"
    with project_lake(place):
        pass
    with ReadOnlyLake(place) as lake:
        assert lake.scalar("SELECT count(*) FROM release_version") == 0


@pytest.mark.long
def test_a_disk_that_is_full_is_said_in_one_line_and_its_room_is_given_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert release(home).success
    first = released(home)
    forget(home, 20)

    def full(self: pq.ParquetWriter, *_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pq.ParquetWriter, "write_table", full)
        said = failure(release(home))
    assert "the disk is full; nothing was released" in said and "\n" not in said.strip()
    folder = home / "releases" / "sft_dataset"
    assert released(home) == first and sorted(path.name for path in folder.iterdir()) == [".lock", "current", "v1"]
    assert release(home).success and ledger_of(home) == {1: first, 2: released(home)}


@pytest.mark.long
def test_the_same_rows_are_the_same_files_in_another_home_and_at_another_time(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home, tmp_path / "other")
    assert release(home).success and release(tmp_path / "other").success
    assert release(tmp_path / "other", release_as="again").success
    shards = [
        {name: content for name, content in files(place / "current").items() if name.startswith("data/")}
        for place in (
            home / "releases" / "sft_dataset",
            tmp_path / "other/releases/sft_dataset",
            tmp_path / "other/releases/again",
        )
    ]
    assert shards[0] and shards[0] == shards[1] == shards[2]
