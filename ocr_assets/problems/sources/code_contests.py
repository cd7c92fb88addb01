"""deepmind/code_contests: 20 columns with enums for platform and language, three kinds of tests. Licence: CC-BY-4.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocr_assets.problems.sources.common import BadRow, ParsedProblem, keep_references, limits, optional, stdin_test, text
from ocr_assets.programs.suites import files_from_json
from ocr_assets.schema import ReferenceSolution, Test

PLATFORM = ("unknown", "codechef", "codeforces", "hackerearth", "codejam", "atcoder", "aizu")
LANGUAGE = ("unknown", "python2", "cpp", "python", "java")


def read(row: Mapping[str, Any]) -> ParsedProblem:
    """A row, parsed. Tests that stand in several of the three lists are taken once, as the most public kind."""
    platform = row.get("source", 0)
    if not isinstance(platform, int) or not 0 <= platform < len(PLATFORM):
        raise BadRow(f"source is no platform: {platform!r} is outside 0…{len(PLATFORM) - 1}")
    tests: list[Test] = []
    seen: set[tuple[str, str]] = set()
    for kind in ("public", "private", "generated"):
        for given, expected in _pairs(row, f"{kind}_tests", "input", "output"):
            if (given, expected) not in seen:
                seen.add((given, expected))
                tests.append(stdin_test(len(tests), given, expected, kind, kind == "public"))
    difficulty = row.get("cf_rating") or row.get("difficulty")
    problem = ParsedProblem(
        index=optional(row, "name"),
        statement=text(row, "description"),
        license="CC-BY-4.0",
        source=PLATFORM[platform],
        title=optional(row, "name"),
        difficulty=str(difficulty) if difficulty else None,
        tags=sorted(tag for tag in row.get("cf_tags") or [] if tag),
        tests=tests,
        limits=limits(_seconds(row.get("time_limit")), (row.get("memory_limit_bytes") or 0) / 2**20),
    )
    named = {"input": optional(row, "input_file"), "output": optional(row, "output_file")}
    try:
        problem.files = files_from_json(named)
    except ValueError:
        problem.notes.append(f"reads or writes files of other names than the sandbox can give: {named}")
    references: list[ReferenceSolution] = []
    for name, correct in (("solutions", True), ("incorrect_solutions", False)):
        for language, code in _pairs(row, name, "language", "solution"):
            known = isinstance(language, int) and 0 <= language < len(LANGUAGE)
            references.append({"language": LANGUAGE[language] if known else "unknown", "code": code, "correct": correct})
    problem.reference_solutions = keep_references(references, problem.notes)
    return problem


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
