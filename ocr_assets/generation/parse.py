"""A response taken apart: reasoning, answer, code, with a reason wherever something is missing (docs/papers.md, OCR-5).

Rules. The reasoning ends at the first ``</think>``; the opening tag may be missing, since chat templates swallow it, and
the reasoning may have come apart from the text. The code is a fenced block of the asked language after the reasoning. Of
several, the last that defines what is asked, for the last is often a usage example and the first a draft: the entry
function or class. Where no entry is known, a block that uses functions which only another block defines is a usage example
and is passed over; of the others, the last that reads input, failing that the last that prints, else the last. Where all are
passed over: the last that parses; else the last. Nothing is dropped here: code inside the reasoning is a label.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from ocr_assets.programs import syntax
from ocr_assets.schema import FenceRule, Language, ParseStatus, Solution, content_id
from resources.models.reasoning import separate_reasoning

PARSER_VERSION = "2"
_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^\s`]*)[^`\n]*$")
_INFO: dict[Language, frozenset[str]] = {
    "python": frozenset({"python", "py", "python3", "python2", "pypy", "pypy3"}),
    "cpp": frozenset({"cpp", "c++", "cc", "cxx", "c++17", "c++20", "cpp17", "cpp20", "hpp"}),
}


@dataclass(frozen=True)
class Fence:
    """A fenced block: its info word in lower case, its text, and whether the closing mark is there."""

    info: str
    text: str
    closed: bool


@dataclass(frozen=True)
class Parsed:
    """A response taken apart; see ``Solution`` for the meaning of the fields."""

    parse_status: ParseStatus
    labels: tuple[str, ...]
    fence_rule: FenceRule | None
    fences: int
    reasoning: str | None
    answer: str | None
    code: str | None


def fences(text: str) -> list[Fence]:
    """Fenced blocks in order. Marks may be indented (a list item) and longer than three; a block ends at a mark of its own
    kind at least as long, or with the text. Indentation of the opening mark is taken off the block's lines."""
    fences: list[Fence] = []
    opened: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        match = _FENCE.match(line)
        if opened is None:
            if match:
                opened, lines = match, []
        elif match and match["mark"].startswith(opened["mark"]) and not match["info"]:
            fences.append(Fence(opened["info"].lower(), "\n".join(lines), True))
            opened = None
        else:
            indent = opened["indent"]
            lines.append(line[len(indent) :] if line.startswith(indent) else line.lstrip(" \t"))
    if opened is not None:
        fences.append(Fence(opened["info"].lower(), "\n".join(lines), False))
    return fences


def parse(content: str, reasoning: str | None, finish_reason: str | None, language: Language, entry_point: str | None) -> Parsed:
    """Take a response apart.

    ``reasoning``: where the server sent it apart; ``entry_point``: as in ``Problem``, None for programs that read stdin.
    """
    cut = finish_reason == "length"
    labels = {"truncated"} if cut else set()
    if not content.strip() and not (reasoning or "").strip():
        return _nothing("empty", labels, None, None)
    parts = separate_reasoning(content, reasoning)
    if parts.form in ("none", "unclosed"):
        return _nothing(
            "truncated" if cut else "no_think_close",
            labels,
            content.strip("\n") if parts.reasoning is None else parts.reasoning,
            None,
        )
    reasoning, answer = parts.reasoning or "", parts.answer or ""
    if parts.form == "apart" and cut and not answer.strip():
        return _nothing("truncated", labels, reasoning, None)
    if parts.form == "closing_tag":
        labels.add("no_think_open")
    if fences(reasoning):
        labels.add("code_in_reasoning")
    # A block without its closing mark is whole only if the model stopped by itself.
    blocks = [f.text for f in fences(answer) if f.info in _INFO[language] and (f.closed or not cut) and f.text.strip()]
    if not blocks:
        return _nothing("truncated" if cut else "no_fence", labels, reasoning, answer)
    if len(blocks) > 1:
        labels.add("several_fences")
    rule, code = _choose(blocks, language, entry_point)
    return Parsed("ok", tuple(sorted(labels)), rule, len(blocks), reasoning, answer, code)


