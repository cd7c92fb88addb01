"""What responses have of each pattern, and which pattern follows which: SQL over the annotations. Tests: ``comparing.py``."""

from __future__ import annotations

from typing import get_args

from ocr_assets.analysis.outcomes import OUTCOME
from ocr_assets.analysis.reasoning.asking import answers
from ocr_assets.generation.prompts import PromptTemplate
from ocr_assets.schema import Pattern
from ocr_assets.statistics.levels import LEVEL

PATTERNS: tuple[str, ...] = get_args(Pattern)


def _annotated(first: PromptTemplate, second: PromptTemplate) -> str:
    """CTEs of the annotations that count and their spans."""
    return f"""
initial AS ({answers("initial", first)}), final AS ({answers("final", second)}), read AS (
    SELECT i.solution_id, i.response_id, i.annotation_id, i.parse_status, i.failure, i.model, a.spans, a.parts, a.characters,
           a.covered, f.annotation_id AS final_id, f.parse_status AS final_status, b.spans AS final_spans,
           b.covered AS final_covered
    FROM initial i LEFT JOIN aligned_annotations a USING (annotation_id)
    LEFT JOIN final f ON f.initial_id = i.annotation_id LEFT JOIN aligned_annotations b ON b.annotation_id = f.annotation_id
), spans AS (
    SELECT solution_id, s.pattern, s.status, s.start FROM (SELECT solution_id, unnest(spans) AS s FROM read)
    UNION ALL SELECT solution_id, s.pattern, s.status, s.start FROM (SELECT solution_id, unnest(final_spans) AS s FROM read)
)"""


def patterns_query(first: PromptTemplate, second: PromptTemplate) -> str:
    """SELECT of ``reasoning_patterns``. Parameters: model, sampling, least_coverage."""
    shares = ",\n       ".join(f"count(*) FILTER (status = 'kept' AND pattern = '{one}') AS n_{one}" for one in PATTERNS)
    columns = ",\n       ".join(f"n_{one} / nullif(c.kept, 0) AS {one}" for one in PATTERNS)
    return f"""
WITH {_annotated(first, second)}, counted AS (
    SELECT solution_id, count(*) FILTER (status = 'kept') AS kept, count(*) FILTER (status <> 'kept') AS dropped,
       count(*) FILTER (status = 'unaligned') AS unaligned, entropy(pattern) FILTER (status = 'kept') * ln(2) AS entropy,
       {shares}
    FROM spans GROUP BY solution_id
), covered AS (
    SELECT *, least(1.0, (coalesce(covered, 0) + coalesce(final_covered, 0)) / greatest(coalesce(characters, 1), 1)) AS coverage
    FROM read
)
SELECT solution_id, r.response_id, t.problem_id, t.language, t.source, {LEVEL} AS level, t.verdict, {OUTCOME} AS outcome,
       CASE WHEN r.failure IS NOT NULL THEN 'failed' WHEN r.parse_status <> 'ok' OR r.characters IS NULL THEN 'unread'
            WHEN coalesce(c.kept, 0) = 0 THEN 'no_spans'
            WHEN len(r.parts) > 0 AND r.final_status IS DISTINCT FROM 'ok' THEN 'no_final'
            WHEN r.coverage < $least_coverage THEN 'low_coverage' ELSE 'complete' END AS status,
       coalesce(c.kept, 0) AS spans, coalesce(c.dropped, 0) AS dropped_spans, coalesce(c.unaligned, 0) AS unaligned_spans,
       r.coverage,
       {columns},
       CASE WHEN c.kept > 0 THEN c.entropy END AS entropy, r.model AS annotator
FROM covered r JOIN verified_triplets t USING (solution_id) LEFT JOIN counted c USING (solution_id)"""


def transitions_query(first: PromptTemplate, second: PromptTemplate) -> str:
    """SELECT of ``pattern_transitions`` over what ``reasoning_patterns`` holds. Parameters: model, sampling."""
    return f"""
WITH {_annotated(first, second)}, ordered AS (
    SELECT solution_id, coalesce(p.outcome, 'unknown') AS outcome, s.pattern,
           row_number() OVER (PARTITION BY solution_id ORDER BY s.start, s.pattern) AS place
    FROM spans s JOIN reasoning_patterns p USING (solution_id) WHERE s.status = 'kept' AND p.status = 'complete'
), steps AS (
    SELECT outcome, pattern, coalesce(lead(pattern) OVER (PARTITION BY solution_id ORDER BY place), 'end') AS next FROM ordered
    UNION ALL SELECT outcome, 'begin', pattern FROM ordered WHERE place = 1
)
SELECT outcome, pattern, next, count(*) AS count, count(*) / sum(count(*)) OVER (PARTITION BY outcome, pattern) AS share
FROM steps GROUP BY outcome, pattern, next"""


__all__ = ["PATTERNS", "patterns_query", "transitions_query"]
