"""What a problem's statement says about grading: that several answers are right, and how far a number may be off.

Both are read with regular expressions tuned on real statements. The JSON form of a suite is in ``suites.py``.
"""

from __future__ import annotations

import re

from ocr_assets.schema import Compare

_ANSWER = (
    "(?:answer|solution|output|one|way|sequence|permutation|string|array|path|arrangement|construction|set|pair|valid|"
    "possible|correct|such|of them|that)"
)
_SIGNS = re.compile(
    "|".join(
        [
            r"\b(?:print|output|report|return|find)\s+(?:\w+\s+){0,3}?"
            r"any(?!\s+(?:two|number|more|other|extra|additional|further))\b",
            r"\bany\s+(?:\w+\s+){0,2}?(?:is|will be|are|would be)\s+(?:accepted|correct|fine|allowed|considered)",
            r"\b(?:multiple|several|many|more than one|different)\s+(?:\w+\s+){0,3}?(?:answers?|solutions?|outputs?|ways)\b"
            r"[^.]{0,60}\b(?:any|either|print|output|accept)",
            r"\bif there (?:are|is|exist)\s+(?:multiple|several|many|more than one)\b",
            r"\b(?:print|output|return)[^.]{0,60}\bin (?:any|arbitrary) order\b",
            r"\b(?:in any order|in arbitrary order)[^.]{0,40}\b(?:print|output|return|answer)",
            r"\b(?:each|every|the) letter[^.]{0,40}\bin any (?:case|register)\b",
            r"\bin any case\s*\((?:upper|lower)",
            r"\b(?:upper|lower)(?:case)? or (?:upper|lower)(?:case)?\b[^.]{0,30}\b(?:accepted|any|fine)",
            r"\bany " + _ANSWER + r"\b[^.]{0,40}\b(?:accepted|will do|is fine|may be printed|can be printed)",
        ]
    ),
    re.IGNORECASE,
)


def multiple_answers_hint(statement: str) -> str | None:
    """The first sentence that allows several answers (docs/grading.md, §3.5), or None."""
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", statement):
        if _SIGNS.search(sentence):
            return " ".join(sentence.split())
    return None


_SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−–", "-0123456789--")
# 10^{-6}, 10^-6, 10**-6, 10<sup>-6</sup>, 10⁻⁶; and 10-6, 10 - 6, which are left where a page lost its superscripts.
_POWER = re.compile(
    r"(?<![\d.])10\s*(?:\^|\*\*|<sup>)?\s*[{(]*\s*-\s*[{(]?\s*(\d{1,2})(?!\d)\s*[})]*(?:\s*</sup>)?", re.IGNORECASE
)
_TIMES = re.compile(r"(\d+(?:\.\d+)?)\s*(?:\*|·|×|\\cdot|\\times)\s*1e-")
_BOUND = r"(?P<bound>\d+(?:\.\d+)?e-\d+|0\.\d+)(?![\d.]*\d)"
_ERROR = r"(?:error|difference|deviation|tolerance|precision|accuracy)s?"
_STATED = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_ERROR}\b[^.?!]{{0,80}}?{_BOUND}",
        rf"{_BOUND}[^.?!]{{0,40}}?\b{_ERROR}\b",
        rf"\b(?:answers?|outputs?|results?|solutions?|values?)\b[^.?!]{{0,40}}?\b(?:within|differs?|deviates?)\b[^.?!]{{0,60}}?{_BOUND}",
        rf"\b(?:jury|checker|your answer)\b.{{0,300}}?\|.{{0,60}}?(?:≤|<=?|\\leq?(?:slant)?|\\lt)\s*{_BOUND}",
    )
]
_DIGITS = re.compile(
    r"\b(?:accurate|accuracy|correct|precise|precision|at least)\b[^.?!]{0,40}?\b"
    r"(?P<digits>\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten)\s+"
    r"(?:decimal\s+(?:places|digits)|decimals\b|(?:digits|places)\s+(?:after|behind)\s+the\s+(?:decimal|point))",
    re.IGNORECASE,
)
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_OF_ANSWERS = re.compile(
    r"\b(?:answers?|outputs?|print(?:ed)?|results?|accepted|considered|your|solutions?|checker|jury|display|report|"
    r"(?:should|must) (?:be|have))\b",
    re.IGNORECASE,
)
_FORM_ONLY = re.compile(r"\b(?:exactly|round(?:ed|ing)?|truncated?)\b", re.IGNORECASE)
_LARGEST_BOUND = 0.1
DEFAULT_TOLERANCE = 1e-6  # of decimals where nothing is stated (docs/grading.md, §3.5)


def stated_tolerance(statement: str) -> Compare | None:
    """The comparison rule of a statement that says how far an answer may be off, or None.

    Absolute, relative or both, as the sentence says; where it says neither, absolute, and relative as far as the grader's
    default goes. The first such sentence counts. A tolerance written in a rule holds for every number, so that 60.000 is
    right where 60 is expected (docs/grading.md, §2). It is never stricter than the grader's default: expected outputs
    of the sources are rounded, often to six digits, whatever their statements say.
    """
    text = statement.translate(_SUPERSCRIPT)
    text = re.sub(r"\$+|\\[,;! ]|~|&nbsp;|\\left|\\right|\\text\w*", " ", text)
    text = _TIMES.sub(r"\1e-", _POWER.sub(r"1e-\1 ", text))
    for sentence in re.split(r"(?<=[.!?])\s+(?=[^\sa-z])|\n\s*\n", text):
        sentence = " ".join(sentence.split())
        if not _OF_ANSWERS.search(sentence):
            continue
        if (bound := _stated_bound(sentence)) is not None:
            bound = max(bound, DEFAULT_TOLERANCE)
            absolute, relative = ("absolute" in sentence.lower()), ("relative" in sentence.lower())
            return {
                "policy": "tokens",
                "float_abs": bound if absolute or not relative else None,
                "float_rel": bound if relative else None if absolute else DEFAULT_TOLERANCE,
                "case": "sensitive",
            }
    return None


def _stated_bound(sentence: str) -> float | None:
    for pattern in _STATED:
        if (found := pattern.search(sentence)) and 0 < float(found["bound"]) <= _LARGEST_BOUND:
            return float(found["bound"])
    if (found := _DIGITS.search(sentence)) and not _FORM_ONLY.search(sentence):
        word = found["digits"].lower()
        return float(f"1e-{_WORDS.index(word) if word in _WORDS else int(word)}")
    return None
