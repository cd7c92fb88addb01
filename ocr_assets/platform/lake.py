"""The project's lake: the one place where its tables, views and migrations are put together.

What a lake is, is in ``resources/lake``; where this one lies is a setting (``resources/settings``).
"""

from __future__ import annotations

from pathlib import Path

from ocr_assets.platform.lineage.macros import MACROS
from ocr_assets.schema import TABLES
from ocr_assets.schema.migrations import MIGRATIONS
from resources.lake import Lake
from resources.settings import LakeResource


def project_lake(place: LakeResource | Path) -> Lake:
    """The lake of a home's settings, or in a folder, with all the project's tables, views and macros; not yet open.

    Opening it (``with project_lake(…) as lake``) migrates one that earlier code wrote.
    """
    if isinstance(place, Path):
        return Lake(place, tables=TABLES, setup_sql=MACROS, migrations=MIGRATIONS)
    return place.lake(TABLES, MACROS, MIGRATIONS)


def lake_of_run(place: LakeResource) -> Lake:
    """The project's lake, open as long as the run of the asset that asks: one for all its assets. Nobody else closes it."""
    return place.held(lambda: project_lake(place))


__all__ = ["lake_of_run", "project_lake"]
