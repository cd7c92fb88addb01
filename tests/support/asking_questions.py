"""Has one endpoint make the questions that a lake lacks, as the asset does, without Dagster around it: also a process to kill.

``python -m tests.support.asking_questions HOME URL CONCURRENCY``: the subset ``numbers`` of HOME/subsets. Small commits, so
that a kill hits every stage of one.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from ocr_assets.generation.runner import Summary
from ocr_assets.platform.lake import project_lake
from ocr_assets.synthesis import questions
from ocr_assets.synthesis.plan import QuestionPlan, plan
from ocr_assets.synthesis.seeds.read import seeds_of
from ocr_assets.synthesis.subsets.definition import Subset, load_subsets
from resources.lake import Lake, RunInfo, batches
from resources.lake.journal import Journal
from resources.models import endpoint, health
from resources.models.api import ChatModel
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel


def ask(
    store: Lake, home: Path, subset: Subset, teacher: ChatModel, budget: Budget | None = None, ask_again: Sequence[str] = (),
    commit_rows: int | None = None, seed_folder: Path | None = None,
) -> Summary:  # fmt: skip
    """Ask for what ``subset`` lacks; ``seed_folder``: of the bundled subsets."""
    run = RunInfo("asking")
    questions.read_again(store, run, [subset])

    def planned() -> list[QuestionPlan]:
        return [plan(store, subset, seeds_of(subset, store, seed_folder or home, print), teacher.model, ask_again)]

    with Journal(home / "journal", "synthetic_questions") as journal:
        return questions.ask(
            store, run, journal, teacher, planned, budget or Budget(), lambda texts: [len(text) for text in texts], print,
            lambda figures: None, commit_rows,
        )  # fmt: skip


def main(home: str, url: str, concurrency: str) -> None:
    endpoint.FIRST_WAIT_S, health.FIRST_REST_S, batches.COMMIT_S = 0.01, 0.02, 0.5
    teacher = EndpointModel("r1", [url], concurrency=int(concurrency), timeout_s=60, attempts=50)
    subset = load_subsets(Path(home) / "subsets")["numbers"]
    with project_lake(Path(home) / "lake") as store:
        print(ask(store, Path(home), subset, teacher, commit_rows=12).line())


if __name__ == "__main__":
    main(*sys.argv[1:])
