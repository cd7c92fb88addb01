"""HumanEval+ and MBPP+ (EvalPlus): many more inputs for each problem, whose expected outputs are what the canonical solution
returns.

Columns: ``task_id, prompt, entry_point, canonical_solution, base_input, plus_input, contract, atol``. Two suites a problem:
``base`` (the inputs of HumanEval or MBPP) and ``plus``; a sample passes "plus" where it passes both. The canonical solution
is run in the sandbox, with the contract (assertions on its arguments) in it: an input that breaks the contract, or on which
the canonical solution fails, is left out and noted. What is right of a result is said by ``oracles.py``; a test has max(4 s,
four times what the canonical solution needs), by CPU time. MBPP+ has tuples, sets and complex numbers in JSON: which argument
is one is known by task.
"""

from __future__ import annotations

import ast
import contextlib
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from ocr_assets.evaluation.benchmarks.api import Benchmark, BenchmarkProblem, BenchmarkSuite, Selection, WrongBenchmark, suite_of
from ocr_assets.evaluation.benchmarks.extraction import sanitized
from ocr_assets.evaluation.benchmarks.humaneval import TASK, preamble
from ocr_assets.evaluation.benchmarks.oracles import Answer, NoTest, assertions, has_to_be_run
from ocr_assets.evaluation.benchmarks.rows import rows, text
from ocr_assets.grading.results import decode, well_formed
from ocr_assets.programs.published import code_test
from ocr_assets.programs.suites import NO_LIMITS, Suite
from ocr_assets.programs.syntax import AST_LOCK
from ocr_assets.schema import Language, Limits
from resources.models.api import Message
from resources.sandbox.api import Program, Run, RunLimits, RunOutcome, Sandbox

COLUMNS = ("task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input", "atol")
LEAST_S = 4.0  # that a test gets
TIMES = 4.0  # what the canonical solution needs
MEMORY_MB = 2048.0
GROUP = 50  # inputs of a test whose assertions have to be run
REFERENCE = RunLimits(cpu_s=60, wall_s=185, memory_mb=2048)
Dataset = Literal["humaneval", "mbpp"]


@dataclass(frozen=True)
class _Task:
    """A row. ``inputs``: by suite, each input as the list of arguments; a problem without inputs for "plus" is asked those of
    "base" again."""

    place: str
    row: Mapping[str, Any]
    task_id: str
    prompt: str
    entry_point: str
    inputs: Mapping[str, Sequence[Sequence[Any]]]
    atol: float


def read(files: Sequence[Path], selection: Selection, sandbox: Sandbox | None, *, dataset: Dataset) -> Iterator[BenchmarkProblem]:
    """The problems, their expected outputs computed in ``sandbox``, several side by side.

    Raises ``WrongBenchmark`` also where a canonical solution runs on no input at all, ``SandboxFault`` where the sandbox broke.
    """
    if sandbox is None:
        raise ValueError("EvalPlus' expected outputs are computed: give a sandbox")

    def tasks() -> Iterator[_Task]:
        for place, row in rows(files, COLUMNS):
            task_id = text(row, "task_id", place) if isinstance(row["task_id"], str) else f"Mbpp/{row['task_id']}"
            if selection.includes(task_id):
                yield _task(place, row, task_id, dataset)

    yield from sandbox.map(lambda task: sandbox.call(_problem, task, dataset), tasks())


def _task(place: str, row: Mapping[str, Any], task_id: str, dataset: Dataset) -> _Task:
    number = re.search(r"\d+\Z", task_id)
    restored = _MBPP_ARGUMENTS.get(int(number[0])) if dataset == "mbpp" and number else None
    inputs: dict[str, Sequence[Sequence[Any]]] = {}
    for name in ("base", "plus"):
        given = row[f"{name}_input"] or []
        if not isinstance(given, list) or not all(isinstance(arguments, list) for arguments in given):
            raise WrongBenchmark(f"{place}: {name}_input is a list of lists of arguments")
        try:
            inputs[name] = [restored(arguments) if restored else arguments for arguments in given]
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise WrongBenchmark(f"{place}: {name}_input of another form than {task_id}'s ({error})") from error
    if not inputs["base"]:
        raise WrongBenchmark(f"{place}: no base_input")
    inputs["plus"] = inputs["plus"] or inputs["base"]
    prompt, entry_point = (text(row, column, place) for column in ("prompt", "entry_point"))
    return _Task(place, row, task_id, prompt, entry_point, inputs, _atol(row["atol"], place))


