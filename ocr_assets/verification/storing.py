"""Verdicts on their way into the lake: run over a pool of sandboxes, journalled at once, committed in batches.

How a verdict comes about is ``grading/``; which programs are run is decided in ``ungraded.py`` and ``validation/``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ocr_assets.platform.progress import Progress
from ocr_assets.schema import SUITE_VALIDATION, VERDICTS
from resources.lake import Edge, Lake, RunInfo
from resources.lake.batches import JournalledBatches
from resources.lake.journal import Journal
from resources.sandbox.pool import Pool

Store = Callable[[Lake, RunInfo, Sequence[Mapping[str, Any]]], None]


def run_and_store(
    store: Lake,
    run: RunInfo,
    journal: Journal,
    pool: Pool,
    owed: tuple[str, Mapping[str, Any]],
    results: Callable[[Pool, Progress], Iterator[list[Any]]],
    keep: Store,
    progress: Callable[[int], Progress],
) -> dict[str, Any]:
    """Store what ``results`` yields over ``pool``, if the query ``owed`` (with its parameters) finds work.

    ``results`` yields rows that belong together; ``keep`` commits rows; ``progress`` is opened with how many items are owed. What
    an earlier run left in the journal is committed first. Returns programs a second and faults of the sandbox, as metadata.
    """
    batches = JournalledBatches(journal, lambda parts: keep(store, run, [row for part in parts for row in part["rows"]]))
    batches.replay()
    query, parameters = owed
    work = store.scalar(f"SELECT count(*) FROM ({query})", parameters)
    if not work:
        return {"sandbox faults": 0}
    start = time.monotonic()
    programs, ended_well = 0, False
    with pool, progress(work) as watched:
        try:
            for rows in results(pool, watched):
                batches.add({"rows": rows})
                programs += len(rows)
                while (busy := batches.commit_if_due()) is not None:
                    busy.result()
            ended_well = True
        finally:
            batches.flush(ended_well)
        faults = pool.faults
    return {"programs a second": round(programs / (time.monotonic() - start), 1), "sandbox faults": faults}


def store_validation(store: Lake, run: RunInfo, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of ``suite_validation`` and their lineage into the lake, in one transaction."""
    unique = {row["validation_id"]: row for row in rows}
    edges: list[Edge] = [
        {"child": key, "parent": row["problem_id"], "relation": "derived", "reason": f"{row['role']}: {row['verdict']}"}
        for key, row in unique.items()
    ]
    with store.write(run, "suite_validation") as write:
        write.upsert(SUITE_VALIDATION, unique.values())
        write.edges(edges, replace=False)


def store_verdicts(store: Lake, run: RunInfo, rows: Sequence[Mapping[str, Any]]) -> None:
    """Verdicts and their lineage into the lake, in one transaction."""
    unique = {row["verdict_id"]: row for row in rows}
    edges: list[Edge] = [
        {"child": row["verdict_id"], "parent": row["solution_id"], "relation": "derived", "reason": row["verdict"]}
        for row in unique.values()
    ]
    with store.write(run, "verdicts") as write:
        write.upsert(VERDICTS, unique.values())
        write.edges(edges, replace=False)
