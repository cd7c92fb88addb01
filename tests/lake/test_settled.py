"""Assets are not run again where nothing has changed that decides their result, and are where anything has."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ocr_assets.platform import publish
from ocr_assets.platform.assets import lake_asset
from ocr_assets.platform.lake import project_lake
from ocr_assets.platform.settled import AGAIN
from ocr_assets.schema import JUDGE_VOTES, STATEMENT_KEYS
from resources.lake import Lake, RunInfo, Write
from resources.settings import LakeResource, SourcesResource
from tests.support.rows import row_of


class _Config(dg.Config):
    word: str = "a"


class Project:
    """A home with one asset, and how often its body ran."""

    def __init__(self, home: Path) -> None:
        self.home, self.ran, self.left, self.fails = home, 0, 0, False
        self.words: dict[str, Any] = {}
        self.sources = SourcesResource(taco="")
        self.instance = dg.DagsterInstance.ephemeral()

    def materialize(self, **tags: str) -> Mapping[str, Any]:
        project = self

        @lake_asset(STATEMENT_KEYS)
        def statement_keys(
            context: dg.AssetExecutionContext, config: _Config, lake: LakeResource, sources: SourcesResource
        ) -> Any:
            """Keys."""

            def body(store: Lake, write: Write) -> Mapping[str, Any]:
                project.ran += 1
                if project.fails:
                    raise RuntimeError("the network is gone")
                votes = store.scalar("SELECT count(*) FROM judge_votes")
                row = row_of(STATEMENT_KEYS, raw_id=config.word, statement_key=str(votes))
                write.sync(STATEMENT_KEYS, [row])
                return {publish.LEFT: project.left, "of its own": project.ran}

            yield from publish.replace(context, lake, STATEMENT_KEYS, body)

        resources = {"lake": LakeResource(home=str(self.home)), "sources": self.sources}
        config = {"ops": {"statement_keys": {"config": self.words}}}
        done = dg.materialize(
            [statement_keys], instance=self.instance, resources=resources, run_config=config, tags=tags, raise_on_error=False
        )
        if not done.success:
            return {}
        (event,) = done.asset_materializations_for_node("statement_keys")
        return {name: value.value for name, value in event.metadata.items()}

    def vote(self, name: str) -> None:
        row = dict.fromkeys(JUDGE_VOTES.schema.names)
        for column in JUDGE_VOTES.columns:
            if not column.nullable:
                row[column.name] = _any_value(column, name)
        with project_lake(self.home / "lake") as lake, lake.write(RunInfo(name), "contamination_report") as write:
            write.upsert(JUDGE_VOTES, [row])


def _any_value(column: Any, name: str) -> Any:
    import datetime

    import pyarrow as pa

    if column.one_of:
        return column.one_of[0]
    if pa.types.is_string(column.type):
        return name
    if pa.types.is_timestamp(column.type):
        return datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return False if pa.types.is_boolean(column.type) else 0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.materialize()
    made.materialize()  # the first time, the lake itself is new
    assert made.ran == 1
    return made


@pytest.mark.long
def test_what_has_nothing_to_do_says_what_it_said(project: Project) -> None:
    shown = project.materialize()
    assert project.ran == 1
    assert shown["of its own"] == 1
    assert shown["dagster/row_count"] == 1
    assert shown["new rows"] == 0
    assert shown["preview"]


def _other_word(project: Project) -> None:
    project.words = {"word": "b"}


def _other_setting(project: Project) -> None:
    project.sources = SourcesResource(taco="", apps="")


def _other_input(project: Project) -> None:
    project.vote("v")


def _own_rows_gone(project: Project) -> None:
    with project_lake(project.home / "lake") as lake, lake.write(RunInfo("by hand"), "statement_keys") as write:
        write.sync(STATEMENT_KEYS, [])


def _unfinished_journal(project: Project) -> None:
    folder = project.home / "lake" / "journal" / "statement_keys"
    folder.mkdir(parents=True)
    (folder / "1.jsonl").write_text("paid for", encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        _other_input,
        *(
            pytest.param(change, marks=pytest.mark.long)
            for change in (_other_word, _other_setting, _own_rows_gone, _unfinished_journal)
        ),
    ],
)
def test_each_thing_that_decides_the_result_counts(project: Project, change: Callable[[Project], None]) -> None:
    change(project)
    project.materialize()
    assert project.ran == 2
    project.materialize()
    assert project.ran == 2, "settled again"


@pytest.mark.long
def test_a_folder_that_a_setting_names(tmp_path: Path) -> None:
    folder = tmp_path / "problems"
    folder.mkdir()
    (folder / "one.jsonl").write_text("{}\n", encoding="utf-8")
    project = Project(tmp_path / "home")
    project.sources = SourcesResource(taco=str(folder))
    project.materialize()
    project.materialize()
    assert project.ran == 1
    (folder / "two.jsonl").write_text("{}\n", encoding="utf-8")
    project.materialize()
    assert project.ran == 2
    later = time.time_ns() + 10**9
    os.utime(folder / "one.jsonl", ns=(later, later))
    project.materialize()
    assert project.ran == 3


@pytest.mark.long
def test_what_lies_on_the_hub_is_looked_at_each_time_but_for_a_named_revision(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.sources = SourcesResource(taco="hub:BAAI/TACO")
    for _ in range(3):
        project.materialize()
    assert project.ran == 3
    project.sources = SourcesResource(taco="hub:BAAI/TACO@0123456789012345678901234567890123456789")
    for _ in range(3):
        project.materialize()
    assert project.ran == 4


@pytest.mark.slow
def test_what_was_left_is_tried_again(project: Project) -> None:
    project.words, project.left = {"word": "b"}, 3
    for _ in range(3):
        project.materialize()
    assert project.ran == 4
    project.left = 0
    project.materialize()
    project.materialize()
    assert project.ran == 5


@pytest.mark.long
def test_a_failure_is_not_taken_for_an_end(project: Project) -> None:
    project.words, project.fails = {"word": "b"}, True
    project.materialize()
    project.fails = False
    project.materialize()
    assert project.ran == 3


@pytest.mark.long
def test_a_person_can_insist(project: Project) -> None:
    project.materialize(**{AGAIN: "true"})
    assert project.ran == 2


@pytest.mark.long
def test_a_ui_that_was_never_told_is_told(project: Project) -> None:
    """A new instance of Dagster over an old lake has no pictures yet."""
    project.instance = dg.DagsterInstance.ephemeral()
    assert project.materialize()["of its own"] == 2


@pytest.mark.long
def test_a_damaged_memory_is_none(project: Project) -> None:
    (memory,) = (project.home / "lake" / "settled").glob("statement_keys*.json")
    for text in ("", "{", "[]", '{"decided_by": {}}'):
        memory.write_text(text, encoding="utf-8")
        project.materialize()
    assert project.ran == 5