def _nothing(status: ParseStatus, labels: set[str], reasoning: str | None, answer: str | None) -> Parsed:
    if reasoning and fences(reasoning):
        labels = labels | {"code_in_reasoning"}
    return Parsed(status, tuple(sorted(labels)), None, 0, reasoning, answer, None)


def _choose(blocks: list[str], language: Language, entry_point: str | None) -> tuple[FenceRule, str]:
    if len(blocks) == 1:
        return "only", blocks[0]
    parsing = [block for block in blocks if syntax.syntax_error(block, language) is None]
    candidates = parsing
    if entry_point is None and language == "python":
        candidates = _standing_alone(parsing) or parsing
    for defines_what_is_asked in _tests_of(language, entry_point):
        for block in reversed(candidates):
            if defines_what_is_asked(block):
                return "defines_entry", block
    if len(candidates) < len(parsing):
        return "stands_alone", candidates[-1]
    return ("last_parsing", parsing[-1]) if parsing else ("last", blocks[-1])


def _tests_of(language: Language, entry_point: str | None) -> list[Callable[[str], bool]]:
    """Tests of "defines what is asked", the strictest first."""
    if entry_point is None:
        return [lambda block: syntax.reads_input(block, language), lambda block: syntax.prints(block, language)]
    names = {entry_point, entry_point.rpartition(".")[2]}
    return [lambda block: bool(names & syntax.defined_names(block, language))]


def _standing_alone(blocks: Sequence[str]) -> list[str]:
    """The Python blocks that need no function or class that only another of the blocks defines. A model may write thousands of
    blocks, so each is read once."""
    defined = [syntax.defined_names(block, "python") for block in blocks]
    definitions = Counter(name for names in defined for name in names)
    alone = []
    for block, own in zip(blocks, defined, strict=True):
        missing = syntax.used_names(block) - syntax.bound_names(block)
        if all(definitions[name] == (name in own) for name in missing):
            alone.append(block)
    return alone


class ParsedColumns(TypedDict):
    """What parsing says of a response, as columns of ``Solution``."""

    parse_status: ParseStatus
    labels: list[str]
    fence_rule: FenceRule | None
    fences: int
    reasoning: str | None
    answer: str | None
    code: str | None
    parses: bool | None
    syntax_error: str | None


def parsed_columns(
    content: str, reasoning: str | None, finish_reason: str | None, language: Language, entry_point: str | None
) -> ParsedColumns:
    """A response taken apart (see ``parse``), and whether its code parses."""
    parsed = parse(content, reasoning, finish_reason, language, entry_point)
    error = None if parsed.code is None else syntax.syntax_error(parsed.code, language)
    return {
        "parse_status": parsed.parse_status,
        "labels": list(parsed.labels),
        "fence_rule": parsed.fence_rule,
        "fences": parsed.fences,
        "reasoning": parsed.reasoning,
        "answer": parsed.answer,
        "code": parsed.code,
        "parses": None if parsed.code is None else error is None,
        "syntax_error": error,
    }


def solution_row(response: Mapping[str, Any]) -> Solution:
    """The solution of a response row: columns of ``Response``, ``entry_point`` of its problem, and, where the response has been
    parsed before, ``parsed_as`` and ``parsed_code_hash``, the id and the code's hash of that solution."""
    columns = parsed_columns(
        response["content"], response["reasoning"], response["finish_reason"], response["language"], response["entry_point"]
    )
    code_hash = None if columns["code"] is None else content_id("code", response["language"], columns["code"])
    return {
        **columns,
        "solution_id": _solution_id(response, code_hash),
        "response_id": response["response_id"],
        "problem_id": response["problem_id"],
        "language": response["language"],
        "code_hash": code_hash,
        "parser_version": PARSER_VERSION,
    }


def _solution_id(response: Mapping[str, Any], code_hash: str | None) -> str:
    """A solution's id. Verdicts refer to it, so it stays while the code does, and other code from a later parser gets another."""
    earlier = response.get("parsed_as")
    if earlier is None:
        return content_id("sol", response["response_id"])
    return str(earlier) if response["parsed_code_hash"] == code_hash else content_id("sol", response["response_id"], code_hash)
