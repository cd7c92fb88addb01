"""What the stage runs in sandboxes: suites validated, solutions judged, whatever has not been yet.

Who calls it is an asset (``assets.py``), or the job that follows a run that asks (``automation/following.py``). Several processes
may: one is at work at a time, the others wait and find its work done. How rows are journalled is ``platform/sandboxed.py``, how
they are stored ``storing.py``, how a verdict is made ``grading``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ocr_assets.grading.batch import grade_many
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.grading.version import GRADER_VERSION
from ocr_assets.grading.version import parameters as version_parameters
from ocr_assets.platform.progress import Progress
from ocr_assets.platform.sandboxed import run_and_store
from ocr_assets.schema import SUITE_QUALITY
from ocr_assets.verification.settings import QualitySettings, ValidationSettings
from ocr_assets.verification.storing import store_validation, store_verdicts
from ocr_assets.verification.ungraded import UNGRADED, ungraded
from ocr_assets.verification.validation.quality import QUALITY, UNVALIDATED, UNVALIDATED_AND_NEEDED
from ocr_assets.verification.validation.validate import candidate, plan_salt, validate
from resources.lake import Lake, RunInfo, Write
from resources.lake.at_work import Journals
from resources.lake.journal import Journal
from resources.sandbox.pool import Pool


@dataclass(frozen=True)
class Workplace:
    """Where is judged: the lake and the run that writes to it, its journals, sandboxes (not yet started), who is told.

    ``online_judge``: as the sandbox has it.
    """

    store: Lake
    run: RunInfo
    journals: Journals | Path
    pool: AbstractContextManager[Pool]
    online_judge: bool
    say: Callable[[str], object]

    def journal(self, stage: str) -> Journal:
        """The stage's journal, once nobody else is at work on it."""
        return Journal(self.journals, stage, self.say)


def validate_new(
    place: Workplace, journal: Journal, settings: ValidationSettings, *, needed_only: bool = False
) -> tuple[Counter[str], dict[str, Any]]:
    """Validate the suites that were not by these settings; of problems with solutions only if ``needed_only``.

    Returns programs by role and verdict, and figures (programs a second, faults of the sandbox).
    """
    counts: Counter[str] = Counter()
    query = UNVALIDATED_AND_NEEDED if needed_only else UNVALIDATED
    parameters = {"salt": plan_salt(settings), **version_parameters(online_judge=place.online_judge)}

    def graded(pool: Pool, progress: Progress) -> Iterator[list[Any]]:
        candidates = place.store.stream(query, parameters)
        for rows in pool.completed(lambda row: pool.call(validate, candidate(row), settings), candidates):
            counts.update(f"{row['role']} {row['verdict']}" for row in rows)
            progress.add(1)
            yield rows

    progress = partial(Progress, "suite_validation", log=place.say, unit="suites")
    owed = (query, parameters)
    figures = run_and_store(place.store, place.run, journal, place.pool, owed, graded, store_validation, progress)
    return counts, figures


def sum_up_quality(write: Write, settings: QualitySettings) -> None:
    """Have ``write`` publish what the validation of the suites says of each."""
    write.sync_query(SUITE_QUALITY, QUALITY, {"grader": GRADER_VERSION, "min_tpr": settings.min_true_positive_rate})


def judge_new(place: Workplace, journal: Journal, settings: GradingSettings) -> tuple[Counter[str], dict[str, Any]]:
    """Judge the solutions that have no verdict yet. Returns verdicts by name, and figures as ``validate_new``."""
    counts: Counter[str] = Counter()

    def graded(pool: Pool, progress: Progress) -> Iterator[list[Any]]:
        for verdict in grade_many(pool, ungraded(place.store, settings, online_judge=place.online_judge), settings):
            counts[verdict["verdict"]] += 1
            progress.add(1, ", ".join(f"{n} {name}" for name, n in counts.most_common(4)))
            yield [verdict]

    progress = partial(Progress, "verdicts", log=place.say, unit="programs")
    owed = (UNGRADED, version_parameters(online_judge=place.online_judge))
    figures = run_and_store(place.store, place.run, journal, place.pool, owed, graded, store_verdicts, progress)
    return counts, figures
