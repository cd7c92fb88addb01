"""What a commit of 2,000 rows costs in a table of 10,000, 100,000 and 1,000,000 rows: ``python -m tests.benchmarks lake``."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

from ocr_assets.schema import TOKEN_COUNTS
from resources.lake import Edge, Lake, RunInfo, Table, Write

ROWS, REPEATS = 2_000, 5
SIZES = (10_000, 100_000, 1_000_000)
RUN = RunInfo("bench")


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


def commits() -> None:
    """Every kind of commit, in tables of three sizes; seconds, the median of five."""
    print(
        f"seconds of a commit of {ROWS:,} rows in a table of {', '.join(f'{size:,}' for size in SIZES)} rows (median of {REPEATS})"
    )
    table: dict[str, list[float]] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder, Lake(Path(folder), tables=[JUDGED]) as lake:
            for first in range(0, size, 100_000):
                count = min(100_000, size - first)
                with lake.write(RUN, "judged") as write:
                    write.append(JUDGED, _rows(first, count))
                    write.edges(_edges(first, count), replace=False)
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
    commits()
    whole_tables()
