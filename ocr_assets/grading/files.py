"""The files of ``ocr-assets verify``: problems and solutions (JSON lines or Parquet) in, verdicts out (docs/grading.md, §2).

Unknown fields are kept and passed through. A row that cannot be used is refused with file, row and mend, and the others are
judged all the same. What was judged before is in ``known_verdicts.py``.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ocr_assets.grading.batch import GradedOnce
from ocr_assets.grading.grade import Graded
from ocr_assets.grading.known_verdicts import KnownVerdicts
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.grading.version import (
    CALL_PART,
    COMPILER_PART,
    GRADER_VERSION,
    JUDGE_PART,
    KEPT_PART,
    MODULE_PART,
    ORDER_PART,
    SUITE_PART,
    may_keep,
    wants_judge_macro,
)
from ocr_assets.platform.row_files import BadInput, Refuse, place_of, read_rows
from ocr_assets.programs.suites import Suite, suite_from_json
from ocr_assets.schema import content_id, json_text
from resources.sandbox.api import Sandbox

SOLUTION_FIELDS = ("solution_id", "problem_id", "language", "code")
VERDICT_FIELDS = (
    "verdict", "tests_passed", "tests_total", "first_failure", "cpu_s", "wall_s", "memory_mb", "tests", "message", "image",
    "isolation_level", "grader_version", "trusted", "untrusted_reason", "flags",
)  # fmt: skip
NO_PROGRAM = "no program was found in the answer"


@dataclass
class Counts:
    """What ``verify`` did: solutions with a row, of them accepted, without a verdict, and known from before; rows refused."""

    solutions: int = 0
    accepted: int = 0
    faults: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)


class Verifier:
    """Suites, and solutions judged one by one. ``place``: what messages call where the suites come from. ``known``: where each
    verdict is written down as soon as it is known, and looked up beforehand."""

    def __init__(
        self, suites: Suites, place: str, sandbox: Sandbox, settings: GradingSettings, counts: Counts, known: KnownVerdicts | None
    ) -> None:
        self._suites, self._place, self._counts, self._known = suites, place, counts, known
        self._sandbox, self._settings = sandbox, settings
        self._once = GradedOnce(sandbox, settings)

    def solutions(self, path: Path) -> Iterator[dict[str, Any]]:
        """The solutions that can be judged, in order."""
        places: dict[str, str] = {}
        try:
            for number, solution in read_rows(path, self.refuse):
                place = place_of(path, number)
                if (reason := _unusable(solution)) is not None:
                    self.refuse(BadInput(f"{place}: {reason}"))
                elif (name := str(solution["solution_id"])) in places:
                    self.refuse(BadInput(f"{place}: solution_id {name!r} stands at {places[name]} already; give it another"))
                else:
                    places[name] = place_of(Path(path.name), number).partition(", ")[2]
                    yield solution
        except BadInput as error:  # the file cannot be read on
            self.refuse(error)

    def row(self, solution: dict[str, Any]) -> dict[str, Any]:
        """A solution's row of the output. ``code`` is null where there is no program: then no sandbox is asked."""
        problem_id = str(solution["problem_id"])
        # A column of the input that is called like one of the verdict's is not passed on: the grader's own counts.
        taken = (*SOLUTION_FIELDS, *VERDICT_FIELDS, "fingerprint")
        extra = {name: value for name, value in solution.items() if name not in taken}
        head = {"solution_id": solution["solution_id"], "problem_id": solution["problem_id"]}
        if solution["code"] is None:
            return {**head, **no_verdict(NO_PROGRAM), "verdict": "compile_error", "fingerprint": "", **extra}
        suite_hash = self._suites.hashes.get(problem_id)
        if suite_hash is None:
            reason = self._suites.refused.get(problem_id, f"is not in {self._place}")
            return {**head, **no_verdict(f"problem {problem_id} {reason}"), "fingerprint": "", **extra}
        fingerprint = self._fingerprint(solution["language"], solution["code"], suite_hash)
        earlier = self._known.find(str(solution["solution_id"]), fingerprint) if self._known else None
        if earlier is not None:
            self._counts.known += 1
            verdict = {name: earlier.get(name) for name in VERDICT_FIELDS}
        else:
            suite = self._suites.suite(problem_id)
            verdict = public(self._once.grade(suite_hash, solution["language"], solution["code"], suite))
        row = {**head, **verdict, "fingerprint": fingerprint, **extra}
        if self._known and row != earlier:
            self._known.add(row)
        return row

    def _fingerprint(self, language: str, code: str, suite_hash: str) -> str:
        """A hash of all that a verdict depends on: another one is judged anew."""
        version = GRADER_VERSION + SUITE_PART + (COMPILER_PART if language == "cpp" else ORDER_PART + CALL_PART + MODULE_PART)
        if self._sandbox.online_judge and wants_judge_macro(language, code):
            version += JUDGE_PART
        if may_keep(language, code):
            version += KEPT_PART
        return content_id("fp", language, code, suite_hash, self._settings.model_dump(), version)

    def counted(self, row: dict[str, Any]) -> dict[str, Any]:
        """``row``, counted."""
        self._counts.solutions += 1
        self._counts.accepted += row["verdict"] == "accepted"
        self._counts.faults += row["verdict"] == "sandbox_error"
        return row

    def refuse(self, error: BadInput) -> None:
        """Name a row that cannot be used."""
        self._counts.refused.append(str(error))


