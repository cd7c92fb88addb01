"""``POST /verify``: the rows of ``ocr-assets verify`` (docs/grading.md, §2) as one request and one answer.

In: ``problems`` (objects with ``problem_id``; those that the server holds need not be sent), ``solutions``: objects with
``problem_id``, ``language`` (python if absent) and either ``code`` or ``completion``, a model's answer as it came (with
``reasoning`` where that came apart, and ``cut``: true where the model was stopped), and ``solution_id`` (the place in the list if
absent); ``all_tests``: run the tests behind a failure as well; ``tests``: false leaves each test's facts out of the answer.
Out: ``verdicts``, one for each solution, in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ocr_assets.grading.files import no_verdict
from ocr_assets.schema import Language
from ocr_assets.serving.rewards.judge import (
    LANGUAGES,
    Judge,
    KnownSuite,
    UnusableProblem,
    known_suite,
    program_in,
    refuse_ungradable,
)
from ocr_assets.serving.rewards.requests import Refused


@dataclass(frozen=True)
class Asked:
    """A request's solutions, ready to be judged in any order: of each its row, and whether it can be judged at all."""

    jobs: list[Callable[[], dict[str, Any]]]
    unusable: bool


def asked(body: Mapping[str, Any], judge: Judge) -> Asked:
    """What a request asks for. Raises ``Refused`` where it is not of the form."""
    problems = _problems(_list(body, "problems", []))
    all_tests, tests = _flag(body, "all_tests", False), _flag(body, "tests", True)
    jobs: list[Callable[[], dict[str, Any]]] = []
    unusable = False
    for number, solution in enumerate(_list(body, "solutions", None)):
        where = f"solutions[{number}]"
        if not isinstance(solution, dict):
            raise Refused(422, f"{where} must be an object")
        problem_id, language = _text(solution, "problem_id", where), _language(solution.get("language", "python"), where)
        head = {"solution_id": solution.get("solution_id", str(number)), "problem_id": solution["problem_id"]}
        has_code = solution.get("code") is not None
        answer = _text(solution, "code" if has_code else "completion", where)
        reasoning = None if solution.get("reasoning") is None else _text(solution, "reasoning", where)
        try:
            known = problems.get(problem_id) or judge.held(problem_id)
            if isinstance(known, UnusableProblem):
                raise known
            if known is None:
                raise UnusableProblem("the request does not bring it and the server does not hold it")
            refuse_ungradable(known, language)
        except UnusableProblem as error:
            row = {**head, **no_verdict(f"problem {problem_id}: {error}")}
            jobs.append(partial(dict, row))
            unusable = True
            continue
        cut = _flag(solution, "cut", False)
        jobs.append(
            partial(
                _row,
                judge,
                head,
                known,
                language,
                answer,
                reasoning,
                has_code=has_code,
                cut=cut,
                all_tests=all_tests,
                tests=tests,
            )
        )
    return Asked(jobs, unusable)


def _row(
    judge: Judge,
    head: Mapping[str, Any],
    known: KnownSuite,
    language: Language,
    answer: str,
    reasoning: str | None,
    *,
    has_code: bool,
    cut: bool,
    all_tests: bool,
    tests: bool,
) -> dict[str, Any]:
    code = answer if has_code else program_in(answer, reasoning, language, known.entry_point, cut=cut)
    row = {**head, **judge.verdict(known, language, code, all_tests=all_tests)}
    if not tests:
        del row["tests"]
    return row


def _problems(problems: list[Any]) -> dict[str, KnownSuite | UnusableProblem]:
    found: dict[str, KnownSuite | UnusableProblem] = {}
    for number, problem in enumerate(problems):
        where = f"problems[{number}]"
        if not isinstance(problem, dict):
            raise Refused(422, f"{where} must be an object")
        name = _text(problem, "problem_id", where)
        if name in found:
            raise Refused(422, f"{where}: problem_id {name!r} was there before")
        try:
            found[name] = known_suite(problem)
        except UnusableProblem as error:
            found[name] = error
    return found


def _list(body: Mapping[str, Any], name: str, absent: list[Any] | None) -> list[Any]:
    value = body.get(name, absent)
    if not isinstance(value, list):
        raise Refused(422, f'"{name}" must be a list')
    return value


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if name == "problem_id" and isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        raise Refused(422, f'{where}: "{name}" must be a string')
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Refused(422, f'{where}: "{name}" has half a character (a lone surrogate) at {error.start}') from error
    return value


def _language(value: Any, where: str) -> Language:
    for language in LANGUAGES:
        if value == language:
            return language
    raise Refused(422, f'{where}: "language" must be python or cpp, not {str(value)[:100]!r}')


def _flag(body: Mapping[str, Any], name: str, absent: bool) -> bool:
    value = body.get(name, absent)
    if not isinstance(value, bool):
        raise Refused(422, f'"{name}" must be true or false')
    return value
