"""The SFT profile: the columns of nvidia/OpenCodeReasoning (its dataset card), our labels beside them."""

from __future__ import annotations

from ocr_assets.exports.release import Release
from ocr_assets.exports.selection import Profile, edges_query, rows_query
from ocr_assets.exports.settings import ReleaseSettings
from ocr_assets.schema import SFT_DATASET
from resources.lake.tables import Table
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

ABOUT = """Programming questions with a teacher model's reasoning and solution, each labelled with the verdict of a sandboxed run
of the problem's tests. Schema of OpenCodeReasoning (arXiv 2504.01943), with the labels beside.

A verdict is a label here, not a promise: choose rows by `verdict`, `trusted` and `pass_rate`."""
EXAMPLE = """rows = load_dataset("parquet", data_files={"python": "data/python-*.parquet"}, split="python")
accepted = rows.filter(lambda row: row["verdict"] == "accepted")"""


def sft_release(settings: ReleaseSettings, table: Table = SFT_DATASET) -> Release:
    """A release in this profile, named as ``table``."""
    return Release(
        table=table,
        profile="ocr",
        rows=rows_query(SFT, settings),
        edges=edges_query(SFT, settings, table.name),
        settings=settings,
        split="language",
        label="verdict",
        licenses="SELECT license, count(*) AS rows FROM ({rows}) GROUP BY ALL ORDER BY rows DESC, license",
        about=ABOUT,
        example=EXAMPLE,
    )
