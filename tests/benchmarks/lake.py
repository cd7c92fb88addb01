"""What a commit of 2,000 rows costs in a table of 10,000, 100,000 and 1,000,000 rows: ``python -m tests.benchmarks lake``.

``python -m tests.benchmarks.lake 10000 5000000``: other sizes.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

from ocr_assets.schema import TOKEN_COUNTS
from resources.lake import RECORD_EDGE, Edge, Lake, RunInfo, Table, Write

ROWS, REPEATS = 2_000, 5
SIZES = (10_000, 100_000, 1_000_000)
FILLED_AT_ONCE = 500_000
RUN = RunInfo("bench")
# The rows of _rows and _edges, made in SQL.
_JUDGED = """SELECT 'ver_' || left(sha256('ver' || n), 32) AS verdict_id, 'sol_' || left(sha256('sol' || n), 32) AS solution_id,
'prob_' || left(sha256('prob' || n // 8), 32) AS problem_id, 'accepted' AS verdict, 0 AS passed, repeat(verdict_id, 4) AS detail"""
_DERIVED = """SELECT 'ver_' || left(sha256('ver' || n), 32) AS child, 'sol_' || left(sha256('sol' || n), 32) AS parent,
'derived' AS relation, 'accepted' AS reason, 'judged' AS stage, '' AS scope, 'bench' AS run_id, now() AS created_at"""


class Judged(TypedDict):
    """As a verdict: a content-hash key, the key of what it is about, and some text."""

    verdict_id: str
    solution_id: str
    problem_id: str
    verdict: str
    passed: int
    detail: str


JUDGED = Table("judged", Judged, ("verdict_id",))


def _id(kind: str, number: int) -> str:
    return f"{kind}_{hashlib.sha256(f'{kind}{number}'.encode()).hexdigest()[:32]}"


def _rows(first: int, count: int, passed: int = 0) -> Iterator[dict[str, Any]]:
    for number in range(first, first + count):
        identity = _id("ver", number)
        yield {
            "verdict_id": identity, "solution_id": _id("sol", number), "problem_id": _id("prob", number // 8),
            "verdict": "accepted", "passed": passed, "detail": identity * 4,
        }  # fmt: skip


def _edges(first: int, count: int) -> list[Edge]:
    return [
        {"child": _id("ver", number), "parent": _id("sol", number), "relation": "derived", "reason": "accepted"}
        for number in range(first, first + count)
    ]


def _seconds(lake: Lake, change: Callable[[Write], None]) -> float:
    start = time.perf_counter()
    with lake.write(RUN, "judged") as write:
        change(write)
    return time.perf_counter() - start


def commits(sizes: Sequence[int] = SIZES) -> None:
    """Every kind of commit, in tables of these sizes; seconds, the median of five."""
    print(
        f"seconds of a commit of {ROWS:,} rows in a table of {', '.join(f'{size:,}' for size in sizes)} rows (median of {REPEATS})"
    )
    table: dict[str, list[float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, Lake(Path(folder), tables=[JUDGED]) as lake:
            for first in range(0, size, FILLED_AT_ONCE):
                with lake.write(RUN, "judged") as write:
                    last = min(size, first + FILLED_AT_ONCE)
                    write.append_query(JUDGED, f"{_JUDGED} FROM range({first}, {last}) q(n)")
                    write.append_query(RECORD_EDGE, f"{_DERIVED} FROM range({first}, {last}) q(n)")
            end = size

            def fresh() -> int:
                nonlocal end
                end += ROWS
                return end - ROWS

            def problems() -> tuple[str, set[str]]:
                return "problem_id", {_id("prob", number) for number in range(50, 50 + ROWS // 8)}

            kinds: dict[str, Callable[[int], Callable[[Write], None]]] = {
                "append, new rows": lambda n: lambda write: write.append(JUDGED, _rows(fresh(), ROWS)),
                "append, known rows": lambda n: lambda write: write.append(JUDGED, _rows(500, ROWS)),
                "upsert, new rows": lambda n: lambda write: write.upsert(JUDGED, _rows(fresh(), ROWS)),
                "upsert, equal rows": lambda n: lambda write: write.upsert(JUDGED, _rows(5_000, ROWS)),
                "upsert, other rows": lambda n: lambda write: write.upsert(JUDGED, _rows(3_000, ROWS, n + 1)),
                "sync within": lambda n: lambda write: write.sync(JUDGED, _rows(400, ROWS, n + 1), within=problems()),
                "edges, new rows": lambda n: lambda write: write.edges(_edges(fresh(), ROWS), replace=False),
            }
            for kind, change in kinds.items():
                took = [_seconds(lake, change(number)) for number in range(REPEATS)]
                table.setdefault(kind, []).append(statistics.median(took))
    for kind, seconds in table.items():
        print(f"{kind:<28} " + "  ".join(f"{value:8.3f}" for value in seconds))


def whole_tables() -> None:
    """Rows a second where a stage writes its whole table, and where it finds all of them equal."""
    rows = [
        {"triplet_id": f"t{n}", "question_tokens": n, "reasoning_tokens": n, "solution_tokens": n, "response_tokens": n}
        for n in range(200_000)
    ]
    with tempfile.TemporaryDirectory() as folder, Lake(Path(folder), tables=[TOKEN_COUNTS]) as store:
        for kind in ("sync of new rows", "sync of equal rows"):
            start = time.perf_counter()
            with store.write(RUN, "bench") as write:
                write.sync(TOKEN_COUNTS, rows)
            print(f"{kind:<28} {len(rows) / (time.perf_counter() - start):8.0f} rows/s")


if __name__ == "__main__":
    commits([int(size) for size in sys.argv[1:]] or SIZES)
    whole_tables()
