"""LiveCodeBench (livecodebench/code_generation_lite, releases v1 to v6), and its problems for C++ (nvidia/LiveCodeBench-CPP).

Columns: ``question_title, question_content, platform, question_id, contest_id, contest_date, starter_code, difficulty,
public_test_cases, private_test_cases, metadata``. The tests are JSON in a string, the private ones mostly packed (``packed.py``):
``{"input", "output", "testtype": "stdin" | "functional"}``; a functional input holds one JSON argument a line, and ``metadata``
names the function. OpenCodeReasoning's window is release_v5, contests from 2024-08-01 to 2025-02-01: 279 problems.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ocr_assets.evaluation.benchmarks.api import Benchmark, BenchmarkProblem, Selection, WrongBenchmark, one_suite
from ocr_assets.evaluation.benchmarks.packed import NotPlain, unpacked
from ocr_assets.evaluation.benchmarks.rows import day, named, rows, text, whole
from ocr_assets.programs.published import call_test, stdin_test
from ocr_assets.programs.statements import stated_tolerance
from ocr_assets.programs.suites import NO_LIMITS
from ocr_assets.schema import Language, Limits, Test
from resources.models.api import Message
from resources.sandbox.api import Sandbox

COLUMNS = (
    "question_content", "platform", "question_id", "contest_date", "difficulty", "public_test_cases", "private_test_cases",
)  # fmt: skip
# The harness gives each test six seconds, Python and C++ alike, and four gigabytes, more than a sandbox has.
LIMITS: Limits = {**NO_LIMITS, "cpu_s": 6.0, "memory_mb": 2048.0, "python_factor": 1.0, "cpp_factor": 1.0}
_RELEASE = re.compile(r"release_v(\d+)")
_PART = re.compile(r"test(\d*)\.")


def read(
    files: Sequence[Path], selection: Selection, sandbox: Sandbox | None = None, *, language: Language = "python"
) -> Iterator[BenchmarkProblem]:
    """The problems of the files that belong to the selected release (``release_v5``: test, test2 … test5) and window."""
    benchmark = "livecodebench" if language == "python" else "livecodebench_cpp"
    seen: set[str] = set()
    for path in _of_release(files, selection.version):
        part = _PART.match(path.name)
        for place, row in rows([path], COLUMNS):
            task_id, published = text(row, "question_id", place), day(row["contest_date"], place)
            if task_id in seen or not selection.includes(task_id, published):
                continue
            seen.add(task_id)
            question = text(row, "question_content", place)
            starter_code = str(row.get("starter_code") or "") or None
            tests, entry_point = _tests(row, starter_code, place)
            yield BenchmarkProblem(
                benchmark=benchmark,
                task_id=task_id,
                question=question,
                suites=one_suite(tests, LIMITS, None if entry_point else stated_tolerance(question)),
                languages=(language,),
                starter_code=starter_code,
                entry_point=entry_point,
                difficulty=named(row, "difficulty", place),
                platform=named(row, "platform", place),
                published=published,
                version=f"release_v{part[1] or 1}" if part else "",
            )


def _of_release(files: Sequence[Path], version: str | None) -> list[Path]:
    if version is None:
        return list(files)
    release = _RELEASE.fullmatch(version)
    if release is None:
        raise WrongBenchmark(f"LiveCodeBench has no version {version!r}; give release_v1 … release_v6")
    parts = [(path, _PART.match(path.name)) for path in files]
    chosen = [path for path, part in parts if part is not None and int(part[1] or 1) <= int(release[1])]
    if not chosen:
        raise WrongBenchmark(f"no file of {version} (test.jsonl, test2.jsonl …) among {', '.join(path.name for path in files)}")
    return chosen


def _tests(row: Mapping[str, Any], starter_code: str | None, place: str) -> tuple[list[Test], str | None]:
    """All tests, the public ones first, and the function that functional ones call."""
    pairs = [(item, True) for item in _cases(row["public_test_cases"], place)]
    pairs += [(item, False) for item in _cases(row["private_test_cases"], place)]
    entry_point = None
    tests: list[Test] = []
    for number, (item, public) in enumerate(pairs):
        try:
            given, expected, kind = whole(str(item["input"])), whole(str(item["output"])), item.get("testtype", "stdin")
            if kind == "stdin":
                tests.append(stdin_test(number, given, expected, "public" if public else "private", public))
                continue
            entry_point = entry_point or _entry_point(row.get("metadata"), starter_code)
            arguments = [json.loads(line) for line in given.split("\n") if line.strip()]
            origin = "public" if public else "private"
            tests.append(call_test(number, entry_point, arguments, json.loads(expected), origin, public))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise WrongBenchmark(f"{place}: test {number} cannot be read ({type(error).__name__}: {error})") from error
    if not tests:
        raise WrongBenchmark(f"{place}: no tests")
    return tests, entry_point


def _cases(value: Any, place: str) -> list[dict[str, Any]]:
    """One of the two columns of tests: a list, JSON in a string, or JSON packed."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            try:
                value = unpacked(value)
                value = json.loads(value) if isinstance(value, str) else value
            except (NotPlain, ValueError, RecursionError) as error:
                raise WrongBenchmark(f"{place}: tests that cannot be unpacked: {error}") from error
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise WrongBenchmark(f"{place}: tests are a list of objects, not {type(value).__name__}")
    return value


