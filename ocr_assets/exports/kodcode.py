"""The KodCode profiles: synthetic triplets in the columns of KodCode-V1 and KodCode-V1-SFT-R1, our labels behind (docs/papers.md,
KC-9). The RL release has the columns of the first and only rows whose tests prove what they say."""

from __future__ import annotations

from ocr_assets.exports.release import Release
from ocr_assets.exports.settings import KodCodeSettings
from ocr_assets.schema import KODCODE_RL, KODCODE_SFT_R1, KODCODE_V1
from resources.lake.tables import Table
from resources.models.reasoning import whole_response_sql

# Every attempt at a question as KodCode keeps them: one JSON object by name.
_TRIALS = """
SELECT a.question_id, to_json(map_from_entries(list(('trial_' || a.attempt_index, {
    'solution_code': a.solution, 'test_code': a.test, 'parse_status': a.parse_status, 'status': v.status
}) ORDER BY a.attempt_index, a.attempt_id))) AS trials
FROM synthetic_attempts a LEFT JOIN latest_verification v ON v.subject_id = a.attempt_id
WHERE a.failure IS NULL GROUP BY a.question_id
"""

_COLUMNS = """
'v1.0' AS version, t.style, t.subset_title AS subset, t.kodcode_id AS question_id, t.question, t.solution, t.test,
a.test_info, t.pass_sequence AS gpt_pass_sequence, t.pass_trial_num AS gpt_pass_trial_num, t.difficulty AS gpt_difficulty,
t.pass_percentage AS gpt_pass_percentage, y.trials::VARCHAR AS trials, 'trial_' || a.attempt_index AS chosen_trial,
json_object('question_id', q.question_id, 'method', q.method, 'seed_ids', q.seed_ids, 'question_model', q.model,
            'solution_model', a.model)::VARCHAR AS metadata,
t.benchmark_similarity, t.benchmark_instruction, t.benchmark_task_id, NULL::VARCHAR AS filter_reason,
t.trusted, t.kill_rate, t.statement_coverage, t.branch_coverage, t.triplet_id
"""

# A question in all its styles, and questions alike.
_GROUP = "regexp_replace(q.question_id, '_[ICO]$', '')"
_PAIRS = """
WITH named AS (SELECT DISTINCT question_id, regexp_replace(kodcode_id, '_[ICO]$', '') AS name FROM synthetic_triplets)
SELECT DISTINCT a.name, b.name FROM question_pairs p JOIN named a ON a.question_id = p.question_id
JOIN named b ON b.question_id = p.other_id WHERE a.name <> b.name"""

_UNOPENED = "contains(r.content, '</think>') AND NOT contains(r.content, '<think>')"
_LICENSES = "SELECT 'of the models that wrote it' AS license, count(*) AS rows FROM ({rows})"
_ABOUT = """Programming questions that models wrote, each with a solution and pytest tests that were written with it and prove
each other: the solution passes, and the tests fail on an empty program, on constants and on mutants of the solution
(`kill_rate`). The columns are those of {name} (arXiv 2503.02951), with our labels behind them."""
_EXAMPLE = """rows = load_dataset("parquet", data_files={"train": "data/train-*.parquet"}, split="train")
hard = rows.filter(lambda row: row["gpt_difficulty"] == "hard" and row["trusted"])"""


def _selection(settings: KodCodeSettings) -> str:
    """All triplets with ``dropped``: why one is left out, or null."""
    styles = ", ".join(f"'{style}'" for style in settings.styles)
    reasons = [
        "WHEN t.status <> 'verified' THEN 'filter: no attempt verified'",
        f"WHEN t.style NOT IN ({styles}) THEN 'filter: style ' || t.style",
    ]
    if settings.trusted_only:
        reasons.append("WHEN NOT t.trusted THEN 'filter: tests prove little'")
    for name, least in (("kill_rate", settings.min_kill_rate), ("branch_coverage", settings.min_branch_coverage)):
        if least > 0:
            reasons.append(f"WHEN t.{name} IS NULL OR t.{name} < {least} THEN 'filter: {name} below {least}'")
    return f"SELECT t.*, CASE {' '.join(reasons)} END AS dropped FROM synthetic_triplets t"


def _from(settings: KodCodeSettings) -> str:
    return f"""
FROM ({_selection(settings)}) t JOIN synthetic_attempts a USING (attempt_id)
JOIN synthetic_questions q ON q.question_id = t.question_id JOIN ({_TRIALS}) y ON y.question_id = t.question_id
"""


