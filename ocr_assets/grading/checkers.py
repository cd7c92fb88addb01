"""A problem's own checker and interactor: programs that came with the problem and run in a sandbox of their own with limits.
Their faults are sandbox errors, never the solution's. When they are asked is decided in ``grade.py``.

Protocols: testlib (checker: arguments input, output, answer; interactor: input, log, answer; exit 0 right, 1, 2, 4 and 8
wrong), Kattis (arguments input, answer, feedback folder; the output, or the interaction, on stdin; exit 42 right, 43 wrong),
open-r1 (arguments input, answer, output; prints the score, 1 is right). Sources: testlib's exit codes, the Kattis problem
package format, the card of open-r1/codeforces.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ocr_assets.grading.standards import USUAL, execute
from ocr_assets.schema import Checker, TestVerdict
from resources.sandbox.api import Interactor, InteractorOutcome, Program, Run, RunLimits, RunOutcome, Sandbox, SandboxFault

LIMITS = RunLimits(cpu_s=30.0, wall_s=60.0, memory_mb=1024, output_mb=8, processes=32)
_FEEDBACK = "feedback/judgemessage.txt"
_LOG = "log.txt"
_WRONG = {"testlib": (1, 2, 4, 8), "kattis": (43,)}
_RIGHT = {"testlib": 0, "kattis": 42}
_GIVES = re.compile(r"the checker gives (\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\Z")  # what ``_score`` says
_JURY_AT_FAULT = 3  # testlib's code for an answer of the jury, or an input, that is wrong


@dataclass(frozen=True)
class Ruling:
    """What a checker or interactor says; ``fault``: it failed itself, so nothing is known about the output; ``crashed``: it
    ended on that output without saying anything, not even that the jury is wrong; ``partial``: it gives a part of the points."""

    right: bool
    message: str
    fault: bool = False
    crashed: bool = False
    partial: bool = False


@dataclass(frozen=True)
class Question:
    """What a checker is asked about: a test's input, the jury's answer, the solution's output."""

    test_input: bytes
    answer: bytes
    output: bytes


def check(sandbox: Sandbox, checker: Checker, questions: Sequence[Question], *, stop_at_wrong: bool = False) -> list[Ruling]:
    """Ask ``checker`` about each of ``questions``, compiled once; fewer rulings if ``stop_at_wrong`` and one was not right.

    A checker that fails on an output is asked about the reference output as well: where it accepts that, the output is what it
    cannot read, and so is wrong (docs/grading.md, §3.5). Where it does not, the checker is broken and the ruling stays a fault.
    """
    try:
        rulings = _ask(sandbox, checker, questions, stop_at_wrong)
        failed = [index for index, ruling in enumerate(rulings) if ruling.fault and ruling.crashed]
        references = [replace(questions[index], output=questions[index].answer) for index in failed]
        accepts = _ask(sandbox, checker, references, stop_at_wrong=False) if references else []
    except SandboxFault as error:
        return [Ruling(False, f"checker: {error}", fault=True)]
    for index, reference in zip(failed, accepts, strict=False):
        if reference.right:
            rulings[index] = Ruling(False, f"{rulings[index].message}; it accepts the reference output")
    return rulings


def _ask(sandbox: Sandbox, checker: Checker, questions: Sequence[Question], stop_at_wrong: bool) -> list[Ruling]:
    runs = [_run(checker, question) for question in questions]
    rulings: list[Ruling] = []

    def until(index: int, run: RunOutcome) -> bool:
        del rulings[index:]  # called anew from 0 after a fault of the sandbox
        rulings.append(_ruling(checker, run))
        return stop_at_wrong and not rulings[-1].right and not rulings[-1].partial

    outcome = execute(sandbox, Program(checker["language"], checker["source"], runs, LIMITS, judge=True), until)
    if not outcome.compiled:
        return [Ruling(False, f"the checker does not compile: {outcome.compile_message[:500]}", fault=True)]
    return rulings


