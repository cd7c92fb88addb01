"""What the readers share: the parsed problem they return, and the encodings that several sources have in common.

What a source's own columns mean is in the module named after it; files, quarantine and ids are in ``read.py``.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlparse

from ocr_assets.programs.published import BadRow, limits
from ocr_assets.schema import Checker, Compare, Files, Limits, ReferenceSolution, Test

PLATFORMS = (
    "codeforces", "atcoder", "aizu", "codechef", "hackerearth", "codejam", "geeksforgeeks", "hackerrank", "codewars",
    "kattis", "leetcode",
)  # fmt: skip
REFERENCES_KEPT = 4  # per language and correctness: enough to qualify a suite; some rows bring hundreds


@dataclass
class ParsedProblem:
    """What a reader makes of a row, under the column names of the lake (``RawProblem``, ``TestSuite``).

    ``split`` and ``index`` are None where the row does not say them; ``read.py`` then takes the file's name and the row's number.
    """

    index: str | None
    statement: str
    license: str
    source: str = "unknown"
    split: str | None = None
    title: str | None = None
    url: str | None = None
    difficulty: str | None = None
    tags: list[str] = field(default_factory=list)
    starter_code: str | None = None
    entry_point: str | None = None
    tests: list[Test] = field(default_factory=list)
    compare: Compare | None = None
    checker: Checker | None = None
    interactor: Checker | None = None
    limits: Limits = field(default_factory=lambda: limits())
    files: Files | None = None
    reference_solutions: list[ReferenceSolution] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def text(row: Mapping[str, Any], name: str) -> str:
    """A text column that must hold something."""
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise BadRow(f"no {name}: the column is {'missing' if name not in row else 'empty or no text'}")
    return value


def optional(row: Mapping[str, Any], name: str) -> str | None:
    """A text column that may be null or empty; both mean absent."""
    value = row.get(name)
    return value if isinstance(value, str) and value.strip() else None


def json_column(row: Mapping[str, Any], name: str, kind: type) -> Any:
    """A column that holds JSON in a string (or the value itself); absent or empty gives an empty ``kind``."""
    value = row.get(name)
    if value is None or value == "":
        return kind()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise BadRow(f"{name} is not JSON: {error}") from error
    if not isinstance(value, kind):
        raise BadRow(f"{name} is no {kind.__name__}: {type(value).__name__}")
    return value


def list_column(row: Mapping[str, Any], name: str) -> list[str]:
    """A column that holds a Python or JSON list in a string, or a list."""
    value = row.get(name)
    if isinstance(value, str):
        if not value.strip():
            return []
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise BadRow(f"{name} is no list: {value[:80]!r}") from error
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def platform(name: str | None, url: str | None) -> str:
    """The platform's name as we write it, from the source column or the URL's host."""
    for hint in (name, urlparse(url).hostname if url else None):
        for known in PLATFORMS:
            if hint and known in hint.lower().replace(" ", ""):
                return known
    return name.lower() if name else "unknown"


def number(value: Any, unit: str) -> float | None:
    """``"2.0 seconds"``, ``"2"``, 2.0 … as a number; None if it says nothing."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float):
        return float(value)
    match = re.match(r"\s*([0-9]*\.?[0-9]+)", str(value))
    if not match:
        raise BadRow(f"{unit} cannot be read: {value!r}")
    return float(match[1])


def keep_references(solutions: Sequence[ReferenceSolution], notes: list[str]) -> list[ReferenceSolution]:
    """The first few of each language and correctness; how many were left out is noted."""
    usable: list[ReferenceSolution] = []
    seen: dict[tuple[str, bool], int] = {}
    for solution in solutions:
        key = (solution["language"], solution["correct"])
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= REFERENCES_KEPT:
            usable.append(solution)
    if len(usable) < len(solutions):
        notes.append(f"{len(solutions) - len(usable)} of {len(solutions)} reference solutions left out")
    return usable
