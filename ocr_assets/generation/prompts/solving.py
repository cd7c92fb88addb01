"""Which prompt asks for a problem in a language. The templates themselves are beside this, in ``templates``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocr_assets.generation.prompts import PromptTemplate
from ocr_assets.schema import Language
from resources.models.api import Message

NAMES = ("python_stdin", "python_call", "cpp_stdin")  # what teachers are asked with
BENCHMARK_NAMES = (*NAMES, "cpp_call")  # and models under evaluation


def template_name(problem: Mapping[str, Any], language: Language) -> str | None:
    """Which template asks for this problem in this language; None: the pair is not asked (C++ for a Python function)."""
    if problem["entry_point"] is not None:
        return "python_call" if language == "python" else None
    return f"{language}_stdin"


def solution_prompt(template: PromptTemplate, problem: Mapping[str, Any]) -> list[Message]:
    """The turns for a row with ``statement``, ``starter_code`` and ``entry_point``; templates call the last one ``entry``."""
    return template.messages(question=problem["statement"], starter_code=problem["starter_code"], entry=problem["entry_point"])
