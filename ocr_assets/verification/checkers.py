"""Running a problem's own checker on an output. A checker is a program of the problem's: it runs in a sandbox of its own,
with limits, and its faults are sandbox errors, never the solution's.

Protocols: testlib (arguments input, output, answer; exit 0 right, 1 or 2 wrong), Kattis output validator (arguments input,
answer, feedback folder, output on stdin; exit 42 right, 43 wrong), open-r1 (arguments input, answer, output; prints the
score, 1 is right). Sources: testlib.h's exit codes, the Kattis problem package format, the card of open-r1/codeforces.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocr_assets.records import Checker
from resources.sandbox.api import Program, Run, RunLimits, Sandbox, SandboxFault

LIMITS = RunLimits(cpu_s=30.0, wall_s=60.0, memory_mb=1024, output_mb=8, processes=32)


@dataclass(frozen=True)
class Judgement:
    """What the checker says; ``fault``: the checker itself failed, so nothing is known about the output."""

    right: bool
    message: str
    fault: bool = False


def check(sandbox: Sandbox, checker: Checker, test_input: bytes, answer: bytes, output: bytes) -> Judgement:
    """Ask ``checker`` about ``output`` for a test with ``test_input`` and the jury's ``answer``."""
    files = {"input.txt": test_input, "answer.txt": answer, "output.txt": output}
    stdin = b""
    collect: tuple[str, ...] = ()
    if checker["protocol"] == "testlib":
        argv = ["input.txt", "output.txt", "answer.txt"]
    elif checker["protocol"] == "kattis":
        argv, stdin, collect = ["input.txt", "answer.txt", "feedback/"], output, ("feedback/judgemessage.txt",)
        files = {"input.txt": test_input, "answer.txt": answer, "feedback/.keep": b""}
    else:
        argv = ["input.txt", "answer.txt", "output.txt"]
    run = Run(stdin=stdin, argv=argv, files=files, collect=collect)
    try:
        outcome = sandbox.execute(Program(checker["language"], checker["source"], [run], LIMITS))
    except SandboxFault as error:
        return Judgement(False, f"checker: {error}", fault=True)
    if not outcome.compiled:
        return Judgement(False, f"the checker does not compile: {outcome.compile_message[:500]}", fault=True)
    result = outcome.runs[0]
    said = result.files.get("feedback/judgemessage.txt", result.stderr or result.stdout).decode("utf-8", "replace").strip()[:300]
    fault = Judgement(False, f"the checker ended with {result.status} (exit code {result.exit_code}): {said}", fault=True)
    if checker["protocol"] == "open_r1":
        return _score(result.stdout, fault) if result.status == "ok" else fault
    right, wrong = (0, (1, 2)) if checker["protocol"] == "testlib" else (42, (43,))
    if result.signal is None and result.status in ("ok", "runtime_error"):
        if result.exit_code == right:
            return Judgement(True, said)
        if result.exit_code in wrong:
            return Judgement(False, said or "the checker says wrong")
    return fault


def _score(stdout: bytes, fault: Judgement) -> Judgement:
    tokens = stdout.split()
    try:
        score = float(tokens[-1])
    except (IndexError, ValueError):
        return fault
    return Judgement(score >= 1, f"the checker gives {tokens[-1].decode()}")
