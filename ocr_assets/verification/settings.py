"""The settings of the verification stage: one model each, used by plain functions, the assets' configuration and the CLI.

What a problem states itself (its ``limits``) always wins over what is set here.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DefaultLimits(BaseModel):
    """Limits of one run of a program on one test, where the problem states none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu_s: float = Field(default=2.0, gt=0, description="CPU seconds a test, for C++")
    memory_mb: float = Field(default=256.0, gt=0, description="Peak memory, MiB")
    output_mb: float = Field(default=64.0, gt=0, description="What a program may write to stdout and stderr, MiB")
    processes: int = Field(default=32, gt=0, description="Processes and threads at once")
    python_factor: float = Field(default=3.0, gt=0, description="How much more CPU time Python gets")
    cpp_factor: float = Field(default=1.0, gt=0, description="The same for C++")


class GradingSettings(DefaultLimits):
    """How solutions are graded."""

    stop_at_first_failure: bool = Field(default=True, description="Whether the tests after a failed one are left out")


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
