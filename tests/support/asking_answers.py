"""Asks one endpoint for attempts, conversions of style and responses that a lake lacks, as their assets do, without Dagster and
sandboxes around it: a process for tests to kill.

``python -m tests.support.asking_answers HOME URL SAMPLES CONCURRENCY``. Small commits, so that a kill hits every stage of one.
"""

import sys
from pathlib import Path

from ocr_assets.generation.asking import Wanted, ask
from ocr_assets.generation.prompts import load_templates
from ocr_assets.generation.sampling import Fixed
from ocr_assets.platform.lake import project_lake
from ocr_assets.synthesis import kinds
from resources.lake import RunInfo, batches
from resources.lake.journal import Journal
from resources.models import endpoint, health
from resources.models.api import Sampling
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel

COMMIT_ROWS = 12
PLAN = "plan_of_the_test"


def main(home: str, url: str, samples: str, concurrency: str) -> None:
    endpoint.FIRST_WAIT_S, health.FIRST_REST_S, batches.COMMIT_S = 0.01, 0.02, 0.5
    templates = load_templates(["kodcode_attempt", "kodcode_complete", "kodcode_response"])
    asked = [
        kinds.attempts(templates["kodcode_attempt"]),
        kinds.conversions("complete", templates["kodcode_complete"]),
        kinds.responses(templates["kodcode_response"]),
    ]
    wanted = Wanted(Fixed(int(samples)), Sampling(), "r1", {"plan": PLAN})
    teacher = EndpointModel("r1", [url], concurrency=int(concurrency), timeout_s=60, attempts=50)
    with project_lake(Path(home) / "lake") as store:
        for kind in asked:
            with Journal(Path(home) / "journal", kind.table.name) as journal:
                done = ask(
                    store, RunInfo("asking"), journal, teacher, kind, wanted, Budget(), lambda texts: [len(text) for text in texts],
                    print, lambda figures: None, COMMIT_ROWS,
                )  # fmt: skip
            print(done.line())


if __name__ == "__main__":
    main(*sys.argv[1:])
