"""Patterns in correct against incorrect responses: two tests, their effect sizes, and a correction for testing so often.

Welch's t-test takes each response as one observation, as the paper's does; responses to one problem are alike, so it is surer
than it should be. The sign test over problems compares responses to the same problem only: what makes a problem hard for all
falls out. Sums are SQL's, so that no row of a response is held here; p-values are scipy's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

from ocr_assets.analysis.reasoning.counting import PATTERNS
from ocr_assets.schema import PatternStatistic
from ocr_assets.statistics.in_order import in_order

MEASURES = (*PATTERNS, "entropy")
LEVEL_OF_INTERVALS = 0.95
_CORRECT, _INCORRECT = "outcome = 'correct'", "outcome = 'incorrect'"

# Counts, means and variances of each measure by outcome, over all and over each group; and of the problems that have both.
SUMS = f"""
WITH grouped AS (
    SELECT problem_id, outcome, {", ".join(MEASURES)},
           unnest(['all', 'level', 'language', 'source']) AS grouping,
           unnest(['all', coalesce(level, 'unknown'), language, source]) AS value
    FROM reasoning_patterns WHERE status = 'complete'
), measured AS (
    UNPIVOT grouped ON {", ".join(MEASURES)} INTO NAME measure VALUE x
), within AS (
    SELECT grouping, value, measure, problem_id, {in_order("avg", "x", _CORRECT)} - {in_order("avg", "x", _INCORRECT)} AS d
    FROM measured GROUP BY ALL
), paired AS (
    SELECT grouping, value, measure, count(d) AS problems, count(*) FILTER (d > 1e-12) AS more,
           count(*) FILTER (d < -1e-12) AS less, {in_order("avg", "d", "d IS NOT NULL")} AS problem_difference
    FROM within GROUP BY ALL
)
SELECT m.grouping, m.value, m.measure, count(*) AS responses, {in_order("avg", "x")} AS mean,
       count(*) FILTER ({_CORRECT}) AS correct, count(*) FILTER ({_INCORRECT}) AS incorrect,
       {in_order("avg", "x", _CORRECT)} AS mean_correct, {in_order("avg", "x", _INCORRECT)} AS mean_incorrect,
       {in_order("var_samp", "x", _CORRECT)} AS variance_correct, {in_order("var_samp", "x", _INCORRECT)} AS variance_incorrect,
       any_value(p.problems) AS problems, any_value(p.more) AS more, any_value(p.less) AS less,
       any_value(p.problem_difference) AS problem_difference
FROM measured m JOIN paired p ON p.grouping = m.grouping AND p.value = m.value AND p.measure = m.measure
GROUP BY m.grouping, m.value, m.measure
ORDER BY m.grouping, m.value, m.measure"""


def statistics(sums: Iterable[Mapping[str, Any]]) -> Iterator[PatternStatistic]:
    """Rows of ``SUMS`` in, rows of ``pattern_statistics`` out. What cannot be tested is null, never a number."""
    by_grouping: dict[str, list[PatternStatistic]] = {}
    for row in sums:
        by_grouping.setdefault(row["grouping"], []).append(_compared(row))
    for rows in by_grouping.values():
        for p, q in (("t_p", "t_q"), ("sign_p", "sign_q")):
            for one, corrected in zip(rows, _corrected([row[p] for row in rows]), strict=True):  # type: ignore[literal-required]
                one[q] = corrected  # type: ignore[literal-required]
        yield from rows


def _compared(row: Mapping[str, Any]) -> PatternStatistic:
    from scipy.stats import binomtest

    correct, incorrect = row["mean_correct"], row["mean_incorrect"]
    difference = None if correct is None or incorrect is None else correct - incorrect
    more, less = row["more"], row["less"]
    tried = more + less
    return {
        "grouping": row["grouping"],
        "value": row["value"],
        "measure": row["measure"],
        "responses": row["responses"],
        "mean": row["mean"],
        "correct": row["correct"],
        "incorrect": row["incorrect"],
        "mean_correct": correct,
        "mean_incorrect": incorrect,
        "difference": difference,
        **_welch(row, difference),
        "t_q": None,
        "problems": row["problems"],
        "problems_more": more,
        "problems_less": less,
        "problem_difference": row["problem_difference"],
        "sign_p": float(binomtest(more, tried).pvalue) if tried else None,
        "sign_q": None,
        "sign_effect": more / tried if tried else None,
    }


class _Welch(TypedDict):
    low: float | None
    high: float | None
    t: float | None
    degrees: float | None
    t_p: float | None
    effect: float | None


def _welch(row: Mapping[str, Any], difference: float | None) -> _Welch:
    """Null where a side has fewer than two responses or nothing varies."""
    from scipy.stats import t as student

    nothing: _Welch = {"low": None, "high": None, "t": None, "degrees": None, "t_p": None, "effect": None}
    some, others = row["correct"], row["incorrect"]
    if difference is None or some < 2 or others < 2:
        return nothing
    first, second = row["variance_correct"] / some, row["variance_incorrect"] / others
    error = math.sqrt(first + second)
    if error <= 1e-12:
        return nothing
    degrees = (first + second) ** 2 / (first**2 / (some - 1) + second**2 / (others - 1))
    t, reach = difference / error, float(student.ppf((1 + LEVEL_OF_INTERVALS) / 2, degrees)) * error
    pooled = math.sqrt(((some - 1) * row["variance_correct"] + (others - 1) * row["variance_incorrect"]) / (some + others - 2))
    small_sample = 1 - 3 / (4 * (some + others) - 9)  # Hedges 1981
    return {
        "low": difference - reach,
        "high": difference + reach,
        "t": t,
        "degrees": degrees,
        "t_p": float(2 * student.sf(abs(t), degrees)),
        "effect": small_sample * difference / pooled,
    }


def _corrected(values: Sequence[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's adjusted p-values; null stays null and is no test."""
    from scipy.stats import false_discovery_control

    tested = [value for value in values if value is not None]
    adjusted = iter(false_discovery_control(tested).tolist() if tested else [])
    return [None if value is None else next(adjusted) for value in values]


__all__ = ["MEASURES", "SUMS", "statistics"]
