"""``ocr-assets settings``: what can be set, what is set and by whom, and ``docs/settings.md`` made from the same fields."""

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

A setting is a field of a section. Its value comes from, in this order: `ocr-assets run --set SECTION.FIELD=VALUE`, for that
run; its environment variable, where it has one (an empty one is not set); the section of the project file `ocr.toml`
([guide](guide.md#the-project-file)); its default. The UI's launchpad is filled with what was found. A wrong value is refused
when the definitions are loaded: one line with who gave it, the value and what to give instead, exit code 2.

A resource is something of the outside world; its section has its name. An asset's section has the asset's name; that of a
release is `[releases.NAME]`, and in `--set` its name alone will do.

## Keys

Read when the service is opened; part of no page, log, run or table.

| Variable | Opens |
|---|---|
"""


@dataclass(frozen=True)
class Setting:
    """One field of a ``section`` of the project file; ``owner`` is what the section is of, as a heading. ``variable``: None where
    there is none."""

    owner: str
    section: str
    field: str
    variable: str | None
    values: str
    default: str
    description: str


@click.command()
@click.option("--markdown", is_flag=True, help="Print docs/settings.md.")
def settings(markdown: bool) -> None:
    """What can be set, what is set, and who set it."""
    if markdown:
        click.echo(as_markdown(), nl=False)
        return
    from ocr_assets.definitions import ASSETS
    from ocr_assets.platform.sections import sections
    from resources.secrets import SECRETS
    from resources.settings import read_project

    project = read_project()
    click.echo(f"project file: {project.file or 'none; ocr-assets init writes one'}\n")
    for section, model in sections(ASSETS).items():
        click.echo(f"[{section}]")
        for setting, value, origin in values_of(section, model):
            named = f"{setting.description} ({setting.variable})" if setting.variable else setting.description
            click.echo(f"  {setting.field} = {value}  # {origin + ': ' if origin else ''}{named}")
    click.echo("keys, from the environment only")
    for secret in SECRETS:
        click.echo(f"  {secret.variable}  # {'set' if secret.read() else 'not set'}: {secret.description}")


def values_of(section: str, model: type[BaseModel]) -> Iterator[tuple[Setting, str, str]]:
    """Each field of a section with the value that holds, as TOML, and who gave it; an empty text: it is the default."""
    from resources.settings import from_environment
    from resources.settings.environment import given

    origins = {name: one.origin for name, one in given(model, section=section).items()}
    filled = from_environment(model, section=section)
    for setting in fields_of(section, section, model):
        yield setting, toml(getattr(filled, setting.field)), origins.get(setting.field, "")


def toml(value: Any) -> str:
    """A value as it is written in a project file; TOML has no null, an empty text says so."""
    return json.dumps("" if value is None else value, ensure_ascii=False)


def all_settings() -> Iterator[Setting]:
    """Every field of every section, with its default when nobody sets it."""
    from ocr_assets.definitions import ASSETS
    from ocr_assets.platform.sections import GRAPH_SECTIONS, sections
    from resources.settings import RESOURCES
    from resources.settings.project import RELEASES

    for section, model in sections(ASSETS).items():
        kind = "resource" if section in RESOURCES else "section" if section in GRAPH_SECTIONS else "asset"
        kind, name = ("release", section.partition(".")[2]) if section.startswith(f"{RELEASES}.") else (kind, section)
        yield from fields_of(f"{kind} `{name}`", section, model)


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


def fields_of(owner: str, section: str, model: type[BaseModel]) -> Iterator[Setting]:
    """The fields of a section's model."""
    from resources.settings.environment import variables

    names = variables(model)
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "" if default in (None, "") else default if isinstance(default, str) else json.dumps(default, default=str)
        yield Setting(owner, section, name, names.get(name), _values(field), shown, field.description or "")


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