def _atol(value: Any, place: str) -> float:
    """The tolerance of a task; none is 0."""
    number = 0 if value is None else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < math.inf:
        raise WrongBenchmark(f"{place}: atol is a number from 0 on, not {value!r}")
    return float(number)


def _problem(sandbox: Sandbox, task: _Task, dataset: Dataset) -> BenchmarkProblem:
    canonical = str(task.row["canonical_solution"])
    reference = task.prompt + canonical if dataset == "humaneval" else f"{task.prompt}\n{canonical}"
    checked = _with_contract(task, dataset)
    suites, notes = [], []
    for name, inputs in task.inputs.items():
        suite, left_out = _suite(task, dataset, inputs, checked, sandbox)
        suites.append(BenchmarkSuite(name, suite))
        notes += [f"{left_out} of {len(inputs)} {name} inputs left out"] if left_out else []
    stands_alone = dataset == "mbpp"
    return BenchmarkProblem(
        benchmark=f"{dataset}_plus",
        task_id=task.task_id,
        question=_mbpp_question(task.prompt) if stands_alone else TASK,
        prompt=task.prompt,
        starter_code=None if stands_alone else task.prompt,
        entry_point=task.entry_point,
        preamble="" if stands_alone else preamble(task.prompt, task.entry_point),
        suites=tuple(suites),
        reference_solution=reference,
        notes=tuple(notes),
    )


def _suite(task: _Task, dataset: Dataset, inputs: Sequence[Sequence[Any]], reference: str, sandbox: Sandbox) -> tuple[Suite, int]:
    """The suite of these inputs, and how many of them had to be left out."""
    codes: list[str] = []
    seconds: list[float] = []
    for arguments, run in zip(inputs, _runs(sandbox, reference, task, inputs), strict=True):
        if run is not None:
            answer = Answer(dataset, task.entry_point, arguments, run.value, task.atol)
            with contextlib.suppress(NoTest):
                codes.append(assertions(answer))
                seconds.append(run.cpu_s)
    # Where assertions have to be run, and cannot be read, a test holds many of them: each test is a process of its own.
    size = GROUP if has_to_be_run(dataset, task.entry_point) else 1
    places = range(0, len(codes), size)
    tests = [code_test(n, "assert", "\n".join(codes[at : at + size]), "official") for n, at in enumerate(places)]
    needed = max((sum(seconds[at : at + size]) for at in places), default=0.0)
    if not tests:
        raise WrongBenchmark(f"{task.place}: the canonical solution of {task.task_id} gives no answer that can be compared")
    limits: Limits = {
        **NO_LIMITS,
        "cpu_s": max(LEAST_S, TIMES * needed),
        "memory_mb": MEMORY_MB,
        "python_factor": 1.0,
        "cpp_factor": 1.0,
    }
    return suite_of(tests, limits), len(inputs) - len(codes)


@dataclass(frozen=True)
class _Returned:
    """What the canonical solution returned for an input, and its CPU seconds."""

    value: Any
    cpu_s: float


def _runs(sandbox: Sandbox, code: str, task: _Task, inputs: Sequence[Sequence[Any]]) -> list[_Returned | None]:
    """What the canonical solution returns, for each input; None where it does not return plain data or an object."""
    found: list[_Returned | None] = []

    def until(place: int, run: RunOutcome) -> bool:
        del found[place:]  # called anew from 0 after a fault of the sandbox
        good = run.status == "ok" and well_formed(run.value)
        found.append(_Returned(decode(run.value), run.cpu_s) if good else None)
        return False

    runs = [Run("call", entry=task.entry_point, literals=repr((list(arguments), {}))) for arguments in inputs]
    if runs:
        outcome = sandbox.execute(Program("python", code, runs, REFERENCE), until)
        if not outcome.compiled:
            raise WrongBenchmark(f"{task.place}: the canonical solution does not compile: {outcome.compile_message[:200]}")
    return found


