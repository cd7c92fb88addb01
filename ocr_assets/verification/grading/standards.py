"""C++ by either standard: what one refuses may be right by the other, and nobody says which was meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from resources.sandbox.api import Outcome, Program, RunOutcome, Sandbox

STANDARDS = ("gnu++17", "gnu++20")


def execute(sandbox: Sandbox, program: Program, until: Callable[[int, RunOutcome], bool], *, reserved: bool = False) -> Outcome:
    """``sandbox.execute``, a C++ program by the first standard that takes it (else the last one's complaint)."""
    for standard in STANDARDS:
        outcome = sandbox.execute(replace(program, std=standard), until, reserved=reserved)
        if outcome.compiled or program.language != "cpp" or not outcome.diagnosed:
            break
    return outcome
