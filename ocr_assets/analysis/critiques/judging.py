"""Judgements beside verdicts: which answer a critic selects, how often it is right, and what its choice is worth.

Of all answers to a problem in a language the one with the shortest critique among those judged right is selected, as in the paper
(OCR-11); nothing is dropped for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ocr_assets.analysis.outcomes import OUTCOME
from ocr_assets.generation.prompts import PromptTemplate
from ocr_assets.schema import CriticAccuracy
from ocr_assets.statistics.in_order import in_order
from ocr_assets.statistics.levels import LEVEL

_NORMAL = 1.959963984540054  # the 97.5 % quantile


def critiques_query(template: PromptTemplate) -> str:
    """SELECT of ``critiques``: what the present critic said. Parameters: model, sampling."""
    return f"""
WITH judged AS (
    SELECT a.critique_id, a.solution_id, a.response_id, t.problem_id, t.language, t.source, {LEVEL} AS level, a.model AS critic,
           a.critique_index, coalesce(a.failure, a.parse_status) AS parse_status, a.judgement, a.completion_tokens AS tokens,
           t.verdict, {OUTCOME} = 'correct' AS passes
    FROM critic_answers a JOIN verified_triplets t USING (solution_id)
    WHERE a.model = $model AND a.sampling = $sampling AND a.template_hash = '{template.hash}'
)
SELECT *, (judgement = 'right') = passes AS agrees,
       coalesce(judgement = 'right', false) AND row_number() OVER (PARTITION BY problem_id, language
           ORDER BY (judgement = 'right') IS NOT TRUE, tokens NULLS LAST, critique_id) = 1 AS selected
FROM judged"""


# Judgements against verdicts, and choices, over all critiques and over each group.
COUNTS = f"""
WITH grouped AS (
    SELECT critic, problem_id, language, solution_id, judgement, passes, selected,
           unnest(['all', 'source', 'language', 'level']) AS grouping,
           unnest(['all', source, language, coalesce(level, 'unknown')]) AS value
    FROM critiques
), judged AS (
    SELECT critic, grouping, value, count(*) AS critiques, count(*) FILTER (judgement IS NULL) AS no_judgement,
           count(*) FILTER (judgement IS NOT NULL AND passes IS NULL) AS no_verdict,
           count(*) FILTER (judgement = 'right' AND passes) AS right_passes,
           count(*) FILTER (judgement = 'right' AND NOT passes) AS right_fails,
           count(*) FILTER (judgement = 'wrong' AND passes) AS wrong_passes,
           count(*) FILTER (judgement = 'wrong' AND NOT passes) AS wrong_fails
    FROM grouped GROUP BY ALL
), answers AS (
    SELECT critic, grouping, value, problem_id, language, solution_id, any_value(passes) AS passes, bool_or(selected) AS selected
    FROM grouped GROUP BY ALL
), choices AS (
    SELECT critic, grouping, value, avg(passes::INT) FILTER (selected) AS selected, avg(passes::INT) AS average,
           max(passes::INT) AS best
    FROM answers GROUP BY critic, grouping, value, problem_id, language
), chosen AS (
    SELECT critic, grouping, value, count(*) AS choices, {in_order("avg", "selected")} AS selected_pass,
           {in_order("avg", "average")} AS average_pass, avg(best) AS best_pass
    FROM choices WHERE selected IS NOT NULL GROUP BY ALL
)
SELECT j.*, coalesce(c.choices, 0) AS choices, c.selected_pass, c.average_pass, c.best_pass
FROM judged j LEFT JOIN chosen c USING (critic, grouping, value)"""


def accuracy(counts: Iterable[Mapping[str, Any]]) -> Iterator[CriticAccuracy]:
    """Rows of ``COUNTS`` in, rows of ``critic_accuracy`` out. A share of nothing is null."""
    for row in counts:
        true, false = row["right_passes"], row["right_fails"]
        missed, found = row["wrong_passes"], row["wrong_fails"]
        low, high = _wilson(true + found, true + false + missed + found)
        margins = (true + false) * (true + missed) * (found + false) * (found + missed)
        yield {
            **row,  # type: ignore[typeddict-item]
            "accuracy": _share(true + found, true + false + missed + found),
            "low": low,
            "high": high,
            "precision": _share(true, true + false),
            "recall": _share(true, true + missed),
            "specificity": _share(found, false + found),
            "correlation": (true * found - false * missed) / math.sqrt(margins) if margins else None,
        }


def _share(some: int, of: int) -> float | None:
    return some / of if of else None


def _wilson(some: int, of: int) -> tuple[float | None, float | None]:
    """Wilson's 95 % interval of a share."""
    if not of:
        return None, None
    share, square = some / of, _NORMAL**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    reach = _NORMAL / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


__all__ = ["COUNTS", "accuracy", "critiques_query"]
