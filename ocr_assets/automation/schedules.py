"""The schedules: one a source, which reads it and refreshes what follows. All are stopped until a person turns them on, in the
UI or by one line of the project file: ``refresh = "taco"`` under ``[automation]``.

Further samples where too few passed (job ``sample_until_passing``), training and evaluation of other models have none: each is a
question of money, for a person to answer.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from ocr_assets.automation.jobs import refresh
from ocr_assets.automation.starting import RESOURCES, going_on, request
from ocr_assets.problems.assets import SOURCES
from resources.settings import AutomationSettings


def schedules(settings: AutomationSettings) -> list[dg.ScheduleDefinition]:
    """A schedule a source. Raises ``ValueError`` at a source that there is not."""
    sources = list(SOURCES.get_partition_keys())
    return [
        schedule(source, cron, settings.time_zone, is_on=is_on) for source, (cron, is_on) in settings.schedules(sources).items()
    ]


def schedule(source: str, cron: str, time_zone: str, *, is_on: bool) -> dg.ScheduleDefinition:
    """At night, because nothing new costs seconds, and new problems cost an hour or a teacher's tokens, within the budget."""

    def tick(context: dg.ScheduleEvaluationContext) -> Iterable[dg.RunRequest | dg.SkipReason]:
        if run := going_on(context.instance, source):
            yield dg.SkipReason(f"{source} is being refreshed by run {run}")
        else:
            yield request(context, source)

    return dg.ScheduleDefinition(
        name=f"refresh_{source}",
        job=refresh,
        cron_schedule=cron,
        execution_timezone=time_zone,
        execution_fn=tick,
        required_resource_keys=RESOURCES,
        default_status=dg.DefaultScheduleStatus.RUNNING if is_on else dg.DefaultScheduleStatus.STOPPED,
        description=f"Reads {source} and refreshes what follows. What costs money is left out where no budget is set.",
    )


__all__ = ["schedule", "schedules"]
