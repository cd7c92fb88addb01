"""The code version that every run notes: the package's version, and in a checkout its commit."""

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

import pytest

from ocr_assets.platform import version

PACKAGE = importlib.metadata.version("ocr-assets")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the module seems to lie as it does in a checkout."""
    module = tmp_path / "ocr_assets" / "platform" / "version.py"
    module.parent.mkdir(parents=True)
    shutil.copy(version.__file__, module)
    monkeypatch.setattr(version, "__file__", str(module))
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    line = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


def code_version() -> str:
    """As a new process would find it: the function keeps its first answer."""
    return version.code_version.__wrapped__()


def test_in_a_checkout_it_names_the_commit_and_changes_to_it(checkout: Path) -> None:
    git(checkout, "init")
    git(checkout, "add", ".")
    git(checkout, "commit", "-m", "one")
    git(checkout, "tag", "a-tag-is-no-commit")
    commit = git(checkout, "rev-parse", "--short=12", "HEAD")
    assert code_version() == f"{PACKAGE}+{commit}"
    (checkout / "ocr_assets" / "platform" / "version.py").write_text("changed")
    assert code_version() == f"{PACKAGE}+{commit}.dirty"


def test_outside_a_checkout_it_is_the_version_of_the_package(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_version() == PACKAGE
    git(checkout, "init")
    assert code_version() == PACKAGE, "a repository without a commit"
    monkeypatch.setenv("PATH", "")
    assert code_version() == PACKAGE, "no git"


def test_a_folder_that_was_never_installed_has_no_version(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "PACKAGE", "ocr-assets-of-nobody")
    assert code_version() == "0"
