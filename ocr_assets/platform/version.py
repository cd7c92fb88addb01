"""Which code is running, for the lineage of what it writes."""

from __future__ import annotations

import functools
import importlib.metadata
import shutil
import subprocess
from pathlib import Path

PACKAGE = "ocr-assets"


@functools.cache
def code_version() -> str:
    """The installed package's version, and in a git checkout its commit: ``0.1.0+4845d7a0c1f2``, with ``.dirty`` where files
    differ from it."""
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        version = "0"  # run from a folder that was never installed
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return version
    line = ["git", "-C", str(root), "describe", "--always", "--dirty=.dirty", "--abbrev=12", "--exclude=*"]
    commit = subprocess.run(line, capture_output=True, text=True, check=False)
    return f"{version}+{commit.stdout.strip()}" if commit.returncode == 0 else version


__all__ = ["PACKAGE", "code_version"]
