"""A lake whose data lie in an object store, over real HTTP: written, read, read as it was; and what is said where that cannot be."""

import os
from pathlib import Path
from typing import TypedDict

import pytest

from resources.lake import CannotOpen, Lake, RunInfo, Table, extensions
from resources.lake.object_store import _options
from resources.lake.reading import ReadOnlyLake
from tests.support.graph import run
from tests.support.s3 import BUCKET, KEYS, Store


class Item(TypedDict):
    id: str
    text: str


ITEMS = Table("items", Item, ("id",))
RUN = RunInfo("test")
PLACE = f"s3://{BUCKET}/ocr"


@pytest.fixture
def keys(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return store


def rows(first: int, count: int) -> list[dict[str, str]]:
    return [{"id": f"{number:04}", "text": f"text {number}"} for number in range(first, first + count)]


@pytest.mark.slow
def test_rows_come_back_and_every_version_can_be_read(keys: Store, tmp_path: Path) -> None:
    with Lake(tmp_path / "lake", data_path=PLACE, tables=[ITEMS]) as lake:
        for turn in range(3):
            with lake.write(RUN, "items") as write:
                write.append(ITEMS, rows(turn * 100, 100))
        versions = [row["snapshot"] for row in lake.rows("SELECT snapshot FROM dataset_version ORDER BY ALL")]
        counts = [lake.scalar(f"SELECT count(*) FROM items AT (VERSION => {version})") for version in versions]
        assert counts == [100, 200, 300]
        assert lake.rows("FROM duckdb_secrets()")[0]["secret_string"].count("redacted") == 1
    with Lake(tmp_path / "lake", data_path=PLACE, tables=[ITEMS]) as lake:
        assert lake.rows("FROM items ORDER BY id") == rows(0, 300)
    with ReadOnlyLake(tmp_path / "lake", data_path=PLACE) as reader:
        assert reader.scalar("SELECT count(*) FROM items") == 300
    assert keys.names("ocr/main/items/") and not (tmp_path / "lake" / "data").exists()


@pytest.mark.slow
def test_what_is_wrong_with_a_store_is_one_line(keys: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(data_path: str, **environment: str) -> str:
        with monkeypatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            with pytest.raises(CannotOpen) as error:
                Lake(tmp_path / "lake", data_path=data_path, tables=[ITEMS]).open()
        assert "\n" not in str(error.value) and KEYS["AWS_SECRET_ACCESS_KEY"] not in str(error.value)
        return str(error.value)

    assert said("gs://bucket/x") == "OCR_DATA_PATH=gs://bucket/x: give a folder, or s3://bucket/prefix"
    assert "s3://bucket/prefix" in said("s3://")
    assert "there is no bucket ocr-none at" in said("s3://ocr-none/x")
    assert "AWS_ACCESS_KEY_ID must be set" in said(PLACE, AWS_ACCESS_KEY_ID="")
    assert "does not answer; check AWS_ENDPOINT_URL" in said(PLACE, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert "without keys" in said(PLACE, AWS_ENDPOINT_URL="http://me:secret@host")  # pragma: allowlist secret
    monkeypatch.setattr(extensions, "files", lambda name: (_ for _ in ()).throw(ModuleNotFoundError(name)))
    assert "pip install" in said(PLACE)
    refused = run("lineage", "sql", "SELECT 1", home=tmp_path, check=False, OCR_DATA_PATH="s3://ocr-none/x",
                  OCR_CATALOG=f"sqlite:{tmp_path / 'catalog.sqlite'}", **keys.environment)  # fmt: skip
    assert refused.returncode == 2 and refused.stderr.strip().count("\n") == 0, refused.stderr


@pytest.mark.slow
def test_wrong_keys_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.support.s3 import s3_server

    monkeypatch.setenv("INITIAL_NO_AUTH_ACTION_COUNT", "1")  # moto: the bucket is made, then keys are looked at
    with s3_server() as strict:
        for name, value in strict.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(CannotOpen, match="refuses these keys"):
            Lake(tmp_path / "lake", data_path=PLACE, tables=[ITEMS]).open()


def test_the_variables_of_s3_clients_are_read() -> None:
    amazon = _options("b", {**KEYS, "AWS_DEFAULT_REGION": "eu-west-1", "AWS_SESSION_TOKEN": "t"})
    assert amazon["REGION"] == "eu-west-1" and amazon["SESSION_TOKEN"] == "t" and "ENDPOINT" not in amazon
    other = _options("b", {**KEYS, "AWS_ENDPOINT_URL": "https://minio.example:9000/"})
    assert (other["ENDPOINT"], other["URL_STYLE"], other["USE_SSL"]) == ("minio.example:9000", "path", "true")
    plain = _options("b", {**KEYS, "AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b:1"})
    assert (plain["ENDPOINT"], plain["USE_SSL"], plain["REGION"]) == ("b:1", "false", "us-east-1")
