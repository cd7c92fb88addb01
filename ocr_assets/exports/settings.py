"""Which triplets a release holds, under which name it lies, and how many of its versions are kept."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ocr_assets.schema import Language, Style


class ReleaseSettings(BaseModel):
    """Which triplets are released. The default releases all whose contamination is decided, each with its labels.

    Filtering by verdict costs accuracy (OpenCodeReasoning's ablation, docs/papers.md), so a verdict is a label first.
    ``keep="accepted"`` with ``per_problem=n`` is rejection sampling (docs/papers.md, KC-8).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: Literal["all", "accepted"] = Field("all", description="all: every triplet, labelled; accepted: only those that passed")
    languages: list[str] = Field(["python", "cpp"], description="Languages to release: python, cpp")
    undecided: bool = Field(False, description="Release also problems whose contamination nobody has decided")
    trusted_only: bool = Field(
        False, description="Leave out verdicts that may be wrong: several answers allowed and no checker, a quarantined suite"
    )
    min_suite_tpr: float = Field(0.0, ge=0, le=1, description="Least share of reference solutions the suite must accept")
    min_suite_tnr: float = Field(0.0, ge=0, le=1, description="Least share of rejected programs and mutants it must not accept")
    per_problem: int | None = Field(
        None, ge=1, description="At most so many rows a problem and language; with keep=accepted: rejection sampling"
    )
    prefer: Literal["first", "shortest", "longest", "fastest"] = Field(
        "first", description="Which rows those are: first sampled, shortest, longest or fastest"
    )
    distinct_code: bool = Field(False, description="Of equal programs for a problem release one")

    @field_validator("languages")
    @classmethod
    def _languages_are_known(cls, value: list[str]) -> list[str]:
        unknown = [language for language in value if language not in get_args(Language)]
        if unknown or not value:
            raise ValueError(f"give one or more of {', '.join(get_args(Language))}")
        return value


class ReleaseOptions(BaseModel):
    """What is said of a release beside its filters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    section_only: ClassVar[tuple[str, ...]] = ("profile",)
    release_as: str = Field(
        "",
        description="Release under this name, beside the project's own releases; needed where filters differ from the project's",
        json_schema_extra={"for": "one run"},
    )
    keep_versions: int | None = Field(None, ge=1, description="How many versions keep their files, the newest ones; null: all")


class KodCodeSettings(BaseModel):
    """Which synthetic triplets are released. By default all that are verified, each with its labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    styles: list[str] = Field(["instruct", "complete", "online_judge"], description="Styles to release")
    trusted_only: bool = Field(False, description="Leave out triplets whose tests prove little (docs/grading.md, §3.4)")
    min_kill_rate: float = Field(0.0, ge=0, le=1, description="Least share of wrong programs that the tests notice")
    min_branch_coverage: float = Field(0.0, ge=0, le=1, description="Least share of branches that the tests take")
    keep: Literal["all", "accepted"] = Field(
        "all", description="Of answers: all, labelled, or accepted, only those that pass (kodcode_sft_r1)"
    )

    @field_validator("styles")
    @classmethod
    def _styles_are_known(cls, value: list[str]) -> list[str]:
        unknown = [style for style in value if style not in get_args(Style)]
        if unknown or not value:
            raise ValueError(f"give one or more of {', '.join(get_args(Style))}")
        return value


class KodCodeRlSettings(KodCodeSettings):
    """The same, for training by reward: only tests that prove what they say."""

    trusted_only: bool = Field(True, description="Leave out triplets whose tests prove little (docs/grading.md, §3.4)")
