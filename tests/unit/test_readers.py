"""Source rows of the true schemas become problems; bad rows are quarantined with a reason and nothing is lost."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from ocr_assets import samples
from ocr_assets.problems.sources import READERS, BadRow
from ocr_assets.problems.sources.read import SourceRow, read_source
from ocr_assets.schema import RAW_PROBLEMS, TEST_SUITES, suite_id


def jsonl(path: Path) -> list[dict]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read(folder: Path, dataset: str) -> tuple[list[dict], list[dict]]:
    rows = list(read_source(folder, dataset))  # type: ignore[arg-type]
    good = [row for row in rows if isinstance(row, SourceRow)]
    RAW_PROBLEMS.batch([row.problem for row in good])  # fits the declared columns
    TEST_SUITES.batch([row.suite for row in good])
    assert all(row.problem["suite_id"] == row.suite["suite_id"] == suite_id(row.suite) for row in good)
    return [{**row.suite, **row.problem} for row in good], [row for row in rows if not isinstance(row, SourceRow)]  # type: ignore[misc]


def test_real_apps_rows(shared_data: Path) -> None:
    rows = jsonl(shared_data / "coderl_apps" / "apps_hf_schema.jsonl")
    problems = [READERS["apps"](row) for row in rows]
    assert len(problems) == 5
    called = [problem for problem in problems if problem.entry_point]
    assert len(called) == 2
    for problem in called:
        assert all(test["kind"] == "call" and test["entry_point"] == problem.entry_point for test in problem.tests)
        assert all(isinstance(json.loads(test["input"])["args"], list) for test in problem.tests)
    assert all(problem.reference_solutions for problem in problems)
    assert {problem.license for problem in problems} == {"MIT"}


def test_real_code_contests_rows(shared_data: Path) -> None:
    rows = jsonl(shared_data / "problem_packages" / "as_code_contests_schema.jsonl.gz")
    problems = [READERS["code_contests"](row) for row in rows]
    assert len(problems) == 25
    for row, problem in zip(rows, problems, strict=True):
        kinds = [row[f"{kind}_tests"] for kind in ("public", "private", "generated")]
        distinct = {pair for tests in kinds for pair in zip(tests["input"], tests["output"], strict=True)}
        assert {(test["input"], test["output"]) for test in problem.tests} == distinct
        assert len(problem.tests) == len(distinct)
        if row["time_limit"]:
            assert problem.limits["cpu_s"] == row["time_limit"]["seconds"] + row["time_limit"]["nanos"] / 1e9
        assert {s["language"] for s in problem.reference_solutions} <= {"python2", "python", "cpp", "java", "unknown"}


def test_limits_and_platforms_are_read_as_the_sources_write_them() -> None:
    taco = samples.SOURCES / "taco" / "train.jsonl"
    row = json.loads(taco.read_text().splitlines()[0])
    problem = READERS["taco"](
        {**row, "time_limit": "2.5 seconds", "memory_limit": "512.0 megabytes", "url": "https://atcoder.jp/x"}
    )
    assert (problem.limits["cpu_s"], problem.limits["memory_mb"]) == (2.5, 512)
    assert problem.source == "codechef"
    assert READERS["taco"]({**row, "memory_limit": "65536 kilobytes"}).limits["memory_mb"] == 64
    assert READERS["taco"]({**row, "source": None, "url": "https://atcoder.jp/x"}).source == "atcoder"
    assert READERS["taco"]({**row, "time_limit": None, "memory_limit": ""}).limits["cpu_s"] is None
    with pytest.raises(BadRow, match="time_limit cannot be read"):
        READERS["taco"]({**row, "time_limit": "soon"})


def test_a_question_is_built_from_its_parts_where_present() -> None:
    row = json.loads((samples.SOURCES / "codeforces" / "train.jsonl").read_text().splitlines()[0])
    statement = READERS["codeforces"](row).statement
    for heading in ("## Input", "## Output", "## Examples", "## Note"):
        assert statement.count(f"\n\n{heading}\n\n") == 1
    bare = READERS["codeforces"]({**row, "note": None, "input_format": "", "examples": None}).statement
    assert "## Note" not in bare and "## Input" not in bare and "## Examples" not in bare


def test_tests_that_were_cut_short_are_left_out_and_noted() -> None:
    rows = [json.loads(line) for line in (samples.SOURCES / "codeforces" / "train.jsonl").read_text().splitlines()]
    row = next(row for row in rows if not row["official_tests_complete"])
    problem = READERS["codeforces"](row)
    assert problem.notes == ["1 of 10 official tests were cut short and left out"]
    assert not any(test["input"].endswith("...") for test in problem.tests)


def test_wrapped_outputs_are_marked() -> None:
    row = {"problem_id": 1, "question": "q", "solutions": "", "starter_code": "", "difficulty": "", "url": ""}
    wrapped = {**row, "input_output": json.dumps({"fn_name": "f", "inputs": [[1], [2]], "outputs": [[3], [4]]})}
    plain = {**row, "input_output": json.dumps({"fn_name": "f", "inputs": [[1], [2]], "outputs": [[3], 4]})}
    assert all(test["expected_may_be_nested"] for test in READERS["apps"](wrapped).tests)
    assert not any(test["expected_may_be_nested"] for test in READERS["apps"](plain).tests)
    in_class = {**wrapped, "starter_code": "class Solution:\n    def f(self, x):"}
    assert READERS["apps"](in_class).entry_point == "Solution.f"


PROBLEM = {"statement": "Say hello.", "tests": [{"kind": "stdin", "input": "", "output": "hello"}], "tags": ["easy"]}


def test_every_file_format_gives_the_same_rows(tmp_path: Path) -> None:
    lines = [{**PROBLEM, "problem_id": str(number)} for number in range(5)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    table = pa.Table.from_pylist(lines)
    folders = {}
    for kind in ("jsonl", "gz", "zst", "parquet", "arrow", "stream"):
        folders[kind] = tmp_path / kind
        folders[kind].mkdir()
    (folders["jsonl"] / "train.jsonl").write_text(text)
    (folders["gz"] / "train.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    (folders["zst"] / "train.jsonl.zst").write_bytes(zstandard.compress(text.encode()))
    pq.write_table(table, folders["parquet"] / "train.parquet")
    with pa.OSFile(str(folders["arrow"] / "train.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    with pa.OSFile(str(folders["stream"] / "train.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    ids = {kind: [row["raw_id"] for row in read(folder, "local")[0]] for kind, folder in folders.items()}
    assert all(found == ids["jsonl"] and len(found) == 5 for found in ids.values())


def test_bad_rows_are_quarantined_and_the_others_kept(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        json.dumps(PROBLEM) + "\n{cut\n[1]\n" + json.dumps({"tests": []}) + "\n" + json.dumps({**PROBLEM, "tests": [{"kind": "x"}]}) + "\n"
        + json.dumps({**PROBLEM, "statement": "\ud800"}) + "\n" + json.dumps({**PROBLEM, "problem_id": "b", "limits": {"cpu_s": -1}}) + "\n"
    )  # fmt: skip
    good, bad = read(tmp_path, "local")
    assert [row["row"] for row in good] == [0]
    assert [(row["row"], row["reason"].split(":")[0]) for row in bad] == [
        (1, "broken JSON"), (2, "no object"), (3, "no statement"), (4, "cannot be read"), (5, "broken text"), (6, "cannot be read"),
    ]  # fmt: skip
    assert "{cut" in bad[0]["content"]


def test_a_broken_file_loses_no_other(tmp_path: Path) -> None:
    whole = gzip.compress((json.dumps(PROBLEM) + "\n").encode() * 1)
    many = "".join(json.dumps({**PROBLEM, "problem_id": str(n), "title": "x" * 200 + str(n * n)}) + "\n" for n in range(2000))
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(many.encode())[:-2000])
    (tmp_path / "b.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "c.jsonl.gz").write_bytes(whole)
    good, bad = read(tmp_path, "local")
    assert good[-1]["file"] == "c.jsonl.gz"
    assert {row["file"]: row["row"] for row in bad} == {"a.jsonl.gz": -1, "b.parquet": -1}
    assert all(row["reason"].startswith("unreadable file") for row in bad)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"taco: no .parquet.*file below"):
        list(read_source(tmp_path, "taco"))


def test_the_split_comes_from_the_file_name(tmp_path: Path) -> None:
    for name in ("train-00000-of-00002.jsonl", "test.jsonl", "data_validation.jsonl", "problems.jsonl"):
        (tmp_path / name).write_text(json.dumps({**PROBLEM, "problem_id": name}) + "\n")
    good, _ = read(tmp_path, "local")
    assert {row["file"]: row["split"] for row in good} == {
        "train-00000-of-00002.jsonl": "train", "test.jsonl": "test", "data_validation.jsonl": "validation", "problems.jsonl": "train",
    }  # fmt: skip


def test_a_stated_tolerance_becomes_the_comparison_unless_the_row_has_its_own(tmp_path: Path) -> None:
    statement = "Print the length. An absolute or relative error of 10^{-6} is accepted."
    tests = [{"kind": "stdin", "input": "1", "output": "60"}]
    checker = {"language": "python", "source": "", "protocol": "testlib"}
    rows = [
        {"problem_id": "a", "statement": statement, "tests": tests},
        {"problem_id": "b", "statement": statement, "tests": tests, "compare": {"float_abs": 0.5}},
        {"problem_id": "c", "statement": statement, "tests": tests, "checker": checker},
        {"problem_id": "d", "statement": "Print the length.", "tests": tests},
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    good, bad = read(tmp_path, "local")
    assert bad == []
    assert [row["compare"] and row["compare"]["float_abs"] for row in good] == [1e-6, 0.5, None, None]
