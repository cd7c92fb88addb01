"""BigCodeBench (bigcode/bigcodebench, 1,140 tasks; bigcode/bigcodebench-hard, 148): functions that use libraries, with
unittest suites.

Columns: ``task_id, complete_prompt, instruct_prompt, canonical_solution, code_prompt, test, entry_point``. Two ways to ask:
``instruct`` (a text) and ``complete`` (a signature with its docstring). What tasks import is in an image of its own. Their suites
patch what the program imports and set its seeds, so they share its process, and no verdict is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from ocr_assets.evaluation.benchmarks.api import Benchmark, BenchmarkProblem, Selection, WrongBenchmark, one_suite
from ocr_assets.evaluation.benchmarks.extraction import sanitized
from ocr_assets.evaluation.benchmarks.humaneval import TASK, preamble
from ocr_assets.evaluation.benchmarks.rows import rows, text
from ocr_assets.programs.published import code_test
from ocr_assets.programs.suites import NO_LIMITS, SHARES_PROCESS
from ocr_assets.schema import Language, Limits
from resources.models.api import Message
from resources.sandbox.api import Sandbox

IMAGE = "bigcodebench"
VARIANTS = ("instruct", "complete")
COLUMNS = ("task_id", "complete_prompt", "instruct_prompt", "canonical_solution", "code_prompt", "test", "entry_point")
# Importing the libraries takes seconds of each suite; the harness gives it minutes.
LIMITS: Limits = {**NO_LIMITS, "cpu_s": 60.0, "memory_mb": 2048.0, "python_factor": 1.0}


def read(
    files: Sequence[Path], selection: Selection, sandbox: Sandbox | None = None, *, name: str = "bigcodebench"
) -> Iterator[BenchmarkProblem]:
    """The tasks of the files, asked in the selected variant."""
    variant = selection.variant or VARIANTS[0]
    if variant not in VARIANTS:
        raise WrongBenchmark(f"BigCodeBench has no variant {variant!r}; there are {', '.join(VARIANTS)}")
    for place, row in rows(files, COLUMNS):
        task_id = text(row, "task_id", place)
        if not selection.includes(task_id):
            continue
        complete, entry_point, code_prompt = (text(row, one, place) for one in ("complete_prompt", "entry_point", "code_prompt"))
        before = preamble(code_prompt, entry_point)
        suite = f"{SHARES_PROCESS}{before}\n\nfrom solution import {entry_point}\n\n{text(row, 'test', place)}"
        instructed = variant == "instruct"
        yield BenchmarkProblem(
            benchmark=name,
            task_id=task_id,
            question=text(row, "instruct_prompt", place) if instructed else TASK,
            prompt=code_prompt if instructed else complete,
            starter_code=None if instructed else complete,
            entry_point=entry_point,
            preamble=before,
            suites=one_suite([code_test(0, "pytest", suite, "official")], LIMITS),
            reference_solution=f"{complete.rstrip()}\n{row['canonical_solution']}",
            image=IMAGE,
        )


def published_prompt(problem: BenchmarkProblem, language: Language) -> list[Message]:
    """One user turn: what is wanted, and the text, or the signature in a fence. (The harness also begins the answer.)"""
    wanted = "Solve this problem by a Python script that needs nothing else, in a Markdown code block:"
    asked = problem.question if problem.starter_code is None else f"```\n{problem.starter_code.strip()}\n```"
    return [{"role": "user", "content": f"{wanted}\n{asked.strip()}\n"}]


def published_code(problem: BenchmarkProblem, answer: str, language: Language) -> str | None:
    """As EvalPlus takes it (``extraction.py``), after the task's imports and an empty function of its name: "calibrated"."""
    code = sanitized(answer, problem.entry_point or "")
    return None if code is None else f"{problem.preamble}\n\n{code}"


def _benchmark(name: str, title: str, hub: str) -> Benchmark:
    return Benchmark(
        name=name,
        title=title,
        read=partial(read, name=name),
        hub=(hub, ("data/v0.1.4-*.parquet",)),
        variants=VARIANTS,
        image=IMAGE,
        published_prompt=published_prompt,
        published_code=published_code,
    )


BIGCODEBENCH = _benchmark("bigcodebench", "BigCodeBench", "bigcode/bigcodebench")
BIGCODEBENCH_HARD = _benchmark("bigcodebench_hard", "BigCodeBench-Hard", "bigcode/bigcodebench-hard")
