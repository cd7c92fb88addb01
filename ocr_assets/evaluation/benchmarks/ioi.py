"""IOI with subtasks, in C++: open-r1/ioi with its test cases, or the files that NeMo-Skills prepares of them.

A row is a subtask of a task, asked on its own; every answer is judged by all subtasks of its task, which are the problem's
suites, with their points. A program is a function that the task's grader calls, so it is judged together with grader and
header (``programs/bundle.py``); the task's checker, where it has one, gives each test a part of the points. What subtasks and
submissions come to is ``ocr_assets/evaluation/ioi_score.py``.

Forms. open-r1: rows of ``id, name, subtask, score, problem, test_names, grader_files`` and rows of ``problem_id, test_name,
test_input, test_output``. NeMo-Skills: rows of ``name, ioi_id, subtask, question`` and a JSON object of task → subtask →
``tests, subtask_score, score_precision, grader_files``. Tasks whose answer talks to a manager ("Communication") are left out:
they are named in the log.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocr_assets.evaluation.benchmarks.api import Benchmark, BenchmarkProblem, BenchmarkSuite, Selection, WrongBenchmark
from ocr_assets.evaluation.benchmarks.rows import rows, text, texts, whole
from ocr_assets.programs.bundle import bundled
from ocr_assets.programs.published import stdin_test
from ocr_assets.programs.suites import NO_LIMITS, Suite
from ocr_assets.schema import Language, Limits
from resources.models.api import Message
from resources.sandbox.api import Sandbox

log = logging.getLogger(__name__)
MEMORY_MB = 2048.0  # what a sandbox can give; tasks state as much, or a little more
_TESTLIB = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]testlib\.h[>"].*$', re.MULTILINE)


@dataclass
class _Subtask:
    points: float
    tests: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass
class _IoiTask:
    """A task: its subtasks, and the files of its graders and checker by path."""

    ioi_id: str
    files: Mapping[str, str]
    subtasks: dict[str, _Subtask] = field(default_factory=dict)


def read(files: Sequence[Path], selection: Selection, sandbox: Sandbox | None = None) -> Iterator[BenchmarkProblem]:
    """The subtasks of the files."""
    asked, tasks = _read_all(files)
    left_out: set[str] = set()
    for place, task_name, subtask, question in asked:
        task = tasks.get(task_name)
        if task is None or subtask not in task.subtasks:
            raise WrongBenchmark(f"{place}: there are no tests for {subtask} of {task_name}")
        task_id = f"{task.ioi_id}/{subtask}"
        if task.subtasks[subtask].points == 0 or not selection.includes(task_id):  # the examples are a subtask without points
            continue
        if not all(one.tests for one in task.subtasks.values() if one.points):
            raise WrongBenchmark(f"{place}: a subtask of {task_name} has no tests")
        config = _config(task, place)
        if config.get("task_type", "Batch") != "Batch":
            left_out.add(task.ioi_id)
            continue
        yield BenchmarkProblem(
            benchmark="ioi",
            task_id=task_id,
            question=question,
            suites=tuple(_suite(task, name, one, config) for name, one in task.subtasks.items() if one.points),
            languages=("cpp",),
            starter_code=task.files.get(f"graders/{task.ioi_id}.h"),
            entry_point=_function(task),
            difficulty=subtask,
            platform="ioi",
            group=task.ioi_id,
            files={name.removeprefix("graders/"): content for name, content in task.files.items() if _compiled(name)},
        )
    if left_out:
        log.warning("IOI tasks that talk to a manager are left out: %s", ", ".join(sorted(left_out)))


def _read_all(files: Sequence[Path]) -> tuple[list[tuple[str, str, str, str]], dict[str, _IoiTask]]:
    """(place, task, subtask, question) of each row, and the tasks by name."""
    asked: list[tuple[str, str, str, str]] = []
    tasks: dict[str, _IoiTask] = {}
    names: dict[tuple[str, str], Sequence[str]] = {}
    cases: dict[str, dict[str, tuple[str, str]]] = {}
    metadata: list[tuple[Path, Any]] = []
    for path in files:
        if path.suffix == ".json":
            metadata.append((path, _object(path)))
            continue
        for place, row in rows([path], ()):
            if "test_input" in row:
                problem_id, test_name = (text(row, column, place) for column in ("problem_id", "test_name"))
                cases.setdefault(problem_id, {})[test_name] = _case(row.get("test_input"), row.get("test_output"), place)
                continue
            name = text(row, "name", place)
            subtask, ioi_id = text(row, "subtask", place), str(row.get("ioi_id") or row.get("id") or "")
            asked.append((place, name, subtask, str(row.get("question") or row.get("problem") or "")))
            if "grader_files" in row:
                task = tasks.setdefault(name, _IoiTask(ioi_id, _files(row["grader_files"] or [], place)))
                task.subtasks[subtask] = _Subtask(_points(row.get("score"), place))
                names[name, subtask] = texts(row, "test_names", place)
            else:
                tasks.setdefault(name, _IoiTask(ioi_id, {}))
    for (name, subtask), wanted in names.items():
        known = cases.get(tasks[name].ioi_id, {})
        missing = [test for test in wanted if test not in known]
        if missing:
            raise WrongBenchmark(f"{name}: no test case {missing[0]} among the files")
        tasks[name].subtasks[subtask].tests = {test: known[test] for test in wanted}
    for path, tree in metadata:
        _add_metadata(path, tree, tasks)
    return asked, tasks


def _object(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise WrongBenchmark(f"{path}: {error}") from error


def _add_metadata(path: Path, tree: Any, tasks: dict[str, _IoiTask]) -> None:
    """Subtasks of NeMo-Skills' JSON object."""
    try:
        for name, subtasks in tree.items():
            for subtask, one in subtasks.items():
                task = tasks.setdefault(name, _IoiTask(name.lower(), {}))
                place = f"{path}, {name}, {subtask}"
                task.files = task.files or _files(one["grader_files"], place)
                tests = {test: _case(case["input"], case["output"], place) for test, case in one["tests"].items()}
                task.subtasks[subtask] = _Subtask(_points(one["subtask_score"], place), tests)
    except WrongBenchmark:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WrongBenchmark(f"{path}: no object of tasks and their subtasks ({type(error).__name__}: {error})") from error


