"""BAAI/TACO: the columns of APPS and tags, platform, limits and date, all nullable. Licence: Apache-2.0."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ocr_assets.problems.sources import apps
from ocr_assets.problems.sources.common import ParsedProblem, list_column, number, optional, platform
from ocr_assets.programs.published import limits


def read(row: Mapping[str, Any]) -> ParsedProblem:
    """A row, parsed. TACO has no row ids; the row's place serves."""
    problem = apps.read(row)
    problem.index = None
    problem.license = "Apache-2.0"
    problem.title = optional(row, "name")
    problem.source = platform(optional(row, "source"), problem.url)
    problem.tags = sorted({*list_column(row, "tags"), *list_column(row, "skill_types")})
    problem.limits = limits(number(row.get("time_limit"), "time_limit"), _megabytes(row.get("memory_limit")))
    if row.get("picture_num") not in (None, "", 0, "0"):
        problem.notes.append("the statement had pictures")
    return problem


def _megabytes(value: Any) -> float | None:
    amount = number(value, "memory_limit")
    if amount is None:
        return None
    text = str(value).lower()
    if "kilo" in text or "kb" in text:
        return amount / 1024
    if "giga" in text or "gb" in text:
        return amount * 1024
    return amount / 2**20 if "megabyte" not in text and "mb" not in text and amount >= 2**20 else amount
