"""Asks one endpoint for what a lake lacks, as the asset does, without Dagster around it: a process for tests to kill.
``OCR_CATALOG`` and ``OCR_DATA_PATH`` as in a project.

``python asking.py HOME URL SAMPLES CONCURRENCY [MAX_TOKENS]``. Small commits, so that a kill hits every stage of one.
"""

import os
import sys
from pathlib import Path

from ocr_assets.generation.prompts import load_templates
from ocr_assets.generation.prompts.solving import NAMES
from ocr_assets.generation.sampling import Fixed
from ocr_assets.platform.lake import project_lake
from ocr_assets.traces import collect
from ocr_assets.traces.plan import Wanted
from resources.lake import RunInfo, batches
from resources.lake.at_work import Journals
from resources.lake.journal import Journal
from resources.models import endpoint, health
from resources.models.api import Sampling
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel
from resources.settings import LakeResource

COMMIT_ROWS = 12


def main(home: str, url: str, samples: str, concurrency: str, max_tokens: str = "16384") -> None:
    endpoint.FIRST_WAIT_S, health.FIRST_REST_S, batches.COMMIT_S = 0.01, 0.02, 0.5
    wanted = Wanted(
        {"python": Fixed(int(samples)), "cpp": Fixed(1)}, Sampling(max_tokens=int(max_tokens)), "r1", load_templates(NAMES)
    )
    teacher = EndpointModel("r1", [url], concurrency=int(concurrency), timeout_s=60, attempts=50)
    place = LakeResource(home=home, catalog=os.environ.get("OCR_CATALOG"), data_path=os.environ.get("OCR_DATA_PATH"))
    with (
        project_lake(place) as store,
        Journal(Journals(Path(home) / "journal", place.journals.server), "r1_traces") as journal,
    ):
        done = collect.ask(
            store, RunInfo("asking"), journal, teacher, wanted, Budget(), lambda texts: [len(text) for text in texts], print,
            lambda figures: None, COMMIT_ROWS,
        )  # fmt: skip
    print(done.line())


if __name__ == "__main__":
    main(*sys.argv[1:])
