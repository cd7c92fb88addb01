"""What the counts of all triplets add up to: distributions by group, budgets, and how often reasoning of some length is right.

Queries over ``token_counts`` (``tokens.py``) and the triplets' labels; no text is read here. The pictures are drawn from the same
queries, in ``assets.py``.
"""

from __future__ import annotations

import itertools

from ocr_assets.schema.analysis import BUDGETS, HISTOGRAM_BINS
from ocr_assets.statistics.in_order import in_order
from ocr_assets.statistics.levels import LEVEL

# What groups are made of, each a column of ``_LABELLED``; the last is every combination that occurs.
GROUPINGS: dict[str, tuple[str, ...]] = {
    "all": (),
    "source": ("source",),
    "language": ("language",),
    "verdict": ("verdict",),
    "difficulty": ("difficulty",),
    "teacher": ("teacher",),
    "source × verdict": ("source", "verdict"),
    "language × verdict": ("language", "verdict"),
    "difficulty × verdict": ("difficulty", "verdict"),
    "teacher × verdict": ("teacher", "verdict"),
    "every": ("source", "language", "verdict", "difficulty", "teacher"),
}
_BY = GROUPINGS["every"]

# A triplet with its labels and counts.
_LABELLED = f"""
SELECT t.triplet_id, t.source, t.language, coalesce(t.verdict, 'no verdict') AS verdict,
       coalesce({LEVEL.replace("difficulty", "t.difficulty")}, 'unknown') AS difficulty, r.model AS teacher, t.verdict AS judged,
       t.pass_rate, list_contains(s.labels, 'truncated') AS truncated, c.repeated_share > 0 AS looped,
       c.question_tokens, c.reasoning_tokens, c.solution_tokens, c.response_tokens
FROM verified_triplets t JOIN token_counts c USING (triplet_id) JOIN solutions s USING (solution_id)
JOIN r1_traces r ON r.response_id = t.response_id
"""


def _grouping_of() -> str:
    """SQL of a row's grouping: which columns are summed over, as the bits of ``GROUPING``."""
    bits = {
        name: sum(1 << (len(_BY) - 1 - place) for place, column in enumerate(_BY) if column not in columns)
        for name, columns in GROUPINGS.items()
    }
    return "CASE grouping_id(" + ", ".join(_BY) + ") " + " ".join(f"WHEN {n} THEN '{name}'" for name, n in bits.items()) + " END"


def _value_of() -> str:
    """SQL of what names a row's group: 'all', the value that it is grouped by, or several as JSON."""
    return (
        "CASE grouping "
        + " ".join(
            f"WHEN '{name}' THEN "
            + (f"json_array({', '.join(columns)})::VARCHAR" if len(columns) > 1 else columns[0] if columns else "'all'")
            for name, columns in GROUPINGS.items()
        )
        + " END"
    )


_SETS = ", ".join(f"(text, {', '.join(columns)})" if columns else "(text)" for columns in GROUPINGS.values())
_FITS = ", ".join(f"avg((tokens <= {budget})::INT) AS fit_{budget // 1024}k" for budget in BUDGETS)
# The i-th bin counts lengths of i binary digits: 0, 1, 2 to 3, 4 to 7 …; the last one also all beyond.
_BIN = f"least(length(ltrim(bin(tokens), '0')), {HISTOGRAM_BINS - 1})"
_HISTOGRAM = ", ".join(f"count(*) FILTER (bin_of = {number})" for number in range(HISTOGRAM_BINS))

# quantile_disc: a count that really occurs, not an average of two.
DISTRIBUTIONS = f"""
WITH labelled AS ({_LABELLED}), texts AS (
    UNPIVOT (SELECT {", ".join(_BY)}, truncated, looped, question_tokens AS question, reasoning_tokens AS reasoning,
                    solution_tokens AS solution, response_tokens AS response FROM labelled)
    ON question, reasoning, solution, response INTO NAME text VALUE tokens
), grouped AS (
    SELECT {_grouping_of()} AS grouping, {", ".join(_BY)}, text, count(*) AS rows, sum(tokens)::BIGINT AS total,
           avg(tokens) AS mean, min(tokens) AS minimum, quantile_disc(tokens, 0.05) AS p05, quantile_disc(tokens, 0.25) AS p25,
           quantile_disc(tokens, 0.5) AS p50, quantile_disc(tokens, 0.75) AS p75, quantile_disc(tokens, 0.95) AS p95,
           quantile_disc(tokens, 0.99) AS p99, max(tokens) AS maximum, {_FITS}, avg(truncated::INT) AS truncated_share,
           avg(looped::INT) AS looped_share, [{_HISTOGRAM}] AS histogram
    FROM (SELECT *, {_BIN} AS bin_of FROM texts) GROUP BY GROUPING SETS ({_SETS})
)
SELECT *, {_value_of()} AS value FROM grouped
"""