def _case(given: Any, wanted: Any, place: str) -> tuple[str, str]:
    """Input and expected output of a test."""
    if not isinstance(given, str) or not isinstance(wanted, str):
        raise WrongBenchmark(f"{place}: a test has an input and an output, both text")
    try:
        return whole(given), whole(wanted)
    except UnicodeEncodeError as error:
        raise WrongBenchmark(f"{place}: {error}") from error


def _files(pairs: Any, place: str) -> dict[str, str]:
    """A column of names and contents."""
    pairs = [*pairs] if isinstance(pairs, list) else [None]
    if not all(isinstance(one, list | tuple) and len(one) == 2 and all(isinstance(part, str) for part in one) for one in pairs):
        raise WrongBenchmark(f"{place}: grader_files is a list of pairs, a name and a text each")
    files: dict[str, str] = dict(map(tuple, pairs))
    try:
        bundled("", {name.removeprefix("graders/"): content for name, content in files.items() if _compiled(name)})
    except ValueError as error:
        raise WrongBenchmark(f"{place}: {error}") from error
    return files


def _points(value: Any, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise WrongBenchmark(f"{place}: the points of a subtask are a number from 0 on, not {value!r}")
    return float(value)


def _config(task: _IoiTask, place: str) -> Mapping[str, Any]:
    try:
        config = json.loads(task.files.get("graders/grader_config.json") or "{}")
    except (ValueError, RecursionError) as error:
        raise WrongBenchmark(f"{place}: grader_config.json of {task.ioi_id}: {error}") from error
    config = config if isinstance(config, dict) else {}
    for name in ("time_limit", "memory_limit"):
        limit = config.get(name) or 0
        if not isinstance(limit, int | float) or not 0 <= limit < math.inf:
            raise WrongBenchmark(f"{place}: grader_config.json of {task.ioi_id}: {name} is {limit!r}")
    return config


def _function(task: _IoiTask) -> str:
    """The first function that the task's header declares."""
    found = re.search(r"\b(\w+)\s*\([^()]*\)\s*;", task.files.get(f"graders/{task.ioi_id}.h", ""))
    return found[1] if found else task.ioi_id


def _compiled(path: str) -> bool:
    """Whether a file is compiled with a program: graders, stubs and headers, but no manager."""
    return path.startswith("graders/") and path.endswith((".cpp", ".h")) and not path.endswith(("manager.cpp", "testlib.h"))


def _suite(task: _IoiTask, name: str, subtask: _Subtask, config: Mapping[str, Any]) -> BenchmarkSuite:
    seconds = float(config.get("time_limit") or 2.0)
    memory = min(float(config.get("memory_limit") or 0) / 2**20 or MEMORY_MB, MEMORY_MB)
    limits: Limits = {**NO_LIMITS, "cpu_s": seconds, "memory_mb": memory, "cpp_factor": 1.0}
    suite: Suite = {
        "tests": [{**stdin_test(0, given, wanted, name), "id": test} for test, (given, wanted) in subtask.tests.items()],
        "compare": None,
        "checker": None,
        "interactor": None,
        "limits": limits,
        "files": None,
    }
    checker = task.files.get("checker/checker.cpp")
    if checker is not None:
        # The IOI's testlib, which differs from the usual one, in the place where it is included.
        testlib = task.files.get("checker/testlib.h")
        source = checker if testlib is None else _TESTLIB.sub(lambda _: testlib, checker, count=1)
        suite["checker"] = {"language": "cpp", "source": source, "protocol": "open_r1"}
    return BenchmarkSuite(name, suite, subtask.points)


def whole_program(problem: BenchmarkProblem, code: str) -> str:
    """A solution with what it is compiled with: the usual headers, the task's own, its grader."""
    head = "" if "bits/stdc++.h" in code else "#include <bits/stdc++.h>\n"
    header = f"{problem.group}.h"
    if header in problem.files and f'"{header}"' not in code:
        head += f'#include "{header}"\n'
    if "using namespace std" not in code and "std::" not in code:
        head += "using namespace std;\n"
    return bundled(head + code, problem.files)


def published_prompt(problem: BenchmarkProblem, language: Language) -> list[Message]:
    """One user turn, as open-r1's statements are asked: the statement, which names what to implement, and the language."""
    wanted = "Write the solution in C++17, without a main function, in one ```cpp block."
    return [{"role": "user", "content": f"{problem.question}\n\n{wanted}\n"}]


def published_code(problem: BenchmarkProblem, answer: str, language: Language) -> str | None:
    """The last block that is fenced as ``cpp``."""
    found = re.findall(r"```(?:cpp|Cpp)\s*\n(.*?)```", answer, re.DOTALL)
    return str(found[-1]) if found else None


IOI = Benchmark(
    name="ioi",
    title="IOI",
    read=read,
    hub=("open-r1/ioi", ("**/*.parquet",)),
    languages=("cpp",),
    metrics={"solved": ()},
    published_prompt=published_prompt,
    published_code=published_code,
    whole_program=whole_program,
)
