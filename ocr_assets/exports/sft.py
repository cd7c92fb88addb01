"""The SFT profile: the columns of nvidia/OpenCodeReasoning (its dataset card), our labels beside them."""

from __future__ import annotations

from ocr_assets.exports.selection import Profile
from ocr_assets.schema import SFT_DATASET
from resources.models.reasoning import whole_response_sql

SFT = Profile(
    SFT_DATASET,
    columns=f"""
    t.question AS input, {whole_response_sql("r.content", "r.reasoning", "list_contains(s.labels, 'no_think_open')")} AS output,
    t.source, t.license, t.dataset, t.split, t.difficulty, t.solution, t.language, t.verdict, t.reason, t.trusted,
    t.tests_passed, t.tests_total, t.pass_rate, t.suite_status, t.suite_tpr, t.suite_tnr, s.parse_status, s.labels,
    p.contamination, c.reasoning_tokens, c.response_tokens, t.problem_id, t.response_id, t.solution_id, t.verdict_id, r.model""",
    id_prefix="sft",
)
