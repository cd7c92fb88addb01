"""Datasets come from the Hub by its own client: the files that are wanted, once."""

from pathlib import Path

import pytest

from resources.hub import HubUnavailable, fetch, revision
from tests.support.fake_hub import hub

FILES = {"data/train-0.parquet": b"train", "data/test-0.parquet": b"test", "big.bin": b"weights", "README.md": b"words"}


def test_the_data_files_of_a_dataset_are_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub({"BAAI/TACO": FILES, "me/mine": FILES}) as (address, downloads):
        monkeypatch.setenv("HF_ENDPOINT", address)
        folder = fetch("taco", "hub", tmp_path)
        assert sorted(path.name for path in folder.glob("data/*")) == ["test-0.parquet", "train-0.parquet"]
        assert (folder / "data/test-0.parquet").read_bytes() == b"test" and not (folder / "big.bin").exists()
        assert fetch("taco", "hub", tmp_path) == folder
        only = fetch("benchmarks", "hub:me/mine@v2", tmp_path, ["data/test-*.parquet"])
        assert [path.name for path in only.glob("data/*")] == ["test-0.parquet"]
        assert downloads == {
            "BAAI/TACO/data/train-0.parquet": 1,
            "BAAI/TACO/data/test-0.parquet": 1,
            "me/mine/data/test-0.parquet": 1,
        }


def test_what_cannot_be_fetched_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub({}) as (address, _):
        monkeypatch.setenv("HF_ENDPOINT", address)
        with pytest.raises(HubUnavailable, match="taco: the Hub has no dataset 'no/such'"):
            fetch("taco", "hub:no/such", tmp_path)
    with pytest.raises(HubUnavailable, match="OCR_APPS=/path"):
        fetch("apps", "hub", tmp_path)  # nobody listens there any more
    with pytest.raises(HubUnavailable, match="does not say which revision"):
        revision("apps", "hub")
