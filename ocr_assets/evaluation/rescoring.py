"""Published samples of a model, judged again without the model: ``ocr-assets evaluate`` on plain files.

A file of samples (JSON lines, a JSON array, Parquet) names a problem in each row (``task_id``, ``question_id``,
``problem_id`` or ``name``) and holds, in this order of preference, answers to be taken apart (``output_list``, ``response``,
``generation``, ``output``, ``answer``), programs (``code_list``, ``solution``, ``code``), or completions of the benchmark's
prompt (``completion``). Each program is judged by each of its problem's suites: a row of the output is one program before one
suite, in the form of ``ocr-assets verify`` (docs/grading.md, §2), so what was judged before is known again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from ocr_assets.evaluation.asking import program, whole
from ocr_assets.evaluation.benchmarks import Benchmark, BenchmarkProblem, Selection, WrongBenchmark
from ocr_assets.evaluation.benchmarks.rows import read_any
from ocr_assets.evaluation.ioi_score import Submission, TaskScore, subtask_points, task_score
from ocr_assets.grading.files import Suites
from ocr_assets.platform.row_files import BadInput, Refuse
from ocr_assets.schema import Language, PromptStyle
from ocr_assets.statistics import Estimate, Scores, difference_of, estimate_of, scores_of
from resources.sandbox.api import Sandbox

Extraction = Literal["ours", "published", "given"]  # given: the row holds the program itself
TASK_FIELDS = ("task_id", "question_id", "problem_id", "name")
ANSWER_FIELDS = ("output_list", "response", "generation", "output", "answer")
PROGRAM_FIELDS = ("code_list", "solution", "code")
COMPLETION_FIELD = "completion"
TEXT_FIELDS = (*ANSWER_FIELDS, *PROGRAM_FIELDS, COMPLETION_FIELD, "prompt", "reasoning", "messages")  # are not passed on


@dataclass(frozen=True)
class Task:
    """A problem without its suites; ``suites``: their names, and what each is worth. They themselves are held in ``Suites``."""

    problem: BenchmarkProblem
    suites: Mapping[str, float | None]


def tasks_of(
    benchmark: Benchmark, files: Sequence[Path], selection: Selection, sandbox: Sandbox | None, suites: Suites
) -> dict[str, Task]:
    """The selected problems by id; their suites go into ``suites``. Raises ``WrongBenchmark``."""
    tasks: dict[str, Task] = {}
    for problem in benchmark.read(files, selection, sandbox):
        if problem.task_id in tasks:
            raise WrongBenchmark(f"{benchmark.title} has {problem.task_id} twice among {', '.join(map(str, files))}")
        for part in problem.suites:
            suites.add(suite_name(problem.task_id, part.name), part.suite)
        tasks[problem.task_id] = Task(replace(problem, suites=()), {part.name: part.points for part in problem.suites})
    return tasks


def suite_name(task_id: str, suite: str) -> str:
    """What a suite is called among those of all problems."""
    return f"{task_id}/{suite}"


def task_ids(path: Path) -> frozenset[str]:
    """The problems that a file of samples names, so that no others are read. Raises ``BadInput``."""
    return frozenset(name for _, row in read_any(path, lambda _: None) if (name := _task_id(row)) is not None)


@dataclass
class Reading:
    """What was read of a file of samples: how many samples, how many of problems that are not selected, and how many of each task
    so far. ``without_samples``: problems of the benchmark that no sample is of."""

    samples: int = 0
    outside: int = 0
    of_task: dict[str, int] = field(default_factory=dict)
    without_samples: set[str] = field(default_factory=set)


def solutions(
    path: Path, tasks: Mapping[str, Task], styles: Sequence[PromptStyle], language: Language, refuse: Refuse, reading: Reading,
    *, windowed: bool = False,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Each program of ``path`` before each of its problem's suites, as ``Verifier.row`` takes it.

    ``styles``: how answers are taken apart. ``language``: of rows that do not say theirs. ``windowed``: whether a problem
    that is not among ``tasks`` may be outside of what was selected; else it is refused, as is a row that holds neither answer
    nor program.
    """
    for place, row in read_any(path, refuse):
        name = _task_id(row)
        if name is None:
            refuse(BadInput(f"{place}: which problem? There is no {', '.join(TASK_FIELDS)}"))
            continue
        task = tasks.get(name)
        if task is None:
            reading.outside += windowed
            if not windowed:
                refuse(BadInput(f"{place}: the benchmark has no problem {name}"))
            continue
        try:
            programs = list(_programs(row, task.problem, styles, row.get("language") or language))
            _whole_characters(programs)
        except ValueError as error:
            refuse(BadInput(f"{place}: {error}"))
            continue
        passed_on = {key: value for key, value in row.items() if key not in TEXT_FIELDS}
        for sample in programs:
            number = reading.of_task.get(name, 0)
            reading.of_task[name] = number + 1
            reading.samples += 1
            for extraction, code in sample:
                for suite, worth in task.suites.items():
                    scored = {} if worth is None else {"points": worth, "group": task.problem.group}
                    yield {
                        **passed_on,
                        **scored,
                        "solution_id": f"{name}/{number}/{extraction}/{suite}",
                        "problem_id": suite_name(name, suite),
                        "language": row.get("language") or language,
                        "code": code,
                        "task_id": name,
                        "sample": number,
                        "extraction": extraction,
                        "suite": suite,
                        "difficulty": task.problem.difficulty,
                    }


