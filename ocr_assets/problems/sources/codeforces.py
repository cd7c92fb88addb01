"""open-r1/codeforces: statements in parts, official tests, generated checkers. Licence: CC-BY-4.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocr_assets.problems.sources.common import ParsedProblem, number, optional, text
from ocr_assets.programs.published import BadRow, limits, stdin_test
from ocr_assets.schema import Test

CUT_AT = 400  # characters at which tests of incomplete sets may have been cut


def read(row: Mapping[str, Any]) -> ParsedProblem:
    """A row, parsed; the question is built from its parts, each under its heading (docs/papers.md, OCR-1)."""
    if optional(row, "interaction_format"):
        raise BadRow("interactive: problems that talk to a judge have no interactor in this source")
    examples = _tests(row.get("examples"), "examples")
    official = _tests(row.get("official_tests"), "official_tests")
    notes: list[str] = []
    if not row.get("official_tests_complete", True):
        whole = [(given, out) for given, out in official if not _cut(given) and not _cut(out)]
        if len(whole) < len(official):
            notes.append(f"{len(official) - len(whole)} of {len(official)} official tests were cut short and left out")
        official = whole
    tests: list[Test] = []
    seen: set[str] = set()
    for pairs, origin in ((examples, "example"), (official, "official")):
        for given, expected in pairs:
            if given.strip() not in seen:
                seen.add(given.strip())
                tests.append(stdin_test(len(tests), given, expected, origin, origin == "example"))
    checker = optional(row, "generated_checker")
    by_file = row.get("input_mode") == "file"
    rating = row.get("rating")
    contest, index = row.get("contest_id"), row.get("index")
    return ParsedProblem(
        index=optional(row, "id"),
        statement=_statement(row, examples),
        license="CC-BY-4.0",
        source="codeforces",
        title=optional(row, "title"),
        url=f"https://codeforces.com/problemset/problem/{contest}/{index}" if contest and index else None,
        difficulty=str(int(rating)) if rating else None,
        tags=sorted(row.get("tags") or []),
        tests=tests,
        checker={"language": "python", "source": checker, "protocol": "open_r1"} if checker else None,
        limits=limits(number(row.get("time_limit"), "time_limit"), number(row.get("memory_limit"), "memory_limit")),
        files={"input": "input.txt", "output": "output.txt"} if by_file else None,
        notes=notes,
    )


def _statement(row: Mapping[str, Any], examples: list[tuple[str, str]]) -> str:
    parts = [text(row, "description").strip()]
    for name, heading in (("input_format", "Input"), ("output_format", "Output")):
        if part := optional(row, name):
            parts.append(f"## {heading}\n\n{part.strip()}")
    if examples:
        shown = (f"### Input\n\n```\n{given.strip()}\n```\n\n### Output\n\n```\n{out.strip()}\n```" for given, out in examples)
        parts.append("## Examples\n\n" + "\n\n".join(shown))
    if note := optional(row, "note"):
        parts.append(f"## Note\n\n{note.strip()}")
    return "\n\n".join(parts)


def _tests(value: Any, name: str) -> list[tuple[str, str]]:
    if value is None:
        return []
    try:
        return [(str(t["input"]).replace("\r\n", "\n"), str(t["output"]).replace("\r\n", "\n")) for t in value]
    except (TypeError, KeyError) as error:
        raise BadRow(f"{name} is no list of input and output: {error!r}") from error


def _cut(value: str) -> bool:
    stripped = value.rstrip()
    return stripped.endswith("...") and len(stripped) >= CUT_AT - 10
