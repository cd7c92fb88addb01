"""Work in sandboxes whose rows are paid for by running programs: over a pool, journalled at once, committed in batches.

What is run, and what the rows are, is the stages' matter.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from ocr_assets.platform.progress import Progress
from resources.lake import Lake, RunInfo
from resources.lake.batches import JournalledBatches
from resources.lake.journal import Journal
from resources.sandbox.pool import Pool

TELL_S = 1.0  # between two lines of progress for whoever watches
Store = Callable[[Lake, RunInfo, Sequence[Mapping[str, Any]]], None]


def run_and_store(
    store: Lake,
    run: RunInfo,
    journal: Journal,
    pool: AbstractContextManager[Pool],
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
    told = start
    with pool as opened, progress(work) as watched:
        if "@" in opened.image:  # an image and its digest; local processes have none
            run = replace(run, images=(opened.image,))
        faults_before = opened.faults
        try:
            journal.tell(watched.figures())
            for rows in results(opened, watched):
                batches.add({"rows": rows})
                programs += len(rows)
                while (busy := batches.commit_if_due()) is not None:
                    busy.result()
                if time.monotonic() - told >= TELL_S:
                    told = time.monotonic()
                    journal.tell(watched.figures())
            ended_well = True
        finally:
            batches.flush(ended_well)
        journal.tell(watched.figures())
        faults = opened.faults - faults_before
    return {"programs a second": round(programs / (time.monotonic() - start), 1), "sandbox faults": faults}
