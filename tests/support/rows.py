"""Rows for tests and benches that need a lake with something in it, and an embedder that is no model."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from ocr_assets.problems.sources.common import limits, stdin_test
from ocr_assets.schema import CLEAN_PROBLEMS
from resources.lake.tables import Table

STORY = (
    "Ada keeps n boxes in a long row and every box holds some red apples . She walks along the row from the left to the right "
    "and wants to know how many apples lie between two given boxes . Answer all of her q questions quickly ."
)


def row_of(table: Table, **values: object) -> dict[str, Any]:
    """A row of ``table``: ``values``, and in the other columns nothing, or where that is not allowed something neutral."""
    return {column.name: None if column.nullable else _neutral(column.type, column.one_of) for column in table.columns} | values


def _neutral(kind: pa.DataType, one_of: tuple[str, ...]) -> Any:
    if one_of:
        return one_of[0]
    if pa.types.is_list(kind):
        return []
    if pa.types.is_struct(kind):
        return {field.name: None if field.nullable else _neutral(field.type, ()) for field in kind}
    if pa.types.is_timestamp(kind):
        return datetime.now(UTC)
    if pa.types.is_boolean(kind):
        return False
    return 0 if pa.types.is_integer(kind) or pa.types.is_floating(kind) else "x"


def problem(number: int, **values: object) -> dict[str, Any]:
    """A row of ``clean_problems`` of ordinary size, for stdin."""
    row = row_of(CLEAN_PROBLEMS, problem_id=f"prob_{number:020x}", origins=[f"taco/train/{number}"])
    row["statement"] = f"Problem {number}. " + "Given are n numbers and q questions about them. " * 30
    return row | values


def raw_problem(
    name: str, statement: str = "Add two numbers.", tests: Sequence[tuple[str, str]] = (), **more: Any
) -> dict[str, Any]:
    """A row of ``raw_problems`` that reads stdin; ``tests``: inputs and outputs."""
    return {
        "raw_id": f"raw_{name}", "dataset": "taco", "split": "train", "index": name, "origin": f"taco/train/{name}",
        "source": "codechef", "license": "MIT", "title": None, "url": None, "difficulty": None, "tags": [],
        "statement": statement, "starter_code": None, "entry_point": None,
        "tests": [stdin_test(i, given, out, "official") for i, (given, out) in enumerate(tests)],
        "compare": None, "checker": None, "interactor": None, "multiple_answers_hint": None, "limits": limits(),
        "reference_solutions": [], "file": "f", "row": 0, "notes": [], **more,
    }  # fmt: skip


class CountingEmbedder:
    """Bags of words as unit vectors: enough to be alike where words are shared, and it counts what it is asked."""

    model = "bag of words"

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked |= set(texts)
        vectors = np.full((len(texts), 64), 1e-3, dtype=np.float32)  # a text without words has a direction too
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, sum(word.encode()) % 64] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
