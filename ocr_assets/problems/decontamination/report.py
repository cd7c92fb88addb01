"""What people are shown of duplicates and contamination: queries for tables, and the Markdown report. No decisions here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resources.lake import Lake

PAIRS_BY_DECISION = """
SELECT layer, decision, reason, count(*) AS pairs, round(min(score), 3) AS lowest, round(max(score), 3) AS highest
FROM duplicate_pairs GROUP BY ALL ORDER BY layer, pairs DESC LIMIT 30
"""

ALIKE_PAIRS = """
WITH texts AS (
    SELECT k.statement_key, min(r.origin) AS origin, left(replace(arg_min(r.statement, r.origin), chr(10), ' '), 160) AS text
    FROM statement_keys k JOIN raw_problems r USING (raw_id)
    SEMI JOIN (SELECT unnest([left_key, right_key]) AS statement_key FROM duplicate_pairs) USING (statement_key) GROUP BY ALL
)
SELECT p.layer, p.score, p.decision, p.reason, l.origin AS one, l.text AS one_text, r.origin AS other, r.text AS other_text
FROM duplicate_pairs p JOIN texts l ON l.statement_key = left_key JOIN texts r ON r.statement_key = right_key
ORDER BY p.decision = 'variant' DESC, p.score DESC, p.pair_id LIMIT 20
"""

CONFLICTS = """
SELECT origin, representative_origin, kind, left(input, 60) AS input, left(kept, 60) AS kept, left(left_out, 60) AS left_out
FROM test_conflicts ORDER BY ALL LIMIT 20
"""

NEAREST = "SELECT max(cosine) AS cosine FROM contamination_scores GROUP BY problem_id"

TO_REVIEW = """
SELECT r.pair_id, r.decision, r.layer, round(r.cosine, 3) AS cosine, round(r.overlap, 2) AS overlap, r.reason,
    d.origins[1] AS problem, left(replace(d.statement, chr(10), ' '), 160) AS statement,
    r.benchmark || '/' || r.item_id AS item, left(replace(r.item_question, chr(10), ' '), 160) AS item_question
FROM contamination_report r JOIN problems d USING (problem_id) WHERE r.decision IN ('undecided', 'confirmed')
ORDER BY r.decision = 'undecided' DESC, r.cosine DESC, r.pair_id LIMIT 50
"""

_LAYERS = """
    count(*) FILTER (layer = 'exact') AS exact, count(*) FILTER (layer = 'ngram') AS "n-gram",
    count(*) FILTER (layer = 'embedding') AS embedding,
    count(*) FILTER (decision = 'confirmed') AS confirmed, count(*) FILTER (decision = 'cleared') AS cleared,
    count(*) FILTER (decision = 'undecided') AS undecided, count(*) FILTER (decision = 'reported') AS reported
"""

BY_BENCHMARK = f"""
WITH items AS (
    SELECT benchmark, count(*) AS items, list_sort(list(DISTINCT version)) AS versions,
        min(published) AS first, max(published) AS last
    FROM benchmark_items GROUP BY ALL
), pairs AS (
    SELECT benchmark, count(DISTINCT problem_id) AS problems, {_LAYERS} FROM contamination_report GROUP BY ALL
)
SELECT benchmark, array_to_string(versions, ' ') AS version, coalesce(first || ' to ' || last, '') AS dates, items,
    coalesce(problems, 0) AS "problems with a pair", coalesce(exact, 0) AS exact, coalesce("n-gram", 0) AS "n-gram",
    coalesce(embedding, 0) AS embedding, coalesce(confirmed, 0) AS confirmed, coalesce(cleared, 0) AS cleared,
    coalesce(undecided, 0) AS undecided, coalesce(reported, 0) AS reported
FROM items LEFT JOIN pairs USING (benchmark) ORDER BY benchmark
"""

BY_SOURCE = f"""
SELECT benchmark, dataset, source, count(DISTINCT problem_id) AS problems, {_LAYERS}
FROM contamination_report JOIN problems USING (problem_id) GROUP BY ALL ORDER BY ALL
"""

HISTOGRAM = """
WITH nearest AS (SELECT max(cosine) AS cosine FROM contamination_scores GROUP BY problem_id)
SELECT printf('%.1f to %.1f', low, low + 0.1) AS cosine, count(*) AS problems
FROM (SELECT floor(greatest(cosine, 0) * 10 - 1e-9) / 10 AS low FROM nearest) GROUP BY low ORDER BY low
"""

JUDGES = """
SELECT judge, template_hash AS prompt, count(*) AS answers, count(*) FILTER (vote = 'yes') AS yes,
    count(*) FILTER (vote = 'no') AS no, count(*) FILTER (vote = 'none') AS none,
    coalesce(sum(prompt_tokens + completion_tokens), 0)::BIGINT AS tokens, coalesce(round(sum(cost), 4)::VARCHAR, '') AS cost
FROM judge_votes GROUP BY ALL ORDER BY ALL
"""

EXAMPLES = """
SELECT r.benchmark || '/' || r.item_id AS item, d.origins[1] AS problem, r.decision, r.reason, round(r.cosine, 3) AS cosine,
    left(replace(d.statement, chr(10), ' '), 200) AS statement, left(replace(r.item_question, chr(10), ' '), 200) AS item_question
FROM contamination_report r JOIN problems d USING (problem_id)
QUALIFY row_number() OVER (PARTITION BY r.benchmark, r.decision ORDER BY r.cosine DESC, r.pair_id) <= 2
ORDER BY r.benchmark, r.decision, r.cosine DESC, r.pair_id LIMIT 24
"""


def contamination_markdown(lake: Lake) -> str:
    """The report on contamination: per benchmark and source the pairs by layer and decision, similarities, judges, examples."""
    problems = lake.scalar("SELECT count(*) FROM deduped_problems")
    items = lake.scalar("SELECT count(*) FROM benchmark_items")
    pairs = lake.scalar("SELECT count(*) FROM contamination_report")
    parts = [f"{problems:,} problems held against {items:,} benchmark items: {pairs:,} pairs."]
    for title, query in (
        ("Benchmarks", BY_BENCHMARK),
        ("Pairs by benchmark and source", BY_SOURCE),
        ("Similarity of each problem's nearest item", HISTOGRAM),
        ("Judges", JUDGES),
        ("Examples", EXAMPLES),
    ):
        if rows := lake.rows(query):
            parts += [f"### {title}", markdown_table(rows)]
    return "\n\n".join(parts) + "\n"


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of equal columns as a Markdown table."""
    lines = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0])]
    lines += [" | ".join(_cell(value) for value in row.values()) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = "" if value is None else str(value)
    # A statement's own markup must not break out of its cell.
    for sign in ("\\", "|", "<", "*", "_", "`", "$", "["):
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())
