"""How a model is asked for a benchmark's problem, and which program its answer is: in our way, or in the publisher's.

Two styles, each for prompt and program: ``ours``, with which training data are asked for and taken apart (docs/papers.md,
OCR-4 and OCR-5), and ``published``, after the benchmark's own harness. A model is measured by ours; the difference is
reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ocr_assets.evaluation.benchmarks import BENCHMARKS, BenchmarkProblem
from ocr_assets.generation.parse import fences, parse
from ocr_assets.generation.prompts import PromptTemplate, load_templates
from ocr_assets.generation.prompts.solving import BENCHMARK_NAMES
from ocr_assets.programs.syntax import defined_names, prints, reads_input, syntax_error
from ocr_assets.schema import Language, PromptStyle
from resources.models.api import Message
from resources.models.reasoning import separate_reasoning


def prompt(
    problem: BenchmarkProblem,
    language: Language,
    style: PromptStyle = "ours",
    templates: Mapping[str, PromptTemplate] | None = None,
) -> list[Message]:
    """The turns that ask for ``problem``. ``templates``: those of ``BENCHMARK_NAMES``, where a user replaced some; only for
    ours."""
    published = BENCHMARKS[problem.benchmark].published_prompt
    if style == "published" and published is not None:
        return published(problem, language)
    name = f"{language}_{'stdin' if problem.entry_point is None else 'call'}"
    template = (templates or _built_in())[name]
    return template.messages(question=problem.question, starter_code=problem.starter_code, entry=problem.entry_point)


def program(
    problem: BenchmarkProblem,
    content: str,
    language: Language,
    style: PromptStyle = "ours",
    *,
    reasoning: str | None = None,
    finish_reason: str | None = None,
) -> str | None:
    """The program that is judged of a model's answer, or None where there is none.

    ``content``, ``reasoning``, ``finish_reason``: as in ``Response``. Models that do not reason answer without any tag, which is
    no fault here; reasoning that never ended is. Ours puts the problem's ``preamble`` first where the program has lost it.
    """
    parts = separate_reasoning(content, reasoning)
    if parts.answer is None:
        return None
    published = BENCHMARKS[problem.benchmark].published_code
    if style == "published" and published is not None:
        code = published(problem, parts.answer, language)
        return None if code is None else whole(problem, code)
    parsed = parse(parts.answer, parts.reasoning or "", finish_reason, language, problem.entry_point)
    code = parsed.code
    if code is None and finish_reason != "length":
        unmarked = [fence.text for fence in reversed(fences(parts.answer)) if not fence.info]  # of no language
        code = next((text for text in (*unmarked, parts.answer) if _is_program(problem, text, language)), None)
    return None if code is None else whole(problem, with_preamble(problem, code, language))


def whole(problem: BenchmarkProblem, code: str) -> str:
    """What is judged of a solution: itself, or with what the benchmark compiles it with."""
    make = BENCHMARKS[problem.benchmark].whole_program
    return code if make is None else make(problem, code)


def with_preamble(problem: BenchmarkProblem, code: str, language: Language) -> str:
    """``code`` after the imports and helpers of its prompt; what it defines itself comes later and counts."""
    if language != "python" or not problem.preamble or problem.preamble in code:
        return code
    return f"{problem.preamble}\n\n\n{code}"


def _is_program(problem: BenchmarkProblem, text: str, language: Language) -> bool:
    """Whether a text without a language's mark is a program, and the one that is asked for."""
    if language != "python" or not text.strip() or syntax_error(text, language) is not None:
        return False
    if problem.entry_point is None:
        return reads_input(text, language) or prints(text, language)
    return problem.entry_point.partition(".")[0] in defined_names(text, language)


@lru_cache(maxsize=1)
def _built_in() -> Mapping[str, PromptTemplate]:
    return load_templates(BENCHMARK_NAMES)
