"""Many solutions: graded side by side, equal programs once, and a verdict row for each (docs/grading.md, §1)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TypedDict

from ocr_assets.programs.suites import Suite
from ocr_assets.schema import Language, Verdict, content_id
from ocr_assets.verification.grading.grade import GRADER_VERSION, Graded, grade
from ocr_assets.verification.settings import GradingSettings
from resources.sandbox.api import Sandbox


class Item(TypedDict):
    """What ``grade_many`` takes: whose code, in what language, against which suite."""

    solution_id: str
    problem_id: str
    suite_id: str
    language: Language
    code: str


def verdict_id(solution_id: str, suite_id: str) -> str:
    """A verdict's id: the same solution, suite and grader give the same id."""
    return content_id("ver", solution_id, suite_id, GRADER_VERSION)


def grade_many(
    sandbox: Sandbox, items: Iterable[tuple[Item, Suite]], settings: GradingSettings | None = None
) -> Iterator[Verdict]:
    """Verdicts in the order of ``items``, a bounded number in flight.

    Items of one suite should stand together: identical programs before one suite are graded once, also when both are in flight.
    """
    known: dict[tuple[str, str, str], Future[Graded]] = {}
    lock = threading.Lock()

    def by_suite() -> Iterator[tuple[Item, Suite]]:
        suite_id = ""
        for item, suite in items:
            if item["suite_id"] != suite_id:
                suite_id = item["suite_id"]
                with lock:
                    known.clear()
            yield item, suite

    def graded(work: tuple[Item, Suite]) -> tuple[Item, Graded]:
        item, suite = work
        key = (item["suite_id"], item["language"], item["code"])
        with lock:
            future = known.get(key)
            first = future is None
            if future is None:
                future = known[key] = Future()
        if first:
            try:
                future.set_result(grade(sandbox, item["language"], item["code"], suite, settings))
            except BaseException as error:
                future.set_exception(error)
                raise
        result = future.result()  # the one before it is at work: items start in order
        if result["verdict"] == "sandbox_error" and not first:
            result = grade(sandbox, item["language"], item["code"], suite, settings)
        return item, result

    for item, result in sandbox.map(graded, by_suite()):
        yield {
            "verdict_id": verdict_id(item["solution_id"], item["suite_id"]),
            "solution_id": item["solution_id"],
            "problem_id": item["problem_id"],
            "suite_id": item["suite_id"],
            "language": item["language"],
            "created_at": datetime.now(UTC),
            **result,
        }
