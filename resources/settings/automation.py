"""What runs by itself, and when: the ``[automation]`` section of the project file. All of it is off until it is named here or
switched on in the UI. What the schedules, sensors and conditions are is in ``ocr_assets/automation``."""

from __future__ import annotations

from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

ALL = "all"


class AutomationSettings(BaseModel):
    """Which sources are read again by themselves, and whether assets follow what they are made from."""

    section: ClassVar[str] = "automation"
    model_config = ConfigDict(frozen=True, extra="forbid")

    refresh: str = Field(
        "",
        description="Sources whose schedule is on, by semicolon, with a cron line of their own where they have one: "
        "taco; local=0 */6 * * *; or all",
        json_schema_extra={"env": "OCR_REFRESH"},
    )
    cron: str = Field(
        "0 3 * * *",
        description="When the others are read: minute, hour, day, month, weekday",
        json_schema_extra={"env": "OCR_REFRESH_CRON"},
    )
    time_zone: str = Field(
        "UTC", description="Time zone of schedules: Europe/Berlin …", json_schema_extra={"env": "OCR_TIME_ZONE"}
    )
    watch: str = Field(
        "",
        description="Sources whose sensor is on, by semicolon, or all: a change of the folder's files, or of the revision on the "
        "Hub, has the source read",
        json_schema_extra={"env": "OCR_WATCH"},
    )
    conditions: bool = Field(
        False,
        description="Assets that cost nothing but computing are refreshed by themselves when what they are made from changes",
        json_schema_extra={"env": "OCR_CONDITIONS"},
    )
    fresh_days: float = Field(
        7,
        ge=0,
        description="Days after which an asset that was not refreshed is shown as overdue, after half of them with a warning; "
        "0: never",
        json_schema_extra={"env": "OCR_FRESH_DAYS"},
    )
    owner: str = Field(
        "team:datasets",
        description="Who is asked about an asset: team:NAME, or an address of e-mail",
        json_schema_extra={"env": "OCR_OWNER"},
    )

    @field_validator("time_zone")
    @classmethod
    def _time_zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"give a time zone such as Europe/Berlin or UTC, not {value!r}") from error
        return value

    @field_validator("owner")
    @classmethod
    def _owner_is_one(cls, value: str) -> str:
        if not (value.startswith("team:") and value[5:].replace("-", "_").isidentifier()) and value.count("@") != 1:
            raise ValueError("give team:NAME or an address of e-mail")
        return value

    @field_validator("cron")
    @classmethod
    def _cron_is_one(cls, value: str) -> str:
        return cron_line(value)

    @field_validator("refresh")
    @classmethod
    def _refresh_can_be_read(cls, value: str) -> str:
        for line in _named(value).values():
            if line:
                cron_line(line)
        return value

    def schedules(self, sources: list[str]) -> dict[str, tuple[str, bool]]:
        """Source → its cron line, and whether its schedule is on. Raises ``ValueError`` naming a source that there is not."""
        named = _known("refresh", self.refresh, sources)
        return {source: (named.get(source) or named.get(ALL) or self.cron, source in named or ALL in named) for source in sources}

    def watched(self, sources: list[str]) -> set[str]:
        """The sources whose sensor is on. Raises ``ValueError`` naming a source that there is not."""
        named = _known("watch", self.watch, sources)
        return set(sources) if ALL in named else set(named)


def cron_line(text: str) -> str:
    """A cron line as it was given. Raises ``ValueError`` where it is none."""
    from dagster._utils.schedules import is_valid_cron_string

    if not is_valid_cron_string(text):
        raise ValueError(f"{text!r} is no cron line; give minute, hour, day, month and weekday, such as 0 3 * * *")
    return text


def _named(text: str) -> dict[str, str]:
    parts = [part.partition("=") for part in text.split(";") if part.strip()]
    return {name.strip(): line.strip() for name, _, line in parts}


def _known(setting: str, text: str, sources: list[str]) -> dict[str, str]:
    named = _named(text)
    if unknown := set(named) - {*sources, ALL}:
        raise ValueError(f"{setting}: no source {', '.join(sorted(unknown))}; there are {', '.join(sources)}, and {ALL}")
    return named


__all__ = ["ALL", "AutomationSettings", "cron_line"]
