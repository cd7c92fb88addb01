"""The three things that the teacher is asked of a synthetic question: attempts, conversions of style, responses.

Each is a ``Kind`` of ``generation/asking.py``: SQL over the lake for what is asked about, and how answers are read
(``tagged.py``).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from ocr_assets.generation.asking import Asked, Kind
from ocr_assets.generation.parse import parse
from ocr_assets.generation.prompts import PromptTemplate
from ocr_assets.programs.renaming import under_names
from ocr_assets.schema import KODCODE_RESPONSES, STYLE_CONVERSIONS, SYNTHETIC_ATTEMPTS, Style
from ocr_assets.synthesis.tagged import (
    PARSER_VERSION,
    names_tested,
    python_tree,
    read_attempt,
    read_completion,
    read_online_judge,
)
from ocr_assets.synthesis.triplets import CHOSEN, VERIFIED
from resources.models.api import ChatAnswer

TEMPLATES = ("kodcode_attempt", "kodcode_complete", "kodcode_online_judge", "kodcode_response")

# How the answers of a table stand, by subject. Parameters: model, sampling, plan.
_MADE = """
SELECT a.{subject}, list({{'index': a.{index}, 'prompt_hash': a.prompt_hash, 'standing':
    CASE WHEN a.failure IS NOT NULL THEN a.failure WHEN a.parse_status <> 'ok' THEN 'failed'
         WHEN v.status IS NULL THEN 'pending' WHEN v.status = 'verified' THEN 'passed' ELSE 'failed' END}}) AS made
FROM {table} a LEFT JOIN ({verified}) v ON v.subject_id = a.{id}
WHERE a.model = $model AND a.sampling = $sampling AND a.template_hash = '{template}'{more} GROUP BY a.{subject}
"""


def _made(table: str, subject: str, index: str, identity: str, template: PromptTemplate, more: str = "") -> str:
    return _MADE.format(
        table=table, subject=subject, index=index, id=identity, template=template.hash, verified=VERIFIED, more=more
    )


def attempts(template: PromptTemplate) -> Kind:
    """A solution with tests of its own, for each clean question (docs/papers.md, KC-3)."""

    def read(row: Mapping[str, Any], answer: ChatAnswer) -> dict[str, Any]:
        status, solution, tests = read_attempt(answer.separated.answer, answer.finish_reason)
        info = info_of(solution, tests) if solution and tests else []
        parts = {"solution": solution, "test": tests, "test_info": info}
        return {"parse_status": status, **parts, "parser_version": PARSER_VERSION}

    made = _made("synthetic_attempts", "question_id", "attempt_index", "attempt_id", template)
    return Kind(
        name=template.name,
        table=SYNTHETIC_ATTEMPTS,
        prefix="att",
        index="attempt_index",
        subject="question_id",
        subjects=f"""
SELECT q.question_id, q.subset, q.seed_name, q.sample_index, q.question, m.made
FROM clean_questions q LEFT JOIN ({made}) m USING (question_id) ORDER BY q.question_id""",
        prompt=lambda row: Asked(template, template.messages(question=row["question"])),
        alias=lambda row, index: f"attempt|{row['subset']}|{row['seed_name']}|{row['sample_index']}|{index}",
        named=lambda row: {"question_id": row["question_id"]},
        read=read,
    )


def conversions(style: Style, template: PromptTemplate) -> Kind:
    """A verified triplet put into another style (docs/papers.md, KC-6)."""

    def read(row: Mapping[str, Any], answer: ChatAnswer) -> dict[str, Any]:
        text, finish = answer.separated.answer, answer.finish_reason
        made: dict[str, Any] = {"question": None, "solution": None, "test": None}
        if style == "complete":
            status, made["question"] = read_completion(text, finish, names_tested(row["solution"], row["test"]))
        else:
            status, found = read_online_judge(text, finish, row["solution"])
            made |= found or {}
        return {"parse_status": status, "style": style, "parser_version": PARSER_VERSION, **made}

    made = _made("style_conversions", "attempt_id", "try_index", "conversion_id", template, f" AND a.style = '{style}'")
    return Kind(
        name=template.name,
        table=STYLE_CONVERSIONS,
        prefix="conv",
        index="try_index",
        subject="attempt_id",
        subjects=f"""
SELECT c.*, m.made FROM ({CHOSEN}) c LEFT JOIN ({made}) m USING (attempt_id) ORDER BY c.question_id""",
        prompt=lambda row: Asked(
            template, template.messages(question=row["question"], solution=row["solution"], tests=row["test"])
        ),
        alias=lambda row, index: f"convert|{row['subset']}|{row['seed_name']}|{row['sample_index']}|{style}|{index}",
        named=lambda row: {"question_id": row["question_id"], "attempt_id": row["attempt_id"]},
        read=read,
    )


def responses(template: PromptTemplate) -> Kind:
    """Answers to the question of a verified triplet, in its instruct style, with their reasoning (docs/papers.md, KC-8)."""

    def read(row: Mapping[str, Any], answer: ChatAnswer) -> dict[str, Any]:
        wanted = sorted(names_tested(row["solution"], row["test"]))
        entry = wanted[0] if wanted else None
        parsed = parse(answer.content, answer.reasoning, answer.finish_reason, "python", entry)
        code, renamed = (None, None) if parsed.code is None else under_names(parsed.code, wanted)
        return {"parse_status": parsed.parse_status, "solution": code, "renamed": renamed, "parser_version": PARSER_VERSION}

    made = _made("kodcode_responses", "triplet_id", "response_index", "response_id", template)
    return Kind(
        name=template.name,
        table=KODCODE_RESPONSES,
        prefix="kresp",
        index="response_index",
        subject="triplet_id",
        subjects=f"""
SELECT t.*, q.seed_name, q.sample_index, m.made
FROM synthetic_triplets t JOIN clean_questions q USING (question_id) LEFT JOIN ({made}) m USING (triplet_id)
WHERE t.style = 'instruct' AND t.status = 'verified' ORDER BY t.triplet_id""",
        prompt=lambda row: Asked(
            template, template.messages(question=row["question"], declarations=declarations(row["solution"], row["test"]))
        ),
        alias=lambda row, index: f"kodcode|{row['subset']}|{row['seed_name']}|{row['sample_index']}|{row['style']}|{index}",
        named=lambda row: {"question_id": row["question_id"], "triplet_id": row["triplet_id"]},
        read=read,
        think=True,
    )


def declarations(solution: str, tests: str) -> str:
    """The first lines of what the tests call, one a line: ``def add(a, b):``, ``class Stack:``."""
    return "\n".join(function["function_declaration"] for function in info_of(solution, tests))


def info_of(solution: str, tests: str) -> list[dict[str, Any]]:
    """KodCode's column: function_name, parameter_list, function_declaration, docstring of what the tests call."""
    wanted, tree = names_tested(solution, tests), python_tree(solution)
    found = []
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.ClassDef) and node.name in wanted:
            head = f"class {node.name}:"
            parameters = ""
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in wanted:
            parameters = f"({ast.unparse(node.args)})"
            returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
            head = f"{'async ' if isinstance(node, ast.AsyncFunctionDef) else ''}def {node.name}{parameters}{returns}:"
        else:
            continue
        docstring = ast.get_docstring(node) or ""
        found.append(
            {"function_name": node.name, "parameter_list": parameters, "function_declaration": head, "docstring": docstring}
        )
    return found
