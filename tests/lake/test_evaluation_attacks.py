"""What would make a figure wrong: another wording's samples, a metric of all suites, a task that a file holds twice."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ocr_assets.evaluation import reading
from ocr_assets.evaluation.benchmarks import BENCHMARKS, BenchmarkSuite, Selection, WrongBenchmark
from ocr_assets.evaluation.benchmarks.api import one_suite
from ocr_assets.evaluation.counts import standings
from ocr_assets.programs.published import stdin_test
from resources.lake import Lake
from tests.lake.test_evaluation import a_problem, answer, judge, lake, only, put

__all__ = ["lake"]


@pytest.mark.long
def test_samples_of_an_earlier_wording_do_not_count(lake: Lake) -> None:
    """Asked by another template, the same model and sampling are another measurement."""
    one, two = put(lake, [a_problem(0), a_problem(1)])
    now = datetime.now(UTC)
    for index in range(2):
        answer(lake, one, "m", index, "accepted", prompt_hash="old", created_at=now - timedelta(days=1))
        answer(lake, one, "m", index + 2, "wrong_answer", prompt_hash="new", created_at=now)
        answer(lake, two, "m", index, "accepted", prompt_hash="another problem's", created_at=now - timedelta(days=1))
    found = {row.problem_id: row for row in only(standings(lake, online_judge=True), model="m", extraction="ours")}
    assert (found[one["problem_id"]].tried, found[one["problem_id"]].passed) == (2, 0)
    assert (found[two["problem_id"]].tried, found[two["problem_id"]].passed) == (2, 2)


@pytest.mark.long
def test_a_metric_that_names_no_suite_needs_all_of_them(lake: Lake) -> None:
    """IOI: a subtask's points are another matter; solved is a task whose every subtask passes."""
    assert dict(BENCHMARKS["ioi"].metrics) == {"solved": ()}
    suites = tuple(BenchmarkSuite(name, one_suite([stdin_test(0, name, name, "x")])[0].suite) for name in ("1", "2"))
    (row,) = put(lake, [a_problem(0, benchmark="ioi", suites=suites)])
    cases = [("accepted", "accepted"), ("accepted", "wrong_answer"), ("accepted", "sandbox_error"), ("no code", None)]
    for index, (first, second) in enumerate(cases):
        code = answer(lake, row, "m", index, first)
        if code is not None and second is not None:
            judge(lake, row, code, second, suite=1)
    (found,) = only(standings(lake, online_judge=True), metric="solved", extraction="ours")
    assert (found.tried, found.passed, found.without_verdict) == (3, 1, 1)


def test_a_task_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """As where a folder holds a file and its packed copy; each sample would count twice."""
    row = {"task_id": 11, "text": "Say one.", "code": "def f():\n    return 1", "test_list": ["assert f() == 1"]}
    for name in ("mbpp.jsonl", "copy.jsonl"):
        (tmp_path / name).write_text(json.dumps(row) + "\n", encoding="utf-8")
    files = tuple(sorted(tmp_path.iterdir()))
    source = reading.Source(BENCHMARKS["mbpp"], files, Selection(), "x")
    with pytest.raises(WrongBenchmark, match=r"MBPP has 11 twice among .*copy\.jsonl"):
        list(reading.read(source, None))
