"""Has one endpoint's models judge what a lake lacks, as the asset does, without Dagster around it: a process for tests to kill.

``python judging_pairs.py HOME URL CONCURRENCY``. Small commits, so that a kill hits every stage of one.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Any

from ocr_assets.generation import request_loop
from ocr_assets.generation.prompts import load_templates
from ocr_assets.platform.lineage import MACROS
from ocr_assets.problems.decontamination import judging
from ocr_assets.problems.decontamination.judging import Judge
from ocr_assets.schema import TABLES
from resources.lake import Lake, RunInfo
from resources.lake.journal import Journal
from resources.models import endpoint, health
from resources.models.budget import Budget
from resources.models.endpoint import EndpointTeacher

MODELS = ("llama", "qwen")


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
    endpoint.FIRST_WAIT_S, health.FIRST_REST_S, request_loop.COMMIT_S = 0.01, 0.02, 0.5
    judges = [
        Judge(name, Budget(), partial(EndpointTeacher, name, [url], concurrency=int(concurrency), timeout_s=60, attempts=50))
        for name in MODELS
    ]
    with Lake(Path(home) / "lake", tables=TABLES, setup_sql=MACROS) as store:
        done = judge(store, Path(home) / "journal", judges, commit_rows=12)
    print(sum(asked.collected.kept for asked in done.values()), "votes now")


if __name__ == "__main__":
    main(*sys.argv[1:])
