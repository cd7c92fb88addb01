"""How a settings model is filled from what was given, and how a wrong value is refused.

A value comes from ``--set`` on the command line, else from its environment variable, else from the section of ``ocr.toml``
(``project.py``), else it is the default. A field that a variable sets says so itself: ``Field(…, json_schema_extra={"env":
"OCR_HOME"})``. One that holds a path has ``"path": True`` there: a relative one in ``ocr.toml`` starts from that file's folder;
with ``"path": "or name"`` only what begins with a dot or lies there is a path, with ``"path": "lists"`` what follows ``list:``.
Resources (the modules beside) and the settings of the stages (``XSettings`` in ``ocr_assets``) both use these functions;
``docs/settings.md`` is made from the same metadata (``make docs``).
"""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from resources.secrets import has_password, hidden
from resources.settings.project import Project, WrongSetting, read_project

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Given:
    """The value of a setting, and who gave it: ``OCR_TEACHER``, ``ocr.toml, line 3: teacher.kind``, ``--set teacher.kind``."""

    value: Any
    origin: str


def variables(model: type[BaseModel]) -> dict[str, str]:
    """Field name → the environment variable that sets it, for the fields that have one. Where models share fields, the variable's
    name begins with ``{section}``, which is the model's own."""
    section = getattr(model, "section", "").upper()
    found = {name: _extra(field, "env") for name, field in model.model_fields.items()}
    return {name: variable.replace("{section}", section) for name, variable in found.items() if isinstance(variable, str)}


def given(
    model: type[BaseModel],
    environment: Mapping[str, str] = os.environ,
    *,
    section: str = "",
    project: Project | None = None,
) -> dict[str, Given]:
    """Field name → its value and who gave it, for the fields that somebody set.

    ``section``: the name by which ``ocr.toml`` and ``--set`` know the model; resources and the graph's own settings know theirs.
    ``project``: what was read of ``ocr.toml``; if it is not given, it is read.

    Raises ``WrongSetting`` at a field that there is not.
    """
    section = section or getattr(model, "section", "")
    found: dict[str, Given] = {}
    if section:
        project = project or read_project(environment)
        project.refuse_fields(section, section_fields(model))
        for name, value in project.section(section).items():
            if name not in model.model_fields:
                continue  # said of the section itself, such as a release's profile
            place = f"{project.place(*section.split('.'), name)}: {section}.{name}"
            found[name] = Given(_from_file(model.model_fields[name], value, project.folder), place)
    for name, variable in variables(model).items():
        if environment.get(variable):  # an empty one is not set
            found[name] = Given(environment[variable], variable)
    if section and project is not None:
        for name, value in project.set_by_hand(section).items():
            if name not in model.model_fields:
                raise WrongSetting(
                    f"wrong setting: --set {section}.{name}: there is no setting {name} in {section}; "
                    f"there are {', '.join(model.model_fields)}"
                )
            found[name] = Given(read_text(model.model_fields[name], str(value)), f"--set {section}.{name}")
    return found


def section_fields(model: type[BaseModel]) -> list[str]:
    """The names that a section of this model may have in ``ocr.toml``: the model's fields without those that are given for one
    run only (``"for": "one run"``), and what is said of the section itself (``section_only``)."""
    fields = [name for name, field in model.model_fields.items() if _extra(field, "for") != "one run"]
    return [*getattr(model, "section_only", ()), *fields]


def from_environment(
    model: type[Model],
    environment: Mapping[str, str] = os.environ,
    *,
    section: str = "",
    project: Project | None = None,
    **values: Any,
) -> Model:
    """``model`` with each field from ``values``, else from what was ``given``, else its default.

    Raises ``WrongSetting`` naming what is wrong: by who gave it, else by its field.
    """
    found = given(model, environment, section=section, project=project)
    origins = {name: one.origin for name, one in found.items() if name not in values}
    try:
        return model(**{**{name: one.value for name, one in found.items()}, **values})
    except ValidationError as error:
        raise wrong_setting(model, error, origins) from None


def environment_defaults(model: type[Model], section: str = "") -> type[Model]:
    """A stage's Dagster config with what was given as defaults, which the launchpad shows; the class itself is changed.

    ``lake_asset`` does this for the config of every asset, whose ``section`` is its name. Raises ``WrongSetting``.
    """
    found = given(model, section=section)
    if found:
        filled = from_environment(model, section=section)
        for name in found:
            model.model_fields[name].default = getattr(filled, name)
            model.model_fields[name].default_factory = None
        model.model_rebuild(force=True)
    return model


def _extra(field: FieldInfo, name: str) -> Any:
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, Mapping) else None


