"""When two statements are the same text: what is folded before they are compared, and why.

Exact matching folds spelling and furniture, never wording: a false match merges two problems' tests, which is worse than a
missed duplicate. Furniture is what a platform adds around a statement (limits, heading marks) and the samples, which some
sources keep and others move to the tests. How much two *different* texts share is measured in
``problems/dedup/near.py``.
"""

from __future__ import annotations

import html
import re
import unicodedata

from ocr_assets.schema import content_id

VERSION = "3"  # stored with every key: another version means all statements are read again
SAMPLE_FREE_WORDS = 25  # a text shorter than this without its samples may be defined by them, so they stay

# Sites write one formula in several ways; these are the same signs. Any other command loses its backslash (\min, \oplus).
_COMMANDS = {
    "leq": "<=", "le": "<=", "leqslant": "<=", "geq": ">=", "ge": ">=", "geqslant": ">=", "neq": "!=", "ne": "!=", "lt": "<",
    "gt": ">", "ldots": "...", "dots": "...", "cdots": "...", "cdot": "*", "times": "*", "to": "->", "rightarrow": "->",
    "bmod": "mod", "pmod": "mod", "quad": " ", "qquad": " ", "left": "", "right": "", "displaystyle": "", "limits": "",
    "text": "", "textbf": "", "textit": "", "texttt": "", "mathrm": "", "mathbf": "", "mathit": "", "mathtt": "",
    "operatorname": "", "lvert": "|", "rvert": "|", "vert": "|", "lbrace": "{", "rbrace": "}",
}  # fmt: skip
_SIGNS = {
     "≤": "<=", "⩽": "<=", "≥": ">=", "⩾": ">=", "≠": "!=", "…": "...", "·": "*", "×": "*", "⋅": "*", "→": "->", "−": "-",
     "–": "-", "—": "-", "⊕": "oplus", "“": '"', "”": '"', "‘": "'", "’": "'", "„": '"', "\u200b": "", "\ufeff": "",
     "\u00ad": "",
}  # fmt: skip
_SIGN = re.compile(f"[{''.join(_SIGNS)}]")
_STYLED = re.compile(r"\\(?:text|textbf|textit|texttt|mathrm|mathbf|mathit|mathtt|operatorname)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_ESCAPED = re.compile(r"\\([{}%&#_$])")
_LATEX_SPACE = re.compile(r"\\[,;:! ]")
_SUPERSCRIPTS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_SCRIPT = re.compile(r"([\^_])\{(\w+)\}")
_UNDERLINES = re.compile(r"__(?=\w)|(?<=\w)__")
_THOUSANDS = re.compile(r"\b(\d{1,3})((?:\{?,\}?000)+)\b")
# Only tags that lay out text: "a <b and c> d" is mathematics.
_TAGS = "p|br|hr|pre|ul|ol|li|b|i|em|strong|u|tt|code|var|kbd|div|span|center|font|img|a|table|tbody|tr|td|th|h[1-6]"
_ATTRIBUTE = r"""\s+[\w-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s<>]+)"""
_TAG = re.compile(rf"</?(?:{_TAGS})(?:{_ATTRIBUTE})*\s*/?>", re.IGNORECASE)
_SUP, _SUB = re.compile(r"<sup>\s*(\w+)\s*</sup>", re.IGNORECASE), re.compile(r"<sub>\s*(\w+)\s*</sub>", re.IGNORECASE)

_HEADINGS = {
    **dict.fromkeys(("input", "inputs", "input format", "input specification", "input specifications"), "input"),
    **dict.fromkeys(("output", "outputs", "output format", "output specification", "output specifications"), "output"),
    **dict.fromkeys(("note", "notes", "explanation", "explanations", "remark", "remarks", "hint", "hints"), "note"),
    **dict.fromkeys(("constraints", "constraint", "limits", "limitations", "data range"), "constraints"),
    **dict.fromkeys(("scoring", "subtasks", "subtask", "grading", "interaction", "follow up", "follow-up", "your task"), "other"),
    **dict.fromkeys(
        ("example", "examples", "sample", "samples", "sample input", "sample output", "example input", "example output",
         "sample inputs", "sample outputs", "sample test", "sample tests", "sample test case", "sample test cases",
         "sample case", "sample cases", "example cases", "sample input and output", "sample io", "sample i/o",
         "input example", "output example", "sample input/output"), "samples"),
}  # fmt: skip
_HEADING_FRAME = " \t#*-=:_.~0123456789()[]"
_LONGEST_HEADING = 40
_LIMIT = re.compile(
    r"(?:time|memory|source|space)\s+limit(?:s)?(?:\s+per\s+test(?:\s+case)?)?\s*[:=]?\s*"
    r"(?P<amount>[\d.,]+\s*(?:ms|s|sec|secs|seconds?|kb|mb|mib|gb|kilobytes|megabytes|bytes)\.?)?",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"[\d.,]+\s*(?:ms|s|sec|secs|seconds?|kb|mb|mib|gb|kilobytes|megabytes|bytes)\.?", re.IGNORECASE)
_STREAMS = re.compile(r"(?:input|output)?\s*:?\s*standard (?:input|output)", re.IGNORECASE)


def normalize(statement: str) -> str:
    """The statement with spelling and furniture folded, as one line of lower-case words.

    Folded are Unicode compatibility forms, dashes and quotes, HTML and Markdown marks, LaTeX and plain signs, thousands
    separators, the names of headings, lines that state limits, the samples (see ``SAMPLE_FREE_WORDS``), letter case and
    white space.
    """
    text = _spelling(statement)
    without = _furniture(text, keep_samples=False)
    if len(without.split(None, SAMPLE_FREE_WORDS)) <= SAMPLE_FREE_WORDS:
        without = _furniture(text, keep_samples=True)
    return _one_line(without.casefold())


def _one_line(text: str) -> str:
    text = text.replace("\n", " ")
    if text.isprintable() and "  " not in text:  # so no white space but single spaces
        return text.strip(" ")
    return " ".join(text.split())


def problem_id(statement: str) -> str:
    """The id of a distinct problem: the hash of its normalized statement."""
    return content_id("prob", normalize(statement))


def _spelling(text: str) -> str:
    # Each pass is paid only where its signs occur: normalizing is most of what deduplication costs.
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _SUB.sub(r"_\1", _SUP.sub(r"^\1", text))
        text = _TAG.sub("\n", text)
    if "\\" in text:
        text = _LATEX_SPACE.sub(" ", _STYLED.sub(r"\1", text))
        text = _FRACTION.sub(r"\1/\2", text)
        text = _COMMAND.sub(lambda match: _COMMANDS.get(match[1], match[1]), text)
        text = _ESCAPED.sub(r"\1", text)
    if not text.isascii():
        # Superscripts would become digits under NFKC (10⁵ → 105), so they are spelled as powers first.
        text = text.replace("\u00a0", " ")
        if not text.isascii():
            if any(digit in text for digit in "⁰¹²³⁴⁵⁶⁷⁸⁹"):
                text = _SUPERSCRIPTS.sub(lambda match: "^" + unicodedata.normalize("NFKC", match[0]), text)
            text = _SIGN.sub(lambda match: _SIGNS[match[0]], unicodedata.normalize("NFKC", text))
    if "{" in text:
        text = _SCRIPT.sub(r"\1\2", text)
    if ",000" in text or "}000" in text:
        text = _THOUSANDS.sub(lambda match: match[1] + "0" * match[2].count("0"), text)
    text = text.replace("$", "").replace("`", "").replace("**", "")
    if "__" in text:
        text = _UNDERLINES.sub("", text)
    return text


def _furniture(text: str, keep_samples: bool) -> str:
    """The text without lines that state limits and, unless ``keep_samples``, without samples; headings have one name each."""
    if "\n" not in text and "\r" not in text:
        return text
    lines = []
    in_samples = limit_named = False
    for raw in text.splitlines():
        line = raw.strip()
        if not line:
            continue
        if limit_named and _AMOUNT.fullmatch(line):
            limit_named = False
            continue
        limit_named = False
        if len(line) <= _LONGEST_HEADING:
            limit = _LIMIT.fullmatch(line)
            if limit is not None:
                limit_named = limit["amount"] is None
                continue
            if _STREAMS.fullmatch(line):
                continue
            heading = _HEADINGS.get(line.strip(_HEADING_FRAME).casefold())
            if heading == "samples":
                in_samples = True
                if keep_samples:
                    lines.append("samples")
                continue
            if heading is not None and not (in_samples and heading in ("input", "output")):
                in_samples = False
                lines.append(line.strip(_HEADING_FRAME) if heading == "other" else heading)
                continue
        if keep_samples or not in_samples:
            lines.append(line.lstrip("# ") if line[0] == "#" else line)
    return "\n".join(lines)
