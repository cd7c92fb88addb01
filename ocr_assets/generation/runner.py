"""How a stage calls a model: one way, for traces, judges and whatever comes.

1. ``open_desk`` with the stage's journal: what a killed run left there is committed, so that planning sees it.
2. Plan what the lake lacks, by content hashes; make the requests lazily.
3. ``Desk.ask``: every answer is journalled before anything is asked in its place, committed in batches, held to a budget over
   all runs, and told to whoever watches (the loop itself is ``ocr_assets/generation/request_loop.py``).

A stage brings its plan, the row of an answer and how rows are committed; no stage calls ``Teacher.answer`` itself
(``tests/unit/test_doors.py`` sees to it): what is asked beside this loop is lost with the process and paid for twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Any

from ocr_assets.generation import request_loop
from ocr_assets.generation.prompts import Template, prompt_row
from ocr_assets.generation.request_loop import Account, Collected, Count, Item, Ledger, Row, Spent, Usage
from ocr_assets.platform.progress import Progress
from ocr_assets.schema import Prompt
from resources.lake import Lake
from resources.lake.journal import Journal
from resources.models.api import ChatAnswer, Message, Teacher, TeacherUnavailable

Say = Callable[[str], object]
Report = Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True)
class Asking:
    """What was asked of one model: the loop's figures, answers missing when it began, and why it could not be reached."""

    collected: Collected
    missing: int
    unavailable: TeacherUnavailable | None = None
    replayed: int = 0

    @property
    def left(self) -> int:
        """Answers that are still missing."""
        return self.missing - self.collected.kept

    @property
    def why_left(self) -> str:
        """What kept the rest from being answered."""
        if self.collected.stopped:
            return f"stopped by {self.collected.stopped}"
        return "no answer came" if self.unavailable is None else str(self.unavailable)

    def summary(self, noun: str = "teacher requests") -> str:
        """One line: what was asked, and if anything is left, how much and why."""
        done = self.collected
        parts = [f"{done.kept:,} {noun}"]
        if done.kept:
            parts.append(f"{done.completion_tokens:,} tokens")
        if done.cost:
            parts.append(f"${done.cost:,.2f}")
        if self.replayed:
            parts.append(f"{self.replayed:,} more from the journal of an earlier run")
        if self.left:
            parts.append(f"{self.left:,} left ({self.why_left})")
        return ", ".join(parts)


@dataclass(frozen=True)
class Desk:
    """Where one stage's questions are asked; see ``open_desk``. ``replayed``: answers an earlier run had left in the journal."""

    journal: Journal
    commit: Callable[[Sequence[Row]], None]
    count: Count
    say: Say
    report: Report
    commit_rows: int
    replayed: int

    def ask(
        self,
        what: str,
        unit: str,
        teacher: Teacher,
        requests: Iterable[Item],
        missing: int,
        account: Account,
        row_of: Callable[[Item, ChatAnswer, Usage], Row],
        *,
        may_be_away: bool = False,
    ) -> Asking:
        """Ask ``teacher`` all ``requests`` (``missing`` of them) that ``account`` allows, and keep ``row_of`` each answer.

        ``what`` and ``unit`` name the work in progress lines. Raises what the teacher and ``commit`` raise; answers are kept.
        ``may_be_away``: a teacher out of reach is told in the result instead, for work that others go on with.
        """
        with Progress(what, missing, self.say, unit) as progress:
            watcher = Watcher(progress, self.report, teacher.model, missing)
            loop: Ledger[Item] = Ledger(
                teacher, self.journal, row_of, self.commit, account, self.count, watcher.watch, self.commit_rows
            )
            try:
                request_loop.run(loop.collect(requests))
            except TeacherUnavailable as error:
                if not may_be_away:
                    raise
                return Asking(loop.collected, missing, error, self.replayed)
            return Asking(loop.collected, missing, None, self.replayed)


def open_desk(
    stage: str,
    journal: Journal,
    commit: Callable[[Sequence[Row]], None],
    count: Count,
    say: Say,
    report: Report,
    commit_rows: int = request_loop.COMMIT_ROWS,
) -> Desk:
    """The desk of ``stage``, after what earlier runs journalled is committed: plan what to ask only now.

    ``commit`` puts journal rows into the lake in one transaction and passes over those it has; it is called from another
    thread. ``count`` counts tokens where the server does not. ``say`` gets a line now and then, ``report`` figures as metadata.
    """
    replayed = 0
    recovered = journal.recovered()
    while part := list(islice(recovered, request_loop.COMMIT_ROWS)):
        commit(part)
        replayed += len(part)
    journal.clear()
    if journal.torn:
        say(f"{stage}: {journal.torn} answer(s) were being written when an earlier run was killed; they are asked again")
    return Desk(journal, commit, count, say, report, commit_rows, replayed)


def spent(store: Lake, answers: str, parameters: Mapping[str, Any] | None = None) -> Spent:
    """What has been asked, used and paid over all runs for ``answers``: a table with cost and tokens, and a condition on it."""
    (row,) = store.rows(
        "SELECT count(*) AS requests, coalesce(sum(cost), 0.0) AS cost, "
        "coalesce(sum(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)), 0)::BIGINT AS tokens "
        f"FROM {answers}",
        parameters,
    )
    return Spent(**row)


@dataclass
class PromptsOnce:
    """Each prompt as a row with the first answer that used it, nothing with the others: a journal that does not repeat them."""

    _seen: set[tuple[str, str]] = field(default_factory=set)

    def row(self, template: Template, messages: Sequence[Message], hashed: str) -> Prompt | None:
        key = (hashed, template.hash)
        if key in self._seen:
            return None
        self._seen.add(key)
        return prompt_row(template, messages)


class Watcher:
    """Says how far the loop is: to the bar or log, and as metadata each time a line is due."""

    def __init__(self, progress: Progress, report: Report, model: str, missing: int) -> None:
        self._progress, self._report, self._model, self._missing = progress, report, model, missing
        self._shown = 0

    def watch(self, done: Collected) -> None:
        new, self._shown = done.kept - self._shown, done.kept
        if self._progress.add(new, note(done)):
            self._report({"model": self._model, **figures(done, self._missing)})


def note(done: Collected) -> str:
    """``1,234 tokens/s, $0.12, failed: 2 context_too_long, errors: 3 timeout``."""
    parts = [f"{done.tokens_per_s:,.0f} tokens/s"]
    if done.cost:
        parts.append(f"${done.cost:,.2f}")
    for name, counts in (("failed", done.failed), ("errors", done.errors)):
        if counts:
            parts.append(f"{name}: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common()))
    return ", ".join(parts)


def figures(done: Collected, missing: int) -> dict[str, Any]:
    """The same as metadata, with what is planned and how long it will take."""
    seconds = time.monotonic() - done.began
    left = missing - done.kept
    return {
        "done": done.kept,
        "planned": missing,
        "time left": str(timedelta(seconds=round(left * seconds / done.kept))) if done.kept and left > 0 else "none",
        "completion tokens": done.completion_tokens,
        "tokens a second": round(done.tokens_per_s, 1),
        "cost, US dollars": round(done.cost, 4),
        "failed": dict(done.failed),
        "errors": dict(done.errors),
    }
