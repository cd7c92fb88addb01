"""Many solutions: graded side by side, equal programs once, and a verdict row for each (docs/grading.md, §1)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn, TypedDict, cast

from ocr_assets.grading.grade import Graded, grade
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.grading.version import GRADER_VERSION
from ocr_assets.programs.suites import Suite
from ocr_assets.schema import Language, Verdict, content_id
from resources.sandbox.api import Sandbox, SandboxFault


class Item(TypedDict):
    """What ``grade_many`` takes: whose code, in what language, against which suite."""

    solution_id: str
    problem_id: str
    suite_id: str
    language: Language
    code: str


def verdict_id(solution_id: str, suite_id: str, version: str = GRADER_VERSION) -> str:
    """A verdict's id: the same solution, suite and grader give the same id."""
    return content_id("ver", solution_id, suite_id, version)


@dataclass(frozen=True)
class _Gone:
    """A sandbox that is no more: what is graded by it is a ``sandbox_error`` that says why."""

    fault: SandboxFault
    online_judge: bool

    def execute(self, *arguments: Any, **named: Any) -> NoReturn:
        raise self.fault


class GradedOnce:
    """Grades programs; equal ones before the same suite are graded once, also when both are in flight. Threads may share it.

    ``remembered``: how many programs back an equal one is recognised.
    """

    def __init__(self, sandbox: Sandbox, settings: GradingSettings | None = None, remembered: int = 4096) -> None:
        self._sandbox, self._settings, self._remembered = sandbox, settings, remembered
        self._known: OrderedDict[str, Future[Graded]] = OrderedDict()
        self._lock = threading.Lock()

    def grade(self, suite_id: str, language: Language, code: str, suite: Suite) -> Graded:
        """The verdict on a program; ``suite_id`` names tests and limits."""
        key = content_id("program", suite_id, language, code)
        with self._lock:
            future = self._known.get(key)
            first = future is None
            if future is None:
                future = self._known[key] = Future()
                while len(self._known) > self._remembered:
                    self._known.popitem(last=False)
        if not first:
            graded = future.result()  # its first one is at work in another thread: items start in order
            if graded["verdict"] != "sandbox_error":
                return graded
        try:
            graded = self._graded(language, code, suite)
        except BaseException as error:
            if first:
                self._forget(key)
                future.set_exception(error)
            raise
        if first:
            if graded["verdict"] == "sandbox_error":
                self._forget(key)
            future.set_result(graded)
        return graded

    def _graded(self, language: Language, code: str, suite: Suite) -> Graded:
        """Graded where the sandboxes are, all of it on one machine. One that is lost again and again gives no verdict."""
        try:
            return self._sandbox.call(grade, language, code, suite, self._settings)
        except SandboxFault as error:
            gone = cast("Sandbox", _Gone(error, self._sandbox.online_judge))
            return grade(gone, language, code, suite, self._settings)

    def _forget(self, key: str) -> None:
        """What is no verdict is not remembered: the next equal program is graded."""
        with self._lock:
            self._known.pop(key, None)


def grade_many(
    sandbox: Sandbox, items: Iterable[tuple[Item, Suite]], settings: GradingSettings | None = None
) -> Iterator[Verdict]:
    """Verdicts in order of completion, a bounded number in flight; equal programs before one suite are graded once."""
    once = GradedOnce(sandbox, settings)

    def graded(work: tuple[Item, Suite]) -> tuple[Item, Graded]:
        item, suite = work
        return item, once.grade(item["suite_id"], item["language"], item["code"], suite)

    for item, result in sandbox.completed(graded, items):
        yield {
            "verdict_id": verdict_id(item["solution_id"], item["suite_id"], result["grader_version"]),
            "solution_id": item["solution_id"],
            "problem_id": item["problem_id"],
            "suite_id": item["suite_id"],
            "language": item["language"],
            "created_at": datetime.now(UTC),
            **result,
        }
