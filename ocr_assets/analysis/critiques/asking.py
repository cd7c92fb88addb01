"""What the critic is asked, and the judgement that its answer ends with. How a model is asked is ``generation/asking.py``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ocr_assets.analysis.rounds import chosen
from ocr_assets.generation.asking import Asked, Kind
from ocr_assets.generation.prompts import PromptTemplate
from ocr_assets.schema import CRITIC_ANSWERS, Judgement
from resources.models.api import ChatAnswer

STAGE = "critiques"
TEMPLATE = "critique"
PARSER_VERSION = "1"
_JUDGEMENT = re.compile(r"<judge?ment>([^<>]{0,200})</judge?ment>", re.IGNORECASE)

# Parameters: model, sampling, problems, per_problem.
_CHOSEN = chosen("SELECT solution_id, problem_id, language FROM verified_triplets WHERE trim(solution) <> ''")
_SUBJECTS = f"""
WITH chosen AS ({_CHOSEN}), made AS (
    SELECT solution_id, list({{{{'index': critique_index, 'prompt_hash': prompt_hash, 'standing':
        CASE WHEN failure IS NOT NULL THEN failure WHEN judgement IS NOT NULL THEN 'passed' ELSE 'failed' END}}}}) AS made
    FROM critic_answers WHERE model = $model AND sampling = $sampling AND template_hash = '{{template}}' GROUP BY solution_id
)
SELECT t.solution_id, t.response_id, t.language, t.question, t.solution, r.sample_index, p.origins, m.made
FROM verified_triplets t SEMI JOIN chosen USING (solution_id) JOIN r1_traces r USING (response_id)
JOIN deduped_problems p ON p.problem_id = t.problem_id LEFT JOIN made m USING (solution_id)"""


def critiques(template: PromptTemplate) -> Kind:
    """A critique of a solution to its question, whatever its verdict, of which the critic is told nothing."""

    def prompt(row: Mapping[str, Any]) -> Asked:
        told = {"question": row["question"], "solution": row["solution"], "language": row["language"]}
        return Asked(template, template.messages(**told))

    def read(row: Mapping[str, Any], answer: ChatAnswer) -> dict[str, Any]:
        status, judgement = judgement_of(answer.separated.answer, answer.finish_reason)
        return {"parse_status": status, "judgement": judgement, "parser_version": PARSER_VERSION}

    return Kind(
        name=template.name,
        table=CRITIC_ANSWERS,
        prefix="crit",
        index="critique_index",
        subject="solution_id",
        subjects=_SUBJECTS.format(template=template.hash),
        prompt=prompt,
        alias=lambda row, index: f"critique|{row['origins'][0]}|{row['language']}|{row['sample_index']}|{index}",
        named=lambda row: {"solution_id": row["solution_id"], "response_id": row["response_id"]},
        read=read,
        think=True,
        stage=STAGE,
    )


def judgement_of(answer: str | None, finish_reason: str | None) -> tuple[str, Judgement | None]:
    """(status, judgement) of the answer after its reasoning. Only one word between tags judges, and only if no other tags say
    otherwise: an answer that says both, or neither, is kept as one that judges nothing.

    Status: ``ok``, ``truncated``, ``no_answer``, ``no_judgement``, ``empty_judgement``, ``other_judgement``, ``two_judgements``.
    """
    if finish_reason == "length":
        return "truncated", None
    if not (answer or "").strip():
        return "no_answer", None
    said = {word.strip().strip(".!*\"'").strip().lower() for word in _JUDGEMENT.findall(answer or "")}
    if not said:
        return "no_judgement", None
    if len(said) > 1:
        return "two_judgements", None
    (word,) = said
    if word == "right":
        return "ok", "right"
    if word == "wrong":
        return "ok", "wrong"
    return ("other_judgement" if word else "empty_judgement"), None


__all__ = ["PARSER_VERSION", "STAGE", "TEMPLATE", "critiques", "judgement_of"]
