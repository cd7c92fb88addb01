"""``ocr-assets evaluate`` from files to files, in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from ocr_assets.cli import main
from tests.sandbox.test_ioi import ONLY_SMALL, as_open_r1
from tests.unit.test_benchmarks import CALL, FIND_ZERO, SUM

ROOT = Path(__file__).resolve().parents[2]
HALF = {
    "task_id": "HumanEval/900",
    "prompt": 'def half(x):\n    """Half of it."""\n',
    "canonical_solution": "    return x / 2\n",
    "test": "def check(candidate):\n    assert candidate(3) == 1.5\n    assert candidate(4) == 2\n",
    "entry_point": "half",
}


def lines(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def evaluate(folder: Path, samples: list[dict] | str, *options: str) -> subprocess.CompletedProcess[str]:
    named = samples if isinstance(samples, str) else lines(folder / "samples.jsonl", samples)
    env = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
    return subprocess.run(
        [sys.executable, "-m", "ocr_assets.cli", "evaluate", named, *options],
        cwd=ROOT, env={**env, "OCR_HOME": str(folder / "home"), "OCR_SANDBOX": "docker"}, capture_output=True, text=True,
    )  # fmt: skip


SAMPLES = [
    {"task_id": "HumanEval/900", "completion": "    return x / 2\n", "team": 7},
    {"task_id": "HumanEval/900", "completion": "    return x // 2\n"},
    {"task_id": "HumanEval/32", "solution": "def find_zero(xs):\n    return -xs[0] / xs[1]"},
    {"task_id": "HumanEval/32", "response": "<think>?</think>I cannot."},
]


def test_samples_are_judged_and_summed_up(tmp_path: Path) -> None:
    bench = lines(tmp_path / "HumanEval.jsonl", [FIND_ZERO, HALF])
    done = evaluate(tmp_path, SAMPLES, "-b", "humaneval", "--files", bench)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [(row["solution_id"], row["verdict"]) for row in rows] == [
        ("HumanEval/900/0/given/tests", "accepted"),
        ("HumanEval/900/1/given/tests", "wrong_answer"),
        ("HumanEval/32/0/given/tests", "accepted"),
        ("HumanEval/32/1/ours/tests", "compile_error"),
    ]
    assert rows[0]["team"] == 7 and "completion" not in rows[0] and rows[3]["message"] == "no program was found in the answer"
    assert "HumanEval: 4 samples of 2 problems" in done.stderr and "have no samples" not in done.stderr
    part = evaluate(tmp_path, SAMPLES[:1], "-b", "humaneval", "--files", bench)
    assert "HumanEval: 1 samples of 1 problems\n  1 more problems of the benchmark have no samples here" in part.stderr
    refused = evaluate(tmp_path, SAMPLES, "-b", "humaneval", "--files", bench, "--version", "release_v5")
    assert refused.returncode == 2 and "humaneval has no versions" in refused.stderr
    assert "tests (given) pass@1: 75.0 ± 25.0" in done.stderr and "tests (ours) pass@1: 0.0" in done.stderr


@pytest.mark.long
def test_what_was_judged_is_not_judged_again(tmp_path: Path) -> None:
    bench = lines(tmp_path / "HumanEval.jsonl", [FIND_ZERO, HALF])
    options = ("-b", "humaneval", "--files", bench, "-o", str(tmp_path / "verdicts.parquet"))
    assert evaluate(tmp_path, SAMPLES[:2], *options).returncode == 0
    before = pq.read_table(tmp_path / "verdicts.parquet").to_pylist()
    again = evaluate(tmp_path, SAMPLES, *options)
    after = pq.read_table(tmp_path / "verdicts.parquet").to_pylist()
    assert again.returncode == 0, again.stderr
    assert [row["cpu_s"] for row in after[:2]] == [row["cpu_s"] for row in before] and len(after) == 4
    assert not (tmp_path / "verdicts.parquet.known").exists()


@pytest.mark.long
def test_livecodebench_in_its_own_form_by_both_extractions(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    lines(tmp_path / "bench" / "test.jsonl", [SUM, CALL])
    fenced = "```python\nprint(sum(map(int, input().split())))\n```\nFor example:\n```\n1 2\n```\n"
    samples = [
        {"question_id": "abc999_a", "output_list": [fenced, fenced]},
        {"question_id": "3999", "code_list": ["class Solution:\n    def add(self, a, b):\n        return a + sum(b)\n"]},
    ]
    (tmp_path / "samples.json").write_text(json.dumps(samples))
    options = ("-b", "livecodebench", "--files", str(tmp_path / "bench"), "--extraction", "both")
    done = evaluate(tmp_path, str(tmp_path / "samples.json"), *options)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["sample"], row["extraction"], row["verdict"]) for row in rows] == [
        (0, "ours", "accepted"), (0, "published", "compile_error"), (1, "ours", "accepted"), (1, "published", "compile_error"),
        (0, "given", "accepted"),
    ]  # fmt: skip
    assert "our extraction finds +100.0 points against the published one" in done.stderr
    window = evaluate(tmp_path, str(tmp_path / "samples.json"), *options, "--until", "2024-12-31")
    assert window.returncode == 0 and "2 samples of 1 problems, 1 samples of problems outside" in window.stderr


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    bench = lines(tmp_path / "HumanEval.jsonl", [HALF])
    samples = [SAMPLES[0], {"task_id": "HumanEval/901", "solution": "x"}, {"task_id": "HumanEval/900"}, {"solution": "x"}]
    done = evaluate(tmp_path, samples, "-b", "humaneval", "--files", bench)
    assert done.returncode == 2 and len(done.stdout.splitlines()) == 1
    for said in ("line 2: the benchmark has no problem HumanEval/901", "line 3: neither an answer", "line 4: which problem?"):
        assert said in done.stderr


def test_wrong_usage_is_one_line(tmp_path: Path) -> None:
    named = lines(tmp_path / "samples.jsonl", SAMPLES[:1])
    wrong = {
        ("-b", "nothing"): "no benchmark 'nothing'; there are livecodebench",
        ("-b", "mbpp", "--subset", "hard"): "mbpp has no subset 'hard'; there are test, all",
        ("-b", "humaneval", "--language", "cpp"): "humaneval is not asked in cpp",
        ("-b", "mbpp_plus"): "mbpp_plus is not on the Hub; give its file from github.com/evalplus/mbppplus_release with --files",
        ("-b", "humaneval", "--files", str(tmp_path), "-o", str(tmp_path / "samples.jsonl")): "would overwrite an input",
    }
    for options, said in wrong.items():
        done = CliRunner().invoke(main, ["evaluate", named, *options])
        assert done.exit_code == 2 and said in done.output and len(done.output.splitlines()) == 1
    broken = evaluate(tmp_path, SAMPLES[:1], "-b", "humaneval", "--files", named)
    assert broken.returncode == 2 and "samples.jsonl, line 1: no prompt" in broken.stderr and len(broken.stderr.splitlines()) == 1


@pytest.mark.long
def test_points_of_the_ioi_by_both_rules(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    as_open_r1(tmp_path / "bench")
    samples = [{"task_id": f"sums/{name}", "response": f"```cpp\n{ONLY_SMALL}```"} for name in ("1", "2")]
    done = evaluate(tmp_path, samples, "-b", "ioi", "--files", str(tmp_path / "bench"))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [(row["task_id"], row["suite"], row["points"], row["verdict"]) for row in rows] == [
        ("sums/1", "1", 30.0, "accepted"), ("sums/1", "2", 70.0, "wrong_answer"),
        ("sums/2", "1", 30.0, "accepted"), ("sums/2", "2", 70.0, "wrong_answer"),
    ]  # fmt: skip
    assert "points (ours) of 1 tasks: 58.00 where the first 50 submissions count, 58.00 where the best 50 do" in done.stderr