def _entry_point(metadata: Any, starter_code: str | None) -> str:
    told = json.loads(metadata) if isinstance(metadata, str) else metadata
    name = told.get("func_name") if isinstance(told, dict) else None
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError("metadata names no func_name for a functional test")
    in_class = re.search(r"^\s*class\s+Solution\b", starter_code or "", re.MULTILINE)
    return f"Solution.{name}" if in_class else name


def published_prompt(problem: BenchmarkProblem, language: Language) -> list[Message]:
    """A system turn with the role, then question, format (with the starter code, or a place for the program) and answer, each
    under its heading, as LiveCodeBench lays it out for chat models. For C++, after NeMo-Skills: no system turn, no headings."""
    comment = "#" if language == "python" else "//"
    if problem.starter_code:
        task, block = "Write the solution into the starter code below and return it in a fenced block.", problem.starter_code
    else:
        task = "Solve the problem by a program that reads stdin and writes its answer to stdout, and return it in a fenced block."
        block = f"{comment} the program"
    shape = f"{task}\n```{language}\n{block}\n```"
    if language == "cpp":
        return [{"role": "user", "content": f"{problem.question}\n\n{shape}\n"}]
    role = "You are an expert in Python. Answer a question with a correct program that passes all tests, and nothing else."
    asked = f"### Question:\n{problem.question}\n\n### Format: {shape}\n\n### Answer: (in a block as above)\n\n"
    return [{"role": "system", "content": role}, {"role": "user", "content": asked}]


def published_code(problem: BenchmarkProblem, answer: str, language: Language) -> str | None:
    """What stands between the last two lines with a fence's mark, whichever fences these are."""
    lines = answer.split("\n")
    marks = [number for number, line in enumerate(lines) if "```" in line]
    return "\n".join(lines[marks[-2] + 1 : marks[-1]]) if len(marks) >= 2 else None


LIVECODEBENCH = Benchmark(
    name="livecodebench",
    title="LiveCodeBench",
    read=read,
    hub=("livecodebench/code_generation_lite", ("test*.jsonl",)),
    has_releases=True,
    published_prompt=published_prompt,
    published_code=published_code,
)
LIVECODEBENCH_CPP = Benchmark(
    name="livecodebench_cpp",
    title="LiveCodeBench-C++",
    read=partial(read, language="cpp"),
    hub=("nvidia/LiveCodeBench-CPP", ("**/*.parquet", "**/*.jsonl")),
    languages=("cpp",),
    has_releases=True,
    published_prompt=published_prompt,
    published_code=published_code,
)
