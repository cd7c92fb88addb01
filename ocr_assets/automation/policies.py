"""What holds for all assets alike: who owns them, when they are overdue, and the condition under which each is refreshed by
itself.

The conditions and their reasons are in ``conditions.py``; what an asset pays for is said where it is declared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from ocr_assets.automation.conditions import BY_HAND, WHEN_ALL_INPUTS_CAUGHT_UP, WHEN_INPUTS_CHANGE, WHEN_NEVER_READ, Condition
from ocr_assets.automation.money import costs
from ocr_assets.platform.assets import PAYS
from resources.settings import AutomationSettings

# A problem is clean when it was compared, and not because the comparison is to come.
IN_ORDER = {"clean_problems"}
RELEASES = "release"  # the group


def governed(
    assets: Sequence[dg.AssetsDefinition], settings: AutomationSettings, resources: Mapping[str, Any]
) -> list[dg.AssetsDefinition]:
    """The assets with owner, freshness policy and condition, by the settings and by what ``resources`` cost."""

    def policy(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(
            owners=[settings.owner],
            freshness_policy=freshness(settings.fresh_days),
            automation_condition=condition(spec, resources),
        )

    return [asset.map_asset_specs(policy) for asset in assets]


def freshness(days: float) -> dg.FreshnessPolicy | None:
    """Overdue after so many days without a refresh, with a warning after half of them; 0: never."""
    if not days:
        return None
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(days=days), warn_window=timedelta(days=days / 2))


def condition(spec: dg.AssetSpec, resources: Mapping[str, Any]) -> Condition | None:
    """When an asset is refreshed by itself; None: never, because it costs something or a person decides about it."""
    name = spec.key.to_user_string()
    if name in BY_HAND or costs(spec.tags.get(PAYS), resources):
        return None
    if not list(spec.deps):
        return WHEN_NEVER_READ
    return WHEN_ALL_INPUTS_CAUGHT_UP if name in IN_ORDER or spec.group_name == RELEASES else WHEN_INPUTS_CHANGE


__all__ = ["IN_ORDER", "condition", "freshness", "governed"]
