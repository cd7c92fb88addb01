"""``ocr-assets dedup`` on plain files, and that it finds the clusters the lake finds."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.cli import main
from ocr_assets.problems.dedup import files
from ocr_assets.problems.dedup.clusters import clusters, decided
from ocr_assets.problems.dedup.files import Texts, duplicates_of
from ocr_assets.problems.dedup.refresh import refresh
from ocr_assets.problems.dedup.settings import DedupSettings
from resources.lake import RunInfo
from tests.support.lakes import new_lake
from tests.support.rows import STORY, CountingEmbedder, put_raw_problems, raw_problem
from tests.support.size import size

REWORDED = STORY.replace("red apples", "green pears")
OTHER = "Find the shortest path between two towns of a country whose roads all have one length , or say that there is none ."


def found(statements: list[str], settings: DedupSettings, embedder: Any = None) -> dict[int, tuple[int, str]]:
    with Texts(statements) as texts:
        return duplicates_of(texts, settings, embedder)[1]


def test_each_layer_names_its_duplicates_and_the_first_row_leads() -> None:
    shuffled = " ".join(sorted(STORY.split()))
    statements = [OTHER, STORY, OTHER.upper(), REWORDED, shuffled, STORY + "\n", ""]
    assert found(statements, DedupSettings()) == {2: (0, "exact"), 5: (1, "exact")}
    near = DedupSettings(near=True, near_threshold=0.7)
    assert found(statements, near) == {2: (0, "exact"), 3: (1, "near"), 5: (1, "exact")}
    both = DedupSettings(near=True, near_threshold=0.7, semantic=True, semantic_threshold=0.98)
    assert found(statements, both, CountingEmbedder()) == {2: (0, "exact"), 3: (1, "near"), 4: (1, "semantic"), 5: (1, "exact")}
    assert found([], both, CountingEmbedder()) == {}
    with pytest.raises(ValueError, match="embedder"):
        found(statements, DedupSettings(semantic=True, semantic_threshold=0.95))


@pytest.mark.long
@pytest.mark.sized
@settings(max_examples=size(2, 10))
@given(st.lists(st.sampled_from([STORY, REWORDED, OTHER, STORY.upper(), STORY + " 100", STORY + " 200"]), max_size=10))
def test_clusters_are_those_of_the_lake(tmp_path_factory: pytest.TempPathFactory, statements: list[str]) -> None:
    layers = DedupSettings(near=True, near_threshold=0.7, semantic=True, semantic_threshold=0.98)
    stands = found(statements, layers, CountingEmbedder())
    with new_lake(tmp_path_factory.mktemp("lake")) as lake:

        def writing() -> Any:
            return lake.write(RunInfo("run"), "deduped_problems")

        with writing() as write:
            put_raw_problems(write, [raw_problem(f"{row:03}", text) for row, text in enumerate(statements)])
        refresh(lake, writing, layers, CountingEmbedder())
        cluster_of, _ = clusters(decided(lake, layers, CountingEmbedder.model))
        keys = [row["statement_key"] for row in lake.rows("FROM statement_keys ORDER BY raw_id")]
    names = [cluster_of.get(key, key) for key in keys]
    assert [stands.get(row, (row, ""))[0] for row in range(len(statements))] == [names.index(name) for name in names]


@pytest.mark.slow
def test_many_statements_go_through_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    statements = [f"{STORY} {OTHER} in town number {number % 300 + 10}" for number in range(900)]
    alone = found(statements, DedupSettings(near=True, near_threshold=0.7))
    monkeypatch.setattr(files, "READ_IN_PARALLEL", 100)
    assert found(statements, DedupSettings(near=True, near_threshold=0.7)) == alone
    assert alone == {row: (row % 300, "exact") for row in range(300, 900)}  # another number is another problem


def test_the_command_keeps_rows_as_they_were_and_names_the_others(tmp_path: Path) -> None:
    one, other, kept = tmp_path / "one.jsonl", tmp_path / "other.parquet", tmp_path / "kept.jsonl"
    one.write_text(
        "".join(json.dumps(row) + "\n" for row in [{"id": 1, "question": STORY}, {"problem_id": "p", "question": OTHER}])
    )
    pq.write_table(pa.table({"statement": [REWORDED, STORY + " "]}), other)
    done = CliRunner().invoke(main, ["dedup", str(one), str(other), "--near", "0.7", "-o", str(kept)])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [row["question"] for row in rows] == [STORY, OTHER]
    assert rows[0]["duplicates"] == [{"row": "other.parquet:0", "layer": "near"}, {"row": "other.parquet:1", "layer": "exact"}]
    assert rows[1]["problem_id"] == "p" and rows[1]["duplicates"] == []
    assert "2 distinct, 2 duplicates" in done.stderr


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        ("{", [], "line 1: not JSON"),
        ('{"id": 1}', [], "line 1: no statement"),
        ('{"statement": "a"}', ["--near", "0.1"], "near_threshold=0.1"),
        ('{"statement": "a"}', ["--semantic", "0.1"], "semantic_threshold=0.1"),
    ],
)
def test_wrong_input_is_named(tmp_path: Path, line: str, options: list[str], message: str) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_text(line + "\n")
    done = CliRunner().invoke(main, ["dedup", str(path), *options])
    assert done.exit_code == 2 and message in done.stderr
