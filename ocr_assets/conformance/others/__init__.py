"""Graders that one can install from PyPI, judged by the same cases: which there are, their packages, their containers.

``graders.toml`` names them, ``adapter.py`` asks them inside a container of the sandbox image, without a network and with
nothing but their packages: graders run programs in their own process, and some cases kill what they can reach.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ocr_assets.conformance.graders import GraderUnavailable, LineGrader

_HERE = Path(__file__).parent
_PYTHON = "3.11"  # the sandbox image's


@dataclass(frozen=True)
class PublishedGrader:
    """One of ``graders.toml``. ``packages``: requirements with versions; ``judges``: which tests it is made for; ``note``: what
    of it is asked."""

    name: str
    packages: tuple[str, ...]
    judges: str
    note: str

    def installed(self, home: Path) -> Path:
        """The folder of its packages under ``home``, filled the first time. Raises ``GraderUnavailable`` if pip fails."""
        digest = hashlib.sha256(json.dumps(self.packages).encode()).hexdigest()[:12]
        folder = home / "graders" / f"{self.name}-{digest}"
        if not (folder / "complete").exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]
            wheels = ["--only-binary", ":all:", "--python-version", _PYTHON, "--implementation", "cp"]
            made = subprocess.run(
                [*pip, *wheels, "--target", str(folder), *self.packages], capture_output=True, text=True, check=False
            )
            if made.returncode:
                raise GraderUnavailable(f"{self.name} cannot be installed: {made.stderr.strip()[-500:]}")
            (folder / "complete").touch()
        return folder

    @contextlib.contextmanager
    def asked(self, folder: Path, image: str, timeout_s: float) -> Iterator[LineGrader]:
        """The grader, asked in a container of ``image`` that sees the packages in ``folder`` and ends with the block."""
        name = f"ocr-grader-{self.name}-{os.getpid()}"
        options = [
            *("--network", "none", "--memory", "4g", "--pids-limit", "512"),
            *("--read-only", "--tmpfs", "/tmp:exec,size=512m", "--env", "HOME=/tmp"),
            *("--cap-drop", "ALL", "--cap-add", "KILL", "--security-opt", "no-new-privileges"),
            *("--volume", f"{folder.resolve()}:/grader:ro", "--volume", f"{_HERE}:/ask:ro"),
        ]
        command = ["docker", "run", "--interactive", "--rm", "--name", name, *options, "--entrypoint", "python3", image]
        try:
            yield LineGrader(shlex.join([*command, "-B", "/ask/adapter.py", self.name, "/grader"]), timeout_s=timeout_s)
        finally:
            subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)  # it is gone if all went well


def published_graders() -> Mapping[str, PublishedGrader]:
    """All graders of ``graders.toml`` by name."""
    entries = tomllib.loads((_HERE / "graders.toml").read_text(encoding="utf-8"))
    return {
        name: PublishedGrader(name, tuple(entry["packages"]), entry["judges"], entry["note"]) for name, entry in entries.items()
    }


__all__ = ["PublishedGrader", "published_graders"]
