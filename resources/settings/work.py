"""On how many processes or machines plain functions over rows are spread. How is ``resources/work.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from resources.work import Work


class WorkSettings(BaseModel):
    """Where responses are parsed, tokens counted, statements compared and texts embedded. No row depends on it."""

    section: ClassVar[str] = "work"
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["local", "ray"] = Field(
        "local",
        description="local: this machine; ray: all machines of a Ray cluster (with OCR_SANDBOX=ray for programs)",
        json_schema_extra={"env": "OCR_WORK"},
    )
    ray_address: str = Field(
        "auto",
        description="Of ray: the cluster, as host:port; auto: the one this machine belongs to",
        json_schema_extra={"env": "OCR_RAY_ADDRESS"},
    )

    def opened(self, *, processes: bool = True) -> Work:
        """Where to work. ``processes``: several, where this machine works alone. Raises ``ClusterUnavailable``."""
        from resources.work import HERE, Processes, RayTasks

        if self.kind == "ray":
            return RayTasks(self.ray_address)
        return Processes() if processes else HERE


def opened_work(*, processes: bool = True) -> Work:
    """``WorkSettings.opened`` by what was given."""
    from resources.settings.environment import from_environment

    return from_environment(WorkSettings).opened(processes=processes)
