"""Where the reasoning ends and the answer begins: one rule for every way in which servers send them.

A reasoning model's answer arrives apart (``reasoning_content`` or ``reasoning`` beside the text, when the server has a
reasoning parser), in the text between both tags, with only the closing tag (chat templates swallow the opening one), or
cut off inside the reasoning. The raw text is stored as it came; this says what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OPEN, CLOSE = "<think>", "</think>"
# apart: sent beside the text; both_tags, closing_tag: in the text; unclosed: the reasoning never ends; none: no tag at all.
ThinkForm = Literal["apart", "both_tags", "closing_tag", "unclosed", "none"]


@dataclass(frozen=True)
class SeparatedReasoning:
    """``reasoning``: None if there is none; ``answer``: None if the reasoning never ended."""

    form: ThinkForm
    reasoning: str | None
    answer: str | None


def separate_reasoning(content: str, reasoning: str | None, *, opened: bool = False) -> SeparatedReasoning:
    """Take raw text and, where it came apart, reasoning into reasoning and answer.

    ``opened``: the request itself opened the reasoning, so a text without tags is reasoning that was cut off. The
    reasoning ends at the first closing tag; tags and the line breaks around the reasoning are taken off.
    """
    if reasoning is not None:
        # Some servers send the reasoning apart and leave it, or its closing tag, in the text as well.
        return SeparatedReasoning("apart", reasoning, content.partition(CLOSE)[2] if CLOSE in content else content)
    before, closing, answer = content.partition(CLOSE)
    tagged = before.lstrip().startswith(OPEN)
    if closing:
        return SeparatedReasoning("both_tags" if tagged else "closing_tag", _untagged(before), answer)
    if tagged or (opened and content.strip()):
        return SeparatedReasoning("unclosed", _untagged(content), None)
    return SeparatedReasoning("none", None, content)


def whole_response_sql(content: str, reasoning: str, no_opening_tag: str) -> str:
    """SQL of the whole response with both think tags, the inverse of ``separate_reasoning``.

    ``content`` and ``reasoning`` are SQL of the columns as stored, ``no_opening_tag`` of whether the request opened the
    reasoning. Of a content that repeats reasoning sent apart, only what follows the closing tag is used.
    """
    after = f"{content}[strpos({content}, '{CLOSE}') + {len(CLOSE)}:]"
    answer = f"CASE WHEN contains({content}, '{CLOSE}') THEN {after} ELSE {content} END"
    return f"""CASE WHEN {reasoning} IS NOT NULL THEN '{OPEN}\n' || {reasoning} || '\n{CLOSE}\n\n' || ({answer})
    WHEN {no_opening_tag} THEN '{OPEN}\n' || {content} ELSE {content} END"""


def _untagged(text: str) -> str:
    stripped = text.lstrip()
    return (stripped[len(OPEN) :] if stripped.startswith(OPEN) else text).strip("\n")
