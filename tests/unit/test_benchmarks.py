"""Benchmarks are read in their true formats, by release and window of dates."""

import io
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_assets.problems.decontamination.benchmarks import SHIPPED, read_benchmark, read_registry, registry_of
from resources.settings import SourcesResource
from tests.support.fake_hub import hub


def write(path: Path, *rows: Mapping) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def no_hub(name: str, patterns: object) -> Path:
    raise AssertionError(f"{name} is not to be fetched")


def lcb(number: int, day: str) -> dict:
    """The columns of LiveCodeBench's code generation files that matter here."""
    return {
        "question_title": f"Q{number}", "question_content": f"Question {number}", "platform": "atcoder",
        "question_id": f"abc_{number}", "contest_id": "abc", "contest_date": f"{day}T00:00:00", "starter_code": "",
        "public_test_cases": "[]", "private_test_cases": "eJx", "metadata": "{}",
    }  # fmt: skip


def test_benchmarks_of_the_true_schemas(shared_data: Path, tmp_path: Path) -> None:
    humaneval = read_benchmark(shared_data / "humaneval" / "HumanEval.jsonl.gz")
    assert len(humaneval) == 164 and humaneval[0]["item_id"] == "HumanEval/0" and "has_close_elements" in humaneval[0]["question"]
    mbpp = read_benchmark(shared_data / "mapcoder" / "MBPP.jsonl.gz")
    assert len(mbpp) == 974 and mbpp[0]["benchmark"] == "MBPP" and mbpp[0]["question"].startswith("Write a")
    contests = read_benchmark(shared_data / "problem_packages" / "as_code_contests_schema.jsonl.gz")
    assert len(contests) == 25 and contests[0]["item_id"] == "kth2015_a1paper" and "A1 Paper" in contests[0]["question"]
    for name in ("bigcodebench", "EvoEval", "shadow_humaneval_python", "live_code_bench_v1"):
        items = read_benchmark(shared_data / "sandboxfusion" / f"code_eval_{name}.jsonl")
        assert items and all(len(item["question"]) > 40 for item in items)
    path = tmp_path / "bcb.parquet"
    row = {"task_id": "BigCodeBench/0", "complete_prompt": "import x", "instruct_prompt": "Sum it.", "canonical_solution": "y"}
    pq.write_table(pa.Table.from_pylist([row]), path)
    (item,) = read_benchmark(path)
    assert (item["item_id"], item["question"]) == ("BigCodeBench/0", "Sum it.")


