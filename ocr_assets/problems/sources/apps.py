"""codeparrot/apps: problem_id, question, solutions, input_output, difficulty, url, starter_code. Licence: MIT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocr_assets.problems.sources.common import ParsedProblem, json_column, keep_references, optional, platform, text
from ocr_assets.programs.published import io_tests


def read(row: Mapping[str, Any]) -> ParsedProblem:
    """A row, parsed. Rows without tests or without solutions are normal: their columns hold empty strings."""
    solutions = [str(code) for code in json_column(row, "solutions", list)]
    starter_code = optional(row, "starter_code")
    tests, entry_point = io_tests(json_column(row, "input_output", dict), starter_code, solutions)
    url = optional(row, "url")
    problem = ParsedProblem(
        index=str(row["problem_id"]) if row.get("problem_id") is not None else None,
        statement=text(row, "question"),
        license="MIT",
        source=platform(None, url),
        url=url,
        difficulty=optional(row, "difficulty"),
        starter_code=starter_code,
        entry_point=entry_point,
        tests=tests,
    )
    references = [{"language": "python", "code": code, "correct": True} for code in solutions]
    problem.reference_solutions = keep_references(references, problem.notes)  # type: ignore[arg-type]
    return problem
