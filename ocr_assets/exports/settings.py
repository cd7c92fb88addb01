"""Which rows a release holds, under which name it lies, and how many of its versions are kept.

A setting is a policy: whatever it is set to stands on the release's card. Rows that it leaves out are named in the lineage, each
with the reason (``selection.py``, ``problems.py``).
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ocr_assets.schema import Language, Style


class _Settings(BaseModel):
    """What all releases have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    validation: float = Field(
        0.0, ge=0, lt=1, description="Share of problems whose rows are a validation split; near-duplicates are on the same side"
    )


class _ProblemFilters(_Settings):
    """What is asked of a row's problem, whatever the row is."""

    undecided: bool = Field(False, description="Release also problems whose contamination nobody has decided")
    reported: bool = Field(True, description="Release also problems that a policy found alike a benchmark's and only reported")
    licenses: list[str] | None = Field(None, description="Licences that questions and published answers may have; null: any")
    min_tests: int = Field(0, ge=0, description="Least number of tests of the suite")
    min_suite_tpr: float = Field(0.0, ge=0, le=1, description="Least share of reference solutions the suite must accept")
    min_suite_tnr: float = Field(0.0, ge=0, le=1, description="Least share of rejected programs and mutants it must not accept")
    min_solve_rate: float = Field(0.0, ge=0, le=1, description="Least share of a problem's judged programs that passed")
    max_solve_rate: float = Field(1.0, ge=0, le=1, description="Most of them; below 1: problems that are not always solved")
    max_question_tokens: int | None = Field(None, ge=1, description="Longest question, in tokens")

    @field_validator("licenses")
    @classmethod
    def _some_licence_is_allowed(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and not value:
            raise ValueError("give one or more licences, or null for any")
        return value

    @model_validator(mode="after")
    def _bands_are_not_empty(self) -> Self:
        for name in ("solve_rate", "pass_rate"):
            least, most = getattr(self, f"min_{name}", 0.0), getattr(self, f"max_{name}", 1.0)
            if least > most:
                raise ValueError(f"min_{name} is {least}, above max_{name}, {most}")
        return self


class _TripletFilters(_ProblemFilters):
    """What is asked of a triplet."""

    languages: list[str] = Field(["python", "cpp"], description="Languages to release: python, cpp")
    trusted_only: bool = Field(
        False, description="Leave out verdicts that may be wrong: several answers allowed and no checker, a quarantined suite"
    )
    max_reasoning_tokens: int | None = Field(None, ge=0, description="Longest reasoning, in tokens")
    max_response_tokens: int | None = Field(None, ge=1, description="Longest response, in tokens")

    @field_validator("languages")
    @classmethod
    def _languages_are_known(cls, value: list[str]) -> list[str]:
        return known(value, get_args(Language))


class ReleaseSettings(_TripletFilters):
    """Which triplets are released. The default releases all whose contamination is decided, each with its labels.

    Filtering by verdict costs accuracy (OpenCodeReasoning's ablation, docs/papers.md), so a verdict is a label first.
    ``keep="accepted"`` with ``per_problem=n`` is rejection sampling (docs/papers.md, KC-8).
    """

    keep: Literal["all", "accepted", "rejected"] = Field(
        "all", description="all: every triplet, labelled; accepted: only those that passed; rejected: only those that failed"
    )
    min_pass_rate: float = Field(0.0, ge=0, le=1, description="Least share of tests passed (until the first failure, if set so)")
    max_pass_rate: float = Field(1.0, ge=0, le=1, description="Most of them")
    per_problem: int | None = Field(
        None, ge=1, description="At most so many rows a problem and language; with keep=accepted: rejection sampling"
    )
    prefer: Literal["first", "shortest", "longest", "fastest"] = Field(
        "first", description="Which rows those are: first sampled, shortest, longest or fastest"
    )
    distinct_code: bool = Field(False, description="Of equal programs for a problem release one")


class OcrSettings(ReleaseSettings):
    __doc__ = ReleaseSettings.__doc__

    questions: Literal["text", "index"] = Field(
        "text",
        description="text: the question stands in the row; index: a dash stands there, to be looked up by dataset, split, index",
    )


class _Turns(BaseModel):
    """What the turns of a chat hold."""

    prompt: Literal["asked", "question"] = Field(
        "asked", description="The user's turn: what the teacher was asked with, or the question alone"
    )
    reasoning: Literal["kept", "split", "left_out"] = Field(
        "kept", description="kept: between think tags in the text; split: apart, as reasoning_content; left_out: only the answer"
    )


class ChatSettings(ReleaseSettings, _Turns):
    __doc__ = ReleaseSettings.__doc__


class PreferenceSettings(_TripletFilters, _Turns):
    """Which pairs are released: a program that passed against one of the same problem that failed, of about the same length."""

    trusted_only: bool = Field(
        True, description="Leave out verdicts that may be wrong: several answers allowed and no checker, a quarantined suite"
    )
    per_problem: int = Field(4, ge=1, description="At most so many pairs a problem and language, those alike in length first")
    max_length_ratio: float = Field(
        1.5, ge=1, description="The longer response has at most so many times the shorter one's tokens"
    )


class ProblemSettings(_ProblemFilters):
    """Which problems are released, each with its tests."""

    trusted_only: bool = Field(
        False,
        description="Leave out problems whose verdicts may be wrong: several answers allowed and no checker, a quarantined suite",
    )


class RewardSettings(ProblemSettings):
    """Which problems are released to train by reward: those whose tests can be trusted to reward what is right."""

    language: Literal["python", "cpp"] = Field("python", description="Language that is asked for: python, cpp")
    trusted_only: bool = Field(
        True,
        description="Leave out problems whose verdicts may be wrong: several answers allowed and no checker, a quarantined suite",
    )
    min_tests: int = Field(1, ge=0, description="Least number of tests of the suite")


class VerlSettings(RewardSettings):
    __doc__ = RewardSettings.__doc__

    ground_truth: Literal["problem", "inputs_outputs"] = Field(
        "problem",
        description="problem: as `ocr-assets verify` and its server read it; inputs_outputs: as verl compares by itself, which "
        "leaves out problems that its comparison is not right for",
    )


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


class KodCodeSettings(_Settings):
    """Which synthetic triplets are released. By default all that are verified, each with its labels."""

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
        return known(value, get_args(Style))


class KodCodeRlSettings(KodCodeSettings):
    """The same, for training by reward: only tests that prove what they say."""

    trusted_only: bool = Field(True, description="Leave out triplets whose tests prove little (docs/grading.md, §3.4)")


def known(given: list[str], names: tuple[str, ...]) -> list[str]:
    """``given``, if it names some of ``names`` and nothing else. Raises ``ValueError``."""
    if not given or not set(given) <= set(names):
        raise ValueError(f"give one or more of {', '.join(names)}")
    return given
