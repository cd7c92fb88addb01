"""How many samples a problem is worth: policies that look at what became of those it already has.

A policy is asked again each time something is planned, so it needs no memory: what is in the lake is its memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class SampleCounts:
    """What the lake holds for one prompt: samples in all, those that passed, and those not judged yet."""

    tried: int = 0
    passed: int = 0
    pending: int = 0


class SamplingPolicy(Protocol):
    """A policy: how many samples there shall be in all, given how they stand. Never fewer than the samples there are."""

    def wanted(self, standing: SampleCounts) -> int: ...


@dataclass(frozen=True)
class Fixed:
    """``samples`` each: the same number for every problem (docs/papers.md, OCR-4)."""

    samples: int

    def wanted(self, standing: SampleCounts) -> int:
        return max(self.samples, standing.tried)


@dataclass(frozen=True)
class UntilPassing:
    """``first`` samples, then ``step`` more at a time until ``passing`` of them pass or ``limit`` were tried.

    KodCode's attempts are ``UntilPassing(passing=1, limit=10)`` (docs/papers.md, KC-4). While some are not judged yet nothing
    more is wanted: they may pass. Raises ``ValueError`` for bounds that contradict each other.
    """

    passing: int
    limit: int
    first: int = 1
    step: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.passing <= self.limit or not 1 <= self.first <= self.limit or self.step < 1:
            raise ValueError(f"{self}: 1 <= passing <= limit, 1 <= first <= limit and step >= 1 must hold")

    def wanted(self, standing: SampleCounts) -> int:
        if standing.tried < self.first:
            return self.first
        if standing.pending or standing.passed >= self.passing:
            return standing.tried
        return max(standing.tried, min(self.limit, standing.tried + self.step))
