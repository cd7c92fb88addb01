"""The sensors: one a source, which has it read when its files or its revision on the Hub changed, and one that evaluates the
assets' conditions. All are stopped until a person turns them on, in the UI or by a line under ``[automation]`` of the project
file.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field

from ocr_assets import samples
from ocr_assets.automation.jobs import LANE, refresh
from ocr_assets.automation.starting import RESOURCES, going_on, request
from ocr_assets.problems.assets import SOURCES
from ocr_assets.problems.sources.read import SUFFIXES
from resources.hub import HubUnavailable
from resources.settings import AutomationSettings

EVERY_S = 30
RETRY_S = 3600  # how long a source that could not be read is left alone


class Cursor(BaseModel):
    """What a sensor remembers. ``seen``: the source's state at the last tick, ``asked``: the one that it was read for,
    ``number``: of that reading, so that a state which comes back is read again; ``at``: when (seconds since 1970). A sensor
    that remembers nothing counts from the time on: the names of earlier readings are taken."""

    model_config = ConfigDict(frozen=True)

    seen: str = ""
    asked: str = ""
    number: int = Field(default_factory=lambda: int(time.time()))
    at: float = 0.0

    def run_key(self, source: str) -> str:
        """Names the reading: Dagster starts one run of a name, however often it is asked for."""
        return f"{source}:{self.number}:{self.asked}"


def sensors(settings: AutomationSettings, conditioned: Sequence[dg.AssetKey]) -> list[dg.SensorDefinition]:
    """A sensor a source, and the one of the conditions. Raises ``ValueError`` at a source that there is not."""
    sources = list(SOURCES.get_partition_keys())
    on = settings.watched(sources)
    return [*(watch(source, is_on=source in on) for source in sources), conditions(conditioned, is_on=settings.conditions)]


def watch(source: str, *, is_on: bool) -> dg.SensorDefinition:
    """A source that changed is read when its state was the same at two ticks: files that are still being copied are waited
    for."""

    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
        try:
            state = context.resources.sources.state(
                source, samples.PUBLISHED if source == "published" else samples.SOURCES / source, SUFFIXES
            )
        except (HubUnavailable, ValueError, OSError) as error:
            return _skip(str(error), cursor)
        if state is None:
            return _skip(f"{source} is not set (OCR_{source.upper()})", cursor)
        if state != cursor.seen:
            return _skip(f"{source} changed; it is read when it stays as it is", cursor.model_copy(update={"seen": state}))
        if state == cursor.asked and not _failed_a_while_ago(context.instance, cursor, source):
            return _skip(f"{source} is as it was when it was last read", cursor)
        if run := going_on(context.instance, source):
            return _skip(f"{source} is being refreshed by run {run}", cursor)
        asked = Cursor(seen=state, asked=state, number=cursor.number + 1, at=time.time())
        return dg.SensorResult([request(context, source, asked.run_key(source))], cursor=asked.model_dump_json())

    return dg.SensorDefinition(
        name=f"watch_{source}",
        job=refresh,
        evaluation_fn=tick,
        minimum_interval_seconds=EVERY_S,
        required_resource_keys={*RESOURCES, "sources"},
        default_status=dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED,
        description=f"Has {source} read, and what follows refreshed, when the folder's files or the revision on the Hub changed.",
    )


def conditions(conditioned: Sequence[dg.AssetKey], *, is_on: bool) -> dg.AutomationConditionSensorDefinition:
    """The one that evaluates the conditions of all assets that have one (``conditions.py``)."""
    return dg.AutomationConditionSensorDefinition(
        name="conditions",
        target=dg.AssetSelection.assets(*conditioned),
        run_tags=LANE,
        minimum_interval_seconds=EVERY_S,
        default_status=dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED,
        description="Refreshes assets when what they are made from changed. Nothing that costs money is among them.",
    )


def _skip(why: str, cursor: Cursor) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=why, cursor=cursor.model_dump_json())


def _failed_a_while_ago(instance: dg.DagsterInstance, cursor: Cursor, source: str) -> bool:
    """Whether the last reading failed, and long enough ago to try again."""
    if time.time() - cursor.at < RETRY_S:
        return False
    tagged = dg.RunsFilter(job_name=refresh.name, tags={"dagster/run_key": cursor.run_key(source)})
    runs = instance.get_runs(tagged, limit=1)
    return bool(runs) and runs[0].status == dg.DagsterRunStatus.FAILURE


__all__ = ["Cursor", "conditions", "sensors", "watch"]
