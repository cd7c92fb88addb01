"""``ocr-assets verify`` from files to files, in a process of its own."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

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


def test_an_unknown_problem_is_no_verdict_and_exit_code_1(tmp_path: Path) -> None:
    solutions = [{**SOLUTIONS[0], "problem_id": "what"}, {**SOLUTIONS[0], "problem_id": "none"}, SOLUTIONS[0]]
    done = verify(tmp_path, PROBLEMS, solutions)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["verdict"] for row in rows] == ["sandbox_error", "sandbox_error", "accepted"]
    assert "what is not in problems.jsonl" in rows[0]["message"] and "no tests" in rows[1]["message"]
    assert done.returncode == 1


def test_bad_lines_are_named(tmp_path: Path) -> None:
    done = verify(tmp_path, json.dumps(PROBLEMS[0]) + "\n{oops\n", SOLUTIONS)
    assert done.returncode == 2 and "problems.jsonl, line 2: not JSON" in done.stderr and not done.stdout
    wrong = [{**PROBLEMS[0], "tests": [{"kind": "stdin", "input": 5, "output": ""}]}]
    done = verify(tmp_path, wrong, SOLUTIONS)
    assert done.returncode == 2 and 'line 1 (problem sum): tests[0]: "input" must be a string' in done.stderr
    done = verify(tmp_path, PROBLEMS, [{"solution_id": "a", "language": "python"}])
    assert done.returncode == 2 and "solutions.jsonl, line 1: a solution needs problem_id, code" in done.stderr
    done = verify(tmp_path, PROBLEMS, [{**SOLUTIONS[0], "language": "perl"}])
    assert done.returncode == 2 and '"language" must be python or cpp' in done.stderr


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


def test_what_was_judged_before_a_bad_row_is_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "verdicts.jsonl"
    done = verify(tmp_path, PROBLEMS, [SOLUTIONS[0], {"solution_id": "x"}], "-o", str(out))
    assert done.returncode == 2 and "line 2: a solution needs" in done.stderr and "Traceback" not in done.stderr
    assert not out.exists()
