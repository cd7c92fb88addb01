"""Killed at random moments (twenty in the full size): the table is that of an undisturbed run, and only what was in flight is asked again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resources.lake import RunInfo
from tests.support.chaos import FAULTS, Chaos
from tests.support.killing import kill_and_finish, said_at_the_end
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems
from tests.support.size import size

ROOT = Path(__file__).resolve().parents[2]
PROBLEMS, SAMPLES, CONCURRENCY, KILLS = size(30, 60), 11, 8, size(2, 8)
# Neither faults that look like slow answers nor a Retry-After: the sweep would only last longer.
KINDS = tuple(kind for kind in FAULTS if kind != "late")


def filled(home: Path) -> Path:
    with new_lake(home / "lake") as lake, lake.write(RunInfo("test"), "clean_problems") as write:
        put_problems(write, [problem(number) for number in range(PROBLEMS)])
    return home


def asking(home: Path, url: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.asking", str(home), url, str(SAMPLES), str(CONCURRENCY)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finished(home: Path, url: str) -> str:
    return said_at_the_end(asking(home, url))


def table(home: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    with new_lake(home / "lake") as lake:
        return (
            lake.rows("SELECT * EXCLUDE (endpoint, latency_s, attempts, created_at) FROM r1_traces ORDER BY response_id"),
            lake.rows("SELECT * FROM prompts ORDER BY ALL"),
            lake.rows("SELECT child, parent, relation, reason, stage FROM record_edge ORDER BY ALL"),
        )


@pytest.mark.long
@pytest.mark.sized
def test_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    with Chaos(delay_s=0.005) as server:
        undisturbed = filled(tmp_path / "undisturbed")
        finished(undisturbed, server.url)
        planned = len(server.asked)
        assert planned == PROBLEMS * (SAMPLES + 1)

    killed = filled(tmp_path / "killed")
    with Chaos(faults=0.1, delay_s=0.03, kinds=KINDS, seed=5) as server:
        kill_and_finish(server, lambda: asking(killed, server.url), KILLS, CONCURRENCY, planned, most_between=45)
        asked = server.asked.total()
        assert "0 teacher requests" in finished(killed, server.url)
        assert server.asked.total() == asked
    assert table(killed) == table(undisturbed)
    assert list((killed / "journal").rglob("*.jsonl")) == []
