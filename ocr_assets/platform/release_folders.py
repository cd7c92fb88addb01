"""Where releases lie: ``releases/<name>/v1``, ``v2`` …, each written once and never changed; ``current`` is a link to the newest.

Who reads a release (training, a person) begins at ``current``; who writes one (``ocr_assets/exports``) builds it out of sight and
has it put there whole. What a version holds besides files stands in the lake (``release_version``, ``released_row``).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

CURRENT = "current"
MANIFEST = "manifest.json"
_WHOLE_IN_ONE_FOLDER = ("data", "README.md", MANIFEST)  # how a release lay before it had versions


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
        """The versions that lie there, oldest first."""
        names = (folder.name[1:] for folder in self.path.glob("v*") if (folder / MANIFEST).is_file())
        return sorted(int(name) for name in names if name.isdecimal())

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

    def recover(self, newest: int, version: str) -> None:
        """Bring to an end what a killed run left: ``newest`` and ``version`` are those of the lake's newest version (0: none).

        What was built and recorded is put in place, what was only built is removed. A release from before there were versions
        becomes the first one.
        """
        if any((self.path / name).exists() for name in _WHOLE_IN_ONE_FOLDER):
            self._take_in_old_layout()
        built = self.building(newest)
        is_whole = newest and not self.version(newest).exists() and (built / MANIFEST).is_file()
        if is_whole and manifest_of(built).get("version") == version:
            built.rename(self.version(newest))
        for left in self.path.glob(".v*"):
            shutil.rmtree(left)

    def put(self, number: int) -> None:
        """Show the version that was built: it is there whole, or not at all. ``current`` leads to it from then on."""
        if self.building(number).exists():
            self.building(number).rename(self.version(number))
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
            shutil.rmtree(self.version(number))

    def _take_in_old_layout(self) -> None:
        first = self.version(1)
        first.mkdir(exist_ok=True)
        for name in _WHOLE_IN_ONE_FOLDER:  # the manifest last: until then nobody takes the version for whole
            if (self.path / name).exists():
                (self.path / name).rename(first / name)
        self.point_to(1)


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a version's folder."""
    manifest: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return dict(manifest)


__all__ = ["CURRENT", "MANIFEST", "ReleaseFolder", "manifest_of"]
