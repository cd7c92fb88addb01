"""What can be set of the synthesis stage beside the subsets' definitions, for assets and plain functions alike."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from resources.models.api import FAILURES

NEAR_FLOOR = 0.9  # pairs less similar than this are not kept


class QuestionSettings(BaseModel):
    """Asking for questions. What is asked is the matter of the subsets' definitions (docs/synthesis.md)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ask_again: list[str] = Field([], description=f"Failures to be asked again, each once a run: {', '.join(FAILURES)}")

    @field_validator("ask_again")
    @classmethod
    def _failures_that_exist(cls, names: list[str]) -> list[str]:
        if unknown := set(names) - set(FAILURES):
            raise ValueError(f"ask_again: {', '.join(sorted(unknown))} is none of {', '.join(FAILURES)}")
        return names


class ScreeningSettings(BaseModel):
    """Which questions are one, and which restate a benchmark item. What was measured is kept: another threshold decides again
    without measuring (docs/papers.md, KC-2 and KC-7)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    duplicate_threshold: float = Field(
        0.95, ge=NEAR_FLOOR, le=1, description=f"Cosine from which two questions are one; at least {NEAR_FLOOR}"
    )
    benchmark_threshold: float = Field(
        0.95, gt=0, le=1, description="Cosine from which a question counts as restating a benchmark item"
    )
