"""From which numbers on a check warns: the ``[warnings]`` section of the project file. A warning stops nothing. What is watched
is declared with each table (``ocr_assets/schema``)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field


class WarningSettings(BaseModel):
    """Limits of the numbers that are watched. A number beyond its limit is a warning on the asset's page."""

    section: ClassVar[str] = "warnings"
    model_config = ConfigDict(frozen=True, extra="forbid")

    max_rows_lost: float = Field(
        0.1, ge=0, le=1, description="Share of a table's rows that a run may lose", json_schema_extra={"env": "OCR_MAX_ROWS_LOST"}
    )
    min_acceptance: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Least share of judged programs that pass their tests",
        json_schema_extra={"env": "OCR_MIN_ACCEPTANCE"},
    )
    max_undecided: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of problems whose contamination nobody has decided",
        json_schema_extra={"env": "OCR_MAX_UNDECIDED"},
    )
    max_truncated: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of answers that were cut off at the limit of tokens",
        json_schema_extra={"env": "OCR_MAX_TRUNCATED"},
    )
    min_annotated: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Least share of the reasoning that the annotator gives a pattern",
        json_schema_extra={"env": "OCR_MIN_ANNOTATED"},
    )
    max_sandbox_faults: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of programs that have no verdict because a sandbox failed",
        json_schema_extra={"env": "OCR_MAX_SANDBOX_FAULTS"},
    )


__all__ = ["WarningSettings"]
