"""What left stays known: rows are named by content, edges and rows that go are kept with when, by which run and why."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.problems.decontamination.clean import label_problems
from ocr_assets.problems.dedup.deduplicate import deduplicate
from ocr_assets.problems.dedup.settings import DedupSettings
from ocr_assets.problems.sources.read import SourceRow, read_source, store_rows
from resources.lake import Lake, RunInfo
from tests.support.lakes import new_lake, note_compared
from tests.support.size import size

NAMELESS = ["add two numbers", "sort the list", "add two numbers", "find the way", "count the stones"]


def written(folder: Path, statements: Sequence[str]) -> Path:
    """A source folder of TACO, whose rows have no names."""
    folder.mkdir(exist_ok=True)
    rows = [
        {"question": text, "input_output": json.dumps({"inputs": ["1\n"], "outputs": [f"{len(text)}\n"]})} for text in statements
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def ids(folder: Path) -> list[str]:
    return [row.problem["raw_id"] for row in read_source(folder, "taco") if isinstance(row, SourceRow)]


@settings(max_examples=size(20, 200), deadline=None)
@given(st.lists(st.sampled_from(NAMELESS), min_size=1, max_size=8), st.data())
def test_a_line_that_goes_changes_the_id_of_no_other(statements: list[str], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before = dict(zip(ids(written(Path(folder) / "taco", statements)), statements, strict=True))
        assert len(before) == len(statements)  # rows of equal content are as many rows
        kept = data.draw(st.lists(st.booleans(), min_size=len(statements), max_size=len(statements)))
        order = data.draw(st.permutations([text for text, stays in zip(statements, kept, strict=True) if stays]))
        after = ids(written(Path(folder) / "taco", order)) if order else []
        assert set(after) <= before.keys() and Counter(before[name] for name in after) == Counter(order)


def test_a_name_that_the_source_gives_is_part_of_the_row(tmp_path: Path) -> None:
    """Two rows of one content and two names are two rows; the same name again is the same row."""
    problem = {"statement": "add", "problem_id": "a"}
    tmp_path.joinpath("a.jsonl").write_text("".join(json.dumps({**problem, "problem_id": name}) + "\n" for name in "aba"))
    rows = list(read_source(tmp_path, "local"))
    good = [row.problem["origin"] for row in rows if isinstance(row, SourceRow)]
    assert good == ["local/train/a", "local/train/b"]
    assert [row["reason"] for row in rows if not isinstance(row, SourceRow)] == ["doubled row: the same row was read before"]


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as opened:
        yield opened


def refresh(lake: Lake, folder: Path, run: str) -> None:
    """Read, deduplicate, note as compared and clear, as the assets of these names do, each in a run of its own."""
    with lake.write(RunInfo(f"{run}-read"), "raw_problems") as write:
        store_rows(write, "taco", read_source(folder, "taco"))
    with lake.write(RunInfo(f"{run}-dedup"), "deduped_problems") as write:
        deduplicate(lake, write, lambda: lake.write(RunInfo(f"{run}-dedup"), "deduped_problems"), DedupSettings())
    note_compared(lake)
    with lake.write(RunInfo(f"{run}-clean"), "clean_problems") as write:
        label_problems(lake, write, lambda texts: [4000 if "stones" in text else 1 for text in texts])


def state(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    queries = {
        name: f"FROM {name} ORDER BY ALL" for name in ("raw_problems", "deduped_problems", "clean_problems", "test_conflicts")
    }
    queries["edges"] = "SELECT child, parent, relation, reason, stage FROM record_edge ORDER BY ALL"
    return {name: lake.rows(query) for name, query in queries.items()}


@pytest.mark.slow
def test_what_a_deleted_line_led_to_goes_with_its_reason_and_nothing_else_moves(lake: Lake, tmp_path: Path) -> None:
    source = tmp_path / "taco"
    refresh(lake, written(source, NAMELESS), "first")
    stones = lake.rows("FROM problems WHERE statement LIKE '%stones%'")[0]
    others = {row["raw_id"] for row in lake.rows("FROM raw_problems")} - {stones["raw_id"]}
    twins = lake.rows("SELECT raw_id FROM raw_problems WHERE statement LIKE 'add%' ORDER BY row")
    assert lake.rows("FROM record_edge_gone") == lake.rows("FROM row_gone") == []

    refresh(lake, written(source, NAMELESS[:-1]), "second")
    assert {row["raw_id"] for row in lake.rows("FROM raw_problems")} == others
    (went,) = lake.rows("FROM row_gone")
    why = "no longer in its source taco: it was row 4 of train.jsonl"
    assert (went["dataset"], went["id"], went["label"], went["why"]) == ("raw_problems", stones["raw_id"], "taco/train/4", why)
    assert (went["run_id"], went["back_at"]) == ("second-read", None)
    as_it_was = lake.rows(f"SELECT statement FROM raw_problems AT (VERSION => {went['snapshot']}) WHERE raw_id = ?", [went["id"]])
    assert as_it_was[0]["statement"] == NAMELESS[-1]
    gone = lake.rows("SELECT stage, child, parent, relation, why, gone_run_id FROM record_edge_gone ORDER BY stage DESC")
    assert [tuple(row.values()) for row in gone] == [
        ("deduped_problems", stones["problem_id"], stones["raw_id"], "derived", why, "second-dedup"),
        ("clean_problems", "clean_problems", stones["problem_id"], "dropped", why, "second-clean"),  # the cause is handed down
    ]

    refresh(lake, written(source, NAMELESS[1:]), "third")  # the first of the twins goes, and the stones are back
    assert lake.scalar("SELECT back_at IS NOT NULL FROM row_gone WHERE id = ?", [stones["raw_id"]])
    assert lake.rows("SELECT id FROM row_gone WHERE back_at IS NULL") == [{"id": twins[1]["raw_id"]}]  # of twins, the last leaves
    with new_lake(tmp_path / "fresh") as fresh:
        refresh(fresh, source, "only")
        assert state(lake) == state(fresh)  # origins too: they say where the rows stand now


def test_an_edge_that_leads_elsewhere_or_says_something_else_is_kept_as_it_was(lake: Lake) -> None:
    def edges(run: str, *edges: tuple[str, str, str, str]) -> None:
        with lake.write(RunInfo(run), "stage") as write:
            write.edges([dict(zip(("child", "parent", "relation", "reason"), edge, strict=True)) for edge in edges])  # type: ignore[misc]

    edges("one", ("b", "a", "derived", "good"), ("d", "c", "derived", ""), ("f", "e", "derived", ""), ("h", "g", "derived", ""))
    edges("two", ("b", "a", "derived", "bad"), ("d2", "c", "merged_into", ""), ("stage", "e", "dropped", "too long"))
    gone = lake.rows("SELECT child, reason, why, run_id, gone_run_id FROM record_edge_gone ORDER BY child")
    assert [tuple(row.values()) for row in gone] == [
        ("b", "good", "its reason is now: bad", "one", "two"),
        ("d", "", "c is merged into d2", "one", "two"),
        ("f", "", "e is dropped by stage: too long", "one", "two"),
        ("h", "", "stage no longer leads from g there", "one", "two"),
    ]
    edges("three", ("b", "a", "derived", "bad"), ("d2", "c", "merged_into", ""), ("stage", "e", "dropped", "too long"))
    assert lake.scalar("SELECT count(*) FROM record_edge_gone") == 4
