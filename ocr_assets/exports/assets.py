"""The assets of the release stage: ``sft_dataset`` and the releases in KodCode's columns."""

import dagster as dg

from ocr_assets.exports import kodcode
from ocr_assets.exports.release import release
from ocr_assets.exports.settings import KodCodeSettings, ReleaseSettings
from ocr_assets.exports.sft import sft_release
from ocr_assets.platform.assets import Results, in_force, lake_asset
from ocr_assets.schema import KODCODE_RL, KODCODE_SFT_R1, KODCODE_V1, SFT_DATASET
from resources.settings import LakeResource


class ReleaseConfig(ReleaseSettings, dg.Config):
    """Which triplets are released."""


class KodCodeConfig(KodCodeSettings, dg.Config):
    """Which synthetic triplets are released."""


@lake_asset(
    SFT_DATASET,
    group="release",
    deps=[
        "verified_triplets",
        "token_statistics",
        "clean_problems",
        "contamination_report",
        "solutions",
        "r1_traces",
        "verdicts",
    ],
    kinds={"parquet", "huggingface"},
    decided_by=lambda: {"settings": in_force(ReleaseConfig)},
)
def sft_dataset(context: dg.AssetExecutionContext, config: ReleaseConfig, lake: LakeResource) -> Results:
    """The SFT release: Parquet shards in the OpenCodeReasoning schema with our labels, and a dataset card.

    Lies in ``$OCR_HOME/releases/sft_dataset``; swapped in whole, and only when rows, settings or benchmarks changed.
    """
    yield from release(context, lake, sft_release(config))


@lake_asset(
    KODCODE_V1,
    group="release",
    deps=["synthetic_triplets", "synthetic_attempts", "self_verification", "synthetic_questions"],
    kinds={"parquet", "huggingface"},
    decided_by=lambda: {"settings": in_force(KodCodeConfig)},
)
def kodcode_v1(context: dg.AssetExecutionContext, config: KodCodeConfig, lake: LakeResource) -> Results:
    """Synthetic questions with solution and tests, in KodCode-V1's columns with our labels behind."""
    yield from release(context, lake, kodcode.v1(config))


@lake_asset(
    KODCODE_SFT_R1,
    group="release",
    deps=["synthetic_triplets", "synthetic_attempts", "self_verification", "synthetic_questions", "kodcode_responses"],
    kinds={"parquet", "huggingface"},
    decided_by=lambda: {"settings": in_force(KodCodeConfig)},
)
def kodcode_sft_r1(context: dg.AssetExecutionContext, config: KodCodeConfig, lake: LakeResource) -> Results:
    """The teacher's answers to synthetic questions, accepted and rejected, in KodCode-V1-SFT-R1's columns: a row an answer."""
    yield from release(context, lake, kodcode.sft_r1(config))


class KodCodeRlConfig(KodCodeConfig):
    """The same, for training by reward: only tests that prove what they say."""

    trusted_only: bool = True


@lake_asset(
    KODCODE_RL,
    group="release",
    deps=["synthetic_triplets", "synthetic_attempts", "self_verification", "synthetic_questions"],
    kinds={"parquet", "huggingface"},
    decided_by=lambda: {"settings": in_force(KodCodeRlConfig)},
)
def kodcode_rl(context: dg.AssetExecutionContext, config: KodCodeRlConfig, lake: LakeResource) -> Results:
    """Questions whose tests can reward a model: trusted ones, in KodCode's columns."""
    yield from release(context, lake, kodcode.rl(config))
