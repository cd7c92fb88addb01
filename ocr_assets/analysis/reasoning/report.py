"""What the page of ``reasoning_patterns`` shows: queries over its tables, and pictures of them."""

from __future__ import annotations

from typing import Any

from ocr_assets.analysis.reasoning.counting import PATTERNS
from ocr_assets.platform import plots
from resources.lake import Lake

_ORDER = "list_position([" + ", ".join(f"'{name}'" for name in PATTERNS) + "], {})"
BY_STATUS = """
SELECT status, count(*) AS responses, sum(spans)::BIGINT AS spans, sum(dropped_spans)::BIGINT AS dropped,
       sum(unaligned_spans)::BIGINT AS "not found", round(avg(coverage), 3) AS coverage
FROM reasoning_patterns GROUP BY status ORDER BY responses DESC, status"""
COMPARED = f"""
SELECT measure, correct, incorrect, round(mean_correct, 4) AS "mean correct", round(mean_incorrect, 4) AS "mean incorrect",
       round(effect, 3) AS "Hedges' g", round(t_p, 5) AS "t-test p", round(t_q, 5) AS "t-test q", problems,
       problems_more || ' : ' || problems_less AS "higher in correct : lower", round(sign_p, 5) AS "sign test p",
       round(sign_q, 5) AS "sign test q"
FROM pattern_statistics WHERE grouping = 'all' ORDER BY {_ORDER.format("measure")} NULLS LAST"""
_MEANS = f"""
SELECT measure, 100 * mean_correct AS correct, 100 * mean_incorrect AS incorrect FROM pattern_statistics
WHERE grouping = 'all' AND measure <> 'entropy' AND coalesce(correct, 0) + coalesce(incorrect, 0) > 0
ORDER BY {_ORDER.format("measure")}"""
_EFFECTS = f"""
SELECT measure AS name, 100 * difference AS value, 100 * low AS low, 100 * high AS high FROM pattern_statistics
WHERE grouping = 'all' AND measure <> 'entropy' AND t IS NOT NULL ORDER BY {_ORDER.format("measure")}"""
_BY_LEVEL = f"""
SELECT measure, max(100 * mean) FILTER (value = 'easy') AS easy, max(100 * mean) FILTER (value = 'medium') AS medium,
       max(100 * mean) FILTER (value = 'hard') AS hard
FROM pattern_statistics WHERE grouping = 'level' AND measure <> 'entropy' GROUP BY measure ORDER BY {_ORDER.format("measure")}"""
_STEPS = f"""
SELECT pattern, next, sum(count) / sum(sum(count)) OVER (PARTITION BY pattern) AS share FROM pattern_transitions
GROUP BY pattern, next
ORDER BY pattern <> 'begin', {_ORDER.format("pattern")}, next = 'end', {_ORDER.format("next")}"""


def pictures(store: Lake) -> dict[str, bytes]:
    """Title → PNG: shares by outcome, differences with intervals, shares by difficulty, and which pattern follows which."""
    shown: dict[str, bytes] = {}
    means: list[dict[str, Any]] = store.rows(_MEANS)
    if means:
        title = "Patterns by outcome, mean % of spans"
        shown["patterns by outcome"] = plots.shares(means, "measure", ["correct", "incorrect"], title)
    if effects := store.rows(_EFFECTS):
        title = "Correct minus incorrect responses, with 95 % intervals"
        shown["patterns in correct and incorrect"] = plots.intervals(effects, title, "percent of spans", zero=True)
    levels = store.rows(_BY_LEVEL)
    if any(row[name] is not None for row in levels for name in ("easy", "medium", "hard")):
        title = "Patterns by difficulty, mean % of spans"
        shown["patterns by difficulty"] = plots.shares(levels, "measure", ["easy", "medium", "hard"], title)
    if steps := store.rows(_STEPS):
        shown["what follows a pattern"] = plots.heatmap(
            steps, "next", "pattern", "share", "What follows a pattern", "next pattern"
        )
    return shown


__all__ = ["BY_STATUS", "COMPARED", "pictures"]
