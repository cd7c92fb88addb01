"""The sections that a project file may have, each with the settings model that its fields are.

What belongs here: which sections there are. How a model is filled is ``resources/settings/environment.py``; reading the file is
``resources/settings/project.py``.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping

import dagster as dg
from pydantic import BaseModel

from resources.settings import (
    RESOURCES,
    AutomationSettings,
    OpenLineageSettings,
    Project,
    UpkeepSettings,
    WarningSettings,
    WorkSettings,
)
from resources.settings.environment import section_fields
from resources.settings.project import RELEASES

# Sections of the graph itself, that are neither a resource nor an asset.
GRAPH_SECTIONS: Mapping[str, type[BaseModel]] = {
    model.section: model for model in (AutomationSettings, WarningSettings, OpenLineageSettings, UpkeepSettings, WorkSettings)
}


def sections(assets: Iterable[dg.AssetsDefinition]) -> dict[str, type[BaseModel]]:
    """Section → its settings: resources, the graph's own, then assets in their order. A release's is ``releases.NAME``."""
    found: dict[str, type[BaseModel]] = {**RESOURCES, **GRAPH_SECTIONS}
    for asset in assets:
        settings = settings_of(asset)
        if settings is not None:
            found[section_of(asset)] = settings
    return found


def section_of(asset: dg.AssetsDefinition) -> str:
    """The section of an asset: its name, of a release ``releases.NAME``."""
    (group,) = set(asset.group_names_by_key.values())
    name = asset.key.to_user_string()
    return f"{RELEASES}.{name}" if group == "release" else name


def settings_of(asset: dg.AssetsDefinition) -> type[BaseModel] | None:
    """The settings model of an asset's configuration, with its own defaults (of ``class XConfig(XSettings, dg.Config)``:
    ``XSettings``); None: it has none."""
    config = config_class(asset)
    if config is None:
        return None
    own = [base for base in config.__mro__ if issubclass(base, BaseModel) and not issubclass(base, dg.Config)]
    return own[0] if own and own[0].model_fields else config


def config_class(asset: dg.AssetsDefinition) -> type[BaseModel] | None:
    """The class of an asset's configuration, if it has one."""
    from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction  # what an asset was made of

    function = asset.op.compute_fn
    assert isinstance(function, DecoratedOpFunction)
    config = typing.get_type_hints(function.decorated_fn).get("config")
    return config if config is None or issubclass(config, BaseModel) else None


def refuse_unknown(project: Project, assets: Iterable[dg.AssetsDefinition]) -> None:
    """Raises ``WrongSetting`` at a section or field of the project file that there is not."""
    known: dict[str, typing.Collection[str] | None] = {name: section_fields(model) for name, model in sections(assets).items()}
    project.refuse_unknown({**{name: fields for name, fields in known.items() if "." not in name}, RELEASES: None})


__all__ = ["GRAPH_SECTIONS", "config_class", "refuse_unknown", "section_of", "sections", "settings_of"]
