"""What can be set of the traces stage, for assets, the command line and plain functions alike."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ocr_assets.generation.prompts import load_templates
from ocr_assets.generation.prompts.solving import NAMES
from ocr_assets.generation.sampling import Fixed, SamplingPolicy, UntilPassing
from ocr_assets.schema import Language
from ocr_assets.traces.plan import Wanted
from resources.models.api import FAILURES, Sampling


class TraceSettings(BaseModel):
    """What is asked of the teacher. Another temperature, top_p, max_tokens, template or model asks anew; more samples ask for
    the additional ones only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    python_samples: int = Field(6, ge=0, description="Python responses a problem")
    cpp_samples: int = Field(2, ge=0, description="C++ responses a problem (stdin problems only)")
    until_passing: int = Field(
        0,
        ge=0,
        description="Ask for more_at_once more samples where fewer than so many pass, up to max_samples; 0: never. Verdicts are "
        "those of earlier runs, and with the job follow at work also those that it makes meanwhile. The job "
        "sample_until_passing sets it to 1",
    )
    max_samples: int = Field(10, ge=1, description="With until_passing: most responses a problem and language")
    more_at_once: int = Field(1, ge=1, description="With until_passing: how many more are asked for at a time")
    temperature: float = Field(0.6, ge=0, description="Sampling temperature")
    top_p: float = Field(0.95, gt=0, le=1, description="Nucleus sampling: probability mass that tokens are drawn from")
    max_tokens: int = Field(16_384, ge=1, description="Most completion tokens of a response, reasoning included")
    templates: str | None = Field(
        None, description="Folder whose <name>.jinja files replace the prompt templates", json_schema_extra={"path": True}
    )
    ask_again: list[str] = Field([], description=f"Failures to be asked again, each once a run: {', '.join(FAILURES)}")

    published_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="With OCR_TEACHER=published: share of the rows that is read, by a hash of the row; a larger "
        "one holds those of a smaller one",
    )

    @field_validator("ask_again")
    @classmethod
    def _failures_that_exist(cls, names: list[str]) -> list[str]:
        if unknown := set(names) - set(FAILURES):
            raise ValueError(f"ask_again: {', '.join(sorted(unknown))} is none of {', '.join(FAILURES)}")
        return names

    def policies(self) -> dict[Language, SamplingPolicy]:
        """How many samples a problem is worth in each language; a language without samples is left out."""
        first_samples: dict[Language, int] = {"python": self.python_samples, "cpp": self.cpp_samples}
        return {language: self._policy(first) for language, first in first_samples.items() if first}

    def _policy(self, first: int) -> SamplingPolicy:
        if not self.until_passing:
            return Fixed(first)
        return UntilPassing(self.until_passing, max(first, self.max_samples), first, self.more_at_once)

    def wanted(self, model: str) -> Wanted:
        """What these settings want of ``model``. Raises ``ValueError`` naming the setting or the template that is wrong."""
        sampling = Sampling(self.temperature, self.top_p, self.max_tokens)
        templates = load_templates(NAMES, Path(self.templates) if self.templates else None)
        return Wanted(self.policies(), sampling, model, templates, self.ask_again)
