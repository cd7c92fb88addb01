"""Fixtures every room shares: where the shared test data lies."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # what several rooms share: tiny_model, chaos

settings.register_profile("untimed", settings(), deadline=None)  # timing never decides a test
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random model that real vLLM serves."""
    from tiny_model import make

    return make(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data written by others (``OCR_SHARED_DATA``); tests fail, not skip, without it."""
    folder = Path(os.environ.get("OCR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "README.md").is_file():
        pytest.fail(f"test data not found at {folder}; set OCR_SHARED_DATA to its folder")
    return folder
