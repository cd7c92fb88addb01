"""How a stage calls a model: one way, for traces, judges and whatever comes.

1. ``open_runner`` with the stage's journal: what a killed run left there is committed, so that planning sees it.
2. Plan what the lake lacks, by content hashes; make the requests lazily.
3. ``GenerationRunner.ask``: every answer is journalled before anything is asked in its place, committed in batches, held to a
   budget over all runs, and told to whoever watches (the loop itself is ``ocr_assets/generation/request_loop.py``).

A stage brings its plan, the row of an answer and how rows are committed; no stage calls ``ChatModel.answer`` itself
(``tests/unit/test_doors.py`` sees to it): what is asked beside this loop is lost with the process and paid for twice.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ocr_assets.generation import request_loop
from ocr_assets.generation.prompts import PromptTemplate, prompt_row
from ocr_assets.generation.request_loop import Account, Count, Item, RequestLoop, Spent, Tally, Usage
from ocr_assets.platform.progress import Progress
from ocr_assets.schema import Prompt
from resources.lake import Lake
from resources.lake.batches import JournalledBatches, Row
from resources.lake.journal import Journal
from resources.models.api import ChatAnswer, ChatModel, Message, ModelUnavailable

Say = Callable[[str], object]
Report = Callable[[Mapping[str, Any]], object]


@dataclass(frozen=True)
class Summary:
    """What was asked of one model: what the loop did, answers missing when it began, why the model could not be reached, and how
    many answers of an earlier run were committed from the journal (``replayed``). ``recorded``: the model replays recordings."""

    tally: Tally
    missing: int
    unavailable: ModelUnavailable | None = None
    replayed: int = 0
    recorded: bool = False

    @property
    def left(self) -> int:
        """Answers that are still missing."""
        return self.missing - self.tally.stored

    @property
    def owed(self) -> int:
        """Those of them that another run may get: recordings have what they have."""
        return 0 if self.recorded and not self.tally.stopped else self.left

    @property
    def why_left(self) -> str:
        """Why the rest has no answer."""
        if self.tally.stopped:
            return f"stopped by {self.tally.stopped}"
        if self.unavailable is not None:
            return str(self.unavailable)
        return "not among the recorded answers, as is normal with recordings" if self.recorded else "no answer came"

    def line(self, noun: str = "teacher requests") -> str:
        """One line: what was asked, and if anything is left, how much and why."""
        tally = self.tally
        parts = [f"{tally.stored:,} {noun}"]
        if tally.stored:
            parts.append(f"{tally.completion_tokens:,} tokens")
        if tally.cost:
            parts.append(f"${tally.cost:,.2f}")
        if self.replayed:
            parts.append(f"{self.replayed:,} more from the journal of an earlier run")
        if self.left and self.recorded and not self.tally.stopped:
            parts.append(f"all that is recorded (a live model would be asked for {self.left:,} more)")
        elif self.left:
            parts.append(f"{self.left:,} left ({self.why_left})")
        return ", ".join(parts)


@dataclass(frozen=True)
class GenerationRunner:
    """Sends a stage's requests to models; see ``open_runner``. ``replayed``: answers an earlier run had left in the journal."""

    journal: Journal
    commit: Callable[[Sequence[Row]], None]
    count: Count
    say: Say
    report: Report
    commit_rows: int | None
    replayed: int

    def ask(
        self,
        stage: str,
        unit: str,
        model: ChatModel,
        requests: Iterable[Item],
        missing: int | Callable[[], int],
        account: Account,
        row_of: Callable[[Item, ChatAnswer, Usage], Row],
        *,
        may_be_away: bool = False,
        more: Callable[[], Awaitable[bool]] | None = None,
    ) -> Summary:
        """Send ``model`` all ``requests`` (``missing`` of them) that ``account`` allows, and store ``row_of`` each answer.

        ``stage`` and ``unit`` name the work in progress lines. Raises what the model and ``commit`` raise; answers stay stored.
        ``may_be_away``: a model out of reach is told in the result instead, for work that others go on with. ``more``: awaited
        when nothing is left to ask, whether there is again (``RequestLoop``); then ``missing`` says how many there are by now.
        """
        recorded = model.name == "recorded"
        known = missing if callable(missing) else lambda: missing
        with Progress(stage, known(), self.say, unit) as progress:
            watcher = Watcher(progress, self.report, self.journal, model.model, unit, known)
            loop: RequestLoop[Item] = RequestLoop(
                model, self.journal, row_of, self.commit, account, self.count, watcher.watch, self.commit_rows, more
            )
            try:
                request_loop.run(loop.collect(requests))
            except ModelUnavailable as error:
                if not may_be_away:
                    raise
                return Summary(loop.tally, known(), error, self.replayed, recorded)
            return Summary(loop.tally, known(), None, self.replayed, recorded)


