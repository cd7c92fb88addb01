"""The job ``upkeep`` and its schedule. What it does is ``ocr_assets/platform/upkeep.py``."""

import dagster as dg

from ocr_assets.platform.lake import lake_of_run
from ocr_assets.platform.upkeep import put_in_order
from resources.settings import LakeResource, UpkeepSettings, from_environment

_SUNDAYS = "0 4 * * 0"  # for a person who turns the schedule on in the UI


@dg.op(description="Merges small data files, expires old snapshots and removes files that nothing needs any more.")
def put_lake_in_order(context: dg.OpExecutionContext, lake: LakeResource) -> None:
    done = put_in_order(lake_of_run(lake), lake, from_environment(UpkeepSettings), context.log.info)
    context.add_output_metadata(done.metadata())
    if done.shared:
        context.log.warning("other lakes have their data in the same place: files that no commit names are left there")


# By hand or by its schedule. Safe beside everything else, and cheap where there is nothing to do.
@dg.job(
    description="Upkeep of the lake, by the section [upkeep]: small data files are merged, snapshots that are old and that no "
    "release names expire, and files that nothing needs any more go after a time of grace. Safe beside runs and readers.",
)
def upkeep() -> None:
    put_lake_in_order()


def upkeep_schedule(settings: UpkeepSettings, time_zone: str) -> dg.ScheduleDefinition:
    """The schedule of upkeep; it is on where the settings say when."""
    return dg.ScheduleDefinition(
        name="upkeep_of_the_lake",
        job=upkeep,
        cron_schedule=settings.schedule or _SUNDAYS,
        execution_timezone=time_zone,
        default_status=dg.DefaultScheduleStatus.RUNNING if settings.schedule else dg.DefaultScheduleStatus.STOPPED,
        description="Puts the lake in order. It costs nothing but time.",
    )


__all__ = ["upkeep", "upkeep_schedule"]
