"""The job ``follow``: its configuration, and how Dagster runs it. What it does is ``following.py``."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import dagster as dg
from pydantic import Field

from ocr_assets.automation.following import Following, FollowSettings
from ocr_assets.platform.following import FOLLOWER
from ocr_assets.platform.lake import lake_of_run
from ocr_assets.verification.assets import QualityConfig, ValidationConfig, VerdictsConfig, workplace
from resources.lake.at_work import StageLock
from resources.settings import LakeResource, SandboxResource, SourcesResource


class FollowConfig(dg.Config):
    """The configuration of the job: that of the assets whose work it does, and its pace."""

    suite_validation: ValidationConfig = Field(ValidationConfig(), description="As of the asset")
    suite_quality: QualityConfig = Field(QualityConfig(), description="As of the asset")
    verdicts: VerdictsConfig = Field(VerdictsConfig(), description="As of the asset")
    pause_s: float = Field(10.0, gt=0, description="Seconds between two looks at what has come in")
    patience_s: float = Field(60.0, ge=0, description="Ends when nobody has asked for so many seconds and nothing is left")


@dg.op(description="Parses and judges what is committed, again and again, until nobody asks any more and nothing is left.")
def parse_and_judge(
    context: dg.OpExecutionContext, config: FollowConfig, lake: LakeResource, sources: SourcesResource, sandbox: SandboxResource
) -> None:
    store = lake_of_run(lake)
    settings = FollowSettings(config.suite_validation, config.suite_quality, config.verdicts, config.pause_s, config.patience_s)

    def report(figures: Mapping[str, Any]) -> None:
        context.log_event(dg.AssetObservation("verdicts", metadata=figures))

    place = workplace(context, store, lake, sources, sandbox)
    with StageLock(lake.journals, FOLLOWER) as lock, place.pool as pool:  # containers stay up from round to round
        following = Following(replace(place, pool=nullcontext(pool)), settings, lock, report)
        verdicts = following.follow()
    context.log.info(f"follow: {sum(verdicts.values()):,} judged in {following.rounds} rounds")


# By hand, beside a run that asks for long: it pays nothing but CPU time, and ends by itself.
@dg.job(
    description="Parses and judges what is committed so far, again and again, beside the run that still asks the teacher. With "
    "until_passing of r1_traces, solved problems stop costing during that run. Killing either loses nothing.",
)
def follow() -> None:
    parse_and_judge()