def _task_id(row: Mapping[str, Any]) -> str | None:
    return next((str(row[name]) for name in TASK_FIELDS if row.get(name) is not None), None)


def _programs(
    row: Mapping[str, Any], problem: BenchmarkProblem, styles: Sequence[PromptStyle], language: Language
) -> Iterator[list[tuple[Extraction, str | None]]]:
    """The samples of a row: each one's program, or programs where it is taken apart in several ways."""
    if language not in problem.languages:
        raise ValueError(f"language {language!r}: {problem.benchmark} is asked in {' or '.join(problem.languages)}")
    for name in ANSWER_FIELDS:
        if row.get(name) is not None:
            reasoning, finish = (_text_or_none(row, field) for field in ("reasoning", "finish_reason"))
            for answer in _texts(row, name):
                taken = (program(problem, answer, language, style, reasoning=reasoning, finish_reason=finish) for style in styles)
                yield list(zip(styles, taken, strict=True))
            return
    for name in PROGRAM_FIELDS:
        if row.get(name) is not None:
            for code in _texts(row, name):
                yield [("given", whole(problem, code))]
            return
    if row.get(COMPLETION_FIELD) is None:
        programs = ", ".join((*PROGRAM_FIELDS, COMPLETION_FIELD))
        raise ValueError(f"neither an answer ({', '.join(ANSWER_FIELDS)}) nor a program ({programs})")
    if problem.prompt is None:
        raise ValueError(f"{problem.benchmark} has no prompt that a completion could follow; give answers or programs")
    for completion in _texts(row, COMPLETION_FIELD):
        yield [("given", problem.prompt + completion)]


def _whole_characters(programs: Iterable[Sequence[tuple[Extraction, str | None]]]) -> None:
    """Raise ``ValueError`` where a program is no text that a file can hold."""
    for _, code in chain.from_iterable(programs):
        try:
            (code or "").encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the program has half a character (a lone surrogate) at {error.start}") from error


def _texts(row: Mapping[str, Any], name: str) -> list[str]:
    texts = row[name] if isinstance(row[name], list) else [row[name]]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{name} holds no text")
    return texts


