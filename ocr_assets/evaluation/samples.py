"""What models under evaluation are asked: benchmark problems, in a language and a style of prompt, and how answers become rows.

Asking itself is ``generation/asking.py``; prompts and programs are ``asking.py``'s here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from ocr_assets.evaluation import asking
from ocr_assets.evaluation.benchmarks import BENCHMARKS
from ocr_assets.evaluation.reading import problem_of
from ocr_assets.generation.asking import Asked, Kind
from ocr_assets.generation.parse import PARSER_VERSION, parse
from ocr_assets.generation.prompts import PromptTemplate
from ocr_assets.schema import EVALUATION_SAMPLES, Language, PromptStyle, content_id
from resources.lake import Lake
from resources.models.api import ChatAnswer

# Problems in a language, with what is held of a model's answers to them. Parameters: model, sampling, language, style; own:
# whether only problems are meant that are made for that language, which name it first.
SUBJECTS = """
SELECT p.* EXCLUDE (suites, reference_solution), m.made
FROM benchmark_problems p LEFT JOIN (
    SELECT problem_id,
           list({'index': sample_index, 'prompt_hash': prompt_hash, 'standing': coalesce(failure, 'answered')}) AS made
    FROM evaluation_samples
    WHERE model = $model AND sampling = $sampling AND language = $language AND prompt_style = $style GROUP BY problem_id
) m USING (problem_id)
WHERE CASE WHEN $own THEN p.languages[1] = $language ELSE list_contains(p.languages, $language) END
    AND (len($benchmarks) = 0 OR list_contains($benchmarks, p.benchmark))
ORDER BY p.benchmark, p.task_id
"""


def languages(store: Lake, chosen: str) -> list[Language]:
    """The languages in which problems are asked. ``chosen``: as ``SampleSettings.language``."""
    if chosen in ("python", "cpp"):
        return [cast("Language", chosen)]
    named = "languages[1]" if chosen == "own" else "unnest(languages)"
    return [
        row["language"] for row in store.rows(f"SELECT DISTINCT {named} AS language FROM benchmark_problems ORDER BY ALL DESC")
    ]


def kind(language: Language, style: PromptStyle, templates: Mapping[str, PromptTemplate], model: str) -> Kind:
    """Asking for benchmark problems in ``language``. ``templates``: ours by name (``BENCHMARK_NAMES``); ``model``: its name."""

    def named(row: Mapping[str, Any]) -> dict[str, Any]:
        told = {name: row[name] for name in ("problem_id", "benchmark", "task_id")}
        return {**told, "language": language, "prompt_style": style}

    return Kind(
        name=f"{language}-{style}",
        table=EVALUATION_SAMPLES,
        prefix="sample",
        index="sample_index",
        subject="problem_id",
        subjects=SUBJECTS,
        prompt=_prompt(language, style, templates),
        alias=lambda row, index: f"{model}|{row['benchmark']}|{row['task_id']}|{language}|{index}",
        named=named,
        read=lambda row, answer: read(row, answer, language),
        think=True,
    )


def _prompt(
    language: Language, style: PromptStyle, templates: Mapping[str, PromptTemplate]
) -> Callable[[Mapping[str, Any]], Asked]:
    def prompt(row: Mapping[str, Any]) -> Asked:
        problem = problem_of(row)
        messages = asking.prompt(problem, language, style, templates)
        if style == "published":
            return Asked(PromptTemplate(f"published:{problem.benchmark}", problem.benchmark, "published"), messages)
        return Asked(templates[f"{language}_{'stdin' if problem.entry_point is None else 'call'}"], messages)

    return prompt


def read(row: Mapping[str, Any], answer: ChatAnswer, language: Language) -> dict[str, Any]:
    """The columns of an answer that say what it holds. ``row``: its problem."""
    given = (answer.content, answer.reasoning, answer.finish_reason)
    return taken_apart(row, *given, language)


def taken_apart(
    row: Mapping[str, Any], content: str, reasoning: str | None, finish_reason: str | None, language: Language
) -> dict[str, Any]:
    """An answer's program, by our rules and by the benchmark's own, where it has any."""
    problem = problem_of(row)

    def program(style: PromptStyle) -> str | None:
        return asking.program(problem, content, language, style, reasoning=reasoning, finish_reason=finish_reason)

    code = program("ours")
    has_rule = BENCHMARKS[problem.benchmark].published_code is not None
    published = program("published") if has_rule else None
    status = "ok" if code is not None else parse(content, reasoning, finish_reason, language, problem.entry_point).parse_status
    return {
        "parse_status": cast("str", status),
        "code": code,
        "code_hash": code_hash(language, code),
        "published_code": published,
        "published_code_hash": code_hash(language, published),
        "parser_version": PARSER_VERSION,
    }


def code_hash(language: str, code: str | None) -> str | None:
    """What verdicts are about: a program, whoever wrote it."""
    return None if code is None else content_id("code", language, code)
