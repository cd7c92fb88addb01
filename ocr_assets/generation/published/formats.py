"""The published datasets that are known: how a file gives itself away by its columns, and what its rows say of their answers.

Columns are read by name. Schemas: the dataset cards of nvidia/OpenCodeReasoning and -2, open-r1/codeforces-cots,
open-thoughts/OpenThoughts-114k (configuration ``metadata``) and KodCode/KodCode-V1-SFT-R1. What their rows say of problems is in
``ocr_assets/problems/sources/published.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ocr_assets.generation.published.answer import (
    PublishedAnswer,
    TheirLabels,
    language_of,
    position,
    rate,
    text,
    truth,
    whole,
)
from ocr_assets.programs.published import BadRow

R1 = "deepseek-ai/DeepSeek-R1"
QWQ = "Qwen/QwQ-32B"
SOURCES = {"taco": "taco", "apps": "apps", "code_contests": "code_contests", "open-r1/codeforces": "codeforces"}


class LeftOut(BadRow):
    """A row that is whole, but holds nothing for us, such as a question of mathematics."""


@dataclass(frozen=True)
class Format:
    """A published dataset.

    ``name``: on the Hub. ``signs``: columns that give its files away. ``reading``: from a row and its file's name. ``problem``:
    the columns that hold the problem which a row brings, the statement first. ``asides``: further columns that tell of it.
    ``license``: of the answers. ``model``: who answered, where the row does not say.
    """

    name: str
    signs: tuple[str, ...]
    reading: Callable[[Mapping[str, Any], str], PublishedAnswer]
    problem: tuple[str, ...]
    asides: tuple[str, ...]
    license: str
    model: str | None


def response_of(row: Mapping[str, Any], column: str) -> str:
    """The column that holds the whole answer. Raises ``BadRow`` where it holds none."""
    answer = text(row.get(column))
    if answer is None:
        raise BadRow(f"no {column}: the column is {'missing' if column not in row else 'empty or no text'}")
    return answer


def _source_places(row: Mapping[str, Any]) -> tuple[str, ...]:
    source = SOURCES.get(str(row.get("dataset")))
    place = position(source, row.get("split"), row.get("index")) if source else None
    return (place,) if place else ()


def _open_code_reasoning(row: Mapping[str, Any], file: str) -> PublishedAnswer:
    content = response_of(row, "output")
    return PublishedAnswer(
        content=content,
        language=language_of(row, file, content),
        places=_source_places(row),
        row_key=text(row.get("id")),
        labels=TheirLabels(solution=text(row.get("solution"))),
    )


def _open_code_reasoning_2(row: Mapping[str, Any], file: str) -> PublishedAnswer:
    content = response_of(row, "r1_generation")
    said = str(row.get("judgement") or "").strip().lower()
    passed = rate(row.get("pass_rate"))
    critique = text(row.get("qwq_critique"))
    return PublishedAnswer(
        content=content,
        language=language_of(row, file, content),
        places=_source_places(row),
        row_key=text(row.get("id")),
        labels=TheirLabels(
            solution=text(row.get("solution")),
            correct=None if passed is None else passed == 1,
            pass_rate=passed,
            judgement="right" if said == "right" else "wrong" if said == "wrong" else None,
            critique=critique,
            critic=QWQ if critique else None,
        ),
    )


def _codeforces_cots(row: Mapping[str, Any], file: str) -> PublishedAnswer:
    content = response_of(row, "generation")
    about = row.get("api_metadata")
    used = about if isinstance(about, Mapping) else {}
    contest, index = row.get("contest_id"), row.get("index")
    name = text(row.get("id")) or (f"{contest}/{index}" if contest and index else None)
    return PublishedAnswer(
        content=content,
        language=language_of(row, file, content),
        places=(f"codeforces/{name}",) if name else (),
        finish_reason=text(row.get("finish_reason")),
        prompt_tokens=whole(used.get("prompt_tokens")),
        completion_tokens=whole(used.get("completion_tokens")),
    )


def _open_thoughts(row: Mapping[str, Any], file: str) -> PublishedAnswer:
    if (domain := str(row.get("domain")).strip().lower()) != "code":
        raise LeftOut(f"no code: its domain is {domain}")
    content = response_of(row, "deepseek_solution")
    return PublishedAnswer(
        content=content, reasoning=response_of(row, "deepseek_reasoning"), language=language_of(row, "", content)
    )


def _kodcode(row: Mapping[str, Any], file: str) -> PublishedAnswer:
    turns = row.get("conversations")
    said = (
        [turn.get("value") for turn in turns if isinstance(turn, Mapping) and turn.get("from") == "gpt"]
        if isinstance(turns, list)
        else []
    )
    passed = truth(row.get("r1_correctness"))
    return PublishedAnswer(
        content=next((answer for answer in map(text, said) if answer), None) or response_of(row, "r1_solution"),
        language="python",
        row_key=text(row.get("question_id")),
        labels=TheirLabels(solution=text(row.get("r1_solution")), correct=passed),
    )


FORMATS = (
    Format(
        "nvidia/OpenCodeReasoning-2",
        ("r1_generation", "judgement"),
        _open_code_reasoning_2,
        ("question",),
        ("dataset", "split", "source", "license", "difficulty"),
        "CC-BY-4.0",
        R1,
    ),
    Format(
        "nvidia/OpenCodeReasoning",
        ("input", "output", "solution", "dataset", "split"),
        _open_code_reasoning,
        ("input",),
        ("dataset", "split", "source", "license", "difficulty"),
        "CC-BY-4.0",
        R1,
    ),
    Format(
        "open-r1/codeforces-cots",
        ("generation", "contest_id"),
        _codeforces_cots,
        ("description", "input_format", "output_format", "note", "examples"),
        ("id", "contest_id", "index", "title", "time_limit", "memory_limit", "interaction_format", "input_mode"),
        "CC-BY-4.0",
        R1,
    ),
    Format(
        "open-thoughts/OpenThoughts-114k",
        ("problem", "deepseek_reasoning", "deepseek_solution"),
        _open_thoughts,
        ("problem", "test_cases"),
        ("domain", "source", "starter_code", "ground_truth_solution"),
        "Apache-2.0",
        R1,
    ),
    Format(
        "KodCode/KodCode-V1-SFT-R1",
        ("question", "test", "r1_solution"),
        _kodcode,
        ("question", "test"),
        ("question_id", "test_info", "style", "subset", "solution", "gpt_difficulty"),
        "CC-BY-NC-4.0",
        R1,
    ),
)


def format_of(columns: Collection[str]) -> Format | None:
    """The dataset whose columns these are; None if it is none of the known ones."""
    return next((known for known in FORMATS if set(known.signs) <= set(columns)), None)