def _from_file(field: FieldInfo, value: Any, folder: Path) -> Any:
    """A value of ``ocr.toml`` as the field takes it: a relative path from the file's folder on."""
    value, kind = _typed(field, value), _extra(field, "path")
    if kind == "lists" and isinstance(value, str):
        return ",".join(_list_from(folder, part.strip()) for part in value.split(","))
    if not kind or not isinstance(value, str) or not value.strip() or value in _NO_PATHS or ":" in value:
        return value
    try:
        path = Path(value).expanduser()
    except RuntimeError:  # a home of nobody; the setting itself says what is wrong with it
        return value
    if kind != "or name" or value.startswith(".") or (folder / path).exists():
        return str(folder / path)
    return value


def _list_from(folder: Path, part: str) -> str:
    place = part.removeprefix("list:")
    return part if place == part or "://" in place or place.startswith("~") else f"list:{folder / place.strip()}"


_NO_PATHS = ("bundled", "hub")  # words that stand in a path's place; hub:name, s3://… have a colon


def _typed(field: FieldInfo, value: Any) -> Any:
    """TOML has no null: where a field may be null, an empty text says so. A number for a text is its digits."""
    kinds = _kinds(field)
    if value == "" and type(None) in kinds:
        return None
    if str in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value


def read_text(field: FieldInfo, text: str) -> Any:
    """What was typed on the command line as the field takes it: a text as it is, all else as TOML has it (``8``, ``true``,
    ``["a", "b"]``)."""
    kinds = _kinds(field)
    if text == "" and type(None) in kinds:
        return None
    if str not in kinds and not any(typing.get_origin(kind) is typing.Literal for kind in kinds):
        with contextlib.suppress(tomllib.TOMLDecodeError):
            return tomllib.loads(f"value = {text}")["value"]
    return text


def _kinds(field: FieldInfo) -> tuple[Any, ...]:
    return typing.get_args(field.annotation) if _is_union(field.annotation) else (field.annotation,)


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def wrong_setting(model: type[BaseModel], error: ValidationError, origins: Mapping[str, str]) -> WrongSetting:
    """``error`` in one line. ``origins``: who gave the fields that somebody gave."""
    faults = []
    for fault in error.errors():
        advice = _advice(fault["msg"])
        if not fault["loc"]:
            faults.append(advice)
            continue
        field = str(fault["loc"][0])
        faults.append(f"{origins.get(field, field)}={hidden(repr(fault['input']))}: {advice}")
    return WrongSetting(hidden("wrong setting: " + "; ".join(faults)))


def refuse_passwords(model: BaseModel) -> None:
    """Raises ``ValueError`` naming the variable of a field with a password in it: pages, logs and databases would show it."""
    names = variables(type(model))
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, str) and has_password(value):
            raise ValueError(
                f"{names.get(name, name)}={hidden(value)}: a user name or password in a setting would be shown on pages and in "
                f"logs; {_ELSEWHERE.get(names.get(name, ''), 'leave it out here')}"
            )


_ELSEWHERE = {
    "OCR_TEACHER_URL": "give it as OCR_TEACHER_KEY=basic:user:password",
    "OCR_EVALUATED_URL": "give it as OCR_EVALUATED_KEY=basic:user:password",
    "OCR_JUDGE_URL": "give it as OCR_JUDGE_KEY=basic:user:password",
    "OCR_ANNOTATOR_URL": "give it as OCR_ANNOTATOR_KEY=basic:user:password",
    "OCR_CRITIC_URL": "give it as OCR_CRITIC_KEY=basic:user:password",
    "OCR_OPENLINEAGE_URL": "give it as OCR_OPENLINEAGE_KEY=basic:user:password",
    "OCR_DATA_PATH": "give the keys as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "OCR_DAGSTER": "give it as PGPASSWORD or in ~/.pgpass, where PostgreSQL's own client looks",
    "OCR_CATALOG": "give it as PGPASSWORD or in ~/.pgpass, where PostgreSQL's own client looks",
}


def _advice(message: str) -> str:
    """Pydantic's message as advice: "Input should be greater than 0" becomes "give a value greater than 0"."""
    advice = message.removeprefix("Value error, ").replace("\n", " ")
    advice = re.sub(r", unable to (parse|interpret).*", "", advice)
    advice = re.sub(r"^Input should be (greater|less|at|a multiple)", r"give a value \1", advice)
    return re.sub(r"^Input should be ", "give ", advice)


__all__ = [
    "Given",
    "WrongSetting",
    "environment_defaults",
    "from_environment",
    "given",
    "read_text",
    "refuse_passwords",
    "section_fields",
    "variables",
    "wrong_setting",
]
