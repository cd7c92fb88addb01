"""Has one endpoint's models judge what a lake lacks, as the asset does, without Dagster around it: a process for tests to kill.

``python judging_pairs.py HOME URL CONCURRENCY``. Small commits, so that a kill hits every stage of one.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

from ocr_assets.generation.prompts import load_templates
from ocr_assets.platform.lake import project_lake
from ocr_assets.problems.decontamination import judging
from ocr_assets.problems.decontamination.judging import Judge
from ocr_assets.schema import BENCHMARK_ITEMS, CONTAMINATION_SCORES
from resources.lake import Lake, RunInfo, batches
from resources.lake.journal import Journal
from resources.models import endpoint, health
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems, row_of

MODELS = ("llama", "qwen")


def filled(home: Path, pairs: int = 3) -> Lake:
    """A lake with problems, items, and pairs of them that have scores."""
    lake = new_lake(home / "lake")
    with lake, lake.write(RunInfo("test"), "contamination_report") as write:
        numbers = range(pairs)
        put_problems(write, [problem(n, problem_id=f"p{n}", statement=f"Add {n}.") for n in numbers])
        write.append(
            BENCHMARK_ITEMS, [row_of(BENCHMARK_ITEMS, item_key=f"i{n}", item_id=str(n), question=f"Sum {n}?") for n in numbers]
        )
        write.append(
            CONTAMINATION_SCORES,
            [
                row_of(CONTAMINATION_SCORES, pair_id=f"pair_{n}", problem_id=f"p{n}", item_key=f"i{n}", cosine=0.8)
                for n in numbers
            ],
        )
    return lake


def judge(
    store: Lake, journal: Path, judges: list[Judge], say: Any = print, report: Any = lambda figures: None, **more: Any
) -> Any:
    """Ask ``judges`` about every pair that has a score; what was done, by judge."""
    pairs = [row["pair_id"] for row in store.rows("SELECT pair_id FROM contamination_scores")]
    template = more.pop("template", None) or load_templates(["judge"])["judge"]
    with Journal(journal, "contamination_report") as open_journal:
        return judging.ask(
            store, RunInfo("judging"), open_journal, judges, pairs, template, lambda texts: [len(text) for text in texts], say,
            more.pop("warn", say), report, **more,
        )  # fmt: skip


def main(home: str, url: str, concurrency: str) -> None:
    endpoint.FIRST_WAIT_S, health.FIRST_REST_S, batches.COMMIT_S = 0.01, 0.02, 0.5
    judges = [
        Judge(name, Budget(), partial(EndpointModel, name, [url], concurrency=int(concurrency), timeout_s=60, attempts=50))
        for name in MODELS
    ]
    with project_lake(Path(home) / "lake") as store:
        done = judge(store, Path(home) / "journal", judges, commit_rows=12)
    print(sum(asked.tally.stored for asked in done.values()), "votes now")


if __name__ == "__main__":
    main(*sys.argv[1:])
