"""What a benchmark is to the rest: problems with their suites, and how its publisher asks and takes answers apart.

A benchmark has a module beside this one that reads its published files; ``__init__.py`` lists them. Prompts and extraction of
our own are ``ocr_assets/evaluation/asking.py``. Nothing here runs or judges a program, but for what a benchmark leaves to be
computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ocr_assets.programs.suites import NO_LIMITS, Suite
from ocr_assets.schema import Compare, Language, Limits, Test
from resources.models.api import Message
from resources.sandbox.api import Sandbox

ONE_SUITE = "tests"


class WrongBenchmark(ValueError):
    """A benchmark's file cannot be used. The message says which file and row, and what is wrong."""


@dataclass(frozen=True)
class BenchmarkSuite:
    """One of a problem's suites. ``points``: what passing it is worth, where the benchmark scores (IOI's subtasks)."""

    name: str
    suite: Suite
    points: float | None = None


@dataclass(frozen=True)
class BenchmarkProblem:
    """A problem of a benchmark, ready to be asked and graded.

    ``question``: what is asked, without tests. ``prompt``: what the benchmark publishes as prompt, where that is something else.
    ``starter_code``: what a solution starts from. ``entry_point``: function or ``Class.method``; null: programs read stdin.
    ``preamble``: code that stands before the entry point in the prompt (imports, helpers) and that solutions may lean on.
    ``published``: the day of the contest. ``reference_solution``: a program that the publisher calls right, in the first of
    ``languages``. ``group``: the task that it is a part of (an IOI task, whose subtasks are asked one by one). ``image``: null:
    the usual sandbox; else the name of the image that has what its programs import. ``notes``: what had to be left out.
    ``files``: C++ files that a solution is compiled with, by name.
    """

    benchmark: str
    task_id: str
    question: str
    suites: tuple[BenchmarkSuite, ...]
    languages: tuple[Language, ...] = ("python",)
    prompt: str | None = None
    starter_code: str | None = None
    entry_point: str | None = None
    preamble: str = ""
    difficulty: str | None = None
    platform: str | None = None
    published: date | None = None
    reference_solution: str | None = None
    group: str | None = None
    version: str = ""
    image: str | None = None
    notes: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """Which of a benchmark's problems are wanted. ``since``, ``until``: the window of contest days, both included (problems
    without a day are outside of any window); ``version``: LiveCodeBench's releases (``release_v5``: what the files up to the
    fifth hold); ``subset``: a part of the benchmark by its name, such as MBPP's ``test``; ``variant``: how it is asked, where
    it can be asked in several ways; ``task_ids``: only these. ``passed_over`` takes the ids of others that would have been
    wanted."""

    since: date | None = None
    until: date | None = None
    version: str | None = None
    subset: str | None = None
    variant: str | None = None
    task_ids: frozenset[str] | None = None
    passed_over: set[str] | None = field(default=None, compare=False, repr=False)

    def includes(self, task_id: str, published: date | None = None) -> bool:
        """Whether a problem is wanted, by its id and day."""
        windowed = self.since is not None or self.until is not None
        if windowed and (published is None or not (self.since or date.min) <= published <= (self.until or date.max)):
            return False
        if self.task_ids is None or task_id in self.task_ids:
            return True
        if self.passed_over is not None:
            self.passed_over.add(task_id)
        return False


Read = Callable[[Sequence[Path], Selection, Sandbox | None], Iterator[BenchmarkProblem]]
# (problem, language) → turns, worded as closely to the publisher's as we may without quoting it.
PublishedPrompt = Callable[[BenchmarkProblem, Language], list[Message]]
# (problem, answer after its reasoning, language) → the program that the publisher's own harness judges; None: it finds none.
PublishedCode = Callable[[BenchmarkProblem, str, Language], str | None]
# (problem, what was taken out of an answer) → the program that is judged.
WholeProgram = Callable[[BenchmarkProblem, str], str]


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. ``read``: its files → problems; raises ``WrongBenchmark``. ``hub``: the dataset on the Hub that holds
    them, and patterns of files; null: they are published elsewhere, at ``published_at``. ``needs_sandbox``: reading
    computes expected outputs from canonical solutions, so ``read`` has to be given a sandbox. ``subsets``, ``variants``:
    what these of a ``Selection`` may be, the default first. ``has_releases``: whether a ``version`` can be. ``image``: as
    of its problems. ``metrics``: metric → suites that a sample has to pass for it; none named: all of its problem's.
    ``published_prompt``, ``published_code``: see above; null: as ours."""

    name: str
    title: str
    read: Read
    hub: tuple[str, tuple[str, ...]] | None
    published_at: str = ""
    languages: tuple[Language, ...] = ("python",)
    needs_sandbox: bool = False
    subsets: tuple[str, ...] = ()
    has_releases: bool = False
    variants: tuple[str, ...] = ()
    image: str | None = None
    metrics: Mapping[str, Sequence[str]] = field(default_factory=lambda: {ONE_SUITE: (ONE_SUITE,)})
    published_prompt: PublishedPrompt | None = None
    published_code: PublishedCode | None = None
    whole_program: WholeProgram | None = None


def one_suite(tests: Sequence[Test], limits: Limits | None = None, compare: Compare | None = None) -> tuple[BenchmarkSuite, ...]:
    """A problem's only suite."""
    return (BenchmarkSuite(ONE_SUITE, suite_of(tests, limits, compare)),)


def suite_of(tests: Sequence[Test], limits: Limits | None = None, compare: Compare | None = None) -> Suite:
    """A suite of these tests, without checker or files."""
    return {
        "tests": list(tests), "compare": compare, "checker": None, "interactor": None,
        "limits": NO_LIMITS if limits is None else limits, "files": None,
    }  # fmt: skip
