"""What synthetic questions are made from: definitions of subsets and their seeds. What is in them: ``ocr_assets/synthesis``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from resources.settings.base import Settings
from resources.settings.sources import BUNDLED


class SynthesisResource(Settings):
    """Which subsets of questions there are beside the bundled twelve, and where the bundled ones' seeds lie."""

    subsets: str = Field(
        "",
        description="Folder of your own definitions of subsets, <name>.toml; one named as a bundled one replaces it",
        json_schema_extra={"env": "OCR_SUBSETS"},
    )
    seeds: str = Field(
        BUNDLED,
        description="Folder in which the bundled subsets find their snippets and questions, or bundled",
        json_schema_extra={"env": "OCR_SEEDS"},
    )

    @property
    def folder(self) -> Path | None:
        """The folder of own definitions; None: there is none. Raises ``ValueError`` naming the setting."""
        return _folder("OCR_SUBSETS", self.subsets) if self.subsets.strip() else None

    def seed_folder(self, bundled: Path) -> Path:
        """Where the bundled subsets' seeds lie; ``bundled``: what that word means. Raises ``ValueError`` naming the setting."""
        return bundled if self.seeds.strip() == BUNDLED else _folder("OCR_SEEDS", self.seeds)


def _folder(variable: str, text: str) -> Path:
    folder = Path(text.strip()).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{variable}={text}: no such folder; give one, or leave it out")
    return folder
