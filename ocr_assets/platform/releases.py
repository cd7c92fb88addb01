"""Which releases there are: those that come with this project, and those that ``ocr.toml`` names (``[releases.NAME]``).

What a profile is made of is in ``ocr_assets/exports``; where releases lie is in ``release_folders.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ocr_assets.platform.sections import GRAPH_SECTIONS
from ocr_assets.schema import PROFILES as PROFILE_TABLES
from ocr_assets.schema import RELEASES as BUNDLED_TABLES
from ocr_assets.schema import TABLES
from resources.lake import LINEAGE_TABLES
from resources.settings import RESOURCES, Project, WrongSetting
from resources.settings.project import RELEASES

# The releases that are always there → profile. A section named as one sets its filters.
BUNDLED: Mapping[str, str] = {
    "sft_dataset": "ocr",
    "kodcode_v1": "kodcode_v1",
    "kodcode_sft_r1": "kodcode_sft_r1",
    "kodcode_rl": "kodcode_rl",
}
PROFILES = (*BUNDLED.values(), *(table.name for table in PROFILE_TABLES))
ANSWERS = ("ocr", "kodcode_sft_r1")  # profiles whose rows are answers, to be trained on
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST = 100  # it is part of names of files and tables
_TAKEN = {table.name for table in (*TABLES, *LINEAGE_TABLES)}


def named_releases(project: Project) -> dict[str, str]:
    """Name → profile of every release, the bundled ones first. Raises ``WrongSetting`` naming the section."""
    found = dict(BUNDLED)
    for name in project.releases:
        place = f"wrong setting: {project.place(RELEASES, name)}: [{RELEASES}.{name}]"
        if fault := wrong_name(name):
            raise WrongSetting(f"{place}: {fault}")
        profile = project.section(f"{RELEASES}.{name}").get("profile", BUNDLED.get(name))
        if profile not in PROFILES or profile != BUNDLED.get(name, profile):
            wanted = BUNDLED[name] if name in BUNDLED else "one of " + ", ".join(PROFILES)
            raise WrongSetting(f"{place} has {'the profile ' + repr(profile) if profile else 'no profile'}; give {wanted}")
        found[name] = profile
    return found


def wrong_name(name: str) -> str | None:
    """Why a release cannot have this name, which is also that of a folder, an asset and a dataset; None: it can."""
    if not _NAME.fullmatch(name):
        return "the name of a release begins with a letter and has small letters, digits and _"
    if len(name) > _LONGEST:
        return f"the name of a release has at most {_LONGEST} characters"
    if name in RESOURCES or name in GRAPH_SECTIONS:
        return f"[{name}] is a section of settings; give another name"
    if name in _TAKEN:
        return f"{name} is a table of the lake; give another name"
    return None


__all__ = ["ANSWERS", "BUNDLED", "BUNDLED_TABLES", "PROFILES", "named_releases", "wrong_name"]
