"""What models are trained from and where: base model, definitions of mixes, devices. Training is ``ocr_assets/training``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from resources.settings.base import Settings


class TrainingResource(Settings):
    """Which base model is fine-tuned on which mixes, and on how many devices."""

    section: ClassVar[str] = "training"
    base_model: str = Field(
        "",
        description="Base model: a folder, or a name on the Hub (name@commit); a folder without weights: from scratch. Blank: "
        "none is trained",
        json_schema_extra={"env": "OCR_BASE_MODEL", "path": "or name"},
    )
    mixes: str = Field(
        "",
        description="Folder of your own training mixes, <name>.toml, with recipes/ in it; one named as a bundled one replaces it",
        json_schema_extra={"env": "OCR_MIXES", "path": True},
    )
    devices: int = Field(
        1, ge=1, description="Devices that share a step's batch, over all nodes", json_schema_extra={"env": "OCR_TRAIN_DEVICES"}
    )
    launcher: str = Field(
        "",
        description="Command before the training's module, such as accelerate launch --config_file fsdp.yaml; blank: one process",
        json_schema_extra={"env": "OCR_TRAIN_LAUNCHER"},
    )

    @field_validator("launcher")
    @classmethod
    def _launcher_can_be_split(cls, value: str) -> str:
        shlex.split(value)
        return value

    @property
    def folder(self) -> Path | None:
        """The folder of own mixes; None: there is none. Raises ``ValueError`` naming the setting."""
        if not self.mixes.strip():
            return None
        folder = Path(self.mixes.strip()).expanduser()
        if not folder.is_dir():
            raise ValueError(f"OCR_MIXES={self.mixes}: no such folder; give one, or leave it out")
        return folder
