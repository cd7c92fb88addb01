"""How answers are drawn and by which prompts, for assets and plain functions alike. What is asked is the stages' matter."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ocr_assets.generation.prompts import PromptTemplate, load_templates
from resources.models.api import FAILURES, Sampling


class AskingSettings(BaseModel):
    """How a model is asked: what stages that ask about rows have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = Field(0.6, ge=0, description="Sampling temperature")
    top_p: float = Field(0.95, gt=0, le=1, description="Nucleus sampling: probability mass that tokens are drawn from")
    max_tokens: int = Field(16_384, ge=1, description="Most completion tokens of an answer, reasoning included")
    templates: str | None = Field(
        None, description="Folder whose <name>.jinja files replace the prompt templates", json_schema_extra={"path": True}
    )
    ask_again: list[str] = Field([], description=f"Failures to be asked again, each once a run: {', '.join(FAILURES)}")

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn."""
        return Sampling(self.temperature, self.top_p, self.max_tokens)

    def template(self, name: str) -> PromptTemplate:
        """A prompt template, the user's own where there is one."""
        return load_templates([name], Path(self.templates) if self.templates else None)[name]
