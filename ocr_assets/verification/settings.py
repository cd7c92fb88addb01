"""The settings of the verification stage: one model each, used by plain functions and the assets' configuration.

How programs are graded, here and elsewhere, is set in ``grading/settings.py``.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from ocr_assets.grading.settings import DefaultLimits, GradingSettings


class ValidationSettings(DefaultLimits):
    """How many programs of known worth are run against each suite."""

    references: int = Field(default=3, ge=0, description="Reference solutions run, a problem and language")
    rejected: int = Field(default=3, ge=0, description="Rejected submissions run, a problem and language")
    mutants: int = Field(default=10, ge=0, description="Mutants of an accepted reference solution run, a problem")

    @property
    def grading(self) -> GradingSettings:
        """How those programs are graded: up to their first failure."""
        return GradingSettings(**{name: getattr(self, name) for name in DefaultLimits.model_fields})


class QualitySettings(BaseModel):
    """When a suite's verdicts are not to be trusted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_true_positive_rate: float = Field(
        default=0.9, ge=0, le=1, description="A suite that accepts a smaller share of reference solutions is quarantined"
    )