def test_a_row_without_a_question_is_named(tmp_path: Path) -> None:
    write(tmp_path / "bad.jsonl", {"task_id": 1})
    with pytest.raises(ValueError, match=r"bad.jsonl, row 1: no question"):
        read_benchmark(tmp_path / "bad.jsonl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "LiveCodeBench" / "test.jsonl", lcb(1, "2023-05-07"), lcb(2, "2024-03-01"))
    write(tmp_path / "LiveCodeBench" / "test2.jsonl", lcb(3, "2024-08-01"))
    write(tmp_path / "LiveCodeBench" / "test3.jsonl", lcb(4, "2025-02-01"), lcb(5, "2025-04-01"))
    write(tmp_path / "mine" / "exam.jsonl", {"nr": 7, "task": "Do it.", "question": "not this"})
    return tmp_path


def ids(folder: Path, registry: str) -> list[str]:
    (folder / "benchmarks.toml").write_text(registry)
    return [item["item_id"] for item in read_registry(folder, no_hub)]


def test_releases_and_windows_choose_the_items(folder: Path) -> None:
    entry = '[[benchmark]]\nname = "LiveCodeBench"\n'
    assert ids(folder, entry) == ["abc_1", "abc_2", "abc_3", "abc_4", "abc_5"]
    assert ids(folder, entry + 'version = "release_v2"') == ["abc_1", "abc_2", "abc_3"]
    assert ids(folder, entry + "since = 2024-08-01\nuntil = 2025-02-01") == ["abc_3", "abc_4"]
    assert [item["version"] for item in read_registry(folder, no_hub)] == ["release_v2", "release_v3"]
    assert read_registry(folder, no_hub)[0]["published"] == "2024-08-01"


def test_a_file_of_ones_own_names_its_columns(folder: Path) -> None:
    entry = '[[benchmark]]\nname = "exam"\nfiles = ["mine/*"]\nversion = "1"\n'
    assert ids(folder, entry + 'question = "task"\nitem_id = "nr"') == ["7"]
    (item,) = read_registry(folder, no_hub)
    assert (item["benchmark"], item["version"], item["question"]) == ("exam", "1", "Do it.")


def test_items_listed_twice_count_once(folder: Path) -> None:
    entry = '[[benchmark]]\nname = "LiveCodeBench"\nfiles = ["LiveCodeBench/test2.jsonl"]\n'
    assert ids(folder, entry + entry) == ["abc_3"]


def test_without_a_registry_every_file_counts(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", {"task_id": "a", "question": "A?"})
    write(tmp_path / "two.jsonl", {"task_id": "a", "question": "A?"})
    (tmp_path / "README.md").write_text("no benchmark")
    assert [(item["benchmark"], item["item_id"]) for item in read_registry(tmp_path, no_hub)] == [("one", "a"), ("two", "a")]


@pytest.mark.parametrize(
    ("registry", "complaint"),
    [
        ("[[benchmark]]\nversion = '1'", "name is missing"),
        ("[[benchmark]]\nname = 'x'\nfile = 'y'", "unknown file"),
        ("[[benchmark]]\nname = 'LiveCodeBench'\nsince = '2024'", "since must be a day"),
        ("[[benchmark]]\nname = 'nothing'", "no file of nothing"),
        ("[[benchmark]]\nname = 'exam'\nfiles = ['mine/*']\nsince = 2024-01-01", "no date"),
        ("[[benchmark]]\nname = 'exam'\nfiles = ['mine/*']\nquestion = 'text'", "text must hold text"),
        ("", "lists no"),
        ("[[benchmark", "benchmarks.toml"),
    ],
)
def test_wrong_registries_are_refused_by_name(folder: Path, registry: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ids(folder, registry)


def test_the_registry_can_be_read_alone(tmp_path: Path) -> None:
    (tmp_path / "benchmarks.toml").write_text('[[benchmark]]\nname = "a"\nfiles = ["a.jsonl"]\n')
    (benchmark,) = registry_of(tmp_path / "benchmarks.toml")
    assert (benchmark.name, benchmark.files) == ("a", ("a.jsonl",))


def parquet(*rows: Mapping) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), sink)
    return sink.getvalue()


def test_the_shipped_registry_takes_from_the_hub_what_the_papers_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    human = {"task_id": "HumanEval/0", "prompt": "def f(): pass", "canonical_solution": "", "test": "", "entry_point": "f"}
    mbpp = {"task_id": 11, "text": "Write a function.", "code": "", "test_list": ["assert f()"]}
    big = {"task_id": "BigCodeBench/0", "instruct_prompt": "Do it.", "complete_prompt": "def task(): ..."}
    contest = {"name": "1_A", "description": "Read n.", "public_tests": {"input": ["1"]}, "private_tests": {"input": ["2"]}}
    parts = {f"test{part if part > 1 else ''}.jsonl": json.dumps(lcb(part, "2024-09-01")).encode() for part in range(1, 7)}
    datasets = {
        "openai/openai_humaneval": {"openai_humaneval/test-00000-of-00001.parquet": parquet(human)},
        "google-research-datasets/mbpp": {"full/test-00000-of-00001.parquet": parquet(mbpp), "sanitized/test-0.parquet": b""},
        "bigcode/bigcodebench": {f"data/{v}-00000-of-00001.parquet": parquet(big) for v in ("v0.1.3", "v0.1.4")},
        "livecodebench/code_generation_lite": parts,
        "deepmind/code_contests": {f"data/{s}-00000-of-00001.parquet": parquet(contest) for s in ("train", "valid", "test")},
    }
    with hub(datasets) as (address, downloads):
        monkeypatch.setenv("HF_ENDPOINT", address)
        items = read_registry(SHIPPED, partial(SourcesResource().fetched, cache=tmp_path))
    assert [(item["benchmark"], item["item_id"], item["version"]) for item in items] == [
        ("HumanEval", "HumanEval/0", ""),
        ("MBPP", "11", ""),
        ("BigCodeBench", "BigCodeBench/0", "v0.1.4"),
        ("LiveCodeBench", "abc_1", "release_v1"),
        *[("LiveCodeBench", f"abc_{part}", f"release_v{part}") for part in range(2, 6)],
        ("CodeContests", "1_A", ""),
    ]
    assert len(downloads) == 9  # no other split, version or release
