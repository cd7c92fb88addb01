"""The two things that the annotator is asked of a response's reasoning, and taking its answers apart.

First the whole is cut into spans; then the parts that this left out are shown in place, and a pattern is asked for each. How a
model is asked is ``generation/asking.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ocr_assets.analysis.reasoning.spans import ALIGNER_VERSION, aligned, final_spans, initial_spans, marked
from ocr_assets.analysis.reasoning.tags import read_annotations
from ocr_assets.analysis.rounds import chosen
from ocr_assets.generation.asking import Asked, Kind
from ocr_assets.generation.prompts import PromptTemplate
from ocr_assets.platform.progress import Progress
from ocr_assets.schema import ALIGNED_ANNOTATIONS, REASONING_ANNOTATIONS, AlignedAnnotation
from resources.lake import Lake, RunInfo
from resources.models.api import ChatAnswer
from resources.models.reasoning import separate_reasoning

STAGE = "reasoning_patterns"
TEMPLATES = ("reasoning_initial", "reasoning_final")

# Which responses are annotated. Parameters: problems, per_problem.
_CHOSEN = chosen(
    "SELECT solution_id, problem_id, language FROM solutions SEMI JOIN verified_triplets USING (solution_id) "
    "WHERE trim(reasoning) <> ''"
)

# How the answers stand, by what they are about. Parameters: model, sampling.
_MADE = """
SELECT {subject}, list({{'index': try_index, 'prompt_hash': prompt_hash, 'standing':
    CASE WHEN failure IS NOT NULL THEN failure WHEN parse_status = 'ok' THEN 'passed' ELSE 'failed' END}}) AS made
FROM reasoning_annotations
WHERE stage = '{stage}' AND model = $model AND sampling = $sampling AND template_hash = '{template}' GROUP BY {subject}"""


def answers(stage: str, template: PromptTemplate) -> str:
    """SELECT of the annotations that count, which are about the reasoning as it is now: of each subject (solution, initial
    annotation) the first that can be read, else the last that came. Parameters: model, sampling."""
    subject = "solution_id" if stage == "initial" else "initial_id"
    return f"""
SELECT annotation_id, solution_id, response_id, initial_id, text_hash, parse_status, failure, model FROM reasoning_annotations
WHERE stage = '{stage}' AND model = $model AND sampling = $sampling AND template_hash = '{template.hash}'
  AND (solution_id, text_hash) IN (
      SELECT (solution_id, md5(reasoning)) FROM solutions SEMI JOIN reasoning_annotations USING (solution_id))
QUALIFY row_number() OVER (PARTITION BY {subject} ORDER BY parse_status <> 'ok',
    CASE WHEN parse_status = 'ok' THEN try_index ELSE -try_index END, annotation_id) = 1"""


def initial(template: PromptTemplate) -> Kind:
    """Cut the whole reasoning into spans."""

    def read(row: Mapping[str, Any], answer: ChatAnswer) -> dict[str, Any]:
        return {"stage": "initial", "initial_id": None, "parts": [], **_status(answer)}

    return Kind(
        name=template.name,
        table=REASONING_ANNOTATIONS,
        prefix="ann",
        index="try_index",
        subject="solution_id",
        subjects=f"""
SELECT s.solution_id, s.response_id, s.language, s.reasoning, md5(s.reasoning) AS text_hash, r.sample_index, p.origins, m.made
FROM solutions s SEMI JOIN ({_CHOSEN}) USING (solution_id)
JOIN r1_traces r USING (response_id) JOIN deduped_problems p ON p.problem_id = s.problem_id
LEFT JOIN ({_MADE.format(subject="solution_id", stage="initial", template=template.hash)}) m USING (solution_id)""",
        prompt=lambda row: Asked(template, template.messages(reasoning=row["reasoning"])),
        alias=lambda row, index: f"patterns|{_name(row)}|initial|{index}",
        named=_named,
        read=read,
        stage=STAGE,
    )


def final(template: PromptTemplate, first: PromptTemplate) -> Kind:
    """Name the parts that an initial annotation, asked by ``first``, left out. Where that was done it is not asked again, be it
    that another version of ours would find other parts."""

    def read(row: Mapping[str, Any], answer: ChatAnswer) -> dict[str, Any]:
        return {"stage": "final", "initial_id": row["annotation_id"], "parts": row["parts"], **_status(answer)}

    def prompt(row: Mapping[str, Any]) -> Asked:
        parts = [(part["start"], part["end"]) for part in row["parts"]]
        return Asked(template, template.messages(reasoning=marked(row["reasoning"], parts), parts=len(parts)))

    return Kind(
        name=template.name,
        table=REASONING_ANNOTATIONS,
        prefix="ann",
        index="try_index",
        subject="annotation_id",
        subjects=f"""
