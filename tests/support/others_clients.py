"""Clients that others published, as they are on PyPI: downloaded without what they depend on, and only the modules asked for loaded."""

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

VERL = "verl==0.9.1"  # its pins conflict with ours, but its request module needs only `requests`
SANDBOX_FUSION = "sandbox-fusion==0.3.7"


def unpacked(requirement: str, folder: Path) -> Path:
    """The folder with the files of a wheel from PyPI."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-binary",
        ":none:",
    ]
    done = subprocess.run([*pip, "--dest", str(folder), requirement], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob(f"{requirement.partition('==')[0].replace('-', '_')}-*.whl")
    target = folder / wheel.stem
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def loaded(name: str, file: Path) -> ModuleType:
    """A module, or a package's ``__init__``, under another name, without what stands around it."""
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=[str(file.parent)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