def _triplets(table: Table, profile: str, settings: KodCodeSettings) -> Release:
    return Release(
        table=table,
        profile=profile,
        rows=f"SELECT {_COLUMNS} {_from(settings)} WHERE t.dropped IS NULL",
        edges=f"""
SELECT CASE WHEN t.dropped IS NULL THEN t.kodcode_id ELSE '{table.name}' END AS child, t.triplet_id AS parent,
       CASE WHEN t.dropped IS NULL THEN 'derived' ELSE 'dropped' END AS relation, coalesce(t.dropped, '') AS reason
FROM ({_selection(settings)}) t""",
        settings=settings,
        group=_GROUP,
        pairs=_PAIRS,
        label="gpt_difficulty",
        licenses=_LICENSES,
        about=_ABOUT.format(name="KodCode-V1"),
        example=_EXAMPLE,
    )


def v1(settings: KodCodeSettings, table: Table = KODCODE_V1) -> Release:
    """Question, solution and tests in each style; the release is named as ``table``."""
    return _triplets(table, "kodcode_v1", settings)


def rl(settings: KodCodeSettings, table: Table = KODCODE_RL) -> Release:
    """The same columns, for training by reward."""
    return _triplets(table, "kodcode_rl", settings)


def sft_r1(settings: KodCodeSettings, table: Table = KODCODE_SFT_R1) -> Release:
    """A row an answer of the teacher's, accepted and rejected alike unless the settings say otherwise. An answer that broke a
    sandbox, or waits for one, has no verdict and is no row."""
    answered = f"""
SELECT t.* EXCLUDE (dropped), r.response_id, r.response_index, r.solution AS r1_solution, r.model,
       r.parse_status = 'ok' AND v.status = 'verified' AS passed,
       {whole_response_sql("r.content", "r.reasoning", _UNOPENED)} AS answer,
       CASE WHEN t.dropped IS NOT NULL THEN t.dropped
            WHEN r.failure IS NOT NULL THEN 'filter: no answer'
            WHEN r.parse_status = 'ok' AND coalesce(v.status, 'sandbox_error') = 'sandbox_error' THEN 'filter: not verified yet'
            {"WHEN v.status IS DISTINCT FROM 'verified' THEN 'filter: not accepted'" if settings.keep == "accepted" else ""}
       END AS dropped
FROM kodcode_responses r JOIN ({_selection(settings)}) t USING (triplet_id)
LEFT JOIN latest_verification v ON v.subject_id = r.response_id"""
    return Release(
        table=table,
        profile="kodcode_sft_r1",
        rows=f"""
WITH answered AS ({answered}), sequence AS (
    SELECT triplet_id, list(passed::BIGINT ORDER BY response_index, response_id) AS passes FROM answered GROUP BY ALL
)
SELECT {_COLUMNS}, 'kr1_' || left(md5(t.response_id), 20) AS id,
       s.passes AS r1_pass_sequence, list_sum(s.passes)::BIGINT AS r1_pass_trial_num,
       CASE WHEN t.passed THEN 'True' ELSE 'False' END AS r1_correctness, t.r1_solution,
       [{{'from': 'human', 'value': t.question}}, {{'from': 'gpt', 'value': t.answer}}] AS conversations,
       t.response_id, t.model
FROM answered t JOIN sequence s USING (triplet_id) JOIN synthetic_attempts a USING (attempt_id)
JOIN synthetic_questions q ON q.question_id = t.question_id JOIN ({_TRIALS}) y ON y.question_id = t.question_id
WHERE t.dropped IS NULL""",
        edges=f"""
SELECT CASE WHEN t.dropped IS NULL THEN 'kr1_' || left(md5(t.response_id), 20) ELSE '{table.name}' END AS child,
       t.response_id AS parent, CASE WHEN t.dropped IS NULL THEN 'derived' ELSE 'dropped' END AS relation,
       coalesce(t.dropped, '') AS reason
FROM ({answered}) t""",
        settings=settings,
        group=_GROUP,
        pairs=_PAIRS,
        label="r1_correctness",
        licenses=_LICENSES,
        about=_ABOUT.format(name="KodCode-V1-SFT-R1") + " Answers that fail the tests stay, labelled by `r1_correctness`.",
        example=_EXAMPLE.replace('row["gpt_difficulty"] == "hard" and row["trusted"]', 'row["r1_correctness"] == "True"'),
    )
