"""What a person chose on the command line of ``ocr-assets run``: which assets, and settings for this run only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ocr_assets.cli import Refused

_NAMED = re.compile(r"(?P<above>\d*\+)?(?P<name>\w+)(?P<below>\+\d*)?")
_SET = re.compile(r"(?P<section>\w+(?:\.\w+)?)\.(?P<field>\w+)=(?P<value>.*)", re.DOTALL)


def set_resources(values: Sequence[str]) -> dict[str, dict[str, str]]:
    """Have what ``--set`` says of resources and of the graph hold in this process and those that it starts; before the graph is
    loaded, since partitions and defaults come from settings.

    Returns what it says of assets: name → field → text. Raises ``Refused``, or ``WrongSetting`` at a value.
    """
    from ocr_assets.platform.sections import GRAPH_SECTIONS
    from resources.settings import RESOURCES, from_environment
    from resources.settings.project import RELEASES, SET_VARIABLE, as_set

    lines = [line for line in [os.environ.get(SET_VARIABLE, "")] if line]
    models = {**RESOURCES, **GRAPH_SECTIONS}
    of_assets: dict[str, dict[str, str]] = {}
    sections = set()
    for value in values:
        parts = _SET.fullmatch(value)
        if parts is None:
            raise Refused(f"--set {value}: give NAME.FIELD=VALUE, such as r1_traces.python_samples=8 or teacher.concurrency=4")
        section = parts["section"].removeprefix(f"{RELEASES}.")
        if section in models:
            lines.append(as_set(section, parts["field"], parts["value"]))
            sections.add(section)
        else:
            of_assets.setdefault(section, {})[parts["field"]] = parts["value"]
    os.environ[SET_VARIABLE] = "\n".join(lines)
    for section in sorted(sections):
        from_environment(models[section], section=section)
    return of_assets


def asset_config(
    assets: Iterable[Any], values: Mapping[str, Mapping[str, str]], chosen: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """The configuration that ``--set`` gives to assets: name → field → value, checked by the asset's own settings.

    Raises ``Refused`` at an asset that there is not or that this run leaves out, ``WrongSetting`` at a field or value.
    """
    from ocr_assets.platform.sections import section_of, settings_of
    from resources.settings import from_environment
    from resources.settings.project import SET_VARIABLE, as_set

    known = {asset.key.to_user_string(): asset for asset in assets}
    configured = {name: model for name, asset in known.items() if (model := settings_of(asset)) is not None}
    config: dict[str, dict[str, Any]] = {}
    for name, fields in values.items():
        if name not in configured:
            raise Refused(f"--set {name}: there are no settings of that name; there are those of {', '.join(configured)}")
        if name not in chosen:
            raise Refused(f"--set {name}: this run does not materialize {name}")
        section = section_of(known[name])
        lines = "\n".join(as_set(section, field, text) for field, text in fields.items())
        filled = from_environment(configured[name], {**os.environ, SET_VARIABLE: lines}, section=section)
        config[name] = filled.model_dump(mode="json", include=set(fields))
    return config


def selected(selections: Sequence[str], graph: Any, names: Sequence[str]) -> list[str]:
    """The assets that any of the selections takes in, in the order of ``names``; all of them without a selection.

    A selection is a name, or one as in the UI's search field: ``+sft_dataset`` (with all above; ``1+``: one step), ``verdicts+``,
    ``group:release``, ``key:solutions or key:verdicts``. Raises ``Refused``.
    """
    import dagster as dg

    if not selections:
        return list(names)
    found: set[str] = set()
    for selection in selections:
        if named := _NAMED.fullmatch(selection):
            if named["name"] not in names:
                raise Refused(f"no asset {named['name']}; there are {', '.join(names)}")
            # A bare name would be read by Dagster's older rules, by which + is one step.
            selection = f"{named['above'] or ''}key:{named['name']}{named['below'] or ''}"
        try:
            keys = dg.AssetSelection.from_string(selection).resolve(graph)
        except dg.DagsterError:
            raise Refused(
                f"--select {selection}: give an asset, or a selection such as +sft_dataset, verdicts+ or group:release"
            ) from None
        if not keys:
            raise Refused(f"--select {selection}: it takes in no asset; there are {', '.join(names)}")
        found |= {key.to_user_string() for key in keys}
    return [name for name in names if name in found]


__all__ = ["asset_config", "selected", "set_resources"]
