"""A pool of real sandboxes for this folder's tests, and this folder on the path, for the programs in ``known.py``."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.sandbox.docker_pool import DockerSandbox

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def sandbox() -> Iterator[DockerSandbox]:
    """Two sandboxes; without an engine the tests fail."""
    with DockerSandbox(workers=2) as pool:
        yield pool
