"""The files of ``ocr-assets verify``: problems (JSON lines) and solutions (also Parquet) in, verdicts out (docs/grading.md, §2).

Unknown fields are kept and passed through. A row that cannot be used raises ``BadInput`` naming file, row and mend.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocr_assets.platform.row_files import BadInput, place_of, read_jsonl, read_rows
from ocr_assets.programs.suites import Suite, suite_from_json
from ocr_assets.schema import json_text
from ocr_assets.verification.grading.grade import GRADER_VERSION, Graded, grade
from ocr_assets.verification.settings import GradingSettings
from resources.sandbox.api import Sandbox

SOLUTION_FIELDS = ("solution_id", "problem_id", "language", "code")
VERDICT_FIELDS = (
    "verdict", "tests_passed", "tests_total", "first_failure", "cpu_s", "wall_s", "memory_mb", "tests", "message", "image",
    "isolation_level", "grader_version",
)  # fmt: skip


@dataclass
class Counts:
    """What ``verify`` did. ``unknown``: solutions whose problem is not among the problems."""

    solutions: int = 0
    accepted: int = 0
    unknown: int = 0
    faults: int = 0


def verify(
    problems: Path, solutions: Path, sandbox: Sandbox, settings: GradingSettings, counts: Counts
) -> Iterator[dict[str, Any]]:
    """One verdict object for each line of ``solutions``, in its order, streamed; problems are held compressed.

    Raises ``BadInput`` before anything runs if the problems' file has a bad line.
    """
    index = _Problems(problems)

    def judge(solution: dict[str, Any]) -> dict[str, Any]:
        suite = index.suite(str(solution["problem_id"]))
        # A column of the input that is called like one of the verdict's is not passed on: the grader's own counts.
        extra = {name: value for name, value in solution.items() if name not in (*SOLUTION_FIELDS, *VERDICT_FIELDS)}
        head = {"solution_id": solution["solution_id"], "problem_id": solution["problem_id"]}
        if suite is None:
            return {**head, **_no_verdict(f"problem {solution['problem_id']} is not in {problems.name}"), **extra}
        graded = grade(sandbox, solution["language"], solution["code"], suite, settings)
        return {**head, **_public(graded), **extra}

    for verdict in sandbox.map(judge, _solutions(solutions)):
        counts.solutions += 1
        counts.accepted += verdict["verdict"] == "accepted"
        counts.faults += verdict["verdict"] == "sandbox_error"
        counts.unknown += verdict["message"].endswith(f"is not in {problems.name}")
        yield verdict


def _solutions(path: Path) -> Iterator[dict[str, Any]]:
    for number, solution in read_rows(path):
        place = place_of(path, number)
        missing = [name for name in SOLUTION_FIELDS if name not in solution]
        if missing:
            raise BadInput(f"{place}: a solution needs {', '.join(missing)}")
        if solution["language"] not in ("python", "cpp"):
            raise BadInput(f'{place}: "language" must be python or cpp, not {solution["language"]!r}')
        if not isinstance(solution["code"], str):
            raise BadInput(f'{place}: "code" must be a string')
        yield solution


class _Problems:
    """The problems by id, compressed in memory: a suite is needed again for each of its solutions."""

    def __init__(self, path: Path) -> None:
        self._lines: dict[str, bytes] = {}
        for number, problem in read_jsonl(path):
            if "problem_id" not in problem:
                raise BadInput(f"{path}, line {number}: a problem needs problem_id")
            try:
                suite_from_json(problem)
            except ValueError as error:
                raise BadInput(f"{path}, line {number} (problem {problem['problem_id']}): {error}") from error
            self._lines[str(problem["problem_id"])] = zlib.compress(json_text(problem).encode("utf-8", "surrogatepass"), 1)

    def suite(self, problem_id: str) -> Suite | None:
        line = self._lines.get(problem_id)
        return None if line is None else suite_from_json(json.loads(zlib.decompress(line)))


def _public(graded: Graded) -> dict[str, Any]:
    return {name: graded[name] for name in VERDICT_FIELDS}  # type: ignore[literal-required]


def _no_verdict(message: str) -> dict[str, Any]:
    return {
        "verdict": "sandbox_error", "tests_passed": 0, "tests_total": 0, "first_failure": None, "cpu_s": 0.0,
        "wall_s": 0.0, "memory_mb": 0.0, "tests": [], "message": message, "image": "", "isolation_level": "",
        "grader_version": GRADER_VERSION,
    }  # fmt: skip
