"""Fixtures that every folder shares: real sandboxes, a model, the graph run once, and where data written by others lies."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from resources.sandbox.docker_pool import DockerSandbox
from tests.support.graph import demo

__all__ = ["demo"]

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("untimed", settings(), deadline=None)  # timing never decides a test
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def sandbox() -> Iterator[DockerSandbox]:
    """Two sandboxes; without an engine the tests fail."""
    with DockerSandbox(workers=2) as pool:
        yield pool


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random model that real vLLM serves."""
    from tests.support.tiny_model import make

    return make(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data written by others (``OCR_SHARED_DATA``); tests fail, not skip, without it."""
    folder = Path(os.environ.get("OCR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "README.md").is_file():
        pytest.fail(f"test data not found at {folder}; set OCR_SHARED_DATA to its folder")
    return folder
