"""The SQL files beside, as text; apart from ``macros.py``, so that a question at the terminal need not load the tables."""

from __future__ import annotations

import hashlib
from importlib.resources import files

PARTS = ("views.sql", "funnel.sql", "questions.sql", "versions.sql")


def text() -> str:
    """All files in their order, with ``__TABLES__`` in place of the tables' names."""
    folder = files("ocr_assets.platform.lineage")
    return "\n".join(folder.joinpath(part).read_text(encoding="utf-8") for part in PARTS)


def version() -> str:
    """The hash by which a lake's macros are told from those of other code: ``SELECT lineage_version()`` in the lake."""
    return hashlib.md5(text().encode(), usedforsecurity=False).hexdigest()


__all__ = ["text", "version"]
