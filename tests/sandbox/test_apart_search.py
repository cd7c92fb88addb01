"""A random search for cheats: no program of the grammar is accepted and trusted by a suite that it cannot solve."""

import itertools
import random
import time
from collections.abc import Iterator

import pytest

from ocr_assets.grading.grade import grade
from ocr_assets.programs.suites import suite_from_json
from resources.sandbox.docker_pool import DockerSandbox
from tests.support.cheats import SUITES, program
from tests.support.size import FULL, size

LIMITS = {"cpu_s": 1, "wall_s": 6, "memory_mb": 512, "language_factor": {"python": 1.0}}
SECONDS = 600  # of the search in `make test-long`


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox() as pool:
        yield pool


def bent(sandbox: DockerSandbox, seed: int) -> str | None:
    """What is wrong with the verdict on the program of ``seed`` before the suite that is its turn, or None."""
    suite = SUITES[seed % len(SUITES)]
    judged = grade(
        sandbox, "python", program(seed), suite_from_json({"tests": [{"kind": suite.kind, "code": suite.code}], "limits": LIMITS})
    )
    if judged["verdict"] == "sandbox_error" or (judged["verdict"] == "accepted" and judged["untrusted_reason"] is None):
        return f"seed {seed} before {suite.name}: {judged['verdict']} {judged['message']}"
    return None


@pytest.mark.sized
@pytest.mark.timeout(1800)
def test_no_cheat_of_the_grammar_is_trusted(sandbox: DockerSandbox) -> None:
    deadline = time.monotonic() + SECONDS
    fresh = random.SystemRandom().randrange(10**9)
    print(f"seeds from {fresh}")
    seeds = itertools.chain(range(size(24, 240)), itertools.count(fresh) if FULL else range(fresh, fresh + 24))
    within = itertools.takewhile(lambda _: not FULL or time.monotonic() < deadline, seeds)
    assert [wrong for wrong in sandbox.map(lambda seed: bent(sandbox, seed), within) if wrong] == []
