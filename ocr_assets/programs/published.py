"""Tests, solutions and limits in the encodings that published files have in common: APPS and TACO's ``input_output``, the columns
of CodeContests.

The stage that reads sources and the one that reads benchmarks need them. What else a file's columns mean is said by the reader
named after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ocr_assets.schema import Limits, ReferenceSolution, Test, json_text

# CodeContests' numbers for languages.
CODE_CONTESTS_LANGUAGES = ("unknown", "python2", "cpp", "python", "java")


class BadRow(ValueError):
    """A row cannot be used. The message begins with a short reason, then a colon and the particulars."""

    content = ""


def limits(cpu_s: float | None = None, memory_mb: float | None = None) -> Limits:
    """Limits with the rest left to the platform's defaults; zero and less mean unknown."""
    return {
        "cpu_s": cpu_s if cpu_s and cpu_s > 0 else None,
        "wall_s": None,
        "memory_mb": memory_mb if memory_mb and memory_mb > 0 else None,
        "output_mb": None,
        "processes": None,
        "python_factor": None,
        "cpp_factor": None,
    }


def stdin_test(number: int, given: str, expected: str, origin: str, public: bool = False) -> Test:
    """A test that feeds a program's standard input."""
    return {
        "id": str(number), "kind": "stdin", "input": given, "output": expected, "entry_point": None, "code": None,
        "expected_may_be_nested": False, "public": public, "origin": origin,
    }  # fmt: skip


def call_test(number: int, entry_point: str, arguments: Sequence[Any], expected: Any, origin: str, public: bool = False) -> Test:
    """A test that calls a function (or ``Class.method``) with JSON values."""
    test = stdin_test(number, json_text({"args": list(arguments), "kwargs": {}}), json_text(expected), origin, public)
    return {**test, "kind": "call", "entry_point": entry_point}


def code_test(number: int, kind: Literal["assert", "pytest"], code: str, origin: str, public: bool = False) -> Test:
    """A test that is code: assertions after the solution, or a suite that imports it."""
    return {**stdin_test(number, "", "", origin, public), "kind": kind, "code": code}


def io_tests(data: Mapping[str, Any], starter_code: str | None, solutions: Sequence[str]) -> tuple[list[Test], str | None]:
    """Tests of the ``input_output`` column of APPS and TACO, and the entry_point for call-based ones.

    With ``fn_name`` each input is a list of arguments. Where every expected value is a list of one, it may be the value
    wrapped once more, or a list that happens to hold one item: either form is accepted (``expected_may_be_nested``).
    """
    inputs, outputs = data.get("inputs", []), data.get("outputs", [])
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise BadRow("input_output is uneven: inputs and outputs must be lists of one length")
    name = data.get("fn_name")
    if not name:
        pairs = zip(inputs, outputs, strict=True)
        return [stdin_test(i, _lines(given), _lines(out), "official") for i, (given, out) in enumerate(pairs)], None
    in_class = any(re.search(r"^\s*class\s+Solution\b", code or "", re.MULTILINE) for code in (starter_code, *solutions[:1]))
    entry_point = f"Solution.{name}" if in_class else str(name)
    outputs = [_decoded(value) for value in outputs]
    may_be_nested = all(isinstance(value, list) and len(value) == 1 for value in outputs)
    tests: list[Test] = []
    for index, (given, expected) in enumerate(zip(inputs, outputs, strict=True)):
        arguments = _arguments(given)
        test = call_test(index, entry_point, arguments, expected, "official")
        tests.append({**test, "expected_may_be_nested": may_be_nested})
    return tests, entry_point


def _lines(value: Any) -> str:
    """Input or output text; some rows hold it as a list of lines."""
    if isinstance(value, list):
        return "\n".join(str(line) for line in value)
    return value if isinstance(value, str) else str(value)


def _arguments(value: Any) -> list[Any]:
    if isinstance(value, str):  # one JSON argument a line
        return [_decoded(line) for line in value.split("\n") if line.strip()]
    return [_decoded(item) for item in value] if isinstance(value, list) else [value]


def _decoded(value: Any) -> Any:
    """A JSON value hidden in a string, if it is a container; a plain string stays one."""
    if isinstance(value, str) and value[:1] in "[{" and value[-1:] in "]}":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def code_contests_tests(row: Mapping[str, Any]) -> list[Test]:
    """Tests of CodeContests' three columns; one that stands in several is taken once, as the most public kind."""
    tests: list[Test] = []
    seen: set[tuple[str, str]] = set()
    for kind in ("public", "private", "generated"):
        for given, expected in _pairs(row, f"{kind}_tests", "input", "output"):
            if (given, expected) not in seen:
                seen.add((given, expected))
                tests.append(stdin_test(len(tests), given, expected, kind, kind == "public"))
    return tests


def code_contests_solutions(row: Mapping[str, Any]) -> list[ReferenceSolution]:
    """CodeContests' right and wrong solutions."""
    references: list[ReferenceSolution] = []
    for name, correct in (("solutions", True), ("incorrect_solutions", False)):
        for language, code in _pairs(row, name, "language", "solution"):
            known = isinstance(language, int) and 0 <= language < len(CODE_CONTESTS_LANGUAGES)
            named = CODE_CONTESTS_LANGUAGES[language] if known else "unknown"
            references.append({"language": named, "code": code, "correct": correct})
    return references


def code_contests_limits(row: Mapping[str, Any]) -> Limits:
    """CodeContests' limits of one test; what is null or zero is left to the platform's defaults."""
    return limits(_seconds(row.get("time_limit")), (row.get("memory_limit_bytes") or 0) / 2**20)


def _pairs(row: Mapping[str, Any], name: str, left: str, right: str) -> list[tuple[Any, Any]]:
    """A column of two lists side by side (or a list of pairs, as some exports have it)."""
    value = row.get(name)
    if value is None:
        return []
    if isinstance(value, list):
        return [(item[left], item[right]) for item in value]
    lefts, rights = list(value.get(left) or []), list(value.get(right) or [])
    if len(lefts) != len(rights):
        raise BadRow(f"{name} is uneven: {len(lefts)} {left}, {len(rights)} {right}")
    return list(zip(lefts, rights, strict=True))


def _seconds(value: Any) -> float | None:
    if isinstance(value, Mapping):
        return float(value.get("seconds") or 0) + float(value.get("nanos") or 0) / 1e9
    return float(value) if value else None
