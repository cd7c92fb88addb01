"""What all resources share: a field with a password in it is refused, wherever it was given (environment, launchpad, code)."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import dagster as dg
from pydantic import model_validator

from resources.settings.environment import refuse_passwords


class Settings(dg.ConfigurableResource[Any]):
    """A resource whose fields are settings. Keys are no fields: see ``resources/secrets.py``.

    ``section``: the name by which assets ask for it, ``ocr.toml`` and ``--set`` set it.
    """

    section: ClassVar[str] = ""

    @model_validator(mode="after")
    def _no_passwords(self) -> Self:
        refuse_passwords(self)
        return self
