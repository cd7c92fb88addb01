"""Where everything written lies: the lake, releases, caches, journals. The lake itself is ``resources/lake``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, ClassVar

import dagster as dg
from pydantic import Field, PrivateAttr, field_validator

from resources import runs
from resources.lake import Lake, Migration, Table
from resources.lake.at_work import Journals
from resources.lake.extensions import POSTGRES
from resources.settings.base import Settings
from resources.settings.project import as_folder


class LakeResource(Settings):
    """Where everything written lies."""

    section: ClassVar[str] = "lake"
    home: str = Field(
        ".ocr",
        description="Folder of lake, releases, cache and Dagster's own files",
        json_schema_extra={"env": "OCR_HOME", "path": True},
    )
    catalog: str | None = Field(
        None,
        description="DuckLake catalog instead of SQLite, e.g. postgres:dbname=ocr (password: PGPASSWORD or ~/.pgpass)",
        json_schema_extra={"env": "OCR_CATALOG"},
    )
    data_path: str | None = Field(
        None,
        description="Where data files go instead of the lake's folder: another folder, or s3://bucket/prefix (keys: AWS_…)",
        json_schema_extra={"env": "OCR_DATA_PATH", "path": True},
    )
    dagster: str | None = Field(
        None,
        description="PostgreSQL for Dagster's runs and events instead of files in the home, e.g. postgres:dbname=dagster "
        "(password: PGPASSWORD or ~/.pgpass)",
        json_schema_extra={"env": "OCR_DAGSTER"},
    )
    memory_limit: str = Field(
        "3GB", description="DuckDB's memory; beyond it spills to disk", json_schema_extra={"env": "OCR_MEMORY_LIMIT"}
    )

    @field_validator("home")
    @classmethod
    def _home_is_a_folder(cls, value: str) -> str:
        as_folder(value)
        return value

    @property
    def root(self) -> Path:
        return Path(self.home).expanduser().resolve()

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def journals(self) -> Journals:
        server = self.catalog.removeprefix(POSTGRES) if self.catalog and self.catalog.startswith(POSTGRES) else None
        return Journals(self.root / "lake" / "journal", server)

    def lake(self, tables: Sequence[Table] = (), setup_sql: str = "", migrations: Sequence[Migration] = ()) -> Lake:
        """The lake, not yet open."""
        return Lake(self.root / "lake", self.catalog, self.data_path, self.memory_limit, tables, setup_sql, migrations)

    _held: Lake | None = PrivateAttr(None)
    _alive: IO[str] | None = PrivateAttr(None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        if context.run is not None and context.instance is not None:
            self._alive = runs.hold(context.instance, context.run.run_id)

    def held(self, make: Callable[[], Lake]) -> Lake:
        """The run's lake: opened by the first asset that wants it, closed when the run ends. Opening one takes longer than most
        assets that find nothing new."""
        if self._held is None:
            self._held = make().open()
        return self._held

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
        if self._alive is not None:
            runs.let_go(self._alive)
            self._alive = None
