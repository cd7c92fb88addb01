"""Benchmarks into the lake: which files are new, and their problems as rows with their suites.

What a file says is read by ``benchmarks/``, a module each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ocr_assets.evaluation.benchmarks import BENCHMARKS, Benchmark, BenchmarkProblem, Selection, WrongBenchmark, files_in
from ocr_assets.programs.suites import suite_row
from ocr_assets.schema import BenchmarkProblem as Row
from ocr_assets.schema import NamedSuite, TestSuite, content_id, json_text
from resources.sandbox.api import Sandbox

READER_VERSION = "1"  # another one reads all files again
_HEAD = 1 << 20
Fetch = Callable[[str, tuple[str, ...]], Path]  # (dataset on the Hub, patterns of files) → their folder


@dataclass(frozen=True)
class Source:
    """A benchmark, its files, which of its problems are wanted, and a hash of all that."""

    benchmark: Benchmark
    files: tuple[Path, ...]
    selection: Selection
    read_from: str


def sources(
    folder: Path | None, names: Sequence[str], selection: Callable[[str], Mapping[str, Any]], fetch: Fetch
) -> list[Source]:
    """The benchmarks that are there: in ``folder``, a folder of files for each under its name, or on the Hub (``folder`` None).

    ``names``: only these; ``selection``: what is wanted of one. Raises ``ValueError`` for a name that no benchmark has, a folder
    that is not there and a selection that cannot be read.
    """
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        raise ValueError(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    found = []
    for name, benchmark in BENCHMARKS.items():
        if names and name not in names:
            continue
        if folder is None and benchmark.hub is None:
            if names:
                raise ValueError(f"{name} is not on the Hub; put its file from {benchmark.published_at} into a folder {name}")
            continue
        place = fetch(*benchmark.hub) if folder is None and benchmark.hub is not None else (folder or Path()) / name
        if not place.is_dir():
            if names:
                raise ValueError(f"{place}: no such folder; {name} lies there")
            continue
        files, chosen = tuple(files_in(place)), selection(name)
        wanted = selection_of(name, chosen)
        if wanted.version is not None and not benchmark.has_releases:
            raise ValueError(f"which problems of {name}: it has no versions")
        found.append(Source(benchmark, files, wanted, _fingerprint(name, files, chosen)))
    return found


SELECTABLE = tuple(name for name in Selection.__annotations__ if name != "passed_over")


def selection_of(benchmark: str, fields: Mapping[str, Any]) -> Selection:
    """A selection as it stands in a setting: days as text, task ids as a list. Raises ``ValueError``."""
    values = dict(fields)
    try:
        for name in ("since", "until"):
            if values.get(name) is not None:
                values[name] = date.fromisoformat(values[name])
        if values.get("task_ids") is not None:
            values["task_ids"] = frozenset(values["task_ids"])
        if unknown := values.keys() - set(SELECTABLE):
            raise ValueError(f"there is no {', '.join(sorted(unknown))}")
        return Selection(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"which problems of {benchmark}: {error}; there are {', '.join(SELECTABLE)}") from error


def _fingerprint(name: str, files: Sequence[Path], selection: Mapping[str, Any]) -> str:
    """Of names, sizes, and the first and last MiB of each file: published files are gigabytes, and do not change in between."""
    parts: list[object] = []
    for path in files:
        size = path.stat().st_size
        digest = hashlib.blake2b(digest_size=16)
        with path.open("rb") as file:
            digest.update(file.read(_HEAD))
            file.seek(max(0, size - _HEAD))
            digest.update(file.read(_HEAD))
        parts.append((path.name, size, digest.hexdigest()))
    return content_id("read", READER_VERSION, name, parts, dict(selection))


def read(source: Source, sandbox: Sandbox | None) -> Iterator[tuple[Row, list[TestSuite]]]:
    """The problems of a benchmark as rows, each with its suites. Raises ``WrongBenchmark``, also for a task that stands there
    twice, and what the sandbox raises."""
    seen: set[str] = set()
    for problem in source.benchmark.read(source.files, source.selection, sandbox):
        if problem.task_id in seen:
            files = ", ".join(map(str, source.files))
            raise WrongBenchmark(f"{source.benchmark.title} has {problem.task_id} twice among {files}")
        seen.add(problem.task_id)
        yield row_of(problem, source.read_from)


def row_of(problem: BenchmarkProblem, read_from: str = "") -> tuple[Row, list[TestSuite]]:
    """A problem as a row, and its suites."""
    suites = [suite_row(named.suite) for named in problem.suites]
    listed: list[NamedSuite] = [
        {"name": named.name, "suite_id": suite["suite_id"], "points": named.points}
        for named, suite in zip(problem.suites, suites, strict=True)
    ]
    row: Row = {
        "problem_id": "",
        "benchmark": problem.benchmark,
        "version": problem.version,
        "task_id": problem.task_id,
        "question": problem.question,
        "prompt": problem.prompt,
        "starter_code": problem.starter_code,
        "entry_point": problem.entry_point,
        "difficulty": problem.difficulty,
        "platform": problem.platform,
        "published": problem.published.isoformat() if problem.published else None,
        "languages": list(problem.languages),
        "reference_solution": problem.reference_solution,
        "part_of": problem.group,
        "preamble": problem.preamble or None,
        "image": problem.image,
        "suites": listed,
        "read_from": read_from,
        "files": json_text(dict(problem.files)) if problem.files else None,
    }
    # What an answer and its verdict depend on; a release that repeats the last one's problems asks nothing anew.
    told = ("benchmark", "task_id", "question", "prompt", "starter_code", "entry_point", "preamble", "files")
    asked = [value for name, value in row.items() if name in told]
    row["problem_id"] = content_id("bench", *asked, [(suite["name"], suite["suite_id"]) for suite in listed])
    return row, suites


def problem_of(row: Mapping[str, Any]) -> BenchmarkProblem:
    """A row of the lake as the problem that prompts are made of, without its suites."""
    return BenchmarkProblem(
        benchmark=row["benchmark"],
        task_id=row["task_id"],
        question=row["question"],
        suites=(),
        languages=tuple(row["languages"]),
        prompt=row["prompt"],
        starter_code=row["starter_code"],
        entry_point=row["entry_point"],
        preamble=row["preamble"] or "",
        files=json.loads(row["files"]) if row["files"] else {},
        image=row["image"],
        version=row["version"],
    )
