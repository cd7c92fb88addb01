"""The bundled corpus: problems in the sources' own formats, recorded answers and votes, a small benchmark, expected labels.

Written for this project; licence CC-BY-4.0 (LICENSE beside). What is where: README.md beside.
"""

from importlib.resources import files
from pathlib import Path

FOLDER = Path(str(files(__name__)))
SOURCES = FOLDER / "sources"
RESPONSES = FOLDER / "responses"
SEEDS = FOLDER / "seeds"
VOTES = FOLDER / "votes"
PUBLISHED = FOLDER / "published"
ANNOTATIONS = FOLDER / "annotations"
CRITIQUES = FOLDER / "critiques"
BENCHMARKS = FOLDER / "benchmarks"
EVALUATION = FOLDER / "evaluation"
EVALUATION_ANSWERS = FOLDER / "evaluation_answers"
EXPECTED = FOLDER / "expected_labels.jsonl"
BENCHMARK_NAMES = frozenset(path.name.partition(".")[0] for path in BENCHMARKS.iterdir())  # a toy: no public benchmark

__all__ = [
    "ANNOTATIONS",
    "BENCHMARKS",
    "BENCHMARK_NAMES",
    "CRITIQUES",
    "EVALUATION",
    "EVALUATION_ANSWERS",
    "EXPECTED",
    "FOLDER",
    "PUBLISHED",
    "RESPONSES",
    "SEEDS",
    "SOURCES",
    "VOTES",
]
