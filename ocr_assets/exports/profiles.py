"""The profiles of releases: what each is made of, which settings it has, and which assets it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from ocr_assets.exports import kodcode
from ocr_assets.exports.release import Release
from ocr_assets.exports.settings import KodCodeRlSettings, KodCodeSettings, ReleaseSettings
from ocr_assets.exports.sft import sft_release
from ocr_assets.schema import KODCODE_RL, KODCODE_SFT_R1, KODCODE_V1, SFT_DATASET
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


_SYNTHETIC = ("synthetic_triplets", "synthetic_attempts", "self_verification", "synthetic_questions")

PROFILES: Mapping[str, ReleaseProfile] = {
    profile.name: profile
    for profile in (
        ReleaseProfile(
            "ocr",
            SFT_DATASET,
            ReleaseSettings,
            sft_release,
            (
                "verified_triplets",
                "token_statistics",
                "clean_problems",
                "contamination_report",
                "solutions",
                "r1_traces",
                "verdicts",
            ),
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
    )
}

__all__ = ["PROFILES", "ReleaseProfile"]
