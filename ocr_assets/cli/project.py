"""The project that a command works in: its settings and its lake. Wrong ones end the command with one line and exit code 2."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ocr_assets.cli import Refused


def resources() -> dict[str, Any]:
    """All resources by name, with the settings of the environment. Raises ``WrongSetting``."""
    from resources.settings import resources_from_environment

    return dict(resources_from_environment())


@contextmanager
def asked_lake(*, own_query: bool = False) -> Iterator[Any]:
    """The project's lake, open for questions (``rows``, ``scalar``); nothing is written. Refuses where there is none.

    ``own_query``: a person wrote the query, so its joins are put in order.

    Opened read-only, without what only writing needs, where that can be: a lake in SQLite whose macros are those of this code.
    Any other is opened as for a run, which brings it up to date.
    """
    from resources.settings.project import home, read_project

    place, settings = home() / "lake", read_project()
    apart = any(
        settings.set_by_hand("lake").get(name) or settings.section("lake").get(name) or os.environ.get(f"OCR_{name.upper()}")
        for name in ("catalog", "data_path")
    )
    if not apart and (place / "catalog.sqlite").is_file():
        import duckdb

        from ocr_assets.platform.lineage import sql
        from resources.lake.reading import ReadOnlyLake

        # One thread: a question reads little, and threads that wait for each other take longer than one.
        with ReadOnlyLake(place, threads=1, as_written=not own_query) as lake:
            try:
                is_of_this_code = lake.scalar("SELECT lineage_version()") == sql.version()
            except duckdb.CatalogException:  # earlier code made the lake
                is_of_this_code = False
            if is_of_this_code:
                yield lake
                return
    with existing_lake() as opened:
        yield opened


def existing_lake() -> Any:
    """The project's lake, not yet open. Refuses where there is none: a question must not create an empty lake."""
    from ocr_assets.platform.lake import project_lake
    from resources.lake.reading import NoLake

    lake = resources()["lake"]
    if lake.catalog is None and not (lake.root / "lake" / "catalog.sqlite").is_file():
        raise Refused(str(NoLake(lake.root)))
    return project_lake(lake)
