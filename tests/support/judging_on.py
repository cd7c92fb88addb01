"""Follows a run that asks, as the job does, without Dagster around it: a process for tests to kill.

``python judging_on.py HOME PATIENCE``. Small commits, so that a kill hits every stage of one.
"""

import sys
from contextlib import nullcontext
from pathlib import Path

from ocr_assets.automation.following import Following, FollowSettings
from ocr_assets.platform.following import FOLLOWER
from ocr_assets.platform.lake import project_lake
from ocr_assets.verification.judging import Workplace
from ocr_assets.verification.settings import ValidationSettings
from resources.lake import RunInfo, batches
from resources.lake.at_work import StageLock
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.pool import Pool


def judge(home: Path, pool: Pool, patience_s: float, pause_s: float = 0.0) -> None:
    """Judge what there is, and what comes until nobody has asked for so long."""
    journals = home / "journal"
    with project_lake(home / "lake") as store, StageLock(journals, FOLLOWER) as lock:
        place = Workplace(store, RunInfo("following"), journals, nullcontext(pool), True, print)
        settings = FollowSettings(ValidationSettings(mutants=1), pause_s=pause_s, patience_s=patience_s)
        Following(place, settings, lock).follow()


def main(home: str, patience: str) -> None:
    batches.COMMIT_ROWS, batches.COMMIT_S = 5, 0.5
    with DockerSandbox(workers=2) as pool:
        judge(Path(home), pool, float(patience), pause_s=1.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
