"""What submissions to IOI tasks come to: points of a subtask, of a task, and which submissions count.

A subtask gives the least part that any of its tests gives, times its points. A task has, for each subtask, the best of the
submissions that count, summed. At a contest fifty submissions count, and which they are makes the figure: two rules are
reported side by side.

* ``published``: the fifty with the most points in all, as NeMo-Skills orders them. It looks at the points that it is about to
count. * ``honest``: the first fifty in the order in which they were made, one for each subtask in turn. It looks at nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr_assets.grading.checkers import partial_score
from ocr_assets.schema import TestVerdict

SUBMISSIONS = 50  # that count
PRECISION = 2  # decimals of points


@dataclass(frozen=True)
class Submission:
    """An answer to a subtask, with the points that it has in each subtask of the task."""

    subtask: str
    points: Mapping[str, float]


@dataclass(frozen=True)
class TaskScore:
    """A task's points by both rules, and if every submission counted."""

    published: float
    honest: float
    unlimited: float


def subtask_points(tests: Sequence[TestVerdict], total: int, points: float, precision: int = PRECISION) -> float:
    """The points of a program for a subtask of ``total`` tests. A test that was not run, since one before it gave nothing, gives
    nothing."""
    least = min(map(partial_score, tests), default=0.0) if len(tests) == total else 0.0
    return round(least * points, precision)


def task_score(submissions: Sequence[Submission], counted: int = SUBMISSIONS) -> TaskScore:
    """The points of a task. ``submissions``: in the order in which they were made."""
    by_points = sorted(submissions, key=lambda one: sum(one.points.values()), reverse=True)
    return TaskScore(_best(by_points[:counted]), _best(in_turn(submissions)[:counted]), _best(submissions))


def in_turn(submissions: Sequence[Submission]) -> list[Submission]:
    """One submission of each subtask after the other, then the second of each, and so on."""
    waiting: dict[str, list[Submission]] = {}
    for submission in submissions:
        waiting.setdefault(submission.subtask, []).append(submission)
    most = max(map(len, waiting.values()), default=0)
    return [ones[turn] for turn in range(most) for ones in waiting.values() if turn < len(ones)]


def _best(submissions: Sequence[Submission]) -> float:
    """For each subtask the best submission, summed."""
    best: dict[str, float] = {}
    for submission in submissions:
        for subtask, points in submission.points.items():
            best[subtask] = max(best.get(subtask, 0.0), points)
    return round(sum(best.values()), PRECISION)
