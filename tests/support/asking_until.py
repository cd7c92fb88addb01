"""Asks one endpoint for samples until one passes, as the asset does, without Dagster around it: a process for tests to kill.

``python asking_until.py HOME URL CONCURRENCY MOST``.
"""

import sys
from pathlib import Path

from ocr_assets.generation.prompts import load_templates
from ocr_assets.generation.prompts.solving import NAMES
from ocr_assets.generation.sampling import UntilPassing
from ocr_assets.platform.lake import project_lake
from ocr_assets.traces import collect, following, plan
from ocr_assets.traces.plan import Wanted
from resources.lake import RunInfo, batches
from resources.lake.journal import Journal
from resources.models import endpoint
from resources.models.api import Sampling
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel

COMMIT_ROWS = 12


def ask(home: Path, url: str, concurrency: int, most: int) -> str:
    """Ask for all that the policy wants now; what was done, in a line."""
    policy = UntilPassing(passing=1, limit=most, first=1, step=1)
    wanted = Wanted({"python": policy}, Sampling(), "r1", load_templates(NAMES))
    teacher = EndpointModel("r1", [url], concurrency=concurrency, timeout_s=60, attempts=50)
    with (
        project_lake(home / "lake") as store,
        Journal(home / "journal", "r1_traces") as journal,
    ):
        done = collect.ask(
            store, RunInfo("asking"), journal, teacher, wanted, Budget(), lambda texts: [len(text) for text in texts], print,
            lambda figures: None, COMMIT_ROWS,
        )  # fmt: skip
    return done.line()


def main(home: str, url: str, concurrency: str, most: str) -> None:
    endpoint.FIRST_WAIT_S, batches.COMMIT_S, following.POLL_S, plan.LOOK_S = 0.01, 0.5, 0.5, 0.5
    print(ask(Path(home), url, int(concurrency), int(most)))


if __name__ == "__main__":
    main(*sys.argv[1:])
