"""What people are shown of duplicates and contamination: queries for tables, and the Markdown report. No decisions here."""

from __future__ import annotations

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
SELECT origin, canonical_origin, kind, left(input, 60) AS input, left(kept, 60) AS kept, left(left_out, 60) AS left_out
FROM test_conflicts ORDER BY ALL LIMIT 20
"""
