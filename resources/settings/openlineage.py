"""Who else is told of each step: the ``[openlineage]`` section of the project file. Off until a file or an address is named. What
an event says is in ``ocr_assets/platform/openlineage.py``."""

from __future__ import annotations

from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from resources.settings.environment import refuse_passwords


class OpenLineageSettings(BaseModel):
    """Where OpenLineage events of the assets' steps go."""

    section: ClassVar[str] = "openlineage"
    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(
        "",
        description="File to which events are added, one a line (NDJSON); empty: none",
        json_schema_extra={"env": "OCR_OPENLINEAGE_FILE", "path": True},
    )
    url: str = Field(
        "",
        description="Address to which each event is posted, such as http://127.0.0.1:5000/api/v1/lineage; empty: none; keys and "
        "passwords belong in OCR_OPENLINEAGE_KEY",
        json_schema_extra={"env": "OCR_OPENLINEAGE_URL"},
    )
    namespace: str = Field(
        "ocr-assets",
        min_length=1,
        description="Namespace of jobs and datasets; give lakes that tell the same server different ones",
        json_schema_extra={"env": "OCR_OPENLINEAGE_NAMESPACE"},
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).hostname):
            raise ValueError("give an address that begins with http:// or https://")
        return value

    @model_validator(mode="after")
    def _no_passwords(self) -> Self:
        refuse_passwords(self)
        return self


__all__ = ["OpenLineageSettings"]
