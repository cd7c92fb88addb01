"""What the evaluation stage shows: queries for tables and plots in the UI. What the rows are is made elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

BY_BENCHMARK = "SELECT benchmark, count(*) AS rows FROM benchmark_problems GROUP BY ALL ORDER BY rows DESC, benchmark"
BY_MODEL = "SELECT model, count(*) AS rows FROM evaluation_samples GROUP BY ALL ORDER BY rows DESC, model"

PROBLEMS = """
SELECT benchmark, version, difficulty, count(*) AS problems, sum(len(suites))::BIGINT AS suites,
       min(published) AS first, max(published) AS last
FROM benchmark_problems GROUP BY ALL ORDER BY ALL
"""
VERDICTS = """
SELECT s.model || ', ' || s.benchmark AS value, v.verdict, count(*) AS rows
FROM evaluation_samples s LEFT JOIN evaluation_verdicts v ON v.solution_id = s.code_hash GROUP BY ALL ORDER BY ALL
"""
OVERALL = """
SELECT benchmark, metric, model || CASE WHEN prompt_style = 'published' THEN ', published prompt' ELSE '' END
       || CASE WHEN extraction = 'published' THEN ', published extraction' ELSE '' END AS name,
       100 * value AS value, 100 * low AS low, 100 * high AS high
FROM evaluations WHERE k = 1 AND slice_by = 'all' ORDER BY benchmark, metric, value DESC, name LIMIT 200
"""
FIGURES = """
SELECT benchmark, metric, model, language, prompt_style AS prompt, extraction, slice_by AS "by", slice, k, problems, samples,
       round(100 * value, 1) AS "pass@k, %", round(100 * standard_error, 1) AS "± over problems",
       round(100 * sampling_noise, 1) AS "of it sampling", round(100 * low, 1) AS low, round(100 * high, 1) AS high,
       left_out, without_verdict
FROM evaluations ORDER BY slice_by <> 'all', benchmark, metric, slice_by, slice, k, model, extraction LIMIT 100
"""
POINTS = """
SELECT model, benchmark, language, extraction, count(*) AS tasks, sum(available) AS available,
       sum(submissions)::BIGINT AS submissions, sum(without_verdict)::BIGINT AS without_verdict,
       round(sum(published_rule), 2) AS "points, published rule", round(sum(honest_rule), 2) AS "points, honest rule",
       round(sum(unlimited), 2) AS "if all counted"
FROM evaluation_points GROUP BY ALL ORDER BY ALL LIMIT 100
"""
DIFFERENCES = """
SELECT benchmark, metric, CASE WHEN model = other THEN model || ': ' || (settings->>'prompt') || ' prompt, '
           || (settings->>'extraction') || ' extraction' ELSE model || ' - ' || other END AS name,
       100 * difference AS value, 100 * low AS low, 100 * high AS high
FROM evaluation_comparison WHERE kind = 'paired' AND k = 1 AND slice_by = 'all'
ORDER BY benchmark, metric, difference DESC, name LIMIT 200
"""
BESIDE_PAPERS = """
SELECT DISTINCT benchmark, metric, other || ', paper' AS name, 100 * other_value AS value,
       NULL::DOUBLE AS low, NULL::DOUBLE AS high
FROM evaluation_comparison WHERE kind = 'paper'
UNION ALL
SELECT DISTINCT e.benchmark, e.metric, e.model, 100 * e.value, 100 * e.low, 100 * e.high
FROM evaluations e JOIN evaluation_comparison c
    ON c.kind = 'paper' AND c.benchmark = e.benchmark AND c.metric = e.metric AND c.slice_by = e.slice_by AND c.slice = e.slice
WHERE e.k = 1 AND e.extraction = 'ours'
ORDER BY benchmark, metric, value DESC, name LIMIT 200
"""
COMPARED = """
SELECT kind, benchmark, metric, slice_by AS "by", slice, k, model, other, other_settings, problems,
       round(100 * value, 1) AS value, round(100 * other_value, 1) AS other_value,
       round(100 * difference, 1) AS difference, round(100 * low, 1) AS low,
       round(100 * high, 1) AS high, round(100 * sampling_noise, 1) AS "of it sampling"
FROM evaluation_comparison ORDER BY kind, slice_by <> 'all', benchmark, metric, slice_by, slice, k, model, other LIMIT 100
"""


def by_benchmark(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The rows of one plot each: a benchmark's metric."""
    plots: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        name = row["benchmark"] if row["metric"] == "tests" else f"{row['benchmark']}, {row['metric']}"
        plots.setdefault(name, []).append(row)
    return plots