def _text_or_none(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is text that stands beside one answer, not {type(value).__name__}")
    return value


@dataclass(frozen=True)
class Figure:
    """pass@k of one way to take programs out, by one metric, on all problems or those of one difficulty. ``samples``: that count;
    ``without_verdict``: left out, since the sandbox failed."""

    extraction: str
    metric: str
    group: str
    k: int
    estimate: Estimate
    samples: int
    without_verdict: int


class Tally:
    """Verdicts added up. ``metrics``: as ``Benchmark.metrics``."""

    def __init__(self, metrics: Mapping[str, Sequence[str]]) -> None:
        self._metrics = metrics
        # (extraction, task, sample) → suite → verdict
        self._verdicts: dict[tuple[str, str, int], dict[str, str]] = {}
        self._difficulty: dict[str, str | None] = {}
        # (extraction, IOI's task) → (subtask that was asked, sample) → subtask → points
        self._points: dict[tuple[str, str], dict[tuple[str, int], dict[str, float]]] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row of the output."""
        key = (row["extraction"], row["task_id"], row["sample"])
        self._verdicts.setdefault(key, {})[row["suite"]] = row["verdict"]
        self._difficulty[row["task_id"]] = row["difficulty"]
        if row.get("points") is not None:
            of_task = self._points.setdefault((row["extraction"], row["group"]), {})
            points = subtask_points(row["tests"] or [], row["tests_total"], row["points"])
            of_task.setdefault((row["task_id"], row["sample"]), {})[row["suite"]] = points

    def points(self) -> dict[str, dict[str, TaskScore]]:
        """By way to take programs out, the points of each task (IOI); empty where the benchmark gives none."""
        found: dict[str, dict[str, TaskScore]] = {}
        for (extraction, task), submissions in self._points.items():
            listed = [Submission(subtask, points) for (subtask, _), points in submissions.items()]
            found.setdefault(extraction, {})[task] = task_score(listed)
        return found

    def figures(self, depths: Iterable[int]) -> list[Figure]:
        """pass@k for the depths for which each problem has enough samples."""
        found = []
        groups = {"all": set(self._difficulty)}
        for task, difficulty in sorted(self._difficulty.items()):
            if difficulty is not None:
                groups.setdefault(difficulty, set()).add(task)
        for extraction in sorted({key[0] for key in self._verdicts}):
            for metric in self._metrics:
                counts, missing = self._counts(extraction, metric)
                for group, tasks in groups.items() if len(groups) > 2 else [("all", groups["all"])]:
                    chosen = {task: counts[task] for task in sorted(tasks & counts.keys())}
                    least = min((tried for tried, _ in chosen.values()), default=0)
                    samples, lost = sum(tried for tried, _ in chosen.values()), sum(missing.get(task, 0) for task in tasks)
                    found += [
                        Figure(extraction, metric, group, k, estimate_of(scores_of(chosen.values(), k)), samples, lost)
                        for k in depths
                        if 1 <= k <= least
                    ]
        return found

    def difference(self, metric: str) -> Estimate | None:
        """pass@1 by our extraction less that by the published one, paired by problem; None where not both were asked for."""
        ours, _ = self._counts("ours", metric)
        published, _ = self._counts("published", metric)
        both = sorted(ours.keys() & published.keys())
        if not both:
            return None
        scores: list[Scores] = [scores_of([counts[task] for task in both], 1) for counts in (ours, published)]
        return difference_of(scores[0], scores[1])

    def _counts(self, extraction: str, metric: str) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
        """By problem, how many samples have a verdict and how many of them pass; and how many have none."""
        counts: dict[str, tuple[int, int]] = {}
        missing: dict[str, int] = {}
        for (way, task, _), verdicts in self._verdicts.items():
            if way != extraction:
                continue
            needed = [verdicts.get(suite) for suite in self._metrics[metric] or verdicts]
            # One suite that fails decides, whatever the others would have said.
            failed = any(verdict not in (None, "accepted", "sandbox_error", "ungradable") for verdict in needed)
            if not failed and any(verdict != "accepted" for verdict in needed):
                missing[task] = missing.get(task, 0) + 1
                continue
            tried, passed = counts.get(task, (0, 0))
            counts[task] = (tried + 1, passed + (not failed))
        return counts, missing
