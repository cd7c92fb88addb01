"""Jobs and schedules, each named, with the reason for its timing. What the assets do is in the stage folders."""

from __future__ import annotations

import dagster as dg

read_sources = dg.define_asset_job(
    "read_sources",
    selection=dg.AssetSelection.assets("raw_problems"),
    description="Reads the raw problems of one source (partition) or several.",
)

downstream = dg.define_asset_job(
    "downstream",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets("raw_problems"),
    description="From deduplication to release, over whatever raw problems lie in the lake.",
)

# Nightly, because a refresh with nothing new costs seconds and one with new problems costs teacher tokens: a person
# turns it on. Sources are read first by hand or by their own backfill: they change rarely.
nightly = dg.ScheduleDefinition(
    name="nightly_refresh",
    job=downstream,
    cron_schedule="0 3 * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Brings everything downstream of the raw problems up to date.",
)

JOBS = [read_sources, downstream]
SCHEDULES = [nightly]
