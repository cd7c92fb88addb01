"""The project that a command works in: its settings and its lake. Wrong ones end the command with one line and exit code 2."""

from __future__ import annotations

from typing import Any

from ocr_assets.cli import Refused


def resources() -> dict[str, Any]:
    """All resources by name, with the settings of the environment. Raises ``WrongSetting``."""
    from resources.settings import resources_from_environment

    return dict(resources_from_environment())


def existing_lake() -> Any:
    """The project's lake, not yet open. Refuses where there is none: a question must not create an empty lake."""
    from ocr_assets.platform.lake import project_lake

    lake = resources()["lake"]
    if lake.catalog is None and not (lake.root / "lake" / "catalog.sqlite").is_file():
        raise Refused(f"there is no lake in {lake.root}; run `ocr-assets run` first, or set OCR_HOME to a project's folder")
    return project_lake(lake)
