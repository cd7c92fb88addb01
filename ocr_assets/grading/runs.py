"""One test: what the sandbox is asked to run for it, and the verdict that its outcome means.

Expected outputs stay here, on the host; the sandbox reports facts. All tests of a solution are brought together in ``grade.py``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ocr_assets.grading import checkers
from ocr_assets.grading.asserts import AssertedCall, as_call
from ocr_assets.grading.cost import TooCostly
from ocr_assets.grading.outputs import compare_output
from ocr_assets.grading.script import Script
from ocr_assets.grading.scripts import as_script
from ocr_assets.grading.values import compare_value
from ocr_assets.programs.suites import SHARES_PROCESS, Suite
from ocr_assets.schema import Checker, Files, Test, TestVerdict, VerdictName
from resources.sandbox.api import Run, RunOutcome

TAIL = 300  # characters of the last line of stderr that say why a run failed
HEAD = 200  # characters of a failed test's outputs that are stored


@dataclass(frozen=True)
class PreparedTest:
    """A test as the run of a program. ``index``: in its suite. ``call``: where an assert became a call. ``script``: where its
    code can be read as calls, which are asked first."""

    index: int
    test: Test
    run: Run
    call: AssertedCall | None = None
    script: Script | None = None


def prepare(index: int, test: Test, files: Files | None = None) -> PreparedTest:
    """What the sandbox is to run for a test. An assert becomes a call where it can (``asserts.py``). ``files``: that the problem
    names in place of stdin and stdout; both ways serve."""
    if test["kind"] == "stdin":
        given = as_bytes(test["input"])
        named = {files["input"]: given} if files is not None and files["input"] is not None else {}
        run = Run("stdin", stdin=given, files=named, output_file=None if files is None else files["output"])
        return PreparedTest(index, test, run)
    if test["kind"] == "call":
        arguments = json.loads(test["input"])
        run = Run("call", entry=test["entry_point"], args=arguments["args"], kwargs=arguments["kwargs"])
        return PreparedTest(index, test, run)
    code = test["code"] or ""
    call = as_call(code) if test["kind"] == "assert" else None
    if call is not None:
        return PreparedTest(index, test, call.run, call)
    return PreparedTest(index, test, suite_run(test), script=as_script(test["kind"], code))


def suite_run(test: Test) -> Run:
    """An assert or pytest test as it stands."""
    code = test["code"] or ""
    return Run(test["kind"], code=code, apart=not code.startswith(SHARES_PROCESS))


def grade_run(prepared: PreparedTest, run: RunOutcome, suite: Suite) -> tuple[VerdictName, str]:
    """The verdict on one run of one test that needs no checker, and its message."""
    if run.status != "ok":
        if run.status == "runtime_error" and isinstance(run.value, dict) and run.value.get("wrong") is True:
            return "wrong_answer", run.error  # a test's assertion failed
        tail = run.stderr[-4 * TAIL :].decode("utf-8", "replace").strip().splitlines()
        return run.status, run.error or (tail[-1][:TAIL] if tail else "")
    try:
        difference = _difference(prepared, run, suite)
    except TooCostly as error:
        return "output_limit", str(error)
    return ("accepted", "") if difference is None else ("wrong_answer", difference)


def _difference(prepared: PreparedTest, run: RunOutcome, suite: Suite) -> str | None:
    """None if the answer of a run that ended well is right, else a message."""
    test = prepared.test
    if test["kind"] == "stdin":
        return compare_output(as_bytes(test["output"]), run.stdout, suite["compare"])
    if prepared.script is not None and prepared.run.kind == "script":
        return prepared.script.difference(run.value)
    if prepared.call is not None:
        return prepared.call.difference(run.value)
    if test["kind"] == "call":
        expected, value = json.loads(test["output"]), run.value
        if isinstance(value, dict) and value.keys() == {"p"}:  # None was returned, or what a judge shows in its place
            value = None if expected is None else value["p"]
        return compare_value(expected, value, suite["compare"], test["expected_may_be_nested"])
    return None  # the assertion held inside the sandbox


def grade_interaction(interactor: Checker, prepared: PreparedTest, run: RunOutcome, suite: Suite) -> tuple[VerdictName, str]:
    """The verdict on one interaction. Who ended first decides: an interactor that has said wrong makes the program's later end
    meaningless, and a program that crashed makes the interactor's."""
    assert run.interactor is not None
    ruling = checkers.ruling_of_interactor(interactor, run.interactor)
    if ruling.fault and run.interactor.status == "ok":  # it ended of its own will and said nothing: no program makes it do that
        return "sandbox_error", ruling.message
    if run.interactor.first and not ruling.fault and not ruling.right:
        return "wrong_answer", ruling.message
    # A pipe without a reader is one the interactor has left; 120 is Python's code for output it could not flush at the end.
    pipe_closed = run.signal == 13 or run.exit_code == 120 or b"BrokenPipeError" in run.stderr
    if run.status != "ok" and not (run.status == "runtime_error" and (run.interactor.first or pipe_closed)):
        return grade_run(prepared, run, suite)
    if ruling.fault:
        return "sandbox_error", ruling.message
    if not ruling.right:
        return "wrong_answer", ruling.message
    if run.status == "ok" or pipe_closed:
        return "accepted", ""
    return grade_run(prepared, run, suite)


def test_row(index: int, verdict: VerdictName, message: str, run: RunOutcome) -> TestVerdict:
    """The row of one test: what was measured, and the heads of its outputs where it failed."""
    return {
        "index": index,
        "verdict": verdict,
        "cpu_s": run.cpu_s,
        "wall_s": run.wall_s,
        "memory_mb": run.memory_mb,
        "exit_code": run.exit_code,
        "signal": run.signal,
        "message": storable(message, 500),
        "stdout_head": None if verdict == "accepted" else _head(run.stdout),
        "stderr_head": None if verdict == "accepted" else _head(run.stderr),
    }


def storable(text: str, limit: int) -> str:
    """Cut, and fit for UTF-8: a program may raise an error with half a character in its text."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8")


def as_bytes(text: str) -> bytes:
    """A test's text as the program reads or writes it."""
    return text.encode("utf-8", "surrogateescape")


def _head(output: bytes) -> str:
    return output[: 4 * HEAD].decode("utf-8", "replace")[:HEAD]