def verify(
    problems: Path,
    solutions: Path,
    sandbox: Sandbox,
    settings: GradingSettings,
    counts: Counts,
    known: KnownVerdicts | None = None,
    *,
    unordered: bool = False,
) -> Iterator[dict[str, Any]]:
    """One verdict object for each usable row of ``solutions``, streamed; problems are held compressed.

    In the order of ``solutions``, or of completion if ``unordered``. ``known``: where each verdict is written down as soon as it
    is known, and looked up beforehand. Rows that cannot be used are named in ``counts.refused``.
    """
    verifier = _of_files(problems, sandbox, settings, counts, known)
    order = sandbox.completed if unordered else sandbox.map
    for row in order(verifier.row, verifier.solutions(solutions)):
        yield verifier.counted(row)


def verified(
    problems: Path,
    solutions: Path,
    sandbox: Sandbox,
    settings: GradingSettings,
    counts: Counts,
    known: KnownVerdicts,
    advance: Callable[[], object],
) -> Iterator[dict[str, Any]]:
    """As ``verify`` in the order of ``solutions``, for a file: all are judged before the first row comes, so that a slow solution
    holds up none of those behind it. ``advance`` is called after each."""
    verifier = _of_files(problems, sandbox, settings, counts, known)
    return in_order(verifier, verifier.solutions(solutions), sandbox, known, advance)


def in_order(
    verifier: Verifier,
    solutions: Iterable[dict[str, Any]],
    sandbox: Sandbox,
    known: KnownVerdicts,
    advance: Callable[[], object],
) -> Iterator[dict[str, Any]]:
    """The rows of ``solutions``, in their order, after all have been judged."""
    order: list[tuple[str, dict[str, Any] | None]] = []

    def numbered() -> Iterator[tuple[int, dict[str, Any]]]:
        for solution in solutions:
            order.append((str(solution["solution_id"]), None))
            yield len(order) - 1, solution

    def judged(work: tuple[int, dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        return work[0], verifier.row(work[1])

    for place, row in sandbox.completed(judged, numbered()):
        if not row["fingerprint"]:
            order[place] = (order[place][0], row)  # no verdict: it is not written down
        advance()
    for name, held in order:
        yield verifier.counted(known.get(name) if held is None else held)


def _of_files(
    problems: Path, sandbox: Sandbox, settings: GradingSettings, counts: Counts, known: KnownVerdicts | None
) -> Verifier:
    suites = suites_in(problems, lambda error: counts.refused.append(str(error)))
    return Verifier(suites, problems.name, sandbox, settings, counts, known)


def _unusable(solution: dict[str, Any]) -> str | None:
    """Why a solution cannot be judged, or None."""
    missing = [name for name in SOLUTION_FIELDS if name not in solution]
    if missing:
        return f"a solution needs {', '.join(missing)}"
    if solution["language"] not in ("python", "cpp"):
        return f'"language" must be python or cpp, not {solution["language"]!r}'
    if not isinstance(solution["code"], str):
        return '"code" must be a string'
    for name in ("solution_id", "problem_id", "code"):
        try:
            str(solution[name]).encode()
        except UnicodeEncodeError as error:
            return f'"{name}" has half a character (a lone surrogate) at {error.start}'
    return None


def suite_hash(suite: Suite) -> str:
    """By which a suite is known: the same tests, limits, checker and rule of comparison have the same."""
    return content_id("suite", json_text(suite))


class Suites:
    """Suites by their problems' ids, compressed in memory: one is needed again for each of its problem's solutions.

    ``hashes``: of each usable suite. ``refused``: by problem, why it cannot be used.
    """

    def __init__(self) -> None:
        self.hashes: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self._suites: dict[str, bytes] = {}

    def add(self, problem_id: str, suite: Suite) -> None:
        """Hold a problem's suite."""
        text = json_text(suite).encode("utf-8", "surrogatepass")
        self.hashes[problem_id] = suite_hash(suite)
        self._suites[problem_id] = zlib.compress(text, 1)

    def suite(self, problem_id: str) -> Suite:
        suite: Suite = json.loads(zlib.decompress(self._suites[problem_id]).decode("utf-8", "surrogatepass"))
        return suite


def suites_in(path: Path, refuse: Refuse, suites: Suites | None = None) -> Suites:
    """The suites of a file of problems, added to ``suites`` where there are some already."""
    suites = suites or Suites()
    for number, problem in read_rows(path, refuse):
        place = place_of(path, number)
        if "problem_id" not in problem:
            refuse(BadInput(f"{place}: a problem needs problem_id"))
            continue
        name = str(problem["problem_id"])
        if name in suites.hashes:
            refuse(BadInput(f"{place}: problem_id {name!r} was there before; the first one counts"))
            continue
        try:
            suites.add(name, suite_from_json(problem))
        except ValueError as error:
            refuse(BadInput(f"{place} (problem {name}): {error}"))
            suites.refused[name] = f"cannot be used: {error}"
    return suites


def public(graded: Graded) -> dict[str, Any]:
    """A verdict as users see it."""
    fields = {name: graded[name] for name in VERDICT_FIELDS if name != "trusted"}  # type: ignore[literal-required]
    return {**fields, "trusted": graded["untrusted_reason"] is None and graded["verdict"] not in ("sandbox_error", "ungradable")}


def no_verdict(message: str) -> dict[str, Any]:
    """The same fields where nothing was run, and why."""
    return {
        "verdict": "sandbox_error", "tests_passed": 0, "tests_total": 0, "first_failure": None, "cpu_s": 0.0,
        "wall_s": 0.0, "memory_mb": 0.0, "tests": [], "message": message, "image": "", "isolation_level": "",
        "grader_version": GRADER_VERSION, "untrusted_reason": None, "trusted": False, "flags": [],
    }  # fmt: skip
