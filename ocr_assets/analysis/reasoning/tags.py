"""An annotator's answer as what stands between its tags, however it is broken. Where a text stands in the reasoning is
``aligning.py``; what counts is ``spans.py``.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from typing import get_args

from ocr_assets.schema import Pattern

_TAG = re.compile(r"<annotation\b([^<>]{0,300})>|</annotation\s*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-z]{1,20})\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"']+))", re.IGNORECASE)
_DEPTH = 8  # of tags within tags; of deeper ones the outermost is forgotten, or the texts would add up to a square
_NAMES: dict[str, Pattern] = {name: name for name in get_args(Pattern)} | {
    "rephrasing": "problem_rephrasing",
    "problem_restatement": "problem_rephrasing",
    "problem_reformulation": "problem_rephrasing",
    "approach": "new_approach",
    "new_approach_generation": "new_approach",
    "verification": "self_evaluation",
    "self_verification": "self_evaluation",
    "evaluation": "self_evaluation",
    "backtrack": "backtracking",
    "subgoal": "subgoal_setup",
    "sub_goal_setup": "subgoal_setup",
    "subgoal_setting": "subgoal_setup",
    "subgoal_generation": "subgoal_setup",
    "solving_a_simpler_problem": "simpler_problem",
    "solving_a_simpler_problem_first": "simpler_problem",
    "solve_a_simpler_problem_first": "simpler_problem",
    "simpler_problem_first": "simpler_problem",
    "others": "other",
}


@dataclass(frozen=True)
class Tagged:
    """What stands between a pair of tags. ``said``: the pattern as written; ``number``: of the part that it is about; ``depth``:
    how many other pairs it stands in."""

    said: str
    number: int | None
    text: str
    depth: int = 0


def read_annotations(answer: str | None, finish_reason: str | None) -> tuple[str, list[Tagged]]:
    """(status, what the answer annotates in the order of opening tags).

    Status: ``ok``; ``truncated``: cut off by the limit of tokens, so that the rest of the reasoning was never looked at;
    ``no_answer``; ``no_annotation``: no pair of tags. Tags within tags make both: the outer text is without the inner tags. An
    opening tag that is never closed ends nowhere and is left out, as is a closing one that nothing opens.
    """
    if not (answer or "").strip():
        return ("truncated" if finish_reason == "length" else "no_answer"), []
    assert answer is not None
    pieces: list[str] = []  # the text between tags, so that a text without them is a join of pieces
    opened: deque[tuple[int, str, int]] = deque(maxlen=_DEPTH)
    done: list[tuple[int, int, str, int, int]] = []
    place = 0
    for order, tag in enumerate(_TAG.finditer(answer)):
        pieces.append(answer[place : tag.start()])
        place = tag.end()
        if tag.group(1) is not None:
            opened.append((order, tag.group(1), len(pieces)))
        elif opened:
            number, attributes, first = opened.pop()
            done.append((number, first, attributes, len(pieces), len(opened)))
    found = [_tagged(attributes, "".join(pieces[first:last]), depth) for _, first, attributes, last, depth in sorted(done)]
    if finish_reason == "length":
        return "truncated", found
    return ("ok" if found else "no_annotation"), found


def _tagged(attributes: str, text: str, depth: int) -> Tagged:
    given = {name.lower(): double or single or bare for name, double, single, bare in _ATTRIBUTE.findall(attributes)}
    number = given.get("number", "")
    known = int(number) if number.isascii() and number.isdigit() else None
    return Tagged(given.get("pattern", "").strip(), known, text.strip(), depth)


def pattern_of(said: str) -> Pattern | None:
    """The pattern that an annotator means; None: none of ours. Verification counts as self-evaluation."""
    return _NAMES.get(re.sub(r"[^a-z]+", "_", said.lower()).strip("_"))


__all__ = ["Tagged", "pattern_of", "read_annotations"]
