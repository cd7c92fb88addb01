"""Which C++ standards a program is compiled by, and in which order: what one refuses may be right by another, and nobody says
which was meant (docs/grading.md, §3.8). The sandbox compiles by one standard at a time; what a compiler does not offer is passed
over.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from resources.sandbox.api import Outcome, Program, RunOutcome, Sandbox

USUAL = ("gnu++17", "gnu++20", "gnu++23")
OLDER = "gnu++14"  # tried where a complaint sounds like a name or a rule that C++17 brought
_REMEMBERED = 4096  # programs whose standard is known

# What only a newer standard has. A wrong guess costs a compilation, never a verdict: all are tried before a program is refused.
_OF_23 = re.compile(
    r"#\s*include\s*<(print|expected|flat_map|flat_set|generator|mdspan|spanstream|stacktrace|stdfloat)>"
    r"|\bstd::print(ln)?\s*\(|\branges::(to|fold_left|contains)\b|\bif\s+consteval\b|\(\s*this\s+auto\b|\bstd::(to_underlying|byteswap)\b"
    r"|\bviews::(zip|enumerate|chunk|slide|stride|adjacent|cartesian_product|join_with|repeat|chunk_by|pairwise)\b"
)
_OF_20 = re.compile(
    r"#\s*include\s*<(ranges|span|concepts|format|bit|numbers|compare|coroutine|semaphore|latch|barrier|source_location)>"
    r"|<=>|\b(concept|requires|consteval|constinit|co_yield|co_await|co_return)\b|\b(ranges|views)::|\.(contains|starts_with|ends_with)\s*\("
    r"|\bstd::(popcount|countr_zero|countl_zero|bit_width|has_single_bit|bit_ceil|bit_floor|erase_if|ssize|midpoint|format)\b"
)
_NEWER_THAN_MEANT = re.compile(r"is ambiguous|ISO C\+\+(17|1z) does not|dynamic exception specification")
_NOT_OFFERED = re.compile(r"unrecognized command[- ]line option .?-std=")


def order(source: str) -> tuple[str, ...]:
    """The standards to try for C++ ``source``, the likeliest first."""
    if _OF_23.search(source):
        return ("gnu++23", "gnu++20", "gnu++17")
    return ("gnu++20", "gnu++23", "gnu++17") if _OF_20.search(source) else USUAL


def execute(
    sandbox: Sandbox, program: Program, until: Callable[[int, RunOutcome], bool] | None, *, reserved: bool = False
) -> Outcome:
    """``sandbox.execute``, a C++ program by the first standard that takes it (else with the first one's complaint)."""
    if program.language != "cpp":
        return sandbox.execute(program, until, reserved=reserved)
    return first_accepted(
        program.code, lambda standard: sandbox.execute(replace(program, std=standard), until, reserved=reserved)
    )


def first_accepted(
    source: str, compiled: Callable[[str], Outcome], message: Callable[[Outcome], str | None] | None = None
) -> Outcome:
    """The outcome of ``compiled(standard)`` by the first standard that takes C++ ``source``, else by the first that was tried.

    ``message``: what the compiler complains of in an outcome, None where it does not. A program that comes again begins with the
    standard that took it.
    """
    message = message or _complaint
    known = _taken.get(source)
    waiting = list(dict.fromkeys([*([known] if known else []), *order(source)]))
    first: Outcome | None = None
    while waiting:
        standard = waiting.pop(0)
        outcome = compiled(standard)
        complaint = message(outcome)
        if complaint is None:
            _taken.put(source, standard)
            return outcome
        if not outcome.diagnosed:  # it ran out of time or memory, and would again
            return outcome
        if _NOT_OFFERED.search(complaint):
            continue
        if first is None and _NEWER_THAN_MEANT.search(complaint):
            waiting.insert(0, OLDER)
        first = first or outcome
    assert first is not None, "every compiler offers C++17"
    return first


def _complaint(outcome: Outcome) -> str | None:
    return None if outcome.compiled else outcome.compile_message


class _Taken:
    """The standard that took a program, for the programs met last. Threads may share it."""

    def __init__(self) -> None:
        self._standards: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, source: str) -> str | None:
        with self._lock:
            return self._standards.get(self._key(source))

    def put(self, source: str, standard: str) -> None:
        with self._lock:
            self._standards[self._key(source)] = standard
            while len(self._standards) > _REMEMBERED:
                self._standards.popitem(last=False)

    @staticmethod
    def _key(source: str) -> bytes:
        return hashlib.sha256(source.encode("utf-8", "surrogatepass")).digest()


_taken = _Taken()
