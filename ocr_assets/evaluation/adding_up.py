"""From standings to the table ``evaluations``: pass@k of each model on each benchmark and its parts, with its uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import cast

from ocr_assets.evaluation.counts import Asked, Standing, slices
from ocr_assets.schema import Evaluation, content_id
from ocr_assets.statistics import estimate_of, scores_of


def evaluations(found: Mapping[Asked, Sequence[Standing]], depths: Sequence[int], windows: Sequence[str]) -> Iterator[Evaluation]:
    """A row for each k that at least one problem of a part has samples enough for."""
    for asked, problems in found.items():
        for (slice_by, name), part in slices(problems, windows).items():
            for depth in depths:
                if (row := evaluation(asked, slice_by, name, part, depth)) is not None:
                    yield row


def evaluation(asked: Asked, slice_by: str, name: str, part: Sequence[Standing], depth: int) -> Evaluation | None:
    """pass@depth over ``part``; None where no problem has so many samples with a verdict."""
    counted = [problem for problem in part if problem.tried >= depth]
    if not counted:
        return None
    scores = scores_of([(problem.tried, problem.passed) for problem in counted], depth)
    found = estimate_of(scores, [problem.cluster for problem in counted])
    told = asdict(asked)
    row = {
        "evaluation_id": content_id("eval", told, slice_by, name, depth),
        **told,
        "slice_by": slice_by,
        "slice": name,
        "k": depth,
        "problems": found.problems,
        "samples": sum(problem.tried for problem in counted),
        "samples_each": min(problem.tried for problem in counted),
        "left_out": len(part) - len(counted),
        "without_verdict": sum(problem.without_verdict for problem in part),
        "value": found.value,
        "standard_error": found.standard_error,
        "low": found.low,
        "high": found.high,
        "sampling_noise": found.sampling_noise,
    }
    return cast("Evaluation", row)
