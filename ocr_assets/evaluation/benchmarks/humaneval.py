"""HumanEval (openai/openai_humaneval, 164 problems): a signature with its docstring to be completed, graded by
``check(candidate)``.

Columns: ``task_id, prompt, canonical_solution, test, entry_point``. With EvalPlus' tests it is ``evalplus.py``. Licence: MIT.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ocr_assets.evaluation.benchmarks.api import Benchmark, BenchmarkProblem, Selection, one_suite
from ocr_assets.evaluation.benchmarks.rows import rows, text
from ocr_assets.programs.published import code_test
from ocr_assets.programs.syntax import AST_LOCK
from resources.sandbox.api import Sandbox

TASK = "Complete the following Python function as its docstring describes."
COLUMNS = ("task_id", "prompt", "canonical_solution", "test", "entry_point")


def read(files: Sequence[Path], selection: Selection, sandbox: Sandbox | None = None) -> Iterator[BenchmarkProblem]:
    """The problems of HumanEval's file."""
    for place, row in rows(files, COLUMNS):
        task_id, prompt, entry_point = (text(row, name, place) for name in ("task_id", "prompt", "entry_point"))
        if not selection.includes(task_id):
            continue
        yield BenchmarkProblem(
            benchmark="humaneval",
            task_id=task_id,
            question=TASK,
            prompt=prompt,
            starter_code=prompt,
            entry_point=entry_point,
            preamble=preamble(prompt, entry_point),
            suites=one_suite([code_test(0, "assert", f"{text(row, 'test', place)}\n\ncheck({entry_point})\n", "official")]),
            reference_solution=prompt + str(row["canonical_solution"]),
        )


def preamble(prompt: str, entry_point: str) -> str:
    """What stands in a prompt before the function asked for: imports and helpers, which solutions may lean on."""
    found = re.search(rf"^(async\s+)?def\s+{re.escape(entry_point)}\s*\(", prompt, re.MULTILINE)
    before = prompt[: found.start()] if found else ""
    with AST_LOCK:
        try:
            ast.parse(before)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
    return before.strip()


def completed(problem: BenchmarkProblem, completion: str) -> str:
    """A completion, the text that follows the prompt, as a whole program."""
    return (problem.prompt or "") + completion


HUMANEVAL = Benchmark(
    name="humaneval",
    title="HumanEval",
    read=read,
    hub=("openai/openai_humaneval", ("**/test-*.parquet",)),
)
