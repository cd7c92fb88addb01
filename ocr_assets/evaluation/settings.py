"""What can be set of the evaluation stage, for assets and plain functions alike."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ocr_assets.generation.prompts import PromptTemplate, load_templates
from ocr_assets.generation.prompts.solving import BENCHMARK_NAMES
from ocr_assets.generation.settings import AskingSettings
from ocr_assets.grading.settings import DefaultLimits
from ocr_assets.schema import PromptStyle

OCR_WINDOW = "2024-08-01/2025-02-01"  # of LiveCodeBench's release_v5: 279 problems (docs/papers.md, OCR-7)


class SampleSettings(AskingSettings):
    """What models under evaluation are asked. More samples ask for the additional ones only; anything else asks anew."""

    samples: int = Field(
        4,
        ge=0,
        description="Samples a problem; the paper averages 64 on LiveCodeBench, 16 on CodeContests",
        json_schema_extra={"env": "OCR_EVALUATION_SAMPLES"},
    )
    max_tokens: int = Field(
        30_720,
        ge=1,
        description="Most completion tokens of an answer, reasoning included",
        json_schema_extra={"env": "OCR_EVALUATION_MAX_TOKENS"},
    )
    benchmarks: list[str] = Field([], description="Only these benchmarks; without it all that were read")
    language: Literal["own", "python", "cpp", "both"] = Field(
        "own",
        description="Languages, of those that a benchmark has; own: the one that it is made for",
        json_schema_extra={"env": "OCR_EVALUATION_LANGUAGE"},
    )
    prompt: Literal["ours", "published", "both"] = Field(
        "ours", description="ours; published: as the benchmark's own harness asks; both, to report the difference"
    )

    @property
    def prompt_styles(self) -> tuple[PromptStyle, ...]:
        """The styles of prompt."""
        return ("ours", "published") if self.prompt == "both" else (self.prompt,)

    def own_templates(self) -> dict[str, PromptTemplate]:
        """Our templates, or the user's in place of them."""
        return load_templates(BENCHMARK_NAMES, Path(self.templates) if self.templates else None)


class EvaluationVerdictSettings(DefaultLimits):
    """How programs of models under evaluation are run, where a benchmark states no limits."""


class EvaluationSettings(BaseModel):
    """What samples are added up to. Nothing is asked or run anew by another setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depths: list[int] = Field([1, 5, 10], description="k of pass@k, where each problem has as many samples")
    windows: list[str] = Field([OCR_WINDOW], description="Windows of dates, first and last day, both included")

    @field_validator("depths")
    @classmethod
    def _depths_are_positive(cls, depths: list[int]) -> list[int]:
        if not depths or min(depths) < 1:
            raise ValueError("give whole numbers from 1 on, one at least")
        return sorted(set(depths))

    @field_validator("windows")
    @classmethod
    def _windows_are_days(cls, windows: list[str]) -> list[str]:
        for window in windows:
            first, _, last = window.partition("/")
            try:
                in_order = date.fromisoformat(first) <= date.fromisoformat(last)
            except ValueError:
                in_order = False
            if not in_order:
                raise ValueError(f"{window}: give two days, such as {OCR_WINDOW}")
        return windows
