"""A model's answer read as a question, strictly, with a reason code wherever there is none (docs/papers.md, KC-1).

Three parsers: the first line that continues a begun turn (prefill), a text between tags (``<question>``, or ``<too_poor>`` for
a refusal), and a JSON object of tags about an instruction that is itself the question (filter). What is kept of what was read
is the definition's matter (``Keep``). Pure functions; rows are made in ``questions.py``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, get_args

from ocr_assets.schema import QuestionStatus
from ocr_assets.synthesis.subsets.definition import Category, Form, Keep, Quality, Subset

PARSER_VERSION = "1"
_TAG = re.compile(r"<(/?)(question|too_poor)>", re.IGNORECASE)
_FENCED = re.compile(r"\A```(?:json)?[ \t]*\n(?P<body>.*)\n```\Z", re.DOTALL)
_TAGS = {"quality": get_args(Quality), "category": get_args(Category), "form": get_args(Form)}


@dataclass(frozen=True)
class Reading:
    """What an answer is taken for: the columns of ``synthetic_questions`` of the same names."""

    status: QuestionStatus
    reason: str = "ok"
    question: str | None = None
    quality: str | None = None
    category: str | None = None
    form: str | None = None


def read_answer(subset: Subset, given: str, answer: str | None, finish_reason: str | None) -> Reading:
    """Read an answer for ``subset``.

    ``given``: prefill: the turn as it was begun; filter: the instruction. ``answer``: the text after the reasoning; None: the
    reasoning never ended.
    """
    if answer is None:
        return Reading("malformed", "no_answer: the reasoning never ended")
    cut = finish_reason == "length"
    match subset.reads_by:
        case "first_line":
            found = _first_line(given, answer, cut)
        case "tagged":
            found = _tagged(answer, cut)
        case "tags":
            found = _with_tags(given, answer, cut)
    return _kept(found, subset.keep, tags=subset.reads_by == "tags") if found.status == "kept" else found


def _first_line(begun: str, answer: str, cut: bool) -> Reading:
    line, line_break, _ = answer.lstrip("\r\n").partition("\n")
    if not line.strip():
        return Reading("malformed", "empty: the turn was not continued")
    if cut and not line_break:
        return Reading("malformed", "truncated: the line was cut by the token limit")
    # A beginning ends where a word does; what follows may bring its own space, or not.
    gap = "" if line[0].isspace() or not line[0].isalnum() else " "
    return Reading("kept", question=f"{begun.rstrip()}{gap}{line.rstrip()}")


def _tagged(answer: str, cut: bool) -> Reading:
    """The text between one pair of tags. Tags inside one another, twice or left open are no question."""
    marks = list(_TAG.finditer(answer))
    names = {mark[2].lower() for mark in marks}
    if not marks:
        return Reading("malformed", "truncated: cut before any tag" if cut else "no_tags: neither question nor too_poor")
    if len(names) > 1:
        return Reading("malformed", "both_tags: question and too_poor")
    (name,) = names
    if len(marks) > 2:
        return Reading("malformed", f"several_tags: {len(marks)}")
    if len(marks) == 1:
        if marks[0][1]:
            return Reading("malformed", f"tag_not_opened: only </{name}>")
        return Reading("malformed", f"{'truncated' if cut else 'tag_not_closed'}: <{name}> is never closed")
    first, last = marks
    if first[1] or not last[1]:
        return Reading("malformed", "tags_out_of_order: not one tag and its end")
    text = answer[first.end() : last.start()].strip()
    if not text:
        return Reading("malformed", f"empty: nothing inside <{name}>")
    if name == "too_poor":
        return Reading("refused", f"too_poor: {' '.join(text.split())[:300]}")
    return Reading("kept", question=text)


def _with_tags(instruction: str, answer: str, cut: bool) -> Reading:
    text = answer.strip()
    fenced = _FENCED.match(text)
    try:
        tags: Any = json.loads(fenced["body"] if fenced else text)
    except ValueError:
        return Reading("malformed", "truncated: cut inside the tags" if cut else "no_json: not one JSON object")
    if not isinstance(tags, dict) or set(tags) != set(_TAGS):
        return Reading("malformed", f"other_keys: not exactly {', '.join(_TAGS)}")
    for name, allowed in _TAGS.items():
        if tags[name] not in allowed:
            return Reading("malformed", f"unknown_{name}: {str(tags[name])[:60]!r} is none of {', '.join(allowed)}")
    return Reading("kept", question=instruction, **tags)


def _kept(found: Reading, keep: Keep, *, tags: bool) -> Reading:
    length = len(found.question or "")
    if length < keep.least_characters:
        return replace(found, status="filtered", reason=f"too_short: {length} characters")
    if length > keep.most_characters:
        return replace(found, status="filtered", reason=f"too_long: {length} characters")
    if tags:
        for name, allowed in (("quality", keep.quality), ("category", keep.category), ("form", keep.form)):
            if getattr(found, name) not in allowed:
                return replace(found, status="filtered", reason=f"{name}: {getattr(found, name)}")
    return found
