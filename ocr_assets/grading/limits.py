"""Limits of a run: resolved from what a problem states, from the settings and the host's speed; and outcomes measured by them."""

from __future__ import annotations

from dataclasses import replace

from ocr_assets.grading.settings import DefaultLimits
from ocr_assets.schema import Language, Limits, TestVerdict
from resources.sandbox.api import RunLimits, RunOutcome

NEAR = 0.15  # a test this close to a limit is run again, undisturbed, before its verdict is recorded (docs/grading.md, §1)


def resolve_limits(limits: Limits, language: Language, settings: DefaultLimits, host_speed: float = 1.0) -> RunLimits:
    """Limits of one run.

    CPU time is for C++ and the reference host: multiplied by the language's factor, divided by a slower host's speed (a faster
    host gets no less than the stated time). Wall time only catches sleepers: three times that and five seconds, or what the
    problem says if that is more than the CPU time.
    """
    factor = limits["python_factor"] if language == "python" else limits["cpp_factor"]
    if factor is None:
        factor = settings.python_factor if language == "python" else settings.cpp_factor
    cpu_s = (limits["cpu_s"] or settings.cpu_s) * factor / min(1.0, host_speed)
    wall_s = limits["wall_s"] if limits["wall_s"] is not None else 3 * cpu_s + 5
    return RunLimits(
        cpu_s=cpu_s,
        wall_s=max(wall_s, cpu_s),
        memory_mb=int(limits["memory_mb"] or settings.memory_mb),
        output_mb=int(limits["output_mb"] or settings.output_mb),
        processes=limits["processes"] or settings.processes,
    )


def generous(limits: RunLimits) -> RunLimits:
    """What a run is allowed: 15 % more than its limits, so that a run stopped there is over them for certain."""
    return replace(limits, cpu_s=limits.cpu_s * (1 + NEAR), memory_mb=int(limits.memory_mb * (1 + NEAR)) + 1)


def within(run: RunOutcome, limits: RunLimits) -> RunOutcome:
    """The outcome of a run with generous limits, as the true limits see it."""
    if run.status in ("ok", "runtime_error") and run.cpu_s > limits.cpu_s:
        return replace(run, status="time_limit")
    if run.status in ("ok", "runtime_error") and run.memory_mb > limits.memory_mb:
        return replace(run, status="memory_limit")
    return run


def near_limit(test: TestVerdict, limits: RunLimits) -> bool:
    """Whether a test's CPU time or memory lies within 15 % of its limit, on either side."""
    return (
        abs(test["cpu_s"] - limits.cpu_s) < NEAR * limits.cpu_s
        or abs(test["memory_mb"] - limits.memory_mb) < NEAR * limits.memory_mb
    )
