"""From standings to the table ``evaluation_comparison``: two models on the problems that both were asked, and a model beside a
figure that a paper gives (``papers.toml``).

Which are compared: every two models, asked in the same style, programs taken out by our rules; and one model asked, or its
answers taken apart, in our style and in the benchmark's own, so that the difference is known.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import cast

from ocr_assets.evaluation.adding_up import evaluation
from ocr_assets.evaluation.counts import Asked, Standing, slices
from ocr_assets.schema import EvaluationComparison, content_id, json_text
from ocr_assets.statistics import difference_of, scores_of

PAPERS = Path(__file__).with_name("papers.toml")
Found = Mapping[Asked, Sequence[Standing]]


@dataclass(frozen=True)
class Figure:
    """A figure of a paper. ``value``: from 0 to 1. ``slice``: the window of days that it is about; null: the whole benchmark.
    ``mix``: the training mix of ours that stands for the model's data (``ocr_assets/training/mixes``)."""

    paper: str
    model: str
    benchmark: str
    value: float
    runs: int | None = None
    slice: str | None = None
    mix: str | None = None
    language: str = "python"
    metric: str = "tests"

    @property
    def place(self) -> str:
        """Where the figure stands, in words."""
        return self.paper + (f", mean of {self.runs} runs" if self.runs else "")


@cache
def papers() -> tuple[Figure, ...]:
    """The papers' figures. Raises ``TypeError`` for an entry with a field that there is not."""
    listed = tomllib.loads(PAPERS.read_text(encoding="utf-8"))["figure"]
    return tuple(Figure(**{**entry, "value": round(entry["value"] / 100, 6)}) for entry in listed)


def comparisons(found: Found, depths: Sequence[int], windows: Sequence[str]) -> Iterator[EvaluationComparison]:
    """All rows: pairs of what was measured, then the papers' figures, each beside the models that it may be held against."""
    for one, other in pairs(found):
        yield from _paired(one, other, found, depths, windows)
    for figure in papers():
        if any(_is_about(figure, asked, problems) for asked, problems in found.items()):
            yield from _beside(figure, found, windows)


def pairs(found: Found) -> Iterator[tuple[Asked, Asked]]:
    """What is compared with what; of two models the later name first, of two styles the benchmark's own first."""
    for one, other in combinations(sorted(found, key=_order), 2):
        if (one.benchmark, one.language, one.metric) != (other.benchmark, other.language, other.metric):
            continue
        styles = (one.prompt_style, one.extraction), (other.prompt_style, other.extraction)
        if one.model != other.model:
            if styles[0] == styles[1] and one.extraction == "ours":
                yield other, one
        elif one.sampling == other.sampling and sum(a != b for a, b in zip(*styles, strict=True)) == 1:
            yield other, one


def _order(asked: Asked) -> tuple[str, ...]:
    return (
        asked.benchmark, asked.language, asked.metric, asked.model, asked.prompt_style, asked.extraction, asked.sampling,
    )  # fmt: skip


def _paired(
    one: Asked, other: Asked, found: Found, depths: Sequence[int], windows: Sequence[str]
) -> Iterator[EvaluationComparison]:
    others = {problem.problem_id: problem for problem in found[other]}
    both = [problem for problem in found[one] if problem.problem_id in others]
    for (slice_by, name), part in slices(both, windows).items():
        for depth in depths:
            counted = [p for p in part if p.tried >= depth and others[p.problem_id].tried >= depth]
            if not counted:
                continue
            mine = scores_of([(p.tried, p.passed) for p in counted], depth)
            theirs = scores_of([(o.tried, o.passed) for o in (others[p.problem_id] for p in counted)], depth)
            difference = difference_of(mine, theirs, [p.cluster for p in counted])
            row = {
                **_told("paired", one, slice_by, name, depth),
                "model": one.model,
                "settings": settings_of(one),
                "other": other.model,
                "other_settings": settings_of(other),
                "problems": difference.problems,
                "value": sum(mine.values) / len(counted),
                "other_value": sum(theirs.values) / len(counted),
                "difference": difference.value,
                "standard_error": difference.standard_error,
                "low": difference.low,
                "high": difference.high,
                "sampling_noise": difference.sampling_noise,
            }
            yield _identified(row)


def _beside(figure: Figure, found: Found, windows: Sequence[str]) -> Iterator[EvaluationComparison]:
    """A figure beside the model it is about: the one trained on its mix, or of its name; else by itself."""
    slice_by, name = ("window", figure.slice) if figure.slice else ("all", "all")
    stands_for = [
        asked
        for asked in found
        if (asked.benchmark, asked.language, asked.metric) == (figure.benchmark, figure.language, figure.metric)
        and asked.extraction == "ours"
        and (asked.model.rpartition("/")[2].lower() == figure.model.lower() or _is_of_mix(asked.model, figure.mix))
    ]
    for asked in stands_for:
        part = slices(found[asked], [*windows, *([figure.slice] if figure.slice else [])]).get((slice_by, name))
        if part and (row := evaluation(asked, slice_by, name, part, 1)) is not None:
            yield _identified(
                {
                    **_told("paper", asked, slice_by, name, 1),
                    "model": asked.model,
                    "settings": settings_of(asked),
                    "other": figure.model,
                    "other_settings": figure.place,
                    "problems": row["problems"],
                    "value": row["value"],
                    "other_value": figure.value,
                    "difference": row["value"] - figure.value,
                    "standard_error": row["standard_error"],
                    "low": row["low"] - figure.value,
                    "high": row["high"] - figure.value,
                    "sampling_noise": row["sampling_noise"],
                }
            )
    if not stands_for:
        alone = Asked("", figure.benchmark, figure.language, "ours", "ours", "", figure.metric)
        nothing = dict.fromkeys(
            ("model", "settings", "problems", "value", "difference", "standard_error", "low", "high", "sampling_noise")
        )
        told = _told("paper", alone, slice_by, name, 1)
        yield _identified({**told, **nothing, "other": figure.model, "other_settings": figure.place, "other_value": figure.value})


def _is_about(figure: Figure, asked: Asked, problems: Sequence[Standing]) -> bool:
    """Whether a model was asked what the figure is about: its benchmark, and its window of days."""
    if (asked.benchmark, asked.language, asked.metric) != (figure.benchmark, figure.language, figure.metric):
        return False
    return figure.slice is None or ("window", figure.slice) in slices(problems, [figure.slice])


def _is_of_mix(model: str, mix: str | None) -> bool:
    return mix is not None and model.partition("@")[0] == f"mix:{mix}"


def _told(kind: str, asked: Asked, slice_by: str, name: str, depth: int) -> dict[str, object]:
    return {
        "kind": kind,
        "benchmark": asked.benchmark,
        "language": asked.language,
        "metric": asked.metric,
        "slice_by": slice_by,
        "slice": name,
        "k": depth,
    }


def _identified(row: dict[str, object]) -> EvaluationComparison:
    about = ("kind", "benchmark", "language", "metric", "slice_by", "slice", "k", "model", "settings", "other", "other_settings")
    return cast("EvaluationComparison", {"comparison_id": content_id("cmp", *(row[name] for name in about)), **row})


def settings_of(asked: Asked) -> str:
    """How a model was asked, and its answers taken apart, as JSON."""
    return json_text({"prompt": asked.prompt_style, "extraction": asked.extraction, "sampling": asked.sampling})
