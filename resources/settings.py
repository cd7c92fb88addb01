"""Every setting of the outside world, one typed resource a thing, filled from environment variables by definitions.py.

What belongs here: names, types, defaults and bounds of settings, and how a setting becomes the thing. The things
themselves are in the modules beside; heavy ones are imported only when used, so the code server starts in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from resources.lake import Lake
from resources.tables import Table


class LakeResource(dg.ConfigurableResource[Any]):
    """Where everything written lies."""

    home: str = Field(".ocr", description="OCR_HOME: folder of lake, releases, cache and Dagster's own files")
    catalog: str | None = Field(None, description="OCR_CATALOG: DuckLake catalog instead of SQLite, e.g. postgres:dbname=ocr")
    data_path: str | None = Field(None, description="OCR_DATA_PATH: where data files go instead of the lake folder")
    memory_limit: str = Field("4GB", description="OCR_MEMORY_LIMIT: DuckDB's memory; beyond it spills to disk")

    @property
    def root(self) -> Path:
        return Path(self.home).expanduser().resolve()

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def lake(self, tables: Sequence[Table] = (), setup_sql: str = "") -> Lake:
        """The lake, not yet open."""
        return Lake(self.root / "lake", self.catalog, self.data_path, self.memory_limit, tables, setup_sql)
