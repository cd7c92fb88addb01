"""pass@k of a problem: its unbiased estimate, and how much of that is the luck of the samples that were drawn.

What many problems add up to is ``estimates.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def pass_at(tried: int, passed: int, depth: int) -> float:
    """The chance that ``depth`` of ``tried`` attempts, drawn at random, hold one of the ``passed``: 1 - C(n - c, k) / C(n, k).

    It is the unbiased estimate of the chance that k new attempts hold one that passes (Chen et al. 2021, arXiv 2107.03374).
    Raises ``ValueError`` where there are fewer than ``depth``.
    """
    if not 0 <= passed <= tried or not 1 <= depth <= tried:
        raise ValueError(f"pass@{depth} of {passed} in {tried}")
    return 1.0 - math.comb(tried - passed, depth) / math.comb(tried, depth)


def sampling_variance(tried: int, passed: int, depth: int) -> float | None:
    """The variance that ``pass_at`` has because other samples of the same problem would pass or fail otherwise; None where
    there are too few samples to tell.

    The jackknife over samples, in closed form: leaving out one that passed, or one that failed, gives one of two values. For
    pass@1 it is p(1-p)/(n-1), without bias; for larger k it errs upwards, if at all (Efron and Stein 1981).
    """
    if depth >= tried:
        return None
    without_passed = pass_at(tried - 1, passed - 1, depth) if passed else 0.0
    without_failed = pass_at(tried - 1, passed, depth) if passed < tried else 0.0
    # The two values' squared distances from their mean, c and n - c times: c(n - c)/n · (difference)².
    return (tried - 1) / tried * passed * (tried - passed) / tried * (without_failed - without_passed) ** 2


@dataclass(frozen=True)
class Scores:
    """A number a problem, and the sampling variance of each (None: cannot be told)."""

    values: Sequence[float]
    variances: Sequence[float | None]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.variances):
            raise ValueError(f"{len(self.values)} values with {len(self.variances)} variances")


def scores_of(counts: Iterable[tuple[int, int]], depth: int) -> Scores:
    """pass@depth of each problem, from (tried, passed) of each. Raises ``ValueError`` where one has fewer than ``depth``."""
    listed = list(counts)
    return Scores(
        [pass_at(tried, passed, depth) for tried, passed in listed],
        [sampling_variance(tried, passed, depth) for tried, passed in listed],
    )
