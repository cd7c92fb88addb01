"""``ocr-assets settings``: what can be set, by which environment variable, and ``docs/settings.md`` made from the same fields."""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

HEAD = """\
# Settings

Made by `ocr-assets settings --markdown` from the fields themselves; a test compares. Do not edit by hand.

A resource is something of the outside world; its fields are set by environment variables (an empty one is not set) and
shown on the resource's page in the UI. The settings of an asset are given in the launchpad, or by a variable where one is named.
A wrong value is refused when the definitions are loaded: one line with variable, value and what to give instead, exit code 2.

## Keys

Read when the service is opened; part of no page, log, run or table.

| Variable | Opens |
|---|---|
"""


@dataclass(frozen=True)
class Setting:
    """One field: ``owner`` is the resource or asset, ``variable`` None where only the launchpad sets it."""

    owner: str
    field: str
    variable: str | None
    values: str
    default: str
    description: str


@click.command()
@click.option("--markdown", is_flag=True, help="Print docs/settings.md.")
def settings(markdown: bool) -> None:
    """What can be set, and by which variable."""
    if markdown:
        click.echo(as_markdown(), nl=False)
        return
    from resources.secrets import SECRETS

    rows = [(setting.variable, setting.default, setting.description) for setting in all_settings() if setting.variable]
    rows += [(secret.variable, "", secret.description) for secret in SECRETS]
    width = max(len(variable) for variable, _, _ in rows)
    for variable, default, description in rows:
        click.echo(f"{variable:{width}}  {description}" + (f" [{default}]" if default else ""))


def all_settings() -> Iterator[Setting]:
    """Every field of every resource, then of every asset's configuration, with its default when no variable is set."""
    from resources.settings import RESOURCES

    for name, resource in RESOURCES.items():
        yield from _fields(f"resource `{name}`", resource)
    for name, model in stage_settings().items():
        yield from _fields(f"asset `{name}`", model)


def stage_settings() -> Mapping[str, type[BaseModel]]:
    """Asset → the settings model of its configuration."""
    from ocr_assets.definitions import ASSETS
    from ocr_assets.platform.sections import settings_of

    found = {asset.key.to_user_string(): settings_of(asset) for asset in ASSETS}
    return {name: settings for name, settings in found.items() if settings is not None}


def as_markdown() -> str:
    """The page ``docs/settings.md``."""
    from resources.secrets import SECRETS

    lines = [HEAD + "\n".join(f"| `{secret.variable}` | {_cell(secret.description)} |" for secret in SECRETS)]
    owner = ""
    for setting in all_settings():
        if setting.owner != owner:
            owner = setting.owner
            lines += ["", f"## {owner[0].upper()}{owner[1:]}", "", "| Field | Variable | Values | Default | Meaning |", "|---|---|---|---|---|"]  # fmt: skip  # noqa: E501
        variable = f"`{setting.variable}`" if setting.variable else ""
        default = f"`{setting.default}`" if setting.default else ""
        lines.append(
            f"| `{setting.field}` | {variable} | {_cell(setting.values)} | {_cell(default)} | {_cell(setting.description)} |"
        )
    return "\n".join(lines) + "\n"


def _fields(owner: str, model: type[BaseModel]) -> Iterator[Setting]:
    from resources.settings.environment import variables

    names = variables(model)
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "" if default in (None, "") else default if isinstance(default, str) else json.dumps(default, default=str)
        yield Setting(owner, name, names.get(name), _values(field), shown, field.description or "")


def _values(field: FieldInfo) -> str:
    """What may be given, in words: "one of a, b", "number, at least 1"."""
    kinds = [kind for kind in (typing.get_args(field.annotation) or (field.annotation,)) if kind is not type(None)]
    if typing.get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(str(kind) for kind in kinds)
    if typing.get_origin(field.annotation) in (list, tuple):
        return "list"
    words = {str: "text", bool: "true or false", int: "whole number", float: "number"}
    parts = [" or ".join(words.get(kind, getattr(kind, "__name__", str(kind))) for kind in kinds)]
    for bound in field.metadata:
        for attribute, word in _BOUNDS.items():
            if (limit := getattr(bound, attribute, None)) is not None:
                parts.append(f"{word} {limit}")
    return ", ".join(parts)


_BOUNDS: Mapping[str, str] = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def _cell(text: Any) -> str:
    return str(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
