"""The benchmarks that models are measured by, one module each, by name.

What a benchmark is stands in ``api.py``. To add one: a module with a ``Benchmark`` whose ``read`` turns its published files into
problems, and an entry here.
"""

from __future__ import annotations

from collections.abc import Mapping

from ocr_assets.evaluation.benchmarks.api import (
    ONE_SUITE,
    Benchmark,
    BenchmarkProblem,
    BenchmarkSuite,
    Selection,
    WrongBenchmark,
)
from ocr_assets.evaluation.benchmarks.bigcodebench import BIGCODEBENCH, BIGCODEBENCH_HARD
from ocr_assets.evaluation.benchmarks.code_contests import CODE_CONTESTS
from ocr_assets.evaluation.benchmarks.evalplus import HUMANEVAL_PLUS, MBPP_PLUS
from ocr_assets.evaluation.benchmarks.humaneval import HUMANEVAL
from ocr_assets.evaluation.benchmarks.ioi import IOI
from ocr_assets.evaluation.benchmarks.livecodebench import LIVECODEBENCH, LIVECODEBENCH_CPP
from ocr_assets.evaluation.benchmarks.mbpp import MBPP
from ocr_assets.evaluation.benchmarks.rows import files_in

_ALL = (
    LIVECODEBENCH, LIVECODEBENCH_CPP, CODE_CONTESTS, HUMANEVAL, HUMANEVAL_PLUS, MBPP, MBPP_PLUS, BIGCODEBENCH, BIGCODEBENCH_HARD,
    IOI,
)  # fmt: skip
BENCHMARKS: Mapping[str, Benchmark] = {benchmark.name: benchmark for benchmark in _ALL}

__all__ = [
    "BENCHMARKS", "ONE_SUITE", "Benchmark", "BenchmarkProblem", "BenchmarkSuite", "Selection", "WrongBenchmark", "files_in",
]  # fmt: skip
