"""From samples and verdicts to evaluations and comparisons: what counts, what is left out, and what is asked or run again."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.evaluation.adding_up import evaluations
from ocr_assets.evaluation.benchmarks import BENCHMARKS, BenchmarkProblem, Selection
from ocr_assets.evaluation.benchmarks.api import BenchmarkSuite, one_suite
from ocr_assets.evaluation.checkpoints import weights_of
from ocr_assets.evaluation.comparing import comparisons, papers
from ocr_assets.evaluation.counts import COUNTS, Asked, Standing, given_to_programs, slices, standings
from ocr_assets.evaluation.points import points
from ocr_assets.evaluation.programs import UNJUDGED, unjudged
from ocr_assets.evaluation.reading import row_of, selection_of, sources
from ocr_assets.evaluation.samples import kind
from ocr_assets.evaluation.settings import OCR_WINDOW, EvaluationSettings, SampleSettings
from ocr_assets.generation.asking import Wanted, missing
from ocr_assets.generation.sampling import Fixed
from ocr_assets.grading.version import GRADER_VERSION
from ocr_assets.programs.published import stdin_test
from ocr_assets.schema import (
    BENCHMARK_PROBLEMS,
    EVALUATION_SAMPLES,
    EVALUATION_VERDICTS,
    FINETUNED_MODEL,
    TEST_SUITES,
    content_id,
)
from resources.lake import Lake, RunInfo
from resources.models.api import Sampling
from tests.support.lakes import new_lake
from tests.support.rows import row_of as any_row

RUN = RunInfo("test")
ROOT = Path(__file__).resolve().parents[2]
LIVECODEBENCH = "livecodebench"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as opened:
        yield opened


def a_problem(number: int, **values: Any) -> BenchmarkProblem:
    told = {"task_id": f"t{number}", "question": f"Question {number}", "difficulty": ("easy", "hard")[number % 2]}
    suites = one_suite([stdin_test(0, f"{number}\n", f"{number}\n", "private")])
    return BenchmarkProblem(**{"benchmark": LIVECODEBENCH, "suites": suites, **told, **values})


def put(lake: Lake, problems: Sequence[BenchmarkProblem]) -> list[dict[str, Any]]:
    """The problems in the lake; their rows."""
    rows = [row_of(problem) for problem in problems]
    with lake.write(RUN, "benchmark_problems") as write:
        write.append(BENCHMARK_PROBLEMS, [row for row, _ in rows])
        write.append(TEST_SUITES, {suite["suite_id"]: suite for _, suites in rows for suite in suites}.values())
    return [dict(row) for row, _ in rows]


def answer(lake: Lake, problem: dict[str, Any], model: str, index: int, verdict: str | None, **values: Any) -> str | None:
    """A sample of ``model`` with a program of its own and a verdict on it (None: none; "no code": no program). The program's hash."""
    code = None if verdict == "no code" else f"print({model!r}, {problem['task_id']!r}, {index})"
    code_hash = None if code is None else content_id("code", "python", code)
    sample = any_row(
        EVALUATION_SAMPLES, sample_id=content_id("sample", model, problem["task_id"], index), problem_id=problem["problem_id"],
        benchmark=problem["benchmark"], task_id=problem["task_id"], model=model, sample_index=index, code=code,
        code_hash=code_hash, language="python", prompt_style="ours", **values,
    )  # fmt: skip
    with lake.write(RUN, "evaluation_samples") as write:
        write.append(EVALUATION_SAMPLES, [sample])
    if code_hash is not None and verdict is not None:
        judge(lake, problem, code_hash, verdict)
    return code_hash


def judge(lake: Lake, problem: dict[str, Any], code_hash: str, verdict: str, suite: int = 0, hours: int = 0) -> None:
    row = any_row(
        EVALUATION_VERDICTS, verdict_id=content_id("ver", code_hash, suite, verdict), solution_id=code_hash, verdict=verdict,
        problem_id=problem["problem_id"], suite_id=problem["suites"][suite]["suite_id"], grader_version=GRADER_VERSION,
        language="python", created_at=datetime.now(UTC) + timedelta(hours=hours),
    )  # fmt: skip
    with lake.write(RUN, "evaluation_verdicts") as write:
        write.append(EVALUATION_VERDICTS, [row])