def open_runner(
    stage: str,
    journal: Journal,
    commit: Callable[[Sequence[Row]], None],
    count: Count,
    say: Say,
    report: Report,
    commit_rows: int | None = None,
) -> GenerationRunner:
    """The runner for ``stage``, after what earlier runs journalled is committed: plan what to ask only now.

    ``commit`` puts journal rows into the lake in one transaction and passes over those it has; it is called from another
    thread. ``count`` counts tokens where the server does not. ``say`` gets a line now and then, ``report`` figures as metadata.
    """
    replayed = JournalledBatches(journal, commit, commit_rows).replay()
    if journal.torn:
        say(f"{stage}: {journal.torn} answer(s) were being written when an earlier run was killed; they are asked again")
    return GenerationRunner(journal, commit, count, say, report, commit_rows, replayed)


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

    def row(self, template: PromptTemplate, messages: Sequence[Message], hashed: str) -> Prompt | None:
        key = (hashed, template.hash)
        if key in self._seen:
            return None
        self._seen.add(key)
        return prompt_row(template, messages)


class Watcher:
    """Says how far the loop is: to the bar or log, as metadata each time a line is due, and beside the journal all the time."""

    def __init__(
        self, progress: Progress, report: Report, journal: Journal, model: str, unit: str, missing: Callable[[], int]
    ) -> None:
        self._progress, self._report, self._journal, self._missing = progress, report, journal, missing
        self._model, self._unit = model, unit
        self._shown = 0

    def watch(self, tally: Tally) -> None:
        new, self._shown = tally.stored - self._shown, tally.stored
        missing = self._missing()
        told = {"model": self._model, **figures(tally, missing)}
        self._progress.expect(missing)
        if self._progress.add(new, note(tally)):
            self._report(told)
        self._journal.tell({"unit": self._unit, "doing": "waiting for verdicts" if tally.waiting else "asking", **told})


def note(tally: Tally) -> str:
    """``1,234 tokens/s, $0.12, failed: 2 context_too_long, errors: 3 timeout``."""
    parts = [f"{tally.tokens_per_s:,.0f} tokens/s"]
    if tally.cost:
        parts.append(f"${tally.cost:,.2f}")
    for name, counts in (("failed", tally.failed), ("errors", tally.errors)):
        if counts:
            parts.append(f"{name}: " + ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common()))
    return ", ".join(parts)


def figures(tally: Tally, missing: int) -> dict[str, Any]:
    """The same as metadata, with what is planned and how long it will take."""
    seconds = time.monotonic() - tally.began
    left = missing - tally.stored
    return {
        "done": tally.stored,
        "planned": missing,
        "time left": str(timedelta(seconds=round(left * seconds / tally.stored))) if tally.stored and left > 0 else "none",
        "completion tokens": tally.completion_tokens,
        "tokens a second": round(tally.tokens_per_s, 1),
        "cost, US dollars": round(tally.cost, 4),
        "failed": dict(tally.failed),
        "errors": dict(tally.errors),
    }