def as_interactor(interactor: Checker, standard: str = USUAL[0]) -> Interactor:
    """A problem's interactor as what the sandbox runs beside the solution; ``standard``: of C++, see ``standards.py``."""
    return Interactor(interactor["language"], interactor["source"], LIMITS, standard)


def interaction(interactor: Checker, test_input: bytes, answer: bytes) -> Run:
    """One run of a solution with ``interactor``."""
    files = {"input.txt": test_input, "answer.txt": answer}
    if interactor["protocol"] == "kattis":
        argv, collect = ["input.txt", "answer.txt", "feedback/"], [_FEEDBACK]
        files["feedback/.keep"] = b""
    else:
        argv, collect = ["input.txt", _LOG, "answer.txt"], [_LOG]
    return Run("stdin", interactor_argv=argv, interactor_files=files, interactor_collect=collect)


def ruling_of_interactor(interactor: Checker, outcome: InteractorOutcome) -> Ruling:
    """The interactor's ruling on an interaction."""
    said = outcome.files.get(_FEEDBACK, outcome.stderr).decode("utf-8", "replace").strip()[:300]
    return _by_exit_code(interactor, outcome.status, outcome.exit_code, outcome.signal, said, "interactor")


def log(outcome: InteractorOutcome) -> bytes:
    """What a testlib interactor wrote down: the output that the problem's checker, if it has one as well, is asked about."""
    return outcome.files.get(_LOG, b"")


def _run(checker: Checker, question: Question) -> Run:
    files = {"input.txt": question.test_input, "answer.txt": question.answer}
    if checker["protocol"] == "kattis":
        argv, files["feedback/.keep"] = ["input.txt", "answer.txt", "feedback/"], b""
        return Run(stdin=question.output, argv=argv, files=files, collect=[_FEEDBACK])
    files["output.txt"] = question.output
    if checker["protocol"] == "testlib":
        return Run(argv=["input.txt", "output.txt", "answer.txt"], files=files)
    return Run(argv=["input.txt", "answer.txt", "output.txt"], files=files)


def _ruling(checker: Checker, run: RunOutcome) -> Ruling:
    said = run.files.get(_FEEDBACK, run.stderr or run.stdout).decode("utf-8", "replace").strip()[:300]
    if checker["protocol"] == "open_r1":
        fault = Ruling(
            False, f"the checker ended with {run.status} (exit code {run.exit_code}): {said}", fault=True, crashed=True
        )
        return _score(run.stdout, fault) if run.status == "ok" else fault
    return _by_exit_code(checker, run.status, run.exit_code, run.signal, said, "checker")


def _by_exit_code(checker: Checker, status: str, exit_code: int | None, signal: int | None, said: str, noun: str) -> Ruling:
    if signal is None and status in ("ok", "runtime_error"):
        if exit_code == _RIGHT[checker["protocol"]]:
            return Ruling(True, said)
        if exit_code in _WRONG[checker["protocol"]]:
            return Ruling(False, said or f"the {noun} says wrong")
    crashed = (checker["protocol"], exit_code) != ("testlib", _JURY_AT_FAULT)
    return Ruling(False, f"the {noun} ended with {status} (exit code {exit_code}): {said}", fault=True, crashed=crashed)


def _score(stdout: bytes, fault: Ruling) -> Ruling:
    tokens = stdout.split()
    try:
        score = float(tokens[-1])
    except (IndexError, ValueError):
        return fault
    if math.isnan(score):
        return fault
    return Ruling(score >= 1, f"the checker gives {tokens[-1].decode()}", partial=0 < score < 1)


def partial_score(test: TestVerdict) -> float:
    """The part of the points, from 0 to 1, that a checker gave for a test: 1 for one that was accepted, 0 where it said
    nothing."""
    if test["verdict"] == "accepted":
        return 1.0
    said = _GIVES.match(test["message"]) if test["verdict"] == "wrong_answer" else None
    return min(max(float(said[1]), 0.0), 1.0) if said else 0.0