SELECT i.annotation_id, i.solution_id, i.response_id, i.text_hash, s.language, s.reasoning, r.sample_index, p.origins,
       a.parts, m.made
FROM ({answers("initial", first)}) i JOIN aligned_annotations a USING (annotation_id)
JOIN solutions s ON s.solution_id = i.solution_id AND md5(s.reasoning) = i.text_hash
SEMI JOIN ({_CHOSEN}) c ON c.solution_id = i.solution_id
JOIN r1_traces r ON r.response_id = i.response_id JOIN deduped_problems p ON p.problem_id = s.problem_id
LEFT JOIN ({_MADE.format(subject="initial_id", stage="final", template=template.hash)}) m ON m.initial_id = i.annotation_id
WHERE i.parse_status = 'ok' AND len(a.parts) > 0
  AND NOT list_contains(list_transform(coalesce(m.made, []), lambda one: one.standing), 'passed')""",
        prompt=prompt,
        alias=lambda row, index: f"patterns|{_name(row)}|final|{index}",
        named=_named,
        read=read,
        stage=STAGE,
    )


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['origins'][0]}|{row['language']}|{row['sample_index']}"


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("solution_id", "response_id", "text_hash")}


def _status(answer: ChatAnswer) -> dict[str, str]:
    return {"parse_status": read_annotations(answer.separated.answer, answer.finish_reason)[0], "parser_version": ALIGNER_VERSION}


# Answers that are not taken apart yet, or by another version. Parameter: version.
_NEW = """
SELECT a.annotation_id, a.solution_id, a.stage, a.initial_id, a.parts, a.content, a.reasoning AS thought, a.finish_reason,
       s.reasoning
FROM reasoning_annotations a JOIN solutions s ON s.solution_id = a.solution_id AND md5(s.reasoning) = a.text_hash
LEFT JOIN aligned_annotations d USING (annotation_id)
WHERE a.failure IS NULL AND d.aligner_version IS DISTINCT FROM $version"""


def align_new(store: Lake, run: RunInfo, say: Callable[[str], object]) -> int:
    """Take apart what ``_NEW`` finds, in one commit; returns how many answers that were."""
    if not store.scalar(f"SELECT count(*) FROM ({_NEW})", {"version": ALIGNER_VERSION}):
        return 0
    count = 0

    def rows() -> Iterator[AlignedAnnotation]:
        nonlocal count
        with Progress(STAGE, None, say, "annotations aligned") as progress:
            for row in store.stream(_NEW, {"version": ALIGNER_VERSION}):
                count += 1
                progress.add()
                yield align(row)

    with store.write(run, STAGE) as write:
        write.upsert(ALIGNED_ANNOTATIONS, rows())
    return count


def align(row: Mapping[str, Any]) -> AlignedAnnotation:
    """A row of ``_NEW`` as a row of ``aligned_annotations``."""
    answer = separate_reasoning(row["content"], row["thought"]).answer
    status, tagged = read_annotations(answer, row["finish_reason"])
    if row["stage"] == "initial":
        spans, parts = initial_spans(tagged, row["reasoning"])
    else:
        parts = [(part["start"], part["end"]) for part in row["parts"]]
        spans = final_spans(tagged, parts, row["reasoning"])
    return aligned(row, status, spans, parts if row["stage"] == "initial" else [], row["reasoning"])


__all__ = ["STAGE", "TEMPLATES", "align", "align_new", "answers", "final", "initial"]
