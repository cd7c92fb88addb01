"""What a page of the viewer costs over 736,000 responses, as many as OpenCodeReasoning has: ``python -m tests.benchmarks viewer [rows]``."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ocr_assets.schema import R1_TRACES, SOLUTIONS, TOKEN_COUNTS, VERIFIED_TRIPLETS
from ocr_assets.serving.viewer import queries
from ocr_assets.serving.viewer.queries import Filter, Key
from resources.lake import Lake, RunInfo
from resources.lake.reading import ReadOnlyLake
from resources.lake.tables import Table
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems, row_of

ROWS, A_PROBLEM, REPEATS = 736_000, 26, 5
RUN = RunInfo("bench")
# Ids are hashes, so rows lie in no order of theirs.
GIVEN = {
    "problem_id": f"'prob_' || left(md5((n // {A_PROBLEM})::VARCHAR), 20)",
    "triplet_id": "'trip_' || left(md5('t' || n), 20)",
    "response_id": "'resp_' || left(md5('r' || n), 20)",
    "solution_id": "'sol_' || left(md5('s' || n), 20)",
    "language": "CASE WHEN n % 2 = 0 THEN 'python' ELSE 'cpp' END",
    "verdict": "CASE WHEN n % 3 > 0 THEN 'accepted' WHEN n % 7 = 0 THEN NULL ELSE 'wrong_answer' END",
    "reason": "'wrong_answer on test ' || n % 90 || ': ' || repeat(md5(n::VARCHAR), 3)",
    "source": "'source ' || n % 12",
    "difficulty": "'level ' || n % 9",
    "question": "repeat(md5((n // 26)::VARCHAR), 40)",
    "solution": "repeat(md5(n::VARCHAR), 20)",
    "content": "repeat(md5(n::VARCHAR), 40)",
    "reasoning": "repeat(md5(n::VARCHAR), 30)",
    "response_tokens": "(n * 7919) % 16000",
}


def fill(lake: Lake, table: Table, rows: int) -> None:
    """Have the table hold so many rows, in one write, without the lake's bookkeeping."""
    plain = row_of(table)
    columns = []
    for column in table.columns:
        value = plain[column.name]
        literal = "NULL" if value is None else f"'{value}'" if not isinstance(value, list) else "[]"
        columns.append(f'{GIVEN.get(column.name, literal)} AS "{column.name}"')
    with lake.cursor() as cursor:
        cursor.execute(f"INSERT INTO lake.{table.name} SELECT {', '.join(columns)} FROM range({rows}) t(n)")


def milliseconds(action: Callable[[], object]) -> float:
    """The median of some calls, after one that warms up."""
    action()
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "lake"
        with new_lake(home) as lake:
            for table in (VERIFIED_TRIPLETS, SOLUTIONS, R1_TRACES, TOKEN_COUNTS):
                fill(lake, table, rows)
            with lake.cursor() as cursor:
                found = cursor.execute("SELECT DISTINCT problem_id FROM lake.verified_triplets ORDER BY ALL").fetchall()
            with lake.write(RUN, "clean_problems") as write:
                put_problems(write, [problem(n, problem_id=name, suite_id="suite") for n, (name,) in enumerate(found)])
        names = [name for (name,) in found]
        with ReadOnlyLake(home) as read:
            every, some = Filter(), Filter((("verdict", ("wrong_answer",)), ("source", ("source 3",))), tokens=(1000, 9000))
            (shown,) = queries.responses(read, names[7], size=1)
            for what, action in {
                "first page": lambda: queries.page(read, every, 51),
                "page in the middle": lambda: queries.page(read, every, 51, after=Key(names[len(names) // 2])),
                "last page": lambda: queries.page(read, every, 51, after=Key(names[-2])),
                "first page of a filter": lambda: queries.page(read, some, 51),
                "last page of a filter": lambda: queries.page(read, some, 51, after=Key(names[-20])),
                "rows of a filter counted": lambda: queries.count(read, some),
                "what can be chosen": lambda: queries.choices(read),
                "a problem": lambda: queries.problem(read, names[7]),
                "its responses": lambda: queries.responses(read, names[7]),
                "texts of one": lambda: queries.texts(read, shown),
                "a name looked up": lambda: queries.problem_of(read, shown["response_id"]),
            }.items():
                print(f"viewer, {what:26} {milliseconds(action):8.0f} ms of {rows:,} responses", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
