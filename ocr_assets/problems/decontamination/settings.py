"""The settings of decontamination: one model for the asset's configuration, the plain functions and the command line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Policy = Literal["any_judge", "both_judges", "human", "similarity", "report_only"]
COSINE_FLOOR = 0.5  # below it only the nearest item of all is kept, for the histogram
OVERLAP_FLOOR = 0.3


class DecontaminationSettings(BaseModel):
    """What is measured between problems and benchmark items, and what is decided from it.

    Scores and votes are kept, so another threshold, overlap or policy decides again without measuring or asking. Policies:
    ``any_judge`` or ``both_judges`` must say yes to confirm a pair; ``human``: what embeddings found waits for a person;
    ``similarity``: the cosine alone confirms, as in KodCode; ``report_only``: nothing is removed, as in OCR.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Field(
        0.7,
        ge=COSINE_FLOOR,
        le=1,
        description="Cosine of the embeddings from which a pair is judged (OCR 0.7, KodCode 0.95)",
        json_schema_extra={"env": "OCR_CONTAMINATION_THRESHOLD"},
    )
    policy: Policy = Field("any_judge", description="Who confirms a pair", json_schema_extra={"env": "OCR_CONTAMINATION_POLICY"})
    overlap: float = Field(
        0.8, ge=OVERLAP_FLOOR, le=1, description="Share of an item's n-grams in a problem from which the pair is certain"
    )
    neighbours: int = Field(3, ge=1, description="Nearest items kept for each problem and benchmark; another value measures anew")
    ngram: int = Field(8, ge=2, le=8, description="Words of an n-gram; another value measures anew")
    templates: str | None = Field(
        None, description="Folder whose judge.jinja replaces the judges' prompt: all pairs anew", json_schema_extra={"path": True}
    )
