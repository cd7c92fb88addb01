"""Has one endpoint annotate the reasoning and criticise the solutions that a lake holds, as the assets do, without Dagster around
it: a process for tests to kill.

``python -m tests.support.asking_remarks HOME URL CONCURRENCY``. Small commits, so that a kill hits every stage of one.
"""

import sys
from pathlib import Path

from ocr_assets.analysis.critiques.criticising import criticise
from ocr_assets.analysis.critiques.settings import CritiqueSettings
from ocr_assets.analysis.reasoning.annotating import annotate
from ocr_assets.analysis.reasoning.settings import AnnotationSettings
from ocr_assets.analysis.rounds import Rounds
from ocr_assets.platform.lake import project_lake
from resources.lake import RunInfo, batches
from resources.models import endpoint, health
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel

COMMIT_ROWS = 12


def main(home: str, url: str, concurrency: str) -> None:
    endpoint.FIRST_WAIT_S, health.FIRST_REST_S, batches.COMMIT_S = 0.01, 0.02, 0.5
    model = EndpointModel("r1", [url], concurrency=int(concurrency), timeout_s=60, attempts=50)
    with project_lake(Path(home) / "lake") as store:
        rounds = Rounds(
            store, RunInfo("asking"), Path(home) / "journal", model, Budget(), lambda texts: [len(text) for text in texts], print,
            lambda figures: None, COMMIT_ROWS,
        )  # fmt: skip
        annotate(rounds, AnnotationSettings(), "r1")
        criticise(rounds, CritiqueSettings(), "r1")
    print(f"{rounds.asked} asked, {rounds.left} left")


if __name__ == "__main__":
    main(*sys.argv[1:])
