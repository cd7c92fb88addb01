"""What is committed is parsed and judged, again and again, beside the run that still asks (the job: ``follow_job.py``).

Both write to the lake and neither waits for the other: a run that asks for days has verdicts within minutes, and the policy
"until so many pass" reads them (``traces/following.py``). Killing either loses nothing, and the tables are in the end those of
one after the other: here the same functions work as in the assets ``solutions``, ``suite_validation``, ``suite_quality`` and
``verdicts``, with the same configuration, and by their locks one process at a time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ocr_assets.grading.settings import GradingSettings
from ocr_assets.platform.following import somebody_asks
from ocr_assets.traces.solutions import alone, parse_new
from ocr_assets.verification.judging import Workplace, judge_new, sum_up_quality, validate_new
from ocr_assets.verification.settings import QualitySettings, ValidationSettings
from resources.lake.at_work import StageLock

READ = ("r1_traces", "clean_problems", "deduped_problems")  # another version of one of them, and there may be work


@dataclass(frozen=True)
class FollowSettings:
    """As the assets of these names have them; seconds between two looks, and of patience with nobody asking."""

    suite_validation: ValidationSettings = field(default_factory=ValidationSettings)
    suite_quality: QualitySettings = field(default_factory=QualitySettings)
    verdicts: GradingSettings = field(default_factory=GradingSettings)
    pause_s: float = 10.0
    patience_s: float = 60.0


@dataclass
class Following:
    """Work on what comes in. ``lock``: the follower's, held; ``report`` gets each round's figures."""

    place: Workplace
    settings: FollowSettings
    lock: StageLock
    report: Callable[[Mapping[str, Any]], object] = lambda figures: None
    verdicts: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    _judged_up_to: str = ""

    def follow(self) -> Counter[str]:
        """Parse and judge until nobody has asked for ``patience_s`` and nothing is left. Returns how many verdicts of which name.

        Raises what the sandbox raises; what was judged is kept.
        """
        self._tell("waiting for answers")
        done: tuple[str, ...] = ()
        quiet_since = time.monotonic()
        while True:
            # In this order: what a run that has ended by now committed, is among the versions.
            asked = somebody_asks(self.place.journals)
            there = tuple(self.place.store.version(table) for table in READ)
            if there != done:
                self._round(there[0])
                done = there
            elif not asked and time.monotonic() - quiet_since >= self.settings.patience_s:
                self._tell("done")
                return self.verdicts
            if there != done or asked:
                quiet_since = time.monotonic()
            time.sleep(self.settings.pause_s)

    def _round(self, traces: str) -> None:
        """Everything that the lake holds now, ``traces`` being the version of its responses."""
        place = self.place
        self._tell("parsing")
        with alone(place.journals, place.say):
            parse_new(place.store, place.run, place.say)
        self._tell("validating suites")
        with place.journal("suite_validation") as journal:
            validate_new(place, journal, self.settings.suite_validation, needed_only=True)
            # By the lock of what it is summed up from: a sum of fewer rows never takes the place of one of more.
            with place.store.write(place.run, "suite_quality") as write:
                sum_up_quality(write, self.settings.suite_quality)
        self._tell("judging")
        with place.journal("verdicts") as journal:
            counts, figures = judge_new(place, journal, self.settings.verdicts)
        self.rounds += 1
        self.verdicts += counts
        self._judged_up_to = traces
        self._tell("waiting for answers")
        if counts:
            place.say(f"follow: {sum(counts.values()):,} judged, {', '.join(f'{n} {name}' for name, n in counts.most_common())}")
            self.report({"sandbox runs": sum(counts.values()), "new verdicts": dict(counts), **figures})

    def _tell(self, doing: str) -> None:
        done = {"unit": "programs", "done": sum(self.verdicts.values()), "verdicts": dict(self.verdicts), "rounds": self.rounds}
        self.lock.tell({"doing": doing, "run_id": self.place.run.run_id, "judged_up_to": self._judged_up_to, **done})
