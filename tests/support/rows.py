"""Rows for tests and benches that need a lake with something in it, and an embedder that is no model."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from ocr_assets.programs.published import limits, stdin_test
from ocr_assets.programs.suites import suite_row
from ocr_assets.schema import CLEAN_PROBLEMS, DEDUPED_PROBLEMS, RAW_PROBLEMS, TEST_SUITES, suite_id
from resources.lake import Write
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
    """A clean problem of ordinary size that reads stdin: the columns of all tables it is stored in (see ``put_problems``)."""
    tables = (TEST_SUITES, RAW_PROBLEMS, DEDUPED_PROBLEMS, CLEAN_PROBLEMS)
    row = {name: value for table in tables for name, value in row_of(table).items()}
    row |= {"problem_id": f"prob_{number:020x}", "raw_id": f"raw_{number:020x}", "origins": [f"taco/train/{number}"]}
    row["statement"] = f"Problem {number}. " + "Given are n numbers and q questions about them. " * 30
    return row | values


def put_problems(write: Write, problems: Iterable[Mapping[str, Any]], *, add: bool = False) -> None:
    """Have the lake hold these problems (as ``problem`` makes them), in all their tables; ``add``: beside those it has."""
    stage = write.append if add else write.sync
    staged = [stage(table) for table in (RAW_PROBLEMS, DEDUPED_PROBLEMS, CLEAN_PROBLEMS)]
    suites = write.append(TEST_SUITES)
    seen: set[str] = set()
    for row in problems:
        for table in staged:
            table.add(row)
        if row["suite_id"] not in seen:
            seen.add(row["suite_id"])
            suites.add({**suite_row(row), "suite_id": row["suite_id"]})


def put_raw_problems(write: Write, rows: Iterable[Mapping[str, Any]], *, add: bool = False) -> None:
    """Have the lake hold these raw problems (as ``raw_problem`` makes them) with their suites; ``add``: beside those it has."""
    raw = write.append(RAW_PROBLEMS) if add else write.sync(RAW_PROBLEMS)
    suites = write.append(TEST_SUITES)
    seen: set[str] = set()
    for row in rows:
        raw.add(row)
        if row["suite_id"] not in seen:
            seen.add(row["suite_id"])
            suites.add(suite_row(row))


def raw_problem(
    name: str, statement: str = "Add two numbers.", tests: Sequence[tuple[str, str]] = (), **more: Any
) -> dict[str, Any]:
    """A raw problem that reads stdin, with the fields of its suite; ``tests``: inputs and outputs."""
    row = {
        "raw_id": f"raw_{name}", "dataset": "taco", "split": "train", "index": name, "origin": f"taco/train/{name}",
        "source": "codechef", "license": "MIT", "title": None, "url": None, "difficulty": None, "tags": [],
        "statement": statement, "starter_code": None, "entry_point": None,
        "tests": [stdin_test(i, given, out, "official") for i, (given, out) in enumerate(tests)],
        "compare": None, "checker": None, "interactor": None, "files": None, "multiple_answers_hint": None, "limits": limits(),
        "reference_solutions": [], "file": "f", "row": 0, "notes": [], **more,
    }  # fmt: skip
    return {**row, "suite_id": suite_id(row)}


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
