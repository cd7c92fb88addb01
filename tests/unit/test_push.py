"""Releases go to the Hub whole or not at all, once, and only where they belong; the key is seen nowhere."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from huggingface_hub import constants

from ocr_assets.cli import main
from ocr_assets.exports.writer import SPLIT, Sizes, write_release
from ocr_assets.platform.release_folders import ReleaseFolder
from tests.support.writable_hub import KEY, Dataset, Hub, writable_hub

SCHEMA = pa.schema([("id", pa.string())])


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with writable_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("OCR_HOME", str(tmp_path))
        monkeypatch.setenv("HF_TOKEN", KEY)
        yield hub


def release(home: Path, number: int, rows: int = 6, warning: str | None = None, name: str = "mine") -> Path:
    """Version ``number``: a shard a row."""
    folder = ReleaseFolder(home / "releases", name)
    batch = pa.RecordBatch.from_pydict({"id": [f"row {n}" for n in range(rows)], SPLIT: ["train"] * rows})
    manifest = {"dataset": name, "number": number, "version": f"hash{number}", "warning": warning}
    write_release(
        folder.version(number),
        [batch],
        SCHEMA,
        manifest,
        lambda whole: f"---\nlicense: other\n---\n{number}",
        Sizes(shard_rows=1),
    )
    folder.point_to(number)
    return folder.version(number)


def push(*arguments: str, repo: str = "ada/data", name: str = "mine") -> Result:
    return CliRunner().invoke(main, ["push", name, repo, *arguments])


def local(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_nothing_is_pushed_without_yes(hub: Hub, tmp_path: Path) -> None:
    release(tmp_path, 1)
    done = push()
    assert done.exit_code == 0 and "6 rows" in done.output and "8 files to store" in done.output and "--yes" in done.output
    assert not hub.datasets and not hub.stored


def test_a_release_is_pushed_in_one_commit_and_a_new_version_changes_what_it_changes(hub: Hub, tmp_path: Path) -> None:
    first = release(tmp_path, 1)
    done = push("--yes")
    assert done.exit_code == 0, done.output
    dataset = hub.datasets["ada/data"]
    assert dataset.private and dataset.files == local(first) and hub.puts == 6
    assert dataset.commits == ["initial commit", "mine, version 1 (hash1)"]
    again = push("--yes")
    assert again.exit_code == 0 and "8 there already" in again.output and len(dataset.commits) == 2
    second = release(tmp_path, 2, rows=4)
    done = push("--yes")
    assert done.exit_code == 0 and "2 to remove" in done.output and "4 there already" in done.output
    assert dataset.files == local(second) and hub.puts == 6, "what is there is not sent again"
    assert push("--yes", "--number", "1").exit_code == 0 and dataset.files == local(first)


def test_a_push_that_failed_goes_on_where_it_was_and_nothing_of_it_was_seen(hub: Hub, tmp_path: Path) -> None:
    folder = release(tmp_path, 1)
    hub.before_put = lambda number: 403 if number == 4 else None
    failed = push("--yes")
    assert failed.exit_code == 1 and "no right to write" in failed.output and KEY not in failed.output
    assert hub.datasets["ada/data"].files == {} and len(hub.stored) == 3
    hub.before_put = lambda number: None
    assert push("--yes").exit_code == 0
    assert hub.datasets["ada/data"].files == local(folder) and hub.puts == 7, "four before, of which one was refused, and three"


@pytest.mark.slow
def test_a_push_that_was_killed_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    folder = release(tmp_path, 1)
    reached = threading.Event()
    gate = threading.Event()

    def hold(number: int) -> int | None:
        if number == 3:
            reached.set()
            gate.wait(60)
            return 500
        return None

    hub.before_put = hold
    child = subprocess.Popen([sys.executable, "-m", "ocr_assets.cli", "push", "mine", "ada/data", "--yes"], env={**os.environ})
    assert reached.wait(60)
    child.send_signal(signal.SIGKILL)
    child.wait()
    gate.set()
    assert hub.datasets["ada/data"].files == {} and len(hub.stored) == 2
    hub.before_put = lambda number: None
    assert push("--yes").exit_code == 0
    assert hub.datasets["ada/data"].files == local(folder) and len(hub.stored) == 6


def test_of_two_pushes_at_once_one_is_refused_and_can_be_made_again(hub: Hub, tmp_path: Path) -> None:
    release(tmp_path, 1)
    assert push("--yes").exit_code == 0
    folder = release(tmp_path, 2, rows=7)

    def overtaken(dataset: Dataset) -> int | None:
        dataset.commits.append("somebody else's")
        hub.before_commit = lambda dataset: None
        return None

    hub.before_commit = overtaken
    before = dict(hub.datasets["ada/data"].files)
    refused = push("--yes")
    assert refused.exit_code == 1 and "somebody else pushed there meanwhile" in refused.output
    assert hub.datasets["ada/data"].files == before
    assert push("--yes").exit_code == 0 and hub.datasets["ada/data"].files == local(folder)


def test_what_is_not_this_release_is_not_pushed_over(hub: Hub, tmp_path: Path) -> None:
    release(tmp_path, 1)
    folder = release(tmp_path, 1, rows=2, name="other")
    hub.datasets["ada/data"] = Dataset(True, {"notes.txt": b"mine", "data/mine.csv": b"1"})
    refused = push("--yes")
    assert refused.exit_code == 2 and "files that are no release of ours" in refused.output
    hub.datasets["ada/data"].files["manifest.json"] = b"[1]"
    assert push("--yes").exit_code == 2
    assert push("--yes", "--replace").exit_code == 0
    assert hub.datasets["ada/data"].files["notes.txt"] == b"mine" and "data/mine.csv" not in hub.datasets["ada/data"].files
    refused = push("--yes", name="other")
    assert refused.exit_code == 2 and "holds the release mine, not other" in refused.output
    assert push("--yes", "--replace", name="other").exit_code == 0
    assert local(folder).items() <= hub.datasets["ada/data"].files.items()


def test_a_release_that_is_not_decontaminated_is_not_made_public_by_accident(hub: Hub, tmp_path: Path) -> None:
    release(tmp_path, 1, warning="This release is not decontaminated against any public benchmark.")
    refused = push("--yes", "--public")
    assert refused.exit_code == 2 and "is not made public" in refused.output and not hub.datasets
    assert "not decontaminated" in push().output
    assert push("--yes", "--public", "--not-decontaminated").exit_code == 0 and not hub.datasets["ada/data"].private


def test_the_key_comes_from_the_environment_only(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release(tmp_path, 1)
    monkeypatch.delenv("HF_TOKEN")
    stored = tmp_path / "token"
    stored.write_text(KEY)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(stored))
    refused = push("--yes")
    assert refused.exit_code == 2 and "HF_TOKEN is not set" in refused.output and push().exit_code == 0
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    refused = push("--yes")
    assert refused.exit_code == 1 and "the key is not valid" in refused.output and "hf_wrong" not in refused.output
    assert not hub.datasets


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["unknown", "ada/data"], "nothing was released under this name"),
        (["../mine", "ada/data"], "small letters"),
        (["mine", "data"], "owner/name"),
        (["mine", "ada/data", "--number", "7"], "no version 7"),
        (["mine", "a b/data"], "cannot be read"),
    ],
)
def test_wrong_names_are_refused_in_one_line(hub: Hub, tmp_path: Path, arguments: list[str], said: str) -> None:
    release(tmp_path, 1)
    done = CliRunner().invoke(main, ["push", *arguments])
    assert done.exit_code in (1, 2) and said in done.output and done.output.count("Error") == 1


def test_a_release_whose_files_were_changed_is_not_pushed(hub: Hub, tmp_path: Path) -> None:
    folder = release(tmp_path, 1)
    shard = next((folder / "data").glob("*.parquet"))
    shard.write_bytes(shard.read_bytes() + b"x")
    done = push("--yes")
    assert done.exit_code == 2 and "not what they were" in done.output and not hub.datasets
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["files"][str(shard.relative_to(folder))] != hashlib.sha256(shard.read_bytes()).hexdigest()


def test_a_hub_that_does_not_answer_is_said_in_one_line(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release(tmp_path, 1)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = push("--yes")
    assert done.exit_code == 1 and "cannot be read on the Hub" in done.output and len(done.output.strip().splitlines()) == 1


def test_nor_is_it_pushed_into_a_dataset_that_is_public_already(hub: Hub, tmp_path: Path) -> None:
    release(tmp_path, 1)
    assert push("--yes", "--public").exit_code == 0
    release(tmp_path, 2, rows=5, warning="This release is not decontaminated against any public benchmark.")
    refused = push("--yes")
    assert refused.exit_code == 2 and "is not made public" in refused.output and len(hub.datasets["ada/data"].commits) == 2
    assert push("--yes", "--not-decontaminated").exit_code == 0 and len(hub.datasets["ada/data"].commits) == 3


def test_a_release_without_rows_takes_nothing_away_from_the_hub(hub: Hub, tmp_path: Path) -> None:
    first = release(tmp_path, 1)
    assert push("--yes").exit_code == 0
    release(tmp_path, 2, rows=0)
    refused = push("--yes")
    assert refused.exit_code == 2 and "has no rows" in refused.output and hub.datasets["ada/data"].files == local(first)