def _with_contract(task: _Task, dataset: Dataset) -> str:
    """The canonical solution with its contract as the first lines of the function, where it has one that fits there."""
    canonical, contract = str(task.row["canonical_solution"]), str(task.row.get("contract") or "")
    plain = task.prompt + canonical if dataset == "humaneval" else f"{task.prompt}\n{canonical}"
    if not contract.strip():
        return plain
    if dataset == "humaneval":
        checked = f"{task.prompt}{contract.rstrip()}\n{canonical}"
    else:
        head = re.search(rf"^def\s+{re.escape(task.entry_point)}\s*\(.*$", canonical, re.MULTILINE)
        if head is None:
            return plain
        checked = f"{task.prompt}\n{canonical[: head.end()]}\n{contract.strip(chr(10))}{canonical[head.end() :]}"
    with AST_LOCK:
        try:
            ast.parse(checked)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return plain
    return checked


def _mbpp_question(prompt: str) -> str:
    """The sentence and its assertion, without the docstring's marks."""
    return re.sub(r'^\s*("""|\'\'\')|("""|\'\'\')\s*$', "", prompt).strip()


def _deep(value: Any) -> Any:
    return tuple(map(_deep, value)) if isinstance(value, list) else value


def _tuples(values: Any) -> list[Any]:
    return [tuple(value) for value in values]


def _all(convert: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """Every argument converted."""
    return lambda arguments: [convert(argument) for argument in arguments]


def _at(place: int, convert: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """One argument converted, the others as they are."""
    return lambda arguments: [convert(one) if number == place else one for number, one in enumerate(arguments)]


def _by_task() -> dict[int, Callable[[Any], list[Any]]]:
    """Which arguments of MBPP+'s JSON are of a type that JSON lacks, by task number."""
    sorts: list[tuple[Callable[[Any], list[Any]], str]] = [
        (_all(tuple), "2 116 132 143 222 261 273 394 399 421 424 429 470 560 579 596 616 630 726 740 744 809"),
        (_all(_tuples), "63 64 70 94 120 237 272 299 400 409 417 438 473 614 780"),
        (_all(lambda value: tuple(_tuples(value))), "259 401 445"),
        (_all(_deep), "580 615 791"),
        (_at(0, _tuples), "75 413 444 753"),
        (_at(0, tuple), "250 307 405 446 617 720 763 808"),
        (_at(1, tuple), "106 750"),
        (_at(0, lambda value: tuple(tuple(one) if isinstance(one, list) else one for one in value)), "278"),
        (_at(0, lambda value: {key: tuple(one) for key, one in value.items()}), "722"),
        (_at(0, lambda value: [set(one) if isinstance(one, list) and one else {} for one in value]), "115"),
        (_at(0, complex), "252"),
        (lambda arguments: [float(arguments[0]), complex(arguments[1])], "124"),
    ]
    return {int(number): convert for convert, numbers in sorts for number in numbers.split()}


_MBPP_ARGUMENTS = _by_task()


def published_prompt(problem: BenchmarkProblem, language: Language) -> list[Message]:
    """One user turn: what is wanted, and the prompt in a fence. (EvalPlus also begins the answer; a chat endpoint takes no
    beginning.)"""
    wanted = "Solve this problem by a Python script that needs nothing else, in a Markdown code block:"
    return [{"role": "user", "content": f"{wanted}\n```\n{(problem.prompt or '').strip()}\n```\n"}]


def published_code(problem: BenchmarkProblem, answer: str, language: Language) -> str | None:
    """See ``extraction.py``."""
    return sanitized(answer, problem.entry_point or "")


def _benchmark(dataset: Dataset, title: str, published_at: str) -> Benchmark:
    return Benchmark(
        name=f"{dataset}_plus",
        title=title,
        read=partial(read, dataset=dataset),
        hub=None,  # what is there holds tests that were made of the inputs, not the inputs
        published_at=published_at,
        needs_sandbox=True,
        metrics={"base": ("base",), "plus": ("base", "plus")},
        published_prompt=published_prompt,
        published_code=published_code,
    )


HUMANEVAL_PLUS = _benchmark("humaneval", "HumanEval+", "github.com/evalplus/humanevalplus_release")
MBPP_PLUS = _benchmark("mbpp", "MBPP+", "github.com/evalplus/mbppplus_release")
