"""Which sentence embedding model is used. The model itself is ``resources/embedder.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from resources.settings.base import Settings

if TYPE_CHECKING:
    from resources.embedder import Embedder


class EmbedderResource(Settings):
    """The sentence embedding model."""

    section: ClassVar[str] = "embedder"
    model: str = Field(
        "all-MiniLM-L6-v2",
        description="The bundled model, a path, or a name on the Hub",
        json_schema_extra={"env": "OCR_EMBEDDER", "path": "or name"},
    )
    batch: int = Field(64, ge=1, description="Texts embedded at once", json_schema_extra={"env": "OCR_EMBEDDER_BATCH"})

    def opened(self, cache: Path) -> Embedder:
        """The embedder, its model loaded on first use; vectors are kept below ``cache``."""
        from resources.embedder import Embedder
        from resources.settings.work import opened_work

        return Embedder(self.model, cache / "embeddings", self.batch, opened_work(processes=False))