def only(found: dict[Asked, list[Standing]], **wanted: str) -> list[Standing]:
    (chosen,) = [rows for asked, rows in found.items() if all(getattr(asked, name) == value for name, value in wanted.items())]
    return chosen


@pytest.mark.slow
def test_each_problem_stands_by_its_samples_with_a_verdict(lake: Lake) -> None:
    one, two = put(lake, [a_problem(0), a_problem(1)])
    for index, verdict in enumerate(["accepted", "wrong_answer", "no code", "accepted"]):
        answer(lake, one, "m", index, verdict)
    for index, verdict in enumerate(["sandbox_error", None, "ungradable", "time_limit"]):
        answer(lake, two, "m", index, verdict)
    first, second = sorted(only(standings(lake, online_judge=True), model="m", extraction="ours"), key=lambda row: -row.passed)
    assert (first.tried, first.passed, first.without_verdict) == (4, 2, 0), "no code is no pass, and needs no verdict"
    assert (second.tried, second.passed, second.without_verdict) == (1, 0, 3), "a fault of the sandbox says nothing of the model"


def test_a_prompt_that_fits_nowhere_counts_against_the_model_and_a_server_that_fails_does_not(lake: Lake) -> None:
    (row,) = put(lake, [a_problem(0)])
    for index, failure in enumerate(["context_too_long", "refused", "bad_request", "malformed"]):
        answer(lake, row, "m", index, "no code", failure=failure)
    (found,) = only(standings(lake, online_judge=True), model="m", extraction="ours")
    assert (found.tried, found.passed, found.without_verdict) == (2, 0, 2)


def test_a_verdict_after_a_fault_of_the_sandbox_counts(lake: Lake) -> None:
    (row,) = put(lake, [a_problem(0)])
    code = answer(lake, row, "m", 0, "sandbox_error")
    assert code is not None
    assert [item["solution_id"] for item, _ in unjudged(lake, online_judge=True)] == [code], "it is run again"
    judge(lake, row, code, "accepted", hours=-1)
    assert list(unjudged(lake, online_judge=True)) == []
    (found,) = only(standings(lake, online_judge=True), model="m", extraction="ours")
    assert (found.tried, found.passed) == (1, 1)


def test_equal_programs_are_run_once_whoever_wrote_them(lake: Lake) -> None:
    (row,) = put(lake, [a_problem(0)])
    for number, model in enumerate(["a", "b"]):
        sample = any_row(
            EVALUATION_SAMPLES, sample_id=f"s{number}", problem_id=row["problem_id"], benchmark=LIVECODEBENCH, model=model,
            code="print(1)", code_hash="code_x", published_code="print(1)", published_code_hash="code_x", language="python",
        )  # fmt: skip
        with lake.write(RUN, "evaluation_samples") as write:
            write.append(EVALUATION_SAMPLES, [sample])
    items = list(unjudged(lake, online_judge=True))
    assert [item["solution_id"] for item, _ in items] == ["code_x"]
    judge(lake, row, "code_x", "accepted")
    assert list(unjudged(lake, online_judge=True)) == []
    found = standings(lake, online_judge=True)
    assert {(asked.model, asked.extraction) for asked in found} == {(m, e) for m in "ab" for e in ("ours", "published")}
    assert all(rows[0].passed == 1 for rows in found.values())


@pytest.mark.parametrize("query", [UNJUDGED, COUNTS])
def test_programs_and_verdicts_are_not_compared_each_with_each(lake: Lake, query: str) -> None:
    given = {**given_to_programs(online_judge=True), "grader": "g", "image": None, "metrics": "[]"}
    with lake.cursor() as cursor:
        named = {name: value for name, value in given.items() if f"${name}" in query}
        plan = cursor.execute(f"EXPLAIN {query}", named).fetchall()[0][1]
    assert "HASH_JOIN" in plan and not re.search("NL_JOIN|NESTED_LOOP|CROSS_PRODUCT", plan)


