"""The sandbox behind the server: programs run and solutions judged, equal ones once. Threads share it; HTTP is not its matter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocr_assets.generation.parse import fences, parse
from ocr_assets.grading.batch import GradedOnce
from ocr_assets.grading.files import NO_PROGRAM, Suites, no_verdict, public, suite_hash, suites_in
from ocr_assets.grading.grade import ungradable
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.grading.standards import execute
from ocr_assets.programs.suites import Suite, suite_from_json
from ocr_assets.schema import Language
from resources.models.reasoning import separate_reasoning
from resources.sandbox.api import Outcome, Program
from resources.sandbox.pool import Pool

LANGUAGES: tuple[Language, ...] = ("python", "cpp")


class UnusableProblem(ValueError):
    """Nothing can be judged by this problem. The message says why and what would mend it."""


@dataclass(frozen=True)
class KnownSuite:
    """A suite, and the hash by which it is known."""

    suite: Suite
    suite_hash: str

    @property
    def entry_point(self) -> str | None:
        """The function that the tests call, where they call one."""
        return next((test["entry_point"] for test in self.suite["tests"] if test["entry_point"]), None)


class Judge:
    """Solutions judged over an open ``pool``. ``problems``: files of problems that requests may name by ``problem_id``.

    Raises ``BadInput`` where a file holds rows that cannot be used.
    """

    def __init__(self, pool: Pool, problems: tuple[Path, ...] = ()) -> None:
        self.pool = pool
        # A thread that repeats a run near a limit holds no worker: there are more threads than workers, so that these stay busy.
        self.threads = 2 * pool.workers + pool.reserved
        self._once = {
            all_tests: GradedOnce(pool, GradingSettings(stop_at_first_failure=not all_tests)) for all_tests in (False, True)
        }
        self._held = Suites()
        for path in problems:
            suites_in(path, _raise, self._held)

    def held(self, problem_id: str) -> KnownSuite | None:
        """The suite of a problem that the server was started with."""
        known = self._held.hashes.get(problem_id)
        return None if known is None else KnownSuite(self._held.suite(problem_id), known)

    def verdict(self, known: KnownSuite, language: Language, code: str | None, *, all_tests: bool) -> dict[str, Any]:
        """A verdict as ``ocr-assets verify`` writes it. ``code`` is None where an answer held no program."""
        if code is None:
            return {**no_verdict(NO_PROGRAM), "verdict": "compile_error"}
        return public(self._once[all_tests].grade(known.suite_hash, language, code, known.suite))

    def run(self, program: Program) -> Outcome:
        """A program run as it is, nothing compared."""
        return self.pool.call(execute, program, None)


def known_suite(problem: Mapping[str, Any]) -> KnownSuite:
    """The suite of a problem object (docs/grading.md, §2). Raises ``UnusableProblem``."""
    try:
        suite = suite_from_json(problem)
    except ValueError as error:
        raise UnusableProblem(str(error)) from error
    return KnownSuite(suite, suite_hash(suite))


def refuse_ungradable(known: KnownSuite, language: Language) -> None:
    """Raises ``UnusableProblem`` where no program of ``language`` can be judged by the suite."""
    if (reason := ungradable(known.suite, language)) is not None:
        raise UnusableProblem(reason)


def program_in(
    completion: str, reasoning: str | None, language: Language, entry_point: str | None, *, cut: bool = False
) -> str | None:
    """The program in a model's answer, or None. By the rules of ``generation/parse.py``; an answer without reasoning and tags
    is an answer as a whole. ``cut``: the model was stopped before it had ended."""
    finish = "length" if cut else None
    if reasoning is None and separate_reasoning(completion, None).form == "none":
        if not fences(completion):
            return None
        reasoning = ""
    return parse(completion, reasoning, finish, language, entry_point).code


def _raise(error: Exception) -> None:
    raise error
