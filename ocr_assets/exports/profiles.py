"""The profiles of releases: what each is made of, which settings it has, and which assets it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ocr_assets.exports import chats, kodcode, preference, problems, rewards, sft
from ocr_assets.exports.release import Release
from ocr_assets.exports.settings import (
    ChatSettings,
    KodCodeRlSettings,
    KodCodeSettings,
    OcrSettings,
    PreferenceSettings,
    ProblemSettings,
    RewardSettings,
    VerlSettings,
)
from ocr_assets.schema import (
    GRPO,
    KODCODE_RL,
    KODCODE_SFT_R1,
    KODCODE_V1,
    LIVECODEBENCH,
    MESSAGES,
    OCR2,
    OPEN_R1,
    PREFERENCE,
    PROMPT_COMPLETION,
    SFT_DATASET,
    SHAREGPT,
    VERIFY,
    VERL,
)
from resources.lake.tables import Table


@dataclass(frozen=True)
class ReleaseProfile:
    """``table``: the columns. ``settings``: the filters. ``make``: a release from settings and the table under its name.
    ``deps``: assets that write what it reads. ``about``: what a row is, for the asset's page."""

    name: str
    table: Table
    settings: type[BaseModel]
    make: Callable[[Any, Table], Release]
    deps: tuple[str, ...]
    about: str


_TRIPLETS = (
    "verified_triplets",
    "token_statistics",
    "clean_problems",
    "contamination_report",
    "solutions",
    "r1_traces",
    "verdicts",
)
_PROBLEMS = ("verified_triplets", "clean_problems", "contamination_report", "suite_quality", "deduped_problems", "raw_problems")
_SYNTHETIC = ("synthetic_triplets", "synthetic_attempts", "self_verification", "synthetic_questions")

_ALL = (
    ReleaseProfile(
        "ocr",
        SFT_DATASET,
        OcrSettings,
        sft.sft_release,
        _TRIPLETS,
        "Question, reasoning and solution in the OpenCodeReasoning schema with our labels",
    ),
    ReleaseProfile(
        "kodcode_v1",
        KODCODE_V1,
        KodCodeSettings,
        kodcode.v1,
        _SYNTHETIC,
        "Synthetic questions with solution and tests, in KodCode-V1's columns with our labels behind",
    ),
    ReleaseProfile(
        "kodcode_sft_r1",
        KODCODE_SFT_R1,
        KodCodeSettings,
        kodcode.sft_r1,
        (*_SYNTHETIC, "kodcode_responses"),
        "The teacher's answers to synthetic questions, a row an answer, also rejected ones, in KodCode-V1-SFT-R1's columns",
    ),
    ReleaseProfile(
        "kodcode_rl",
        KODCODE_RL,
        KodCodeRlSettings,
        kodcode.rl,
        _SYNTHETIC,
        "Questions whose tests can reward a model: trusted ones, in KodCode's columns",
    ),
    ReleaseProfile(
        "ocr2",
        OCR2,
        OcrSettings,
        sft.ocr2_release,
        (*_TRIPLETS, "critiques"),
        "The same in the OpenCodeReasoning-2 schema, critiques among it, with our labels",
    ),
    ReleaseProfile("messages", MESSAGES, ChatSettings, chats.messages, _TRIPLETS, "Question and answer as the turns of one chat"),
    ReleaseProfile(
        "prompt_completion", PROMPT_COMPLETION, ChatSettings, chats.prompt_completion, _TRIPLETS, "What was asked, and the answer"
    ),
    ReleaseProfile(
        "sharegpt", SHAREGPT, ChatSettings, chats.sharegpt, _TRIPLETS, "Question and answer as ShareGPT's conversations"
    ),
    ReleaseProfile(
        "preference",
        PREFERENCE,
        PreferenceSettings,
        preference.preference,
        _TRIPLETS,
        "Pairs of answers of about the same length: one that passed, one that failed",
    ),
    ReleaseProfile("grpo", GRPO, RewardSettings, rewards.grpo, _PROBLEMS, "Problems with their tests, for TRL's GRPOTrainer"),
    ReleaseProfile("verl", VERL, VerlSettings, rewards.verl, _PROBLEMS, "Problems with their tests, in verl's columns"),
    ReleaseProfile("open_r1", OPEN_R1, RewardSettings, rewards.open_r1, _PROBLEMS, "Problems with their tests, for open-r1"),
    ReleaseProfile(
        "livecodebench",
        LIVECODEBENCH,
        ProblemSettings,
        problems.livecodebench,
        _PROBLEMS,
        "Problems with their tests in LiveCodeBench's columns",
    ),
    ReleaseProfile(
        "verify",
        VERIFY,
        ProblemSettings,
        problems.verify,
        _PROBLEMS,
        "Problems with tests, limits and checkers, as `ocr-assets verify` reads them",
    ),
)
PROFILES: Mapping[str, ReleaseProfile] = {profile.name: profile for profile in _ALL}

__all__ = ["PROFILES", "ReleaseProfile"]
