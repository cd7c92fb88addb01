"""Preference pairs: of one problem and language an answer that passed and one that failed, of about the same length.

Length matters: longer answers fail more often, and whoever learns from pairs that differ in it learns to be short. Of all pairs
of a problem those are taken that are each other's nearest in length, so that no answer stands in two pairs.
"""

from __future__ import annotations

from ocr_assets.exports.chats import ASKED, answer_sql, not_ended, prompt_sql
from ocr_assets.exports.release import Release
from ocr_assets.exports.selection import FAILED, labelled
from ocr_assets.exports.settings import PreferenceSettings
from ocr_assets.exports.sft import LICENSES
from ocr_assets.schema import PREFERENCE
from resources.lake.tables import Table

_ID = "'pref_' || left(md5(pair.chosen || pair.rejected), 20)"
_ABOUT = """Pairs of answers of teacher models to one programming question: the program of one (`chosen`) passed all tests in a
sandbox, that of the other (`rejected`) failed; `failure` says how. Both are of about the same length, and no answer stands in two
pairs."""
_EXAMPLE = """rows = load_dataset("parquet", data_files={"train": "data/train-*.parquet"}, split="train")
wrong = rows.filter(lambda row: row["failure"] == "wrong_answer")"""


def _sides(settings: PreferenceSettings) -> str:
    """All triplets with ``side`` (chosen, rejected or null) and length."""
    return f"""
SELECT t.triplet_id, t.problem_id, t.language, t.dropped, greatest(c.response_tokens, 1) AS tokens,
       CASE WHEN t.dropped IS NOT NULL THEN NULL WHEN t.verdict = 'accepted' THEN 'chosen'
            WHEN t.verdict IN {FAILED} THEN 'rejected' END AS side
FROM ({labelled(settings, not_ended(settings))}) t JOIN token_counts c USING (triplet_id)"""


def pairs(settings: PreferenceSettings) -> str:
    """SELECT of problem_id, chosen, rejected (triplets) and ratio: how many times the shorter one's tokens the longer has."""
    return f"""
WITH sides AS ({_sides(settings)}), alike AS (
    SELECT a.problem_id, a.language, a.triplet_id AS chosen, b.triplet_id AS rejected,
           greatest(a.tokens, b.tokens) / least(a.tokens, b.tokens) AS ratio
    FROM sides a JOIN sides b USING (problem_id, language)
    WHERE a.side = 'chosen' AND b.side = 'rejected' AND ratio <= {settings.max_length_ratio}
    QUALIFY row_number() OVER (PARTITION BY chosen ORDER BY ratio, rejected) = 1
        AND row_number() OVER (PARTITION BY rejected ORDER BY ratio, chosen) = 1
)
FROM alike QUALIFY row_number() OVER (PARTITION BY problem_id, language ORDER BY ratio, chosen) <= {settings.per_problem}"""


def _side(name: str, settings: PreferenceSettings) -> str:
    """The rows of one side: the pair, the turns, labels."""
    return f"""
SELECT {_ID} AS pair_id, t.*, {prompt_sql(settings)} AS asked, {answer_sql(settings)} AS answer, c.response_tokens, r.model
FROM ({pairs(settings)}) pair JOIN verified_triplets t ON t.triplet_id = pair.{name}
JOIN solutions s USING (solution_id) JOIN r1_traces r ON r.response_id = t.response_id
JOIN token_counts c ON c.triplet_id = t.triplet_id {ASKED}"""


def preference(settings: PreferenceSettings, table: Table = PREFERENCE) -> Release:
    """A release of pairs, named as ``table``."""
    return Release(
        table=table,
        profile="preference",
        rows=f"""
SELECT pair_id AS id, a.asked AS prompt, [a.answer] AS chosen, [b.answer] AS rejected, b.verdict AS failure,
       b.reason AS failure_reason, b.pass_rate AS rejected_pass_rate, a.language, a.source, a.license, a.dataset, a.difficulty,
       p.contamination, a.response_tokens AS chosen_tokens, b.response_tokens AS rejected_tokens, a.problem_id,
       a.response_id AS chosen_response_id, b.response_id AS rejected_response_id, a.model AS chosen_model,
       b.model AS rejected_model, a.response_license AS chosen_license, b.response_license AS rejected_license
FROM ({_side("chosen", settings)}) a JOIN ({_side("rejected", settings)}) b USING (pair_id)
JOIN clean_problems p ON p.problem_id = a.problem_id""",
        edges=f"""
WITH pair AS ({pairs(settings)}), members AS (
    SELECT {_ID} AS id, chosen AS triplet_id FROM pair UNION ALL SELECT {_ID}, rejected FROM pair
)
SELECT coalesce(m.id, '{table.name}') AS child, s.triplet_id AS parent,
       CASE WHEN m.id IS NULL THEN 'dropped' ELSE 'derived' END AS relation,
       CASE WHEN m.id IS NOT NULL THEN '' WHEN s.dropped IS NOT NULL THEN s.dropped
            WHEN s.side IS NULL THEN 'filter: neither passed nor failed'
            ELSE 'filter: no counterpart of about its length' END AS reason
FROM ({_sides(settings)}) s LEFT JOIN members m USING (triplet_id)""",
        settings=settings,
        label="failure",
        licenses=LICENSES,
        about=_ABOUT,
        example=_EXAMPLE,
    )