def test_only_what_the_lake_lacks_is_asked(lake: Lake) -> None:
    rows = put(lake, [a_problem(number) for number in range(2)])
    templates = SampleSettings().own_templates()
    asked = kind("python", "ours", templates, "m")
    sampling = Sampling(0.6, 0.95, 30_720)

    def wanted(samples: int, **more: Any) -> Wanted:
        given = {"language": "python", "own": True, "style": "ours", "benchmarks": [], **more}
        return Wanted(Fixed(samples), sampling, "m", given)

    planned = list(missing(lake, asked, wanted(2)))
    assert len(planned) == 4 and len({one.request.key for one in planned}) == 4
    assert planned[0].request.aliases == ["m|livecodebench|t0|python|0"]
    assert planned[0].request.messages[0] == {"role": "system", "content": ""}
    from ocr_assets.generation.answers import sampling_json

    held = any_row(
        EVALUATION_SAMPLES, sample_id=planned[0].request.key, problem_id=rows[0]["problem_id"], model="m", sample_index=0,
        prompt_hash=planned[0].prompt_hash, sampling=sampling_json(sampling), language="python", prompt_style="ours",
    )  # fmt: skip
    with lake.write(RUN, "evaluation_samples") as write:
        write.append(EVALUATION_SAMPLES, [held])
    assert {one.request.key for one in missing(lake, asked, wanted(2))} == {one.request.key for one in planned[1:]}
    assert len(list(missing(lake, asked, wanted(3)))) == 5, "more samples ask for the additional ones only"
    assert list(missing(lake, asked, wanted(2, benchmarks=["humaneval"]))) == []
    other = kind("python", "ours", templates, "other")
    assert {
        one.request.key for one in missing(lake, other, Wanted(Fixed(2), sampling, "other", wanted(2).parameters))
    }.isdisjoint({one.request.key for one in planned}), "another model is asked by itself"


@pytest.mark.slow
def test_a_metric_needs_all_its_suites_and_one_that_fails_decides(lake: Lake) -> None:
    """EvalPlus' plus counts where base and plus pass."""
    assert dict(BENCHMARKS["humaneval_plus"].metrics) == {"base": ("base",), "plus": ("base", "plus")}
    from ocr_assets.evaluation.benchmarks import BenchmarkSuite

    suites = tuple(BenchmarkSuite(name, one_suite([stdin_test(0, name, name, "x")])[0].suite) for name in ("base", "plus"))
    (row,) = put(lake, [a_problem(0, benchmark="humaneval_plus", suites=suites)])
    for index, (base, plus) in enumerate([("accepted", "accepted"), ("accepted", "wrong_answer"), ("wrong_answer", None), ("accepted", None)]):  # fmt: skip
        code = answer(lake, row, "m", index, base)
        assert code is not None
        if plus:
            judge(lake, row, code, plus, suite=1)
    found = standings(lake, online_judge=True)
    (base_row,) = only(found, metric="base", extraction="ours")
    (plus_row,) = only(found, metric="plus", extraction="ours")
    assert (base_row.tried, base_row.passed) == (4, 3)
    assert (plus_row.tried, plus_row.passed, plus_row.without_verdict) == (3, 1, 1)


@pytest.mark.slow
def test_evaluations_are_given_for_the_whole_and_its_parts(lake: Lake) -> None:
    from datetime import date

    rows = put(lake, [a_problem(n, platform="atcoder", published=date(2024, 5 + n, 1)) for n in range(4)])
    for number, row in enumerate(rows):
        for index in range(4):
            answer(lake, row, "m", index, "accepted" if index < number else "wrong_answer")
    found = list(evaluations(standings(lake, online_judge=True), [1, 2, 5], [OCR_WINDOW]))
    table = {(row["extraction"], row["slice_by"], row["slice"], row["k"]): row for row in found}
    whole = table["ours", "all", "all", 1]
    assert (whole["value"], whole["problems"], whole["samples"], whole["samples_each"]) == (6 / 16, 4, 16, 4)
    assert whole["low"] < whole["value"] < whole["high"]
    assert table["ours", "difficulty", "easy", 1]["value"] == 2 / 8
    assert table["ours", "difficulty", "hard", 1]["value"] == 4 / 8
    assert table["ours", "window", OCR_WINDOW, 1]["problems"] == 1
    assert {name for _, by, name, _ in table if by == "quarter"} == {"2024-Q2", "2024-Q3"}
    assert table["ours", "all", "all", 2]["value"] > whole["value"]
    assert not any(k == 5 for *_, k in table), "no problem has five samples"


