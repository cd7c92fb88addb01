"""How schedules and sensors start a refresh of a source: never twice at once, and never spending without a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES  # which of the statuses are not the last one
from dagster._core.storage.tags import PARTITION_NAME_TAG

from ocr_assets.automation.jobs import LANE, refresh
from ocr_assets.automation.money import BUDGETS, bounded, costs
from ocr_assets.platform.assets import PAYS

RESOURCES = set(BUDGETS)
LEFT_OUT = "ocr/left_out"


def going_on(instance: dg.DagsterInstance, source: str) -> str | None:
    """The refresh of this source that is queued or running, if there is one."""
    filters = dg.RunsFilter(job_name=refresh.name, tags={PARTITION_NAME_TAG: source}, statuses=list(NOT_FINISHED_STATUSES))
    runs = instance.get_runs(filters, limit=1)
    return runs[0].run_id if runs else None


def affordable(repository: dg.RepositoryDefinition, resources: Mapping[str, Any]) -> tuple[Sequence[dg.AssetKey], dict[str, str]]:
    """The assets of a refresh that may be made without a person, and those that may not, each with what it lacks."""
    chosen: list[dg.AssetKey] = []
    left_out: dict[str, str] = {}
    layer = repository.get_job(refresh.name).asset_layer
    for key in sorted(layer.executable_asset_keys):
        pays = layer.get(key).tags.get(PAYS)
        if pays is not None and costs(pays, resources) and not bounded(pays, resources):
            left_out[key.to_user_string()] = f"no budget is set ({BUDGETS[pays]})" if pays in BUDGETS else "started by hand"
        else:
            chosen.append(key)
    return chosen, left_out


def request(context: Any, source: str, run_key: str | None = None) -> dg.RunRequest:
    """A run that refreshes ``source``. ``context``: of the schedule's or sensor's tick."""
    resources = {name: getattr(context.resources, name) for name in RESOURCES}
    chosen, left_out = affordable(context.repository_def, resources)
    for name, why in left_out.items():
        context.log.info(f"{name} is left out: {why}")
    tags = {**LANE, **({LEFT_OUT: "; ".join(f"{name}: {why}" for name, why in left_out.items())} if left_out else {})}
    return dg.RunRequest(run_key=run_key, partition_key=source, asset_selection=chosen, tags=tags)


__all__ = ["LEFT_OUT", "RESOURCES", "affordable", "going_on", "request"]
