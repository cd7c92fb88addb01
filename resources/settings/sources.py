"""Where the rows of each source and the benchmarks lie. How they are read is ``ocr_assets/problems/sources``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from resources.settings.base import Settings

BUNDLED = "bundled"


class SourcesResource(Settings):
    """Where each source's rows lie: ``bundled``, a folder, or the Hub (``hub``, ``hub:name@revision``); blank: none."""

    section: ClassVar[str] = "sources"
    taco: str = Field(BUNDLED, description="TACO: bundled, folder or hub", json_schema_extra={"env": "OCR_TACO", "path": True})
    apps: str = Field(BUNDLED, description="APPS: bundled, folder or hub", json_schema_extra={"env": "OCR_APPS", "path": True})
    code_contests: str = Field(
        BUNDLED, description="CodeContests: bundled, folder or hub", json_schema_extra={"env": "OCR_CODE_CONTESTS", "path": True}
    )
    codeforces: str = Field(
        BUNDLED,
        description="open-r1's Codeforces: bundled, folder or hub",
        json_schema_extra={"env": "OCR_CODEFORCES", "path": True},
    )
    local: str = Field("", description="A folder of your own problems", json_schema_extra={"env": "OCR_LOCAL", "path": True})
    published: str = Field(
        "",
        description="Answers that others released: a folder of datasets, hub:name@revision, or bundled; several by comma. "
        "Their problems are read as a source, and the teacher published reads the answers",
        json_schema_extra={"env": "OCR_PUBLISHED", "path": True},
    )
    benchmarks: str = Field(
        BUNDLED,
        description="Folder of benchmark files, hub (five benchmarks, 4 GB), or bundled",
        json_schema_extra={"env": "OCR_BENCHMARKS", "path": True},
    )

    def folder(self, dataset: str, bundled: Path, cache: Path) -> Path | None:
        """The folder of a source's files, fetched if it is on the Hub; None if the source is not set."""
        return self._folder(dataset, str(getattr(self, dataset)).strip(), bundled, cache)

    @property
    def published_addresses(self) -> list[str]:
        """The addresses of published answers, in the order given."""
        return [address.strip() for address in self.published.split(",") if address.strip()]

    def published_roots(self, bundled: Path, cache: Path) -> list[tuple[str, Path]]:
        """(address, folder) of each address of published answers, fetched if it is on the Hub. Raises as ``folder``."""
        folders = ((address, self._folder("published", address, bundled, cache)) for address in self.published_addresses)
        return [(address, folder) for address, folder in folders if folder is not None]

    def _folder(self, dataset: str, address: str, bundled: Path, cache: Path) -> Path | None:
        if not address:
            return None
        if address == BUNDLED:
            return bundled
        if address == "hub" or address.startswith("hub:"):
            from resources.hub import fetch

            return fetch(dataset, address, cache)
        folder = Path(address).expanduser()
        if not folder.is_dir():
            raise ValueError(
                f"OCR_{dataset.upper()}={address}: no such folder; give a folder of files, {BUNDLED}, hub or nothing"
            )
        return folder

    def state(self, dataset: str, bundled: Path, endings: tuple[str, ...]) -> str | None:
        """What tells whether a source changed, without reading it: of a folder, the names, sizes and times of its files with
        these endings; of the Hub, the revision. None if the source is not set. Raises ``HubUnavailable``, ``ValueError``."""
        addresses = self.published_addresses if dataset == "published" else [str(getattr(self, dataset)).strip()]
        states = [self._state(dataset, address, bundled, endings) for address in addresses]
        return ", ".join(state for state in states if state) or None

    def _state(self, dataset: str, address: str, bundled: Path, endings: tuple[str, ...]) -> str | None:
        if address == "hub" or address.startswith("hub:"):
            from resources.hub import revision

            return f"{address} at {revision(dataset, address)}"
        folder = self._folder(dataset, address, bundled, bundled)
        if folder is None:
            return None
        seen = hashlib.sha256(address.encode())
        for path in sorted(path for path in folder.rglob("*") if path.name.endswith(endings) and path.is_file()):
            told = path.stat()
            seen.update(f"{path.relative_to(folder)}\0{told.st_size}\0{told.st_mtime_ns}\n".encode())
        return seen.hexdigest()[:16]

    def fetched(self, address: str, patterns: Sequence[str], cache: Path) -> Path:
        """The folder of a benchmark's files on the Hub (``name`` or ``name@revision``). Raises ``HubUnavailable``."""
        from resources.hub import fetch

        return fetch("benchmarks", f"hub:{address}", cache, patterns)

    @property
    def only_bundled(self) -> bool:
        """Whether every program that may be run was written for this project."""
        sources = (str(getattr(self, name)).strip() for name in type(self).model_fields if name != "benchmarks")
        return all(address in (BUNDLED, "") for address in sources)
