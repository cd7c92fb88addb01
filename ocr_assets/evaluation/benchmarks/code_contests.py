"""CodeContests' test split (deepmind/code_contests, 165 problems), with its public, private and generated tests.

Columns: see ``ocr_assets/programs/published.py``. A problem's own time and memory limits hold; Python gets the usual factor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ocr_assets.evaluation.benchmarks.api import (
    ONE_SUITE,
    Benchmark,
    BenchmarkProblem,
    BenchmarkSuite,
    Selection,
    WrongBenchmark,
    suite_of,
)
from ocr_assets.evaluation.benchmarks.rows import rows, text, whole
from ocr_assets.programs.published import BadRow, code_contests_limits, code_contests_solutions, code_contests_tests
from ocr_assets.programs.statements import stated_tolerance
from ocr_assets.programs.suites import files_from_json
from resources.sandbox.api import Sandbox

PLATFORMS = ("unknown", "codechef", "codeforces", "hackerearth", "codejam", "atcoder", "aizu")
COLUMNS = ("name", "description", "public_tests", "private_tests", "generated_tests")


def read(files: Sequence[Path], selection: Selection, sandbox: Sandbox | None = None) -> Iterator[BenchmarkProblem]:
    """The problems of the files, which are those of one split."""
    for place, row in rows(files, COLUMNS):
        task_id = text(row, "name", place)
        if not selection.includes(task_id):
            continue
        question = text(row, "description", place)
        try:
            suite = suite_of(code_contests_tests(row), code_contests_limits(row), stated_tolerance(question))
            for test in suite["tests"]:
                whole(test["input"] + test["output"])
            references = code_contests_solutions(row)
            suite["files"] = files_from_json({"input": row.get("input_file") or None, "output": row.get("output_file") or None})
        except (BadRow, ValueError, TypeError, KeyError, AttributeError) as error:
            raise WrongBenchmark(f"{place}: {error}") from error
        if not suite["tests"]:
            raise WrongBenchmark(f"{place}: no tests")
        source = row.get("source")
        right = [one["code"] for one in references if one["correct"] and one["language"] == "python"]
        yield BenchmarkProblem(
            benchmark="code_contests",
            task_id=task_id,
            question=question,
            suites=(BenchmarkSuite(ONE_SUITE, suite),),
            languages=("python", "cpp"),
            difficulty=_difficulty(row.get("cf_rating")),
            platform=PLATFORMS[source] if isinstance(source, int) and 0 <= source < len(PLATFORMS) else None,
            reference_solution=right[0] if right else None,
        )


def _difficulty(rating: object) -> str | None:
    """Codeforces' rating by hundreds; 0 is none."""
    return str(rating) if isinstance(rating, int) and rating > 0 else None


CODE_CONTESTS = Benchmark(
    name="code_contests",
    title="CodeContests (test)",
    read=read,
    hub=("deepmind/code_contests", ("data/test-*.parquet",)),
    languages=("python", "cpp"),
)
