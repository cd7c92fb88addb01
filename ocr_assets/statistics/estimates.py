"""What many problems say together: a mean with its standard error over problems, a bootstrap interval, a paired difference.

Problems are drawn from all that could have been asked, and samples from all that the model could have answered. The standard
error over problems holds both parts, since problems' values scatter by both; ``sampling_noise`` is the second part alone, which
more samples would take away. Problems that stand or fall together (subtasks of one, rewordings of one) form a cluster, and
clusters are what is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocr_assets.statistics.passes import Scores

DRAWS = 10_000
LEVEL = 0.95
Floats = npt.NDArray[np.float64]
_AT_ONCE = 4_000_000  # numbers drawn at once
SEED = 20_250_217


@dataclass(frozen=True)
class Estimate:
    """A mean over problems.

    ``standard_error``: over problems (clusters, where there are any); None: there is but one. ``low``, ``high``: the 95 %
    interval. ``sampling_noise``: the standard error that would be left if the same problems were asked again; None: too few
    samples to tell.
    """

    value: float
    standard_error: float | None
    low: float
    high: float
    sampling_noise: float | None
    problems: int


def estimate_of(scores: Scores, clusters: Sequence[Hashable] | None = None, bounds: tuple[float, float] = (0.0, 1.0)) -> Estimate:
    """The mean of ``scores`` over problems.

    Args:
        scores: a value a problem, with its sampling variance.
        clusters: the cluster of each problem; None: each stands alone.
        bounds: between what every possible value lies.

    Raises:
        ValueError: there is no problem, or the clusters are not one a problem.
    """
    values = np.asarray(scores.values, float)
    if not len(values):
        raise ValueError("no problem")
    sums, sizes = _by_cluster(values, clusters)
    low, high = interval_of(sums, sizes, bounds)
    return Estimate(float(values.mean()), _standard_error(sums, sizes), low, high, _noise(scores.variances), len(values))


def difference_of(one: Scores, other: Scores, clusters: Sequence[Hashable] | None = None) -> Estimate:
    """The mean of ``one - other`` over problems that both have in the same order: paired, so what makes a problem hard for both
    falls out. Scores lie between 0 and 1. Raises as ``estimate_of``, and where the two are not about as many problems."""
    if len(one.values) != len(other.values):
        raise ValueError(f"{len(one.values)} problems against {len(other.values)}")
    variances = [
        None if left is None or right is None else left + right
        for left, right in zip(one.variances, other.variances, strict=True)
    ]
    values = [left - right for left, right in zip(one.values, other.values, strict=True)]
    return estimate_of(Scores(values, variances), clusters, (-1.0, 1.0))


def _by_cluster(values: Floats, clusters: Sequence[Hashable] | None) -> tuple[Floats, Floats]:
    """The sum of values and the number of problems of each cluster."""
    if clusters is None:
        return values, np.ones(len(values))
    if len(clusters) != len(values):
        raise ValueError(f"{len(values)} problems with {len(clusters)} clusters")
    places = {cluster: place for place, cluster in enumerate(dict.fromkeys(clusters))}
    index = np.asarray([places[cluster] for cluster in clusters])
    sizes = np.bincount(index, minlength=len(places)).astype(np.float64)
    return np.bincount(index, values, len(places)).astype(np.float64), sizes


def _standard_error(sums: Floats, sizes: Floats) -> float | None:
    """Cluster-robust: sqrt(G/(G-1) · Σ (what a cluster's values are above the mean)²) / P. With one problem a cluster that is
    the sample standard deviation over the square root of P."""
    count = len(sums)
    if count < 2:
        return None
    problems = sizes.sum()
    above = sums - sizes * (sums.sum() / problems)
    return float(math.sqrt(count / (count - 1) * float((above**2).sum())) / problems)


def _noise(variances: Sequence[float | None]) -> float | None:
    known = [variance for variance in variances if variance is not None]
    return math.sqrt(sum(known)) / len(known) if len(known) == len(variances) else None


def interval_of(
    sums: Floats, sizes: Floats, bounds: tuple[float, float] = (0.0, 1.0), level: float = LEVEL, draws: int = DRAWS
) -> tuple[float, float]:
    """The interval of the mean by a bootstrap over clusters of ``sizes`` problems with ``sums`` of values: percentiles of the
    means of as many clusters drawn with replacement, always the same draws.

    Where all clusters have one value a bootstrap sees no scatter, which does not mean that there is none. Then at most a share
    q of problems differ, with (1-q)^G = (1-level)/2, and those may lie anywhere within ``bounds``: exact where values are 0 or
    1 (Clopper and Pearson 1934).
    """
    means = sums / sizes
    value = float(sums.sum() / sizes.sum())
    if np.ptp(means) <= 1e-12:
        share = 1.0 - ((1.0 - level) / 2) ** (1.0 / len(sums))
        return value - share * (value - bounds[0]), value + share * (bounds[1] - value)
    # Clusters of the same sum and size are interchangeable: how often each kind is drawn is all that matters.
    kinds, frequencies = np.unique(np.column_stack([sums, sizes]), axis=0, return_counts=True)
    random = np.random.default_rng(SEED)
    drawn: list[Floats] = []
    for start in range(0, draws, block := max(1, _AT_ONCE // len(kinds))):
        counts = random.multinomial(len(sums), frequencies / len(sums), size=min(block, draws - start))
        drawn.append((counts @ kinds[:, 0]) / (counts @ kinds[:, 1]))
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
