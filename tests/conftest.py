"""Fixtures that every folder shares: real sandboxes, a model, the graph run once, and where data written by others lies.

What a test stands on decides its folder: ``unit`` (nothing but Python), ``lake`` (a real DuckDB), ``sandbox`` (a real Docker
engine), ``model`` (chat models over HTTP, vLLM, the embedder), ``e2e`` (the whole graph, the UI), ``chaos`` (kills and
faults). Helpers are in ``support``, measured figures in ``benchmarks``. Four markers, declared in ``pyproject.toml``: ``slow``
is left out by ``make test-fast``; ``long`` is left to ``make test-long``; ``sized`` is run there again, larger; ``alone`` runs with
no other test beside it, because it measures time, memory or what the whole host holds.
"""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import settings

from resources.sandbox.docker_pool import DockerSandbox
from tests.support.graph import demo
from tests.support.postgres import Postgres, postgres_server
from tests.support.s3 import Store, s3_server

__all__ = ["demo"]

settings.register_profile("untimed", settings(), deadline=None)  # timing never decides a test
settings.load_profile("untimed")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests run side by side here: a second thread for tables of a few rows costs more than it does. Alone they have all.
    connect = duckdb.connect

    def connect_with_one_thread(*arguments: Any, config: dict[str, Any] | None = None, **options: Any) -> Any:
        return connect(*arguments, config={"threads": 1, **(config or {})}, **options)

    duckdb.connect = connect_with_one_thread


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: Python need not look through it for garbage after each test."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[DockerSandbox]:
    """Two sandboxes; without an engine the tests fail."""
    with DockerSandbox(workers=2) as pool:
        yield pool


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; each test makes a database of its own."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def store() -> Iterator[Store]:
    """An S3 server with an empty bucket."""
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random model that real vLLM serves."""
    from tests.support.tiny_model import make

    return make(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data written by others.

    It is no part of the repository: a test that wants it is left out, and says so, unless ``OCR_SHARED_DATA`` names the
    folder (``.ci/run`` insists on it). A name without the folder behind it is an error.
    """
    named = os.environ.get("OCR_SHARED_DATA", "")
    if not named:
        pytest.skip("real data of others is not here: OCR_SHARED_DATA names no folder")
    folder = Path(named)
    if not (folder / "README.md").is_file():
        pytest.fail(f"no test data at OCR_SHARED_DATA={folder}")
    return folder
