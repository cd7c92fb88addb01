"""What the tests of a solution came to: verdicts from one run of the program or from several, which take each other's places.

What is run, and what is run again, is decided in ``grade.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocr_assets.grading.runs import PreparedTest
from ocr_assets.schema import TestVerdict
from resources.sandbox.api import Outcome, SandboxFault


@dataclass(frozen=True)
class Tested:
    """What tests came to, in the order of the suite. ``outcome``: of the program as a whole. ``reasons``: by index, why a test
    that passed proves little."""

    outcome: Outcome
    verdicts: list[TestVerdict]
    reasons: Mapping[int, str]

    @property
    def untrusted(self) -> str | None:
        """Why these verdicts prove little, or None."""
        return next((self.reasons[test["index"]] for test in self.verdicts if test["index"] in self.reasons), None)

    @property
    def first_wrong(self) -> TestVerdict | None:
        """The first test that was answered wrong; one that crossed a limit may be right."""
        return next((test for test in self.verdicts if test["verdict"] in ("wrong_answer", "runtime_error")), None)


def crossed(test: TestVerdict) -> bool:
    """Whether it ended by a limit."""
    return test["verdict"] in ("time_limit", "idle_limit", "memory_limit", "output_limit")


def merged(tested: Tested, again: Tested) -> Tested:
    """``tested`` with the verdicts of ``again`` in their places. Raises ``SandboxFault`` if the program, or its interactor, did
    not compile this time: both did before."""
    if not again.outcome.compiled or again.outcome.interactor_message is not None:
        raise SandboxFault(f"it compiled at first, and then it did not: {again.outcome.compile_message[:500]}")
    repeated = {test["index"]: test for test in again.verdicts}
    verdicts = {test["index"]: test for test in tested.verdicts} | repeated
    kept = {index: reason for index, reason in tested.reasons.items() if index not in repeated}
    return Tested(tested.outcome, [verdicts[index] for index in sorted(verdicts)], {**kept, **again.reasons})


def reasons(tests: Sequence[PreparedTest], outcome: Outcome) -> dict[int, str]:
    """By index, why tests that passed prove little."""
    pairs = zip(tests, outcome.runs, strict=False)
    return {test.index: run.untrusted_reason for test, run in pairs if run.untrusted_reason is not None}
