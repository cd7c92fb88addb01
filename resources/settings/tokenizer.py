"""Which vocabulary lengths are counted with. Counting is ``resources/tokenizer.py``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from resources.settings.base import Settings

if TYPE_CHECKING:
    from resources.tokenizer import QwenTokenizer


class TokenizerResource(Settings):
    """The tokenizer lengths are counted with."""

    section: ClassVar[str] = "tokenizer"
    vocabulary: str | None = Field(
        None,
        description="A .tiktoken file; default Qwen's, from its PyPI package",
        json_schema_extra={"env": "OCR_TOKENIZER", "path": True},
    )

    def opened(self) -> QwenTokenizer:
        """The tokenizer; its vocabulary is loaded once a process."""
        from resources.tokenizer import QwenTokenizer

        return QwenTokenizer(Path(self.vocabulary) if self.vocabulary else None)
