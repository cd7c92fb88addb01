"""Killed while judges are asked: the votes are those of an undisturbed run, and only what was in flight is asked again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.problems.decontamination.decide import ORDERS
from tests.support.chaos import FAULTS, Chaos
from tests.support.judging_pairs import MODELS, filled
from tests.support.killing import kill_and_finish, said_at_the_end
from tests.support.lakes import new_lake
from tests.support.size import size

ROOT = Path(__file__).resolve().parents[2]
PAIRS, CONCURRENCY, KILLS = 60, 8, size(2, 6)


def judging_process(home: Path, url: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.judging_pairs", str(home), url, str(CONCURRENCY)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def votes(home: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    with new_lake(home / "lake") as lake:
        return (
            lake.rows("SELECT * EXCLUDE (endpoint, latency_s, attempts, created_at) FROM judge_votes ORDER BY vote_id"),
            lake.rows("FROM prompts ORDER BY ALL"),
        )


@pytest.mark.long
def test_killed_while_judging_the_votes_are_those_of_an_undisturbed_run(tmp_path: Path) -> None:
    planned = PAIRS * len(ORDERS) * len(MODELS)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for home in (undisturbed, killed):
        filled(home, PAIRS)

    def text(name: int) -> str:
        return "yes" if name % 3 else "no"

    with Chaos(text=text) as server:
        said_at_the_end(judging_process(undisturbed, server.url))
        assert len(server.asked) == server.asked.total() == planned
    kinds = tuple(kind for kind in FAULTS if kind != "late")
    with Chaos(text=text, faults=0.1, delay_s=0.03, kinds=kinds, seed=5) as server:
        kill_and_finish(server, lambda: judging_process(killed, server.url), KILLS, CONCURRENCY, planned, most_between=24)
        asked = server.asked.total()
        assert "0 votes now" in said_at_the_end(judging_process(killed, server.url))
        assert server.asked.total() == asked
    assert votes(killed) == votes(undisturbed)
    assert {vote["vote"] for vote in votes(killed)[0]} == {"yes", "no"}
    assert list((killed / "journal").rglob("*.jsonl")) == []
