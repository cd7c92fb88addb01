"""Which benchmarks problems are held against: a registry of files, each read in its true format.

A folder of benchmark files may hold a ``benchmarks.toml`` that names what counts and what is fetched from the Hub; without one
every file in it does. The registry beside this module is an example of one. What a benchmark item is compared with is in
``screening.py``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ocr_assets.platform.row_files import read_rows
from ocr_assets.schema import BenchmarkItem, content_id

REGISTRY = "benchmarks.toml"
SHIPPED = Path(__file__).parent  # holds the registry of what the papers check, all from the Hub
Fetch = Callable[[str, Sequence[str]], Path]  # (name or name@revision, patterns of files) → their folder
READABLE = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
QUESTION_FIELDS = ("question", "prompt", "question_content", "text", "description", "instruct_prompt", "content")
ID_FIELDS = ("task_id", "question_id", "id", "name")


@dataclass(frozen=True)
class Format:
    """How a benchmark publishes its items: columns that give it away, and which of them hold question, id and date."""

    name: str
    marks: tuple[str, ...]
    question: str
    item_id: str
    date: str | None = None


FORMATS = (
    Format("LiveCodeBench", ("question_content", "contest_date"), "question_content", "question_id", "contest_date"),
    Format("BigCodeBench", ("instruct_prompt", "complete_prompt"), "instruct_prompt", "task_id"),
    Format("HumanEval", ("prompt", "canonical_solution", "entry_point"), "prompt", "task_id"),
    Format("MBPP", ("text", "code", "test_list"), "text", "task_id"),
    Format("MBPP (sanitized)", ("prompt", "code", "test_list"), "prompt", "task_id"),
    Format("CodeContests", ("description", "public_tests", "private_tests"), "description", "name"),
)
_RELEASE = re.compile(r"release_v(\d+)")
_LCB_PART = re.compile(r"test(\d*)\.")


@dataclass(frozen=True)
class Benchmark:
    """An entry of the registry.

    ``hub``: a dataset on the Hub, ``name`` or ``name@revision``, that holds the files; else they lie in the registry's folder.
    ``files``: patterns below that (default: everything of the dataset, or in a folder of the benchmark's name). ``version``:
    noted with every item; for LiveCodeBench ``release_v5`` takes the files test, test2 … test5, and each item bears the release
    that brought it. ``since``, ``until``: only items dated so (both days included). ``question``, ``item_id``, ``date``:
    columns, where the format is none of ``FORMATS``.
    """

    name: str
    hub: str | None = None
    files: tuple[str, ...] = ()
    version: str = ""
    since: date | None = None
    until: date | None = None
    question: str | None = None
    item_id: str | None = None
    date: str | None = None


def read_registry(folder: Path, fetch: Fetch) -> list[BenchmarkItem]:
    """All items that count, each once, in the order of the registry. Raises ``ValueError`` saying which entry, file and row
    cannot be used, and what ``fetch`` raises."""
    listed = folder / REGISTRY
    items: dict[str, BenchmarkItem] = {}
    if listed.is_file():
        for benchmark in registry_of(listed):
            for path in _files(folder, benchmark, fetch):
                for item in read_items(path, benchmark):
                    items.setdefault(item["item_key"], item)
    else:
        for path in sorted(path for path in folder.iterdir() if path.is_file() and path.name.endswith(READABLE)):
            for item in read_benchmark(path):
                items.setdefault(item["item_key"], item)
    return list(items.values())


def registry_of(path: Path) -> list[Benchmark]:
    """The entries of a ``benchmarks.toml``: ``[[benchmark]]`` tables with the fields of ``Benchmark``."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("benchmark", [])
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    benchmarks = []
    for number, entry in enumerate(entries, 1):
        unknown = sorted(set(entry) - set(Benchmark.__annotations__))
        if "name" not in entry or unknown:
            wrong = f"unknown {', '.join(unknown)}" if unknown else "name is missing"
            raise ValueError(f"{path}, benchmark {number}: {wrong}; there are {', '.join(Benchmark.__annotations__)}")
        for field in ("since", "until"):
            if type(entry.get(field, date.min)) is not date:
                raise ValueError(f"{path}, benchmark {number}: {field} must be a day, as {field} = 2024-08-01")
        benchmarks.append(Benchmark(**{**entry, "files": tuple(entry.get("files", ()))}))
    if not benchmarks:
        raise ValueError(f"{path} lists no [[benchmark]]; remove it to use every file beside it")
    return benchmarks


def read_benchmark(path: Path) -> list[BenchmarkItem]:
    """All items of one file; the benchmark is called by the file's name. JSONL (.gz, .zst) or Parquet.

    Raises ``ValueError`` naming file and row if a row holds no question.
    """
    return list(read_items(path, Benchmark(path.name.split(".")[0])))


def read_items(path: Path, benchmark: Benchmark) -> Iterator[BenchmarkItem]:
    """The items of one file that lie in the benchmark's window of dates."""
    for number, row in read_rows(path):
        form = next((form for form in FORMATS if all(mark in row for mark in form.marks)), None)
        question = _text(row, benchmark.question, form.question if form else None, QUESTION_FIELDS)
        if question is None:
            wanted = benchmark.question or f"one of {', '.join(QUESTION_FIELDS)}"
            raise ValueError(f"{path}, row {number}: no question; {wanted} must hold text")
        published = _date(row.get(benchmark.date or (form.date if form and form.date else "")))
        if benchmark.since or benchmark.until:
            if published is None:
                raise ValueError(f"{path}, row {number}: no date, but {benchmark.name} has a window; name its column as date")
            if not (benchmark.since or date.min) <= published <= (benchmark.until or date.max):
                continue
        item_id = _text(row, benchmark.item_id, form.item_id if form else None, ID_FIELDS) or str(number)
        yield item_of(benchmark.name, item_id, question, _version(path, benchmark, form), published, path.name)


def item_of(
    benchmark: str, item_id: str, question: str, version: str = "", published: date | None = None, file: str = ""
) -> BenchmarkItem:
    """An item; its key depends on benchmark, id and question, not on the version, so that a release which repeats the last
    one's items brings nothing new by them."""
    return {
        "item_key": content_id("item", benchmark, item_id, question),
        "benchmark": benchmark,
        "version": version,
        "item_id": item_id,
        "question": question,
        "published": published.isoformat() if published else None,
        "file": file,
    }


def _files(folder: Path, benchmark: Benchmark, fetch: Fetch) -> Iterable[Path]:
    release = _RELEASE.fullmatch(benchmark.version) if not benchmark.files else None
    usual = "**/*" if benchmark.hub else f"{benchmark.name}/**/*"
    patterns = benchmark.files or (usual,)
    if benchmark.hub:
        # A dataset can be many gigabytes of which a release is few.
        parts = [f"test{part if part > 1 else ''}.*" for part in range(1, int(release[1]) + 1)] if release else ()
        folder = fetch(benchmark.hub, parts or patterns)
    paths = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.name.endswith(READABLE)})
    if release:
        paths = [path for path in paths if _part(path) is not None and (_part(path) or 0) <= int(release[1])]
    if not paths:
        place = f"hub dataset {benchmark.hub}" if benchmark.hub else folder / REGISTRY
        raise ValueError(f"{place}: no file of {benchmark.name} matches {', '.join(patterns)}")
    return paths


def _part(path: Path) -> int | None:
    match = _LCB_PART.match(path.name)
    return int(match[1] or 1) if match else None


def _version(path: Path, benchmark: Benchmark, form: Format | None) -> str:
    if form is not None and form.name == "LiveCodeBench" and (part := _part(path)) is not None:
        return f"release_v{part}"
    return benchmark.version


def _text(row: Mapping[str, Any], asked: str | None, usual: str | None, others: Sequence[str]) -> str | None:
    """The first column with text: the one asked for, or the format's, or any of the others."""
    names = (asked,) if asked else ((usual,) if usual else ()) + tuple(others)
    for name in names:
        value = row.get(name)
        if value is not None and str(value).strip():
            return str(value)
    return None


def _date(value: Any) -> date | None:
    if value is None or value == "":
        return None
    return date.fromisoformat(str(value)[:10])
