"""A test suite: the part of a problem a verdict depends on, and its form in the JSON files of docs/grading.md, §2.

Two stages need it: problems (a user's own files) and verification (the ``verify`` command). Also here: whether a statement
allows several answers, so that a suite without a checker cannot be trusted to call an answer wrong.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypedDict, cast

from ocr_assets.schema import Checker, Compare, Limits, Test, json_text


class Suite(TypedDict):
    """Tests, how outputs are compared or checked, and limits."""

    tests: list[Test]
    compare: Compare | None
    checker: Checker | None
    interactor: Checker | None
    limits: Limits


NO_LIMITS: Limits = {
    "cpu_s": None, "wall_s": None, "memory_mb": None, "output_mb": None, "processes": None,
    "python_factor": None, "cpp_factor": None,
}  # fmt: skip


def suite_from_json(problem: Mapping[str, Any]) -> Suite:
    """The suite of a problem object. Raises ``ValueError`` naming the field and the mend."""
    tests = problem.get("tests")
    if not isinstance(tests, list):
        raise ValueError('"tests" must be a list of tests')
    return {
        "tests": [test_from_json(test, index) for index, test in enumerate(tests)],
        "compare": compare_from_json(problem.get("compare")),
        "checker": checker_from_json(problem.get("checker"), "checker"),
        "interactor": checker_from_json(problem.get("interactor"), "interactor"),
        "limits": limits_from_json(problem.get("limits")),
    }


def test_from_json(test: Any, index: int) -> Test:
    """One test object as a row."""
    where = f"tests[{index}]"
    if not isinstance(test, dict):
        raise ValueError(f"{where} must be an object")
    kind = test.get("kind")
    row: Test = {
        "id": str(test.get("id", index)), "kind": "stdin", "input": "", "output": "", "entry_point": None, "code": None,
        "expected_may_be_nested": bool(test.get("expected_may_be_nested", test.get("wrapped", False))),
        "public": bool(test.get("public", False)),
        "origin": str(test.get("origin", "public" if test.get("public") else "private")),
    }  # fmt: skip
    if kind == "stdin":
        row["input"], row["output"] = _text(test, "input", where), _text(test, "output", where)
    elif kind == "call":
        entry_point = test.get("entry_point", test.get("entry"))
        if "expected" not in test or not isinstance(entry_point, str):
            raise ValueError(f'{where}: a call needs "entry" and "expected"')
        args, kwargs = test.get("args", []), test.get("kwargs", {})
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise ValueError(f'{where}: "args" must be a list and "kwargs" an object')
        row["kind"], row["entry_point"] = "call", entry_point
        row["input"], row["output"] = json_text({"args": args, "kwargs": kwargs}), json_text(test["expected"])
    elif kind in ("assert", "pytest"):
        row["kind"], row["code"] = kind, _text(test, "code", where)
    else:
        raise ValueError(f'{where}: "kind" must be stdin, call, assert or pytest, not {kind!r}')
    return row


def _text(test: Mapping[str, Any], name: str, where: str) -> str:
    if not isinstance(test.get(name), str):
        raise ValueError(f'{where}: "{name}" must be a string')
    return str(test[name])


def compare_from_json(value: Any) -> Compare | None:
    """The comparison rule; None: the default."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError('"compare" must be an object')
    policy, case = value.get("policy", "tokens"), value.get("case", "sensitive")
    if policy not in ("tokens", "exact", "lines", "unordered_lines", "unordered_tokens"):
        raise ValueError(f'compare: "policy" {policy!r} is unknown')
    if case not in ("sensitive", "insensitive"):
        raise ValueError(f'compare: "case" {case!r} is neither sensitive nor insensitive')
    tolerances = {name: value.get(name) for name in ("float_abs", "float_rel")}
    for name, tolerance in tolerances.items():
        if tolerance is not None and not (_is_number(tolerance) and tolerance >= 0):
            raise ValueError(f'compare: "{name}" must be a number of at least 0')
    return cast(
        "Compare",
        {"policy": policy, "case": case, **{n: None if t is None else float(t) for n, t in tolerances.items()}},
    )


def checker_from_json(value: Any, name: str) -> Checker | None:
    """A checker or interactor."""
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("source"), str):
        raise ValueError(f'{name}: an object with "language", "source" and "protocol" is needed')
    if value.get("language") not in ("python", "cpp") or value.get("protocol") not in ("testlib", "kattis", "open_r1"):
        raise ValueError(f'{name}: "language" must be python or cpp, "protocol" testlib, kattis or open_r1')
    if name == "interactor" and value["protocol"] == "open_r1":
        raise ValueError('interactor: "protocol" must be testlib or kattis')
    return cast("Checker", {key: value[key] for key in ("language", "source", "protocol")})


def limits_from_json(value: Any) -> Limits:
    """Limits; absent ones are null."""
    if value is None:
        return {**NO_LIMITS}
    if not isinstance(value, dict):
        raise ValueError('"limits" must be an object')
    limits: Limits = {**NO_LIMITS}
    for name in ("cpu_s", "wall_s", "memory_mb", "output_mb", "processes"):
        number = value.get(name)
        if number is not None:
            if not (_is_number(number) and number > 0):
                raise ValueError(f'limits: "{name}" must be a number above 0')
            limits[name] = max(1, int(number)) if name == "processes" else float(number)
    factors = value.get("language_factor") or {}
    if not isinstance(factors, dict):
        raise ValueError('limits: "language_factor" must be an object, such as {"python": 3}')
    for language in ("python", "cpp"):
        if factors.get(language) is not None:
            if not (_is_number(factors[language]) and factors[language] > 0):
                raise ValueError(f'limits: "language_factor" of {language} must be a number above 0')
            limits[f"{language}_factor"] = float(factors[language])  # type: ignore[literal-required]
    return limits


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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


def checker_needed(statement: str) -> str | None:
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
DEFAULT_TOLERANCE = 1e-6  # of decimals where nothing is stated (docs/grading.md, §3.1)


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
