"""Points where a benchmark gives them (IOI): what each model's samples of a task come to, by both rules of ``ioi_score.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ocr_assets.evaluation.counts import PROGRAMS, VERDICT, given_to_programs
from ocr_assets.evaluation.ioi_score import Submission, subtask_points, task_score
from ocr_assets.schema import EvaluationPoints, content_id
from resources.lake import Lake

_OF = ("model", "benchmark", "language", "prompt_style", "extraction", "sampling", "task")

# A row a sample and subtask, in the order in which samples were drawn. `judged`: whether it is known what the program is worth;
# one without code is, and is worth nothing.
_SUBTASKS = f"""
WITH programs AS MATERIALIZED ({PROGRAMS})
SELECT p.model, p.benchmark, p.language, p.prompt_style, p.extraction, p.sampling, b.part_of AS task, p.sample_id,
       b.task_id AS asked, u.name AS subtask, u.points, v.tests, v.tests_total,
       NOT p.no_answer AND (p.code IS NULL OR coalesce(v.verdict NOT IN ('sandbox_error', 'ungradable'), false)) AS judged
FROM programs p JOIN benchmark_problems b USING (problem_id)
JOIN (SELECT problem_id, unnest(suites, recursive := true) FROM benchmark_problems) u USING (problem_id)
{VERDICT}
WHERE u.points IS NOT NULL AND b.part_of IS NOT NULL
ORDER BY p.model, p.benchmark, p.language, p.prompt_style, p.extraction, p.sampling, task, p.sample_index, asked, p.sample_id
"""


def points(store: Lake, *, online_judge: bool) -> Iterator[EvaluationPoints]:
    """A row for each model, way of asking and task whose samples were judged. A sample that lacks a verdict counts nowhere."""
    of: tuple[Any, ...] | None = None
    found = _Task()
    for row in store.stream(_SUBTASKS, given_to_programs(online_judge=online_judge)):
        key = tuple(row[name] for name in _OF)
        if of is not None and key != of:
            yield from found.row(of)
            found = _Task()
        of = key
        found.add(row)
    if of is not None:
        yield from found.row(of)


class _Task:
    """The submissions to one task."""

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}  # by sample the subtask that it answers
        self._points: dict[str, dict[str, float]] = {}
        self._unjudged: set[str] = set()
        self._worth: dict[str, float] = {}

    def add(self, row: dict[str, Any]) -> None:
        sample = row["sample_id"]
        self._asked[sample] = row["asked"]
        self._worth[row["subtask"]] = row["points"]
        if not row["judged"]:
            self._unjudged.add(sample)
        worth = subtask_points(row["tests"], row["tests_total"], row["points"]) if row["tests"] else 0.0
        self._points.setdefault(sample, {})[row["subtask"]] = worth

    def row(self, of: tuple[Any, ...]) -> Iterator[EvaluationPoints]:
        told = dict(zip(_OF, of, strict=True))
        counted = [sample for sample in self._asked if sample not in self._unjudged]
        if not counted:
            return
        score = task_score([Submission(self._asked[sample], self._points[sample]) for sample in counted])
        yield {
            "points_id": content_id("points", told),
            **told,  # type: ignore[typeddict-item]
            "available": sum(self._worth.values()),
            "submissions": len(counted),
            "without_verdict": len(self._unjudged),
            "published_rule": score.published,
            "honest_rule": score.honest,
            "unlimited": score.unlimited,
        }
