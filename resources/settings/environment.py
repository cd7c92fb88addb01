"""How a settings model is filled from environment variables, and how a wrong value is refused.

A field that a variable sets says so itself: ``Field(…, json_schema_extra={"env": "OCR_HOME"})``. Resources (the modules beside)
and the settings of the stages (``XSettings`` in ``ocr_assets``) both use these functions; ``docs/settings.md`` is made
from the same metadata (``make docs``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from resources.secrets import has_password, hidden

Model = TypeVar("Model", bound=BaseModel)


class WrongSetting(ValueError):
    """A setting that cannot be used. One line: the variable, its value, and what to give instead."""


def variables(model: type[BaseModel]) -> dict[str, str]:
    """Field name → the environment variable that sets it, for the fields that have one."""
    variables: dict[str, str] = {}
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, Mapping) and isinstance(extra.get("env"), str):
            variables[name] = str(extra["env"])
    return variables


def given(model: type[BaseModel], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Field name → text of the variable, for those variables that are set and not empty."""
    return {name: environment[variable] for name, variable in variables(model).items() if environment.get(variable)}


def from_environment(model: type[Model], environment: Mapping[str, str] = os.environ, **values: Any) -> Model:
    """``model`` with each field from ``values``, else from its variable, else its default.

    Raises ``WrongSetting`` naming what is wrong: by its variable where the value came from there, else by its field.
    """
    from_variables = {name: text for name, text in given(model, environment).items() if name not in values}
    try:
        return model(**{**from_variables, **values})
    except ValidationError as error:
        raise wrong_setting(model, error, from_variables) from None


def environment_defaults(model: type[Model]) -> type[Model]:
    """Class decorator for a stage's Dagster config: the environment's values become the defaults, which the launchpad shows.

    ``@environment_defaults class XConfig(XSettings, dg.Config): …``. Raises ``WrongSetting``.
    """
    set_by_variable = given(model)
    if set_by_variable:
        filled = from_environment(model)
        for name in set_by_variable:
            model.model_fields[name].default = getattr(filled, name)
        model.model_rebuild(force=True)
    return model


def wrong_setting(model: type[BaseModel], error: ValidationError, from_variables: Container[str]) -> WrongSetting:
    """``error`` in one line. ``from_variables``: the fields whose value is a variable's text."""
    names = variables(model)
    faults = []
    for fault in error.errors():
        advice = _advice(fault["msg"])
        if not fault["loc"]:
            faults.append(advice)
            continue
        field = str(fault["loc"][0])
        name = names[field] if field in from_variables else field
        faults.append(f"{name}={hidden(repr(fault['input']))}: {advice}")
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
    "OCR_CATALOG": "give it as PGPASSWORD or in ~/.pgpass, where PostgreSQL's own client looks",
}


def _advice(message: str) -> str:
    """Pydantic's message as advice: "Input should be greater than 0" becomes "give a value greater than 0"."""
    advice = message.removeprefix("Value error, ").replace("\n", " ")
    advice = re.sub(r", unable to (parse|interpret).*", "", advice)
    advice = re.sub(r"^Input should be (greater|less|at|a multiple)", r"give a value \1", advice)
    return re.sub(r"^Input should be ", "give ", advice)
