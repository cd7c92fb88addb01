"""What can be set of the synthesis stage beside the subsets' definitions, for assets and plain functions alike."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ocr_assets.generation.sampling import Fixed, SamplingPolicy, UntilPassing
from ocr_assets.generation.settings import AskingSettings
from ocr_assets.grading.settings import DefaultLimits, GradingSettings
from ocr_assets.schema import Style
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


class SelfVerificationSettings(DefaultLimits):
    """When a solution and its tests count as verified, and how hard the tests are tried."""

    cpu_s: float = Field(default=3.0, gt=0, description="CPU seconds of a whole suite; Python gets its factor of that")
    memory_mb: float = Field(default=512.0, gt=0, description="Peak memory, MiB")
    mutants: int = Field(default=8, ge=0, description="Mutants of the solution that the tests are tried on")
    constants: int = Field(default=2, ge=0, description="Constants that its functions are made to answer")
    coverage: bool = Field(default=True, description="Measure which statements and branches the tests execute")
    min_statement_coverage: float = Field(default=0.0, ge=0, le=1, description="Least share of statements, 0: only recorded")
    min_branch_coverage: float = Field(
        default=0.0, ge=0, le=1, description="Least share of branches, 0: only recorded; 1: KodCode's sequel"
    )
    min_kill_rate: float = Field(default=0.0, ge=0, le=1, description="Least share of wrong programs that the tests notice")

    @property
    def grading(self) -> GradingSettings:
        """How the programs are graded."""
        return GradingSettings(**{name: getattr(self, name) for name in DefaultLimits.model_fields})


class AttemptSettings(AskingSettings):
    """Attempts: each a fresh solution with fresh tests (docs/papers.md, KC-4)."""

    policy: Literal["until_verified", "fixed"] = Field(
        "until_verified",
        description="until_verified: one after the other up to the first that verifies, so harder questions get more; fixed: "
        "max_attempts for every question, to compare pass@1, 5 and 10 by subset",
    )
    max_attempts: int = Field(10, ge=1, description="Most attempts a question")

    @property
    def wanted(self) -> SamplingPolicy:
        """How many attempts a question is worth."""
        return Fixed(self.max_attempts) if self.policy == "fixed" else UntilPassing(1, self.max_attempts)


class ConversionSettings(AskingSettings):
    """Verified triplets put into other styles (docs/papers.md, KC-6)."""

    complete: bool = Field(True, description="Convert into code to be completed")
    online_judge: bool = Field(True, description="Convert into tasks for an online judge")
    max_tries: int = Field(2, ge=1, description="Most conversions of a triplet into a style, up to the first that verifies")

    @property
    def styles(self) -> list[Style]:
        """The styles to convert into."""
        wanted: dict[Style, bool] = {"complete": self.complete, "online_judge": self.online_judge}
        return [style for style, is_wanted in wanted.items() if is_wanted]


class ResponseSettings(AskingSettings):
    """The teacher's answers to the questions of verified triplets (docs/papers.md, KC-8)."""

    responses: int = Field(3, ge=0, description="Responses a triplet")
