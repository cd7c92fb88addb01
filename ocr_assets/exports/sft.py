"""The profiles in the columns of nvidia/OpenCodeReasoning and its sequel (their dataset cards), our labels beside them."""

from __future__ import annotations

from ocr_assets.exports.release import Release
from ocr_assets.exports.selection import INDEX, RESPONSE_ORIGIN, Profile, edges_query, rows_query
from ocr_assets.exports.settings import OcrSettings
from ocr_assets.schema import OCR2, SFT_DATASET
from resources.lake.tables import Table
from resources.models.reasoning import whole_response_sql

WHOLE_RESPONSE = whole_response_sql("r.content", "r.reasoning", "list_contains(s.labels, 'no_think_open')")
LICENSES = "SELECT license, count(*) AS rows FROM ({rows}) GROUP BY ALL ORDER BY rows DESC, license"

ABOUT = """Programming questions with a teacher model's reasoning and solution, each labelled with the verdict of a sandboxed run
of the problem's tests. Schema of {name}, with the labels beside.

A verdict is a label here, not a promise: choose rows by `verdict`, `trusted` and `pass_rate`."""
EXAMPLE = """rows = load_dataset("parquet", data_files={"python": "data/python-*.parquet"}, split="python")
accepted = rows.filter(lambda row: row["verdict"] == "accepted")"""

# Of several critiques of a solution the one that selects it, else the first.
_CRITIQUES = """
SELECT solution_id, critique, judgement, critic, selected FROM critiques JOIN critique_texts USING (critique_id)
QUALIFY row_number() OVER (PARTITION BY solution_id ORDER BY selected DESC, critique_index, critique_id) = 1"""


def _question(settings: OcrSettings) -> str:
    return "t.question" if settings.questions == "text" else "'-'"


def sft_profile(settings: OcrSettings) -> Profile:
    """The columns of OpenCodeReasoning."""
    return Profile(
        SFT_DATASET,
        columns=f"""
    {_question(settings)} AS input, {WHOLE_RESPONSE} AS output,
    t.source, t.license, t.dataset, t.split, x.index, t.difficulty, t.solution, t.language, t.verdict, t.reason, t.trusted,
    t.tests_passed, t.tests_total, t.pass_rate, t.suite_status, t.suite_tpr, t.suite_tnr, s.parse_status, s.labels,
    p.contamination, c.reasoning_tokens, c.response_tokens, t.problem_id, t.response_id, t.solution_id, t.verdict_id, r.model,
    t.response_license, {RESPONSE_ORIGIN}""",
        id_prefix="sft",
        joins=INDEX,
    )


def ocr2_profile(settings: OcrSettings) -> Profile:
    """The columns of OpenCodeReasoning-2."""
    return Profile(
        OCR2,
        columns=f"""
    t.problem_id AS question_id, {_question(settings)} AS question, {WHOLE_RESPONSE} AS r1_generation,
    q.critique AS qwq_critique, t.solution, q.judgement,
    coalesce(t.pass_rate::VARCHAR, '-1') AS pass_rate, t.source, t.license, t.dataset, t.split, t.difficulty, x.index,
    t.language, t.verdict, t.trusted, p.contamination, c.response_tokens, r.model, t.response_license, {RESPONSE_ORIGIN},
    q.critic, q.selected""",
        id_prefix="ocr2",
        joins=f"{INDEX} LEFT JOIN ({_CRITIQUES}) q ON q.solution_id = t.solution_id",
    )


def sft_release(settings: OcrSettings, table: Table = SFT_DATASET) -> Release:
    """A release in OpenCodeReasoning's columns, named as ``table``."""
    return _answers(settings, table, sft_profile(settings), "ocr", "OpenCodeReasoning (arXiv 2504.01943)")


def ocr2_release(settings: OcrSettings, table: Table = OCR2) -> Release:
    """A release in OpenCodeReasoning-2's columns, named as ``table``."""
    return _answers(settings, table, ocr2_profile(settings), "ocr2", "OpenCodeReasoning-2 (arXiv 2507.09075)")


def _answers(settings: OcrSettings, table: Table, profile: Profile, name: str, paper: str) -> Release:
    return Release(
        table=table,
        profile=name,
        rows=rows_query(profile, settings),
        edges=edges_query(profile, settings, table.name),
        settings=settings,
        split="language",
        group="problem_id" if profile.table is SFT_DATASET else "question_id",
        label="verdict",
        licenses=LICENSES,
        about=ABOUT.format(name=paper),
        example=EXAMPLE,
    )
