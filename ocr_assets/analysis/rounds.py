"""Asking one model of a role about rows, as often as it takes: what the assets that ask models have in common.

What is asked is a ``Kind`` of theirs; how one round goes is ``generation/asking.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ocr_assets.generation import runner
from ocr_assets.generation.asking import Kind, Wanted, ask
from ocr_assets.generation.request_loop import Count
from ocr_assets.generation.runner import Report, Say, Summary
from resources.lake import Lake, RunInfo
from resources.lake.at_work import Journals
from resources.lake.journal import Journal
from resources.models.api import ChatModel
from resources.models.budget import Budget


def chosen(responses: str) -> str:
    """SELECT of the solution_id of those that are asked about, drawn by hashes, so that more of them hold the fewer.

    ``responses``: SELECT of solution_id, problem_id, language. Parameters: problems and per_problem (null: all), the latter for
    each language.
    """
    return f"""
SELECT solution_id FROM (
    SELECT solution_id, row_number() OVER (PARTITION BY problem_id, language ORDER BY md5(solution_id)) AS place,
           dense_rank() OVER (ORDER BY md5(problem_id), problem_id) AS problem
    FROM ({responses})
) WHERE place <= coalesce($per_problem::BIGINT, place) AND problem <= coalesce($problems::BIGINT, problem)"""


@dataclass
class Rounds:
    """Asks ``model`` within ``budget``; None: nobody plays the role, and nothing is asked. ``journals``: the lake's folder of
    them. ``asked`` and ``left`` are how many answers came and how many another run may get."""

    store: Lake
    run: RunInfo
    journals: Journals
    model: ChatModel | None
    budget: Budget
    count: Count
    say: Say
    report: Report
    commit_rows: int | None = None
    asked: int = 0
    left: int = 0
    figures: dict[str, Any] = field(default_factory=dict)

    def ask(self, kind: Kind, wanted: Wanted, most: int = 1) -> None:
        """Ask for what is missing of ``kind``; ``most`` times, where the policy may want more once it knows what came."""
        summaries: Sequence[Summary] = ()
        while self.model is not None and len(summaries) < most and (not summaries or summaries[-1].tally.stored):
            summaries = [*summaries, self._round(kind, wanted, self.model)]
        self.left += summaries[-1].owed if summaries else 0

    def _round(self, kind: Kind, wanted: Wanted, model: ChatModel) -> Summary:
        with Journal(self.journals, f"{kind.table.name}-{kind.name}") as journal:
            summary = ask(
                self.store,
                self.run,
                journal,
                model,
                kind,
                wanted,
                self.budget,
                self.count,
                self.say,
                self.report,
                self.commit_rows,
            )
        self.asked += summary.tally.stored
        self.say(f"{kind.stage or kind.table.name}: {summary.line(f'{kind.name} requests')}")
        if summary.tally.stored:
            self.figures = runner.figures(summary.tally, summary.missing)
        return summary


__all__ = ["Rounds", "chosen"]
