"""What it costs to find the ungraded solutions and their suites, a verdict: the reading part of the asset ``verdicts``, without
a sandbox. The cost must not grow with the number of problems.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ocr_assets.grading.settings import GradingSettings
from ocr_assets.platform.lake import project_lake
from ocr_assets.programs.published import limits, stdin_test
from ocr_assets.schema import SOLUTIONS
from ocr_assets.verification.ungraded import ungraded
from resources.lake import RunInfo
from tests.support.rows import problem, put_problems, row_of

SOLUTIONS_A_PROBLEM = 3


def problems(count: int) -> Iterator[dict[str, Any]]:
    """Clean problems with suites of ten small tests."""
    for number in range(count):
        tests = [stdin_test(index, f"{number} {index}\n" * 20, f"{number + index}\n", "official") for index in range(10)]
        yield problem(number, suite_id=f"suite_{number:020x}", tests=tests, limits=limits())


def solutions(count: int) -> Iterator[dict[str, Any]]:
    """Python solutions of them."""
    for number in range(count):
        for sample in range(SOLUTIONS_A_PROBLEM):
            yield row_of(
                SOLUTIONS, solution_id=f"sol_{number}_{sample}", problem_id=f"prob_{number:020x}", language="python",
                code=f"print({number} + {sample})\n" * 20,
            )  # fmt: skip


def main() -> None:
    """One line for 1,000, 10,000 and 30,000 problems."""
    for count in (1_000, 10_000, 30_000):
        with tempfile.TemporaryDirectory() as folder, project_lake(Path(folder)) as lake:
            with lake.write(RunInfo("bench"), "bench") as write:
                put_problems(write, problems(count))
                write.sync(SOLUTIONS, solutions(count))
            wall, cpu = time.perf_counter(), time.process_time()
            rows = sum(1 for _ in ungraded(lake, GradingSettings()))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            assert rows == SOLUTIONS_A_PROBLEM * count
            print(
                f"{count:6,} problems, {rows:6,} solutions: {1000 * cpu / rows:.3f} ms of CPU and {1000 * wall / rows:.3f} ms a verdict"
            )


if __name__ == "__main__":
    main()
