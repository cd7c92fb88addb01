"""``ocr-assets verify`` from files to files, in a process of its own."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.graph import run

ROOT = Path(__file__).resolve().parents[2]
PROBLEMS = [
    {
        "problem_id": "sum",
        "tests": [{"kind": "stdin", "input": "1 2\n", "output": "3\n"}, {"kind": "stdin", "input": "2 2\n", "output": "4\n"}],
        "limits": {"cpu_s": 1, "language_factor": {"python": 1.0}},
    },
    {"problem_id": "half", "tests": [{"kind": "call", "entry": "half", "args": [1], "expected": 0.5}]},
    {"problem_id": "none", "tests": []},
]
SOLUTIONS = [
    {"solution_id": "a", "problem_id": "sum", "language": "python", "code": "print(sum(map(int, input().split())))", "team": 7},
    {"solution_id": "b", "problem_id": "sum", "language": "python", "code": "print(3)"},
    {"solution_id": "c", "problem_id": "half", "language": "python", "code": "def half(x): return x / 2"},
    {"solution_id": "d", "problem_id": "sum", "language": "cpp", "code": "int main() { return 1; }"},
]
KEYS = [
    "solution_id", "problem_id", "verdict", "tests_passed", "tests_total", "first_failure", "cpu_s", "wall_s", "memory_mb", "tests",
]  # fmt: skip


def verify(folder: Path, problems: list | str, solutions: list | str, *options: str) -> subprocess.CompletedProcess[str]:
    paths = []
    for name, rows in (("problems.jsonl", problems), ("solutions.jsonl", solutions)):
        text = rows if isinstance(rows, str) else "".join(json.dumps(row) + "\n" for row in rows)
        (folder / name).write_text(text)
        paths.append(str(folder / name))
    env = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
    return subprocess.run(
        [sys.executable, "-m", "ocr_assets.cli", "verify", *paths, *options],
        cwd=ROOT, env={**env, "OCR_HOME": str(folder / "home"), "OCR_SANDBOX": "docker"}, capture_output=True, text=True,
    )  # fmt: skip


def test_one_line_for_each_solution_in_order(tmp_path: Path) -> None:
    done = verify(tmp_path, PROBLEMS, SOLUTIONS)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [(row["solution_id"], row["verdict"]) for row in rows] == [
        ("a", "accepted"), ("b", "wrong_answer"), ("c", "accepted"), ("d", "runtime_error"),
    ]  # fmt: skip
    assert all(key in row for row in rows for key in [*KEYS, "image", "grader_version"])
    assert rows[0]["team"] == 7
    assert (rows[1]["first_failure"], rows[1]["tests_passed"], rows[1]["tests_total"]) == (1, 1, 2)
    assert set(rows[1]["tests"][1]) == {
        "index", "verdict", "cpu_s", "wall_s", "memory_mb", "exit_code", "signal", "message", "stdout_head", "stderr_head",
    }  # fmt: skip
    assert rows[0]["tests"][0]["stdout_head"] is None and rows[1]["tests"][1]["stdout_head"]


@pytest.mark.long
def test_an_unknown_problem_is_no_verdict_and_exit_code_1(tmp_path: Path) -> None:
    solutions = [
        {**SOLUTIONS[0], "solution_id": "1", "problem_id": "what"}, {**SOLUTIONS[0], "solution_id": "2", "problem_id": "none"},
        SOLUTIONS[0],
    ]  # fmt: skip
    done = verify(tmp_path, PROBLEMS, solutions)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["verdict"] for row in rows] == ["sandbox_error", "sandbox_error", "accepted"]
    assert "what is not in problems.jsonl" in rows[0]["message"] and "no tests" in rows[1]["message"]
    assert done.returncode == 1


def test_bad_rows_are_named_and_the_others_judged(tmp_path: Path) -> None:
    done = verify(tmp_path, json.dumps(PROBLEMS[0]) + "\n{oops\n" + json.dumps(PROBLEMS[1]) + "\n", SOLUTIONS)
    assert done.returncode == 2 and "problems.jsonl, line 2: not JSON" in done.stderr and "Traceback" not in done.stderr
    assert verdicts_of(done.stdout) == {"a": "accepted", "b": "wrong_answer", "c": "accepted", "d": "runtime_error"}
    bad = [
        ({"solution_id": "x", "language": "python"}, "a solution needs problem_id, code"),
        ({**SOLUTIONS[1], "solution_id": "y", "language": "perl"}, '"language" must be python or cpp'),
        ({**SOLUTIONS[1], "solution_id": "z", "code": "print('\ud800')"}, '"code" has half a character'),
        ({**SOLUTIONS[1], "solution_id": "a"}, "solution_id 'a' stands at line 1 already"),
    ]
    done = verify(tmp_path, PROBLEMS, [SOLUTIONS[0], *(row for row, _ in bad), SOLUTIONS[1]])
    assert done.returncode == 2 and "Traceback" not in done.stderr
    for number, (_, complaint) in enumerate(bad, 2):
        assert f"solutions.jsonl, line {number}: {complaint}" in done.stderr
    assert verdicts_of(done.stdout) == {"a": "accepted", "b": "wrong_answer"}


def verdicts_of(text: str) -> dict[str, str]:
    return {row["solution_id"]: row["verdict"] for row in map(json.loads, text.splitlines())}


CANNOT_BE_USED = [
    ({"tests": [{"kind": "stdin", "input": 5, "output": ""}]}, 'tests[0]: "input" must be a string'),
    ({"limits": {"cpu_s": 1e308}}, '"cpu_s" must lie between 0.001 and 86,400, not 1e+308'),
    ({"limits": {"cpu_s": 10**400}}, '"cpu_s" must be a number above 0'),
    ({"limits": {"processes": 1e10}}, '"processes" must lie between 1 and 4,096'),
    ({"limits": {"memory_mb": 0.5}}, '"memory_mb" must lie between 1 and 1,048,576, not 0.5'),
    ({"limits": {"output_mb": 0.5}}, '"output_mb" must lie between 1 and 4,096'),
    (
        {"limits": {"language_factor": {"python": 1e300}}},
        '"language_factor" of python must be a number above 0, at most 1000',
    ),
    ({"tests": [{"kind": "stdin", "input": "\ud800", "output": ""}]}, '"input" has half a character'),
    ({"tests": [{"kind": "assert", "code": "x = '\ud9ab'"}]}, '"code" has half a character'),
]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(*case, marks=() if number in (0, 1, 7) else pytest.mark.long, id=str(number))
        for number, case in enumerate(CANNOT_BE_USED)
    ],
)
def test_a_problem_that_cannot_be_used_does_not_take_its_neighbours_with_it(tmp_path: Path, change: dict, complaint: str) -> None:
    done = verify(tmp_path, [{**PROBLEMS[0], **change}, PROBLEMS[1]], [SOLUTIONS[0], SOLUTIONS[2]])
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "problems.jsonl, line 1 (problem sum): " in done.stderr and complaint in done.stderr
    assert verdicts_of(done.stdout) == {"a": "sandbox_error", "c": "accepted"}


def test_a_second_call_judges_only_what_is_missing_or_changed(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    first = verify(tmp_path, PROBLEMS, SOLUTIONS[:2], "-o", str(out))
    assert first.returncode == 0 and "known from before" not in first.stderr
    changed = {**SOLUTIONS[1], "code": "print(sum(map(int, input().split())))"}
    second = verify(tmp_path, PROBLEMS, [*SOLUTIONS[2:], {**SOLUTIONS[0], "team": 8}, changed], "-o", str(out))
    assert second.returncode == 0 and "3 of 4 accepted, 0 without a verdict, 1 known from before" in second.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["solution_id"], row["verdict"]) for row in rows] == [
        ("c", "accepted"), ("d", "runtime_error"), ("a", "accepted"), ("b", "accepted"),
    ]  # fmt: skip
    assert rows[2]["team"] == 8
    assert {path.name for path in tmp_path.iterdir() if path.name.startswith("out")} == {"out.jsonl"}


def test_a_call_that_was_broken_off_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = tmp_path / "whole.jsonl"
    verify(tmp_path, PROBLEMS, SOLUTIONS, "-o", str(whole), "--unordered")
    lines = whole.read_bytes().splitlines(keepends=True)
    (tmp_path / "out.parquet.known").write_bytes(lines[0] + lines[1] + lines[2][:40])  # killed while it wrote the third
    done = verify(tmp_path, PROBLEMS, SOLUTIONS, "-o", str(tmp_path / "out.parquet"))
    assert done.returncode == 0 and "2 known from before" in done.stderr, done.stderr
    done = verify(tmp_path, PROBLEMS, SOLUTIONS, "-o", str(tmp_path / "out.parquet"))
    assert "4 known from before" in done.stderr, done.stderr


@pytest.mark.long
def test_parquet_out(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    done = verify(tmp_path, PROBLEMS, SOLUTIONS[:2], "-o", str(tmp_path / "out.parquet"), "--all-tests")
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "out.parquet").column("verdict").to_pylist() == ["accepted", "wrong_answer"]


def test_parquet_in_and_columns_named_like_a_verdicts(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lying = [{**SOLUTIONS[1], "verdict": "accepted", "tests_passed": 9, "team": 7}]
    pq.write_table(pa.Table.from_pylist(lying), tmp_path / "solutions.parquet")
    (tmp_path / "problems.jsonl.gz").write_bytes(gzip.compress((json.dumps(PROBLEMS[0]) + "\n").encode()))
    done = run(
        "verify",
        str(tmp_path / "problems.jsonl.gz"),
        str(tmp_path / "solutions.parquet"),
        home=tmp_path / "home",
        OCR_SANDBOX="docker",
    )
    row = json.loads(done.stdout)
    assert (row["solution_id"], row["verdict"], row["tests_passed"], row["team"]) == ("b", "wrong_answer", 1, 7)


def test_a_file_that_cannot_be_read_on_loses_nothing(tmp_path: Path) -> None:
    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in SOLUTIONS).encode())
    (tmp_path / "solutions.jsonl.gz").write_bytes(packed[:-4])
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PROBLEMS))
    out = tmp_path / "out.jsonl"
    done = run(
        "verify", str(tmp_path / "problems.jsonl"), str(tmp_path / "solutions.jsonl.gz"), "-o", str(out),
        home=tmp_path / "home", check=False, OCR_SANDBOX="docker",
    )  # fmt: skip
    assert done.returncode == 2 and "the file is damaged or cut off" in done.stderr and "Traceback" not in done.stderr
    assert verdicts_of(out.read_text()) == {"a": "accepted", "b": "wrong_answer", "c": "accepted", "d": "runtime_error"}


@pytest.mark.long
def test_a_damaged_file_takes_no_verdict_from_an_earlier_call(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert verify(tmp_path, PROBLEMS, SOLUTIONS, "-o", str(out)).returncode == 0
    whole = out.read_text()
    damaged = verify(tmp_path, PROBLEMS, json.dumps(SOLUTIONS[0]) + "\n{", "-o", str(out))
    assert damaged.returncode == 2 and list(verdicts_of(out.read_text())) == ["a"]
    again = verify(tmp_path, PROBLEMS, SOLUTIONS, "-o", str(out))
    assert again.returncode == 0 and f"{len(SOLUTIONS)} known from before" in again.stderr
    assert out.read_text() == whole and not out.with_name("out.jsonl.known").exists()


def test_an_output_in_no_folder_is_refused(tmp_path: Path) -> None:
    done = verify(tmp_path, PROBLEMS, SOLUTIONS, "-o", str(tmp_path / "nowhere" / "out.jsonl"))
    assert done.returncode == 2 and "there is no folder" in done.stderr and "Traceback" not in done.stderr
