"""deepmind/code_contests: 20 columns with enums for platform and language, three kinds of tests. Licence: CC-BY-4.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocr_assets.problems.sources.common import ParsedProblem, keep_references, optional, text
from ocr_assets.programs.published import BadRow, code_contests_limits, code_contests_solutions, code_contests_tests
from ocr_assets.programs.suites import files_from_json

PLATFORM = ("unknown", "codechef", "codeforces", "hackerearth", "codejam", "atcoder", "aizu")


def read(row: Mapping[str, Any]) -> ParsedProblem:
    """A row, parsed."""
    platform = row.get("source", 0)
    if not isinstance(platform, int) or not 0 <= platform < len(PLATFORM):
        raise BadRow(f"source is no platform: {platform!r} is outside 0…{len(PLATFORM) - 1}")
    difficulty = row.get("cf_rating") or row.get("difficulty")
    problem = ParsedProblem(
        index=optional(row, "name"),
        statement=text(row, "description"),
        license="CC-BY-4.0",
        source=PLATFORM[platform],
        title=optional(row, "name"),
        difficulty=str(difficulty) if difficulty else None,
        tags=sorted(tag for tag in row.get("cf_tags") or [] if tag),
        tests=code_contests_tests(row),
        limits=code_contests_limits(row),
    )
    named = {"input": optional(row, "input_file"), "output": optional(row, "output_file")}
    try:
        problem.files = files_from_json(named)
    except ValueError:
        problem.notes.append(f"reads or writes files of other names than the sandbox can give: {named}")
    problem.reference_solutions = keep_references(code_contests_solutions(row), problem.notes)
    return problem
