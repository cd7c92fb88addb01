"""How programs are graded: limits where a problem states none, and when a run of tests may stop.

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