# Bins in which reasoning is compared with what became of it: from (tokens) to the next.
EDGES = (0, 1024, 2048, 4096, 6144, 8192, 12288, 16384, 24576, 32768)
_FROM = "CASE " + " ".join(f"WHEN reasoning_tokens >= {edge} THEN {edge}" for edge in reversed(EDGES)) + " END"
_TO = "CASE from_tokens " + " ".join(f"WHEN {low} THEN {high}" for low, high in itertools.pairwise(EDGES)) + " END"

# Of responses that were judged: a fault of the sandbox, or a suite that cannot judge, says nothing of a length.
LENGTH_OUTCOMES = f"""
WITH labelled AS ({_LABELLED}), levelled AS (
    SELECT *, {_FROM} AS from_tokens, judged NOT IN ('sandbox_error', 'ungradable') IS TRUE AS counts FROM labelled
)
SELECT CASE WHEN grouping(difficulty) = 1 THEN 'all' ELSE difficulty END AS difficulty, from_tokens, {_TO} AS to_tokens,
       count(*) AS rows, count(*) FILTER (counts) AS judged, count(*) FILTER (judged = 'accepted') AS accepted,
       avg((judged = 'accepted')::INT) FILTER (counts) AS accepted_share, {in_order("avg", "pass_rate", "counts")} AS pass_rate,
       avg(truncated::INT) AS truncated_share, avg(looped::INT) AS looped_share
FROM levelled GROUP BY GROUPING SETS ((difficulty, from_tokens), (from_tokens))
"""

# Share of responses of at most so many tokens, all and by what became of them: the curve of a budget.
BUDGET_CURVE = """
WITH outcomes AS (
    SELECT c.response_tokens AS tokens, unnest(['all', CASE WHEN t.verdict = 'accepted' THEN 'accepted'
               WHEN t.verdict IS NULL THEN 'no verdict' ELSE 'not accepted' END]) AS outcome
    FROM verified_triplets t JOIN token_counts c USING (triplet_id)
)
SELECT outcome, budget, avg((tokens <= budget)::INT) AS share
FROM outcomes, (SELECT unnest(range(0, 33793, 1024)) AS budget) GROUP BY ALL ORDER BY ALL
"""
LENGTHS = "SELECT reasoning_tokens FROM token_counts WHERE reasoning_tokens > 0 ORDER BY hash(triplet_id) LIMIT 20000"
BY_SOURCE = """
SELECT source || ' (' || rows || ')' AS name, p50 AS value, p25 AS low, p75 AS high FROM token_statistics
WHERE "grouping" = 'source' AND text = 'reasoning' ORDER BY rows DESC, source LIMIT 20
"""
PASSING = """
SELECT difficulty, (from_tokens + coalesce(to_tokens, from_tokens + 8192)) / 2 AS tokens, accepted_share FROM length_outcomes
WHERE judged > 0 ORDER BY difficulty, tokens
"""
BUDGETS_SHOWN = f"""
SELECT value AS verdict, rows, {", ".join(f"round(fit_{n // 1024}k, 3) AS fit_{n // 1024}k" for n in BUDGETS)},
       round(truncated_share, 3) AS truncated, round(looped_share, 3) AS looped
FROM token_statistics WHERE "grouping" IN ('all', 'verdict') AND text = 'response' ORDER BY rows DESC, value
"""

__all__ = ["BUDGETS_SHOWN", "BUDGET_CURVE", "BY_SOURCE", "DISTRIBUTIONS", "GROUPINGS", "LENGTHS", "LENGTH_OUTCOMES", "PASSING"]