@pytest.mark.long
def test_two_models_are_compared_on_what_both_were_asked(lake: Lake) -> None:
    rows = put(lake, [a_problem(n) for n in range(5)])
    for number, row in enumerate(rows):
        answer(lake, row, "a", 0, "accepted" if number < 2 else "wrong_answer")
        if number < 4:
            answer(lake, row, "b", 0, "accepted" if number < 3 else "wrong_answer")
    found = [row for row in comparisons(standings(lake, online_judge=True), [1], []) if row["kind"] == "paired"]
    between = [row for row in found if row["model"] != row["other"] and row["slice_by"] == "all"]
    (row,) = between
    assert (row["model"], row["other"], row["problems"]) == ("b", "a", 4)
    assert (row["value"], row["other_value"], row["difference"]) == (0.75, 0.5, 0.25)
    assert row["low"] is not None and row["high"] is not None and row["low"] <= 0.25 <= row["high"]
    itself = [row for row in found if row["model"] == row["other"] and row["slice_by"] == "all"]
    assert {row["model"] for row in itself} == {"a", "b"}, "our extraction beside the benchmark's own"


@pytest.mark.slow
def test_the_papers_figures_stand_beside_the_model_they_are_about(lake: Lake) -> None:
    from datetime import date

    rows = put(lake, [a_problem(n, published=date(2024, 9, 1)) for n in range(4)])
    for number, row in enumerate(rows):
        answer(lake, row, "mix:ocr_filter_passing@0123abcd", 0, "accepted" if number < 2 else "wrong_answer")
    found = [row for row in comparisons(standings(lake, online_judge=True), [1], []) if row["kind"] == "paper"]
    beside = {row["other"]: row for row in found}
    passing = beside["14B, passing only"]
    assert (passing["model"], passing["value"]) == ("mix:ocr_filter_passing@0123abcd", 0.5)
    assert passing["difference"] == pytest.approx(0.5 - 0.47)
    alone = beside["DeepSeek-R1"]
    assert (alone["model"], alone["other_value"], alone["difference"]) == (None, 0.656, None)
    assert {row["benchmark"] for row in found} == {LIVECODEBENCH}, "benchmarks that nobody was measured on are left out"


def test_the_papers_figures_are_those_of_the_tables() -> None:
    known = {(figure.model, figure.benchmark): figure.value for figure in papers()}
    assert known["OCR-Qwen-32B", "livecodebench"] == pytest.approx(0.618)
    assert known["14B, no execution filter", "code_contests"] == pytest.approx(0.1659)
    assert len(known) == len(papers()) == 40
    mixes = {path.stem for path in (ROOT / "ocr_assets" / "training" / "mixes").glob("*.toml")}
    assert {figure.mix for figure in papers() if figure.mix} <= mixes


def test_problems_keep_their_ids_whatever_else_is_read(lake: Lake) -> None:
    problem = a_problem(0)
    (row,) = put(lake, [problem])
    again, _ = row_of(a_problem(0, version="release_v6", platform="atcoder"), "another file")
    assert again["problem_id"] == row["problem_id"]
    assert row_of(a_problem(0, question="Another"))[0]["problem_id"] != row["problem_id"]


