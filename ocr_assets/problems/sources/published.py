"""The problems that published answers bring with them: statement, and tests where the dataset has any.

OpenCodeReasoning gives the statement of some rows, codeforces-cots its parts, OpenThoughts and KodCode their own tests; a user's
own rows what ``published.toml`` names. Deduplication merges them with the same problems of other sources. Where published files
lie and what their rows say of answers: ``ocr_assets/generation/published``. Licences: the row's, else the dataset's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ocr_assets.generation.published import (
    FORMATS,
    Format,
    PublishedFile,
    Unreadable,
    files_below,
    format_of,
    numbered_rows,
    published_index,
)
from ocr_assets.generation.published.answer import spdx
from ocr_assets.generation.published.own import OwnRows, read_own
from ocr_assets.platform.row_files import BadInput
from ocr_assets.problems.sources import codeforces
from ocr_assets.problems.sources.common import ParsedProblem, json_column, keep_references, optional, platform, text
from ocr_assets.programs.published import BadRow, code_test, io_tests
from ocr_assets.programs.suites import suite_from_json

_SPLITS = {"train": "train", "test": "test", "valid": "validation", "validation": "validation", "dev": "validation"}


def read(row: Mapping[str, Any]) -> ParsedProblem:
    """The problem of a row of a known dataset."""
    known = format_of(row.keys())
    if known is None:
        raise BadRow(f"unknown dataset: its columns are {', '.join(sorted(row))}")
    return problem_of(known, None, row)


def problem_of(known: Format, own: OwnRows | None, row: Mapping[str, Any]) -> ParsedProblem:
    """The problem of a row; ``own``: the reader of a user's own rows. Raises ``BadRow``."""
    index = published_index(known.name, row, known.problem)
    if index is None:
        raise BadRow("no statement: the row only names its problem's place")
    problem = _own(own, row) if own is not None else _READERS[known.name](row)
    problem.index = index
    problem.split = _SPLITS.get(str(row.get("split") or "train").strip().lower(), "train")
    return problem


def _open_code_reasoning(row: Mapping[str, Any]) -> ParsedProblem:
    statement = "input" if "input" in row else "question"
    return ParsedProblem(
        index=None,
        statement=text(row, statement),
        license=spdx(row.get("license")) or "unknown",
        source=platform(optional(row, "source"), None),
        difficulty=optional(row, "difficulty"),
    )


def _open_thoughts(row: Mapping[str, Any]) -> ParsedProblem:
    starter_code = optional(row, "starter_code")
    reference = optional(row, "ground_truth_solution")
    tests, entry_point = io_tests(json_column(row, "test_cases", dict), starter_code, [reference] if reference else [])
    problem = ParsedProblem(
        index=None,
        statement=text(row, "problem"),
        license="Apache-2.0",
        source=platform(optional(row, "source"), None),
        starter_code=starter_code,
        entry_point=entry_point,
        tests=tests,
    )
    if reference:
        problem.reference_solutions = keep_references([{"language": "python", "code": reference, "correct": True}], problem.notes)
    return problem


def _kodcode(row: Mapping[str, Any]) -> ParsedProblem:
    test = optional(row, "test")
    about = row.get("test_info")
    named = [item.get("function_name") for item in about if isinstance(item, Mapping)] if isinstance(about, list) else []
    reference = optional(row, "solution")
    problem = ParsedProblem(
        index=None,
        statement=text(row, "question"),
        license="CC-BY-NC-4.0",
        source="kodcode",
        title=optional(row, "question_id"),
        difficulty=optional(row, "gpt_difficulty"),
        tags=[subset] if (subset := optional(row, "subset")) else [],
        entry_point=next((name for name in named if isinstance(name, str) and name), None),
        tests=[code_test(0, "pytest", test, "official")] if test else [],
    )
    if reference:
        problem.reference_solutions = keep_references([{"language": "python", "code": reference, "correct": True}], problem.notes)
    return problem


def _own(own: OwnRows, row: Mapping[str, Any]) -> ParsedProblem:
    ours = own.ours(row)
    try:
        suite = suite_from_json({"tests": ours["tests"] or []})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRow(f"tests cannot be read: {error}") from error
    called = next((test["entry_point"] for test in suite["tests"] if test["kind"] == "call"), None)
    return ParsedProblem(
        index=None,
        statement=text(ours, "statement"),
        license=spdx(ours["question_license"]) or "unknown",
        source=platform(optional(ours, "source"), None),
        difficulty=optional(ours, "difficulty"),
        starter_code=optional(ours, "starter_code"),
        entry_point=optional(ours, "entry_point") or called,
        tests=suite["tests"],
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any]], ParsedProblem]] = {
    "nvidia/OpenCodeReasoning": _open_code_reasoning,
    "nvidia/OpenCodeReasoning-2": _open_code_reasoning,
    "open-r1/codeforces-cots": codeforces.read,
    "open-thoughts/OpenThoughts-114k": _open_thoughts,
    "KodCode/KodCode-V1-SFT-R1": _kodcode,
}


def problem_rows(roots: Sequence[tuple[str, Path]]) -> Iterator[tuple[str, int, ParsedProblem | BadRow]]:
    """(file, row, problem) for each problem that the files of ``roots``, (address, folder), bring, once however many answers it
    has; or why a row's cannot be used. Only the columns of problems are read. A row without a statement is passed over."""
    seen: set[str] = set()
    known_names = {known.name for known in FORMATS}
    for address, root in roots:
        for file in files_below(root, address):
            if isinstance(file, Unreadable):
                yield _scoped(address, file.name), -1, BadRow(f"unreadable file: {file.reason}")
                continue
            own = None if file.format.name in known_names else read_own(file.path.parent)
            yield from _of_file(file, own, seen)


def _of_file(file: PublishedFile, own: OwnRows | None, seen: set[str]) -> Iterator[tuple[str, int, ParsedProblem | BadRow]]:
    known = file.format
    number = -1
    try:
        for number, row in numbered_rows(file, columns=[*known.problem, *known.asides]):
            if isinstance(row, BadRow):
                yield _scoped(file.address, file.name), number, row
                continue
            index = published_index(known.name, row, known.problem)
            if index is None or index in seen or row.get("domain", "code") != "code":
                continue
            seen.add(index)
            try:
                yield _scoped(file.address, file.name), number, problem_of(known, own, row)
            except (BadRow, UnicodeEncodeError) as error:
                yield (
                    _scoped(file.address, file.name),
                    number,
                    error if isinstance(error, BadRow) else BadRow(f"broken text: {error}"),
                )
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                yield _scoped(file.address, file.name), number, BadRow(f"another schema than {known.name}'s: {error!r}")
    except BadInput as error:
        yield _scoped(file.address, file.name), -1, BadRow(f"unreadable file: after row {number}: {error}")


def _scoped(address: str, file: str) -> str:
    """A file's name among those of all addresses."""
    return f"{address}: {file}"
