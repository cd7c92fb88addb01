"""A user's own problems: the problem object of ``ocr-assets verify`` (docs/grading.md, §2) and a ``statement``.

Required: ``statement``. Optional: ``problem_id``, ``title``, ``tests`` (kinds stdin, call), ``limits``, ``compare``,
``checker``, ``starter_code``, ``entry_point`` or ``entry`` (else taken from the first call test), ``difficulty``, ``license``,
``source``, ``split``, ``tags``, ``url``, ``reference_solutions`` ([{language, code, correct}]).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocr_assets.problems.sources.common import ParsedProblem, optional, text
from ocr_assets.programs.published import BadRow
from ocr_assets.programs.suites import suite_from_json
from ocr_assets.schema import ReferenceSolution


def read(row: Mapping[str, Any]) -> ParsedProblem:
    """A row, parsed."""
    try:
        suite = suite_from_json({"tests": [], **row})
        references: list[ReferenceSolution] = [
            {"language": str(item["language"]), "code": str(item["code"]), "correct": bool(item.get("correct", True))}
            for item in row.get("reference_solutions") or []
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRow(f"cannot be read: {error}") from error
    called = next((test["entry_point"] for test in suite["tests"] if test["kind"] == "call"), None)
    return ParsedProblem(
        index=str(row["problem_id"]) if row.get("problem_id") is not None else None,
        statement=text(row, "statement"),
        license=optional(row, "license") or "unknown",
        source=optional(row, "source") or "local",
        split=optional(row, "split"),
        title=optional(row, "title"),
        url=optional(row, "url"),
        difficulty=optional(row, "difficulty"),
        tags=sorted(str(tag) for tag in row.get("tags") or []),
        starter_code=optional(row, "starter_code"),
        entry_point=optional(row, "entry_point") or optional(row, "entry") or called,
        tests=suite["tests"],
        compare=suite["compare"],
        checker=suite["checker"],
        interactor=suite["interactor"],
        limits=suite["limits"],
        files=suite["files"],
        reference_solutions=references,
    )