def test_files_that_have_not_changed_have_the_same_fingerprint(tmp_path: Path) -> None:
    folder = tmp_path / "humaneval"
    folder.mkdir()
    file = folder / "a.jsonl"
    file.write_text('{"task_id": "1"}\n', encoding="utf-8")

    def fingerprint(**selection: Any) -> str:
        (source,) = sources(tmp_path, [], lambda name: selection, lambda address, patterns: tmp_path)
        return source.read_from

    first = fingerprint()
    assert fingerprint() == first and fingerprint(task_ids=["1"]) != first
    file.write_text('{"task_id": "2"}\n', encoding="utf-8")
    assert fingerprint() != first


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda folder: sources(folder, ["humanevil"], lambda name: {}, lambda *_: folder), "no benchmark humanevil"),
        (lambda folder: sources(folder, ["mbpp"], lambda name: {}, lambda *_: folder), "mbpp lies there"),
        (lambda folder: selection_of("mbpp", {"sinse": "2024-01-01"}), "mbpp: .*sinse"),
        (lambda folder: selection_of("mbpp", {"since": "soon"}), "mbpp: .*soon"),
        (lambda folder: EvaluationSettings(windows=["2024-08"]), "give two days"),
        (lambda folder: EvaluationSettings(depths=[0]), "whole numbers from 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_mend(wrong: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        wrong(tmp_path)


def test_a_selection_is_read_from_the_setting() -> None:
    chosen = selection_of("livecodebench", {"since": "2024-08-01", "version": "release_v5", "task_ids": ["a"]})
    assert chosen == Selection(since=chosen.since, version="release_v5", task_ids=frozenset("a"))
    assert str(chosen.since) == "2024-08-01"


def test_a_mix_is_the_newest_model_that_was_trained_on_it(lake: Lake) -> None:
    assert weights_of(lake, "mix:small", None) is None, "not trained yet"
    now = datetime.now(UTC)
    made = [
        any_row(FINETUNED_MODEL, model_id=name, mix="small", data_version=name * 16, folder=f"/models/{name}", created_at=at)
        for name, at in (("a", now - timedelta(days=1)), ("b", now))
    ]
    with lake.write(RUN, "finetuned_model") as write:
        write.append(FINETUNED_MODEL, made)
    found = weights_of(lake, "mix:small", None)
    assert found is not None and (found.name, str(found.folder)) == ("mix:small@bbbbbbbb", "/models/b")
    assert weights_of(lake, "Qwen/Qwen2.5-7B", None) is not None


def test_parts_are_named_by_what_problems_say() -> None:
    one = Standing("p", None, None, None, "p", 1, 1, 0)
    other = Standing("q", "easy", "leetcode", "2025-01-31", "q", 1, 1, 0)
    assert set(slices([one, other], ["2024-08-01/2025-02-01", "2023-01-01/2023-12-31"])) == {
        ("all", "all"), ("difficulty", "easy"), ("platform", "leetcode"), ("quarter", "2025-Q1"),
        ("window", "2024-08-01/2025-02-01"),
    }  # fmt: skip


@pytest.mark.long
def test_points_of_a_task_are_the_best_of_its_subtasks_and_a_sample_without_a_verdict_is_left_out(lake: Lake) -> None:
    suites = tuple(
        BenchmarkSuite(name, one_suite([stdin_test(n, f"{name} {n}\n", "1\n", "private") for n in range(2)])[0].suite, worth)
        for name, worth in (("01", 30.0), ("02", 70.0))
    )
    problems = [
        a_problem(n, benchmark="ioi", task_id=f"boat-{n}", group="boat", suites=suites, languages=("python",)) for n in (0, 1)
    ]
    one, two = put(lake, problems)
    told = {0: (1.0, 0.5), 1: (0.0, 0.25), 2: (1.0, None), 3: None}
    for index, parts in told.items():
        row = (one, two)[index % 2]
        code = answer(lake, row, "m", index, "no code" if parts is None else None)
        for suite, part in enumerate(parts or ()):
            if part is not None and code is not None:
                scored(lake, row, code, suite, part)
    (found,) = [row for row in points(lake, online_judge=True) if row["extraction"] == "ours"]
    assert (found["task"], found["available"], found["submissions"], found["without_verdict"]) == ("boat", 100.0, 3, 1)
    assert found["published_rule"] == found["honest_rule"] == found["unlimited"] == 30.0 + 35.0


def scored(lake: Lake, problem: dict[str, Any], code_hash: str, suite: int, part: float) -> None:
    """A verdict on a program of which each test gave ``part`` of its points."""
    verdict = "accepted" if part == 1 else "wrong_answer"
    message = "" if part in (0, 1) else f"the checker gives {part}"
    tests = [
        {"index": n, "verdict": verdict, "cpu_s": 0.0, "wall_s": 0.0, "memory_mb": 0.0, "exit_code": 0, "signal": None,
         "message": message, "stdout_head": None, "stderr_head": None}
        for n in range(2)
    ]  # fmt: skip
    row = any_row(
        EVALUATION_VERDICTS, verdict_id=content_id("ver", code_hash, suite, part), solution_id=code_hash, verdict=verdict,
        problem_id=problem["problem_id"], suite_id=problem["suites"][suite]["suite_id"], grader_version=GRADER_VERSION,
        language="python", created_at=datetime.now(UTC), tests=tests, tests_total=2,
    )  # fmt: skip
    with lake.write(RUN, "evaluation_verdicts") as write:
        write.append(EVALUATION_VERDICTS, [row])
