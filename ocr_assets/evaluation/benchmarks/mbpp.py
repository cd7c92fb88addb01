"""MBPP (google-research-datasets/mbpp): a sentence, three assertions that are shown, and none that are hidden.

Columns: ``text, code, task_id, test_setup_code, test_list, challenge_test_list`` (full), or ``prompt, code, task_id,
test_imports, test_list`` (sanitized). Its test split are the tasks 11 to 510. With EvalPlus' tests it is ``evalplus.py``.
Licence: CC-BY-4.0.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ocr_assets.evaluation.benchmarks.api import Benchmark, BenchmarkProblem, Selection, WrongBenchmark, one_suite
from ocr_assets.evaluation.benchmarks.rows import rows, text, texts
from ocr_assets.programs.published import code_test
from ocr_assets.programs.syntax import AST_LOCK, defined_names
from ocr_assets.schema import Language
from resources.models.api import Message
from resources.sandbox.api import Sandbox

TEST_SPLIT = frozenset(map(str, range(11, 511)))


def read(files: Sequence[Path], selection: Selection, sandbox: Sandbox | None = None) -> Iterator[BenchmarkProblem]:
    """The problems of the test split, or of all of the files (subset ``all``)."""
    for place, row in rows(files, ("task_id", "code", "test_list")):
        task_id = str(row["task_id"])
        in_split = task_id in TEST_SPLIT
        if (selection.subset != "all" and not in_split) or not selection.includes(task_id):
            continue
        asked = text(row, "text" if row.get("text") else "prompt", place).strip()
        code = text(row, "code", place).replace("\r\n", "\n")
        assertions = [test.replace("\r\n", "\n") for test in texts(row, "test_list", place)]
        if not assertions:
            raise WrongBenchmark(f"{place}: no tests")
        setup = _setup(row, place)
        yield BenchmarkProblem(
            benchmark="mbpp",
            task_id=task_id,
            question=f"{asked}\n\nThe solution has to fulfil these assertions:\n\n" + "\n".join(assertions),
            prompt=asked,
            entry_point=entry_point(assertions, code),
            suites=one_suite([code_test(n, "assert", setup + test, "official", True) for n, test in enumerate(assertions)]),
            reference_solution=code,
        )


def _setup(row: Mapping[str, Any], place: str) -> str:
    """What stands before each assertion."""
    lines = [str(row.get("test_setup_code") or "").replace("\r\n", "\n"), *texts(row, "test_imports", place)]
    return "".join(f"{line}\n" for line in lines if line.strip())


def entry_point(assertions: Sequence[str], code: str) -> str | None:
    """The function that assertions call: the first one of theirs that the reference solution defines."""
    defined = defined_names(code, "python")
    with AST_LOCK:
        for assertion in assertions:
            try:
                tree = ast.parse(assertion)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in defined:
                    return node.func.id
    return None


def published_prompt(problem: BenchmarkProblem, language: Language) -> list[Message]:
    """The role, the sentence and the assertions, as the paper's prompt has them, for a chat model and without its three
    examples."""
    tests = "\n".join(test["code"] or "" for test in problem.suites[0].suite["tests"])
    asked = f"You are an expert in Python. This is your task: {problem.prompt} Your code has to pass these tests:\n\n{tests}"
    return [{"role": "user", "content": asked}]


MBPP = Benchmark(
    name="mbpp",
    title="MBPP",
    read=read,
    hub=("google-research-datasets/mbpp", ("full/test-*.parquet",)),
    subsets=("test", "all"),
    published_prompt=published_prompt,
)
