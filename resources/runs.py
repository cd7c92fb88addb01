"""Whether the process of a Dagster run is still there, so that a run that was killed is not "running" for ever.

A run that is taken for running holds back others: those of its lane (dagster.yaml), and by conditions all that follows from its
assets. Dagster's own launcher notices a dead process only as long as the server that started it lives, and never one that was
started by ``ocr-assets run``. So each run's process holds a lock on a file of the run, which goes with it, and Dagster's
monitoring asks the launcher here.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus


def hold(instance: dg.DagsterInstance, run_id: str) -> IO[str]:
    """Say that this process works on the run, until it ends or ``let_go``."""
    path = _path(instance, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def let_go(file: IO[str]) -> None:
    """The work is done, though the run has yet to be called a success: without a file, nothing is said of its process."""
    Path(file.name).unlink(missing_ok=True)
    file.close()


def is_dead(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether the run's process ended before its work was done. False where that is not known."""
    path = _path(instance, run_id)
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return path.exists()  # else it was let go of just now
    except (FileNotFoundError, BlockingIOError):
        return False


class Launcher(DefaultRunLauncher):
    """Dagster's launcher, which knows besides which runs are dead, by whomever they were started."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        if is_dead(self._instance, run.run_id):
            return CheckRunHealthResult(WorkerStatus.FAILED, "its process was killed")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def _path(instance: dg.DagsterInstance, run_id: str) -> Path:
    return Path(instance.storage_directory()) / run_id / "alive"


__all__ = ["Launcher", "hold", "is_dead", "let_go"]
