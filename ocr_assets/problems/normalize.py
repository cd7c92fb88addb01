"""When two statements are the same text: what is folded before exact matching, and why.

Only spelling is folded, never wording: a false match merges two problems' tests, which is worse than a missed duplicate.
"""

from __future__ import annotations

import re
import unicodedata

from ocr_assets.records import content_id

# Sites write one formula in several ways; these are the same signs.
_LATEX = {
    r"\leq": "<=", r"\le": "<=", r"\geq": ">=", r"\ge": ">=", r"\neq": "!=", r"\ne": "!=", r"\lt": "<", r"\gt": ">",
    r"\ldots": "...", r"\dots": "...", r"\cdots": "...", r"\cdot": "*", r"\times": "*", r"\to": "->", r"\rightarrow": "->",
}  # fmt: skip
_SIGNS = str.maketrans(
    {"≤": "<=", "≥": ">=", "≠": "!=", "…": "...", "·": "*", "×": "*", "⋅": "*", "→": "->", "−": "-", "–": "-", "—": "-",
     "“": '"', "”": '"', "‘": "'", "’": "'", "„": '"', "​": "", "﻿": "", "­": ""}
)  # fmt: skip
_COMMAND = re.compile("|".join(re.escape(name) + r"(?![a-zA-Z])" for name in sorted(_LATEX, key=len, reverse=True)))


def normalize(statement: str) -> str:
    """The statement with spelling folded: Unicode compatibility forms, dashes and quotes, LaTeX and plain signs, dollar
    and emphasis marks, heading marks, letter case and all white space (sites break lines differently)."""
    text = _COMMAND.sub(lambda match: _LATEX[match[0]], statement)
    # Superscripts would become digits under NFKC (10⁵ → 105), so they are spelled as powers first.
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda match: "^" + unicodedata.normalize("NFKC", match[0]), text)
    text = unicodedata.normalize("NFKC", text).translate(_SIGNS)
    text = re.sub(r"\^\{(\w+)\}", r"^\1", text)
    text = re.sub(r"\\[,;:! ]", " ", text)
    text = re.sub(r"\$+|`+|\*\*|__(?=\w)|(?<=\w)__", "", text)
    text = re.sub(r"^\s*(#+\s*|-{3,}\s*(?=\w))", "", text, flags=re.MULTILINE)
    return " ".join(text.casefold().split())


def problem_id(statement: str) -> str:
    """The id of a distinct problem: the hash of its normalized statement."""
    return content_id("prob", normalize(statement))
