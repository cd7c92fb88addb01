"""Benchmarks as they are read, what a model under evaluation answered, the verdicts on its programs, and what they add up to."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.figures import SANDBOX_FAULTS, TRUNCATED
from ocr_assets.schema.problems import Language
from ocr_assets.schema.synthesis import TeacherAnswer
from ocr_assets.schema.verification import Verdict
from resources.lake.tables import Table

PromptStyle = Literal["ours", "published"]
SliceBy = Literal["all", "difficulty", "platform", "quarter", "window"]


class NamedSuite(TypedDict):
    """One of the test suites of a benchmark problem."""

    name: Annotated[str, "tests; EvalPlus: base, plus; IOI: the subtask"]
    suite_id: Annotated[str, "See test_suites"]
    points: Annotated[float | None, "IOI: what the subtask is worth; null: nothing is counted in points"]


class BenchmarkProblem(TypedDict):
    """A problem of a benchmark, as its published file has it."""

    problem_id: Annotated[str, "Hash of benchmark, task, what is asked and its suites"]
    benchmark: Annotated[str, "Its name here: livecodebench, humaneval_plus …"]
    version: Annotated[str, "The release that brought it; empty: the benchmark has none"]
    task_id: Annotated[str, "As the benchmark names it"]
    question: Annotated[str, "What is asked, without hidden tests"]
    prompt: Annotated[str | None, "As the benchmark publishes it, such as a function to be completed; null: the question"]
    starter_code: Annotated[str | None, "Code the solution must start from"]
    entry_point: Annotated[str | None, "Call-based: function or Class.method; null: the program reads stdin"]
    difficulty: Annotated[str | None, "As the benchmark says it"]
    platform: Annotated[str | None, "Where it was first published: atcoder, leetcode …"]
    published: Annotated[str | None, "Day of its publication (ISO), for windows of dates"]
    languages: Annotated[list[Language], "Languages it may be solved in"]
    reference_solution: Annotated[str | None, "The benchmark's own, where it has one"]
    part_of: Annotated[str | None, "What it is a part of, such as IOI's problem of a subtask; null: it stands alone"]
    preamble: Annotated[str | None, "Code that programs may lean on, put before them; null: none"]
    image: Annotated[str | None, "Sandbox image its programs need; null: the usual one"]
    suites: Annotated[list[NamedSuite], "Its test suites by name"]
    read_from: Annotated[str, "Hash of the files that it was read from, of what was wanted of them and of the reader's version"]
    files: Annotated[str | None, "JSON: C++ files by name that an answer is compiled with (IOI's grader); null: none"]


class EvaluationSample(TeacherAnswer):
    """One answer of a model under evaluation to a benchmark problem, taken apart (the raw answer with it)."""

    sample_id: Annotated[str, "Hash of what was asked: problem, language, prompt, model, sampling, sample index"]
    problem_id: Annotated[str, "The benchmark problem"]
    benchmark: Annotated[str, "Its benchmark"]
    task_id: Annotated[str, "As the benchmark names it"]
    language: Annotated[Language, "python or cpp"]
    prompt_style: Annotated[PromptStyle, "ours: our template; published: as the benchmark's own harness asks"]
    sample_index: Annotated[int, "Which of the samples, from 0"]
    parse_status: Annotated[str, "ok, or the reason code why there is no code (as in solutions)"]
    code: Annotated[str | None, "The program, taken out by our rules"]
    code_hash: Annotated[str | None, "Hash of language and code: what verdicts are about"]
    published_code: Annotated[str | None, "The program as the benchmark's own harness takes it out; null: none"]
    published_code_hash: Annotated[str | None, "Its hash"]


class EvaluationVerdict(Verdict):
    """What the sandbox found of a program and a suite of a benchmark problem. ``solution_id`` is the hash of the program's text
    (``code_hash`` of a sample), so that a program is run once, whoever wrote it and however often."""


class Evaluation(TypedDict):
    """What a model's samples on a benchmark, or on a part of it, add up to."""

    evaluation_id: Annotated[str, "Hash of what it is about"]
    model: Annotated[str, "The model under evaluation"]
    benchmark: Annotated[str, "The benchmark"]
    language: Annotated[Language, "python or cpp"]
    prompt_style: Annotated[PromptStyle, "How it was asked"]
    extraction: Annotated[PromptStyle, "By whose rules the program was taken out of the answer"]
    sampling: Annotated[str, "JSON of temperature, top_p, max_tokens"]
    metric: Annotated[str, "tests: all tests pass; base, plus: EvalPlus'; others as the benchmark defines them"]
    slice_by: Annotated[SliceBy, "all, or what the part is named by"]
    slice: Annotated[str, "The part: easy, atcoder, 2024-Q3, 2024-08-01/2025-02-01; all"]
    k: Annotated[int, "Of pass@k; 1: the mean over all samples"]
    problems: Annotated[int, "Problems that count"]
    samples: Annotated[int, "Their samples"]
    samples_each: Annotated[int, "The least that one of them has"]
    left_out: Annotated[int, "Problems left out: none or fewer than k samples with a verdict"]
    without_verdict: Annotated[int, "Samples left out, since there is no verdict on them (a fault of the sandbox, not run yet)"]
    value: Annotated[float, "pass@k, from 0 to 1: the mean over problems of the unbiased estimate"]
    standard_error: Annotated[float | None, "Over problems; null: there is but one"]
    low: Annotated[float, "Lower end of the 95 % interval: bootstrap over problems"]
    high: Annotated[float, "Its upper end"]
    sampling_noise: Annotated[
        float | None,
        "The part of standard_error that more samples of the same problems would take away; null: too few samples to tell",
    ]


