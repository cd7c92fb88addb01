"""What verdicts and counts add up to: pass@k, standard errors, intervals, paired differences.

Pure functions over numbers, for any stage. Which rows count, and what is shown of it, is the stages' matter.
"""

from ocr_assets.statistics.estimates import Estimate, difference_of, estimate_of, interval_of
from ocr_assets.statistics.passes import Scores, pass_at, sampling_variance, scores_of

__all__ = [
    "Estimate",
    "Scores",
    "difference_of",
    "estimate_of",
    "interval_of",
    "pass_at",
    "sampling_variance",
    "scores_of",
]
