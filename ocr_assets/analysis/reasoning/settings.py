"""What can be set of the annotation of reasoning, for the asset and plain functions alike. Who annotates is a resource."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ocr_assets.generation.settings import AskingSettings


class AnnotationSettings(AskingSettings):
    """Which reasoning is annotated, how, and from what coverage on it counts. Another model, sampling or prompt asks anew."""

    temperature: float = Field(0.0, ge=0, description="Sampling temperature")
    top_p: float = Field(1.0, gt=0, le=1, description="Nucleus sampling: probability mass that tokens are drawn from")
    max_tokens: int = Field(
        32_768, ge=1, description="Most completion tokens of an answer, which holds the whole reasoning once more"
    )
    problems: int | None = Field(
        None,
        ge=1,
        description="Annotate responses of so many problems, drawn by hash, so that a larger number adds to them; null: all",
    )
    per_problem: int | None = Field(
        None, ge=1, description="At most so many responses a problem and language, drawn by hash; null: all"
    )
    tries: int = Field(1, ge=1, description="How often an annotation is asked for, where what came cannot be read")
    least_coverage: float = Field(
        0.5, ge=0, le=1, description="Share of the reasoning that must have a pattern, or the response is not compared"
    )

    @property
    def choice(self) -> dict[str, Any]:
        """The parameters of the queries that choose responses."""
        return {"problems": self.problems, "per_problem": self.per_problem}