class EvaluationPoints(TypedDict):
    """What a model's samples of a task with subtasks (IOI) come to, by each rule for which fifty submissions count."""

    points_id: Annotated[str, "Hash of what it is about"]
    model: Annotated[str, "The model under evaluation"]
    benchmark: Annotated[str, "The benchmark"]
    language: Annotated[Language, "python or cpp"]
    prompt_style: Annotated[PromptStyle, "How it was asked"]
    extraction: Annotated[PromptStyle, "By whose rules the program was taken out of the answer"]
    sampling: Annotated[str, "JSON of temperature, top_p, max_tokens"]
    task: Annotated[str, "The task, all subtasks together"]
    available: Annotated[float, "Points of its subtasks"]
    submissions: Annotated[int, "Samples that were judged"]
    without_verdict: Annotated[int, "Samples left out, since a verdict is missing"]
    published_rule: Annotated[float, "Points if the fifty samples with the most points count: it looks at what it counts"]
    honest_rule: Annotated[float, "Points if the first fifty count, one of each subtask in turn"]
    unlimited: Annotated[float, "Points if every sample counted"]


class EvaluationComparison(TypedDict):
    """Two models on the problems that both were asked, or a model beside a figure of a paper."""

    comparison_id: Annotated[str, "Hash of what is compared"]
    kind: Annotated[Literal["paired", "paper"], "paired: both measured here; paper: the other figure is a paper's"]
    benchmark: Annotated[str, "The benchmark"]
    language: Annotated[Language, "python or cpp"]
    metric: Annotated[str, "As in evaluations"]
    slice_by: Annotated[SliceBy, "As in evaluations"]
    slice: Annotated[str, "As in evaluations"]
    k: Annotated[int, "Of pass@k"]
    model: Annotated[str | None, "The one; paper: null where no such model was measured here"]
    settings: Annotated[str | None, "Prompt, extraction and sampling of its samples"]
    other: Annotated[str, "The other; paper: the model as the paper calls it"]
    other_settings: Annotated[str, "The same of the other; paper: where the figure stands"]
    problems: Annotated[int | None, "Problems that both were asked; paper: those of the model measured here"]
    value: Annotated[float | None, "The one's pass@k on them, from 0 to 1"]
    other_value: Annotated[float, "The other's"]
    difference: Annotated[float | None, "value - other_value"]
    standard_error: Annotated[float | None, "Of the difference, over problems; paper: of our value alone"]
    low: Annotated[float | None, "Lower end of its 95 % interval: bootstrap over problems, paired"]
    high: Annotated[float | None, "Its upper end"]
    sampling_noise: Annotated[float | None, "The part of standard_error that more samples would take away; null: cannot be told"]


BENCHMARK_PROBLEMS = Table(
    "benchmark_problems", BenchmarkProblem, ("problem_id",), "Problems of the benchmarks that models are evaluated on."
)


EVALUATION_SAMPLES = Table(
    "evaluation_samples",
    EvaluationSample,
    ("sample_id",),
    "What models under evaluation answered, raw and taken apart.",
    figures=(TRUNCATED,),
)


EVALUATION_VERDICTS = Table(
    "evaluation_verdicts",
    EvaluationVerdict,
    ("verdict_id",),
    "What the sandbox found of programs of models under evaluation.",
    figures=(SANDBOX_FAULTS,),
)


EVALUATION_POINTS = Table("evaluation_points", EvaluationPoints, ("points_id",), "Points of models on tasks with subtasks (IOI).")


EVALUATIONS = Table("evaluations", Evaluation, ("evaluation_id",), "pass@k of each model, with standard errors and intervals.")


EVALUATION_COMPARISON = Table(
    "evaluation_comparison",
    EvaluationComparison,
    ("comparison_id",),
    "Models compared on the same problems, papers' figures beside.",
)
