"""What can be set of critiques, for the asset and plain functions alike. Who criticises is a resource."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ocr_assets.generation.settings import AskingSettings


class CritiqueSettings(AskingSettings):
    """Which solutions are criticised, and how. Another model, sampling or prompt asks anew."""

    max_tokens: int = Field(24_576, ge=1, description="Most completion tokens of a critique, reasoning included")
    critiques: int = Field(1, ge=1, description="Critiques of each solution")
    problems: int | None = Field(
        None,
        ge=1,
        description="Criticise solutions of so many problems, drawn by hash, so that a larger number adds to them; null: all",
    )
    per_problem: int | None = Field(
        None, ge=1, description="At most so many solutions a problem and language, drawn by hash; null: all"
    )

    @property
    def choice(self) -> dict[str, Any]:
        """The parameters of the query that chooses solutions."""
        return {"problems": self.problems, "per_problem": self.per_problem}
