"""Where releases lie: ``releases/<name>/v1``, ``v2`` …, each written once and never changed; ``current`` is a link to the newest.

Who reads a release (training, a person) begins at ``current``; who writes one (``ocr_assets/exports``) builds it out of sight and
has it put there whole. What a version holds besides files stands in the lake (``release_version``, ``released_row``).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CURRENT = "current"
MANIFEST = "manifest.json"
VALIDATION = "validation"  # the split, or the end of its name, whose rows nobody trains on
_WHOLE_IN_ONE_FOLDER = ("data", "README.md", MANIFEST)  # how a release lay before it had versions
_VERSION = re.compile(r"v([1-9][0-9]{0,8})")
_OUT_OF_SIGHT = re.compile(r"\.v[0-9]+")


class ReleaseFolder:
    """The versions of one release. Whoever changes them holds ``locked``."""

    def __init__(self, releases: Path, name: str) -> None:
        self.path = releases / name
        self.name = name

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Wait until nobody else writes this release; the lock goes with its process."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def version(self, number: int) -> Path:
        """Where version ``number`` lies, or will."""
        return self.path / f"v{number}"

    def building(self, number: int) -> Path:
        """Where version ``number`` is built, out of sight."""
        return self.path / f".v{number}"

    @property
    def numbers(self) -> list[int]:
        """The versions that lie there, oldest first. A folder without a manifest that can be read is none."""
        named = [(folder, _VERSION.fullmatch(folder.name)) for folder in self.path.glob("v*")]
        return sorted(int(name[1]) for folder, name in named if name and _manifest(folder) is not None)

    @property
    def current(self) -> Path | None:
        """The newest version's own folder, not the link; None: nothing was released yet."""
        link = self.path / CURRENT
        if (link / MANIFEST).is_file():
            return link.resolve()
        return self.path if (self.path / MANIFEST).is_file() else None

    def manifest(self, number: int) -> dict[str, Any]:
        """The manifest of version ``number``."""
        return manifest_of(self.version(number))

    def is_whole(self, number: int, version: str = "") -> bool:
        """Whether version ``number`` lies there with the rows of ``version`` (empty: of any), each file as it was written."""
        folder = self.version(number)
        manifest = _manifest(folder)
        if manifest is None or (version and manifest["version"] != version):
            return False
        return all(_has(folder / name, digest) for name, digest in manifest.get("files", {}).items())

    def recover(self, newest: int, version: str) -> None:
        """Bring to an end what a killed run left: ``newest`` and ``version`` are those of the lake's newest version (0: none).

        What was built and recorded is put in place, what was only built is removed. A release from before there were versions
        becomes the first one.
        """
        # The manifest was the last to be moved. A note of somebody's beside the versions is no release.
        if _manifest(self.path) is not None and _manifest(self.version(1)) is None:
            self._take_in_old_layout()
        built = _manifest(self.building(newest))
        if newest and built is not None and built["version"] == version and not self.version(newest).exists():
            self.building(newest).rename(self.version(newest))
        for left in self.path.glob(".v*"):
            if _OUT_OF_SIGHT.fullmatch(left.name):
                shutil.rmtree(left)

    def put(self, number: int) -> None:
        """Show the version that was built: it is there whole, or not at all. ``current`` leads to it from then on.

        What lies in its place, such as a version that was damaged, is set aside as ``vN.replaced``, for a person to look at.
        """
        if self.building(number).exists():
            place = self.version(number)
            if place.exists():
                place.rename(_free(place.with_name(f"{place.name}.replaced")))
            self.building(number).rename(place)
        self.point_to(number)

    def point_to(self, number: int) -> None:
        """Have ``current`` lead to version ``number``, at once."""
        link = self.path / CURRENT
        if link.is_symlink() and os.readlink(link) == f"v{number}":
            return
        if link.is_dir() and not link.is_symlink():  # the home was copied by something that follows links
            shutil.rmtree(link)
        beside = self.path / f".{CURRENT}"
        beside.unlink(missing_ok=True)
        beside.symlink_to(f"v{number}", target_is_directory=True)
        beside.replace(link)

    def keep(self, count: int | None) -> None:
        """Remove all versions but the newest ``count``; None: keep all."""
        for number in self.numbers[: -count if count else 0]:
            # Out of sight first: a kill in the middle must not leave half of a version in sight.
            self.version(number).rename(self.building(number))
            shutil.rmtree(self.building(number))

    def _take_in_old_layout(self) -> None:
        first = self.version(1)
        first.mkdir(exist_ok=True)
        for name in _WHOLE_IN_ONE_FOLDER:  # the manifest last: until then nobody takes the version for whole
            if (self.path / name).exists():
                (self.path / name).rename(first / name)
        self.point_to(1)


def training_files(version: Path) -> tuple[Path, ...]:
    """The Parquet files of a version's folder but for those of validation (``<split>-<number>.parquet``)."""
    files = sorted((version / "data").glob("*.parquet"))
    return tuple(file for file in files if not file.stem.rpartition("-")[0].endswith(VALIDATION))


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a version's folder. Raises ``OSError``, or ``ValueError`` at a damaged one."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(manifest, dict) or "version" not in manifest:
        raise ValueError(f"{folder / MANIFEST}: this is no manifest of a release")
    return manifest


def _manifest(folder: Path) -> dict[str, Any] | None:
    """The same; None where there is none that can be read."""
    try:
        return manifest_of(folder)
    except (OSError, ValueError):
        return None


def _has(file: Path, digest: str) -> bool:
    """Whether a file is there, and is what it was when its SHA-256 was taken."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == digest


def _free(path: Path) -> Path:
    """``path``, or where something lies there, the first ``path-2``, ``path-3`` … that is free."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


__all__ = ["CURRENT", "MANIFEST", "ReleaseFolder", "manifest_of"]
