"""The schedules, each with the reason for its timing. All are stopped until a person turns them on."""

from __future__ import annotations

import dagster as dg

from ocr_assets.automation.jobs import downstream

# Nightly, because a refresh with nothing new costs seconds and one with new problems costs teacher tokens. The job
# sample_until_passing has no schedule: whether a problem is worth more samples is a question of money, for a person to answer.
nightly_refresh = dg.ScheduleDefinition(
    name="nightly_refresh",
    job=downstream,
    cron_schedule="0 3 * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Brings everything downstream of the raw problems up to date.",
)

SCHEDULES = [nightly_refresh]
