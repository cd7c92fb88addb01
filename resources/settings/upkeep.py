"""When the lake is put in order, and how long what is kept: the ``[upkeep]`` section of the project file. What is done then is
``resources/lake/upkeep.py``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from resources.settings.automation import cron_line

if TYPE_CHECKING:
    from resources.lake.upkeep import Rules


class UpkeepSettings(BaseModel):
    """Upkeep of the lake: merging small files, expiring old snapshots, removing files that nothing needs."""

    section: ClassVar[str] = "upkeep"
    model_config = ConfigDict(frozen=True, extra="forbid")

    schedule: str = Field(
        "",
        description="When it runs by itself, as a cron line: 0 4 * * 0 is Sundays at four; empty: by hand (`ocr-assets upkeep`)",
        json_schema_extra={"env": "OCR_UPKEEP"},
    )
    keep_days: float = Field(
        30,
        ge=1,
        description="Snapshots that are older go, but for those that a release, what it was made from, or a subset names, and "
        "the newest version of each table",
        json_schema_extra={"env": "OCR_UPKEEP_KEEP_DAYS"},
    )
    grace_hours: float = Field(
        24,
        ge=1,
        description="How long files that nothing needs any more are kept, for whoever is reading them; give more than the "
        "longest query takes",
        json_schema_extra={"env": "OCR_UPKEEP_GRACE_HOURS"},
    )
    small_mb: int = Field(
        32, ge=1, description="Data files smaller than so many MB are merged", json_schema_extra={"env": "OCR_UPKEEP_SMALL_MB"}
    )

    @field_validator("schedule")
    @classmethod
    def _schedule_is_one(cls, value: str) -> str:
        return cron_line(value) if value.strip() else ""

    @property
    def rules(self) -> Rules:
        from resources.lake.upkeep import Rules

        return Rules(timedelta(days=self.keep_days), timedelta(hours=self.grace_hours), self.small_mb << 20)


__all__ = ["UpkeepSettings"]
