"""Annotator and critic, killed at random moments: the tables are those of an undisturbed run, and only what was in flight is asked
again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.chaos import FAULTS, Chaos
from tests.support.killing import kill_and_finish, said_at_the_end
from tests.support.lakes import new_lake
from tests.support.reasoned import filled, response
from tests.support.size import size

ROOT = Path(__file__).resolve().parents[2]
RESPONSES, CONCURRENCY, KILLS = size(40, 120), 8, size(3, 6)
KINDS = tuple(kind for kind in FAULTS if kind != "late")  # those would only make the sweep longer
REASONING = "First I restate task {0}. Then I try something with {0}. No, that is wrong. Let me check it once more."


def text(name: int) -> str:
    """Answers that can be read, as either, and some that cannot: each by its request alone."""
    if name % 7 == 0:
        return "I would rather not."
    said = '<annotation pattern="verification">Let me check it once more.</annotation><annotation number="1" pattern="other">?</annotation>'
    return f"{said}<judgement>{'right' if name % 2 else 'wrong'}</judgement>"


def asking(home: Path, url: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.asking_remarks", str(home), url, str(CONCURRENCY)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def home_of(folder: Path) -> Path:
    verdicts = ("accepted", "wrong_answer")
    return filled(
        folder, [response(n, at=n // 4, reasoning=REASONING.format(n), verdict=verdicts[n % 2]) for n in range(RESPONSES)]
    )


def tables(home: Path) -> list[list[dict[str, Any]]]:
    measured = "endpoint, latency_s, attempts, created_at"
    with new_lake(home / "lake") as lake:
        return [
            *(
                lake.rows(f"SELECT * EXCLUDE ({measured}) FROM {table} ORDER BY ALL")
                for table in ("reasoning_annotations", "critic_answers")
            ),
            *(
                lake.rows(f"FROM {table} ORDER BY ALL")
                for table in (
                    "aligned_annotations", "reasoning_patterns", "pattern_statistics", "pattern_transitions", "critiques",
                    "critic_accuracy", "prompts",
                )
            ),
            lake.rows("SELECT child, parent, relation, reason, stage FROM record_edge ORDER BY ALL"),
        ]  # fmt: skip


@pytest.mark.long
def test_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    with Chaos(text=text, delay_s=0.005) as server:
        undisturbed = home_of(tmp_path / "undisturbed")
        said_at_the_end(asking(undisturbed, server.url))
        planned = len(server.asked)
        assert 2 * RESPONSES < planned <= 3 * RESPONSES

    killed = home_of(tmp_path / "killed")
    with Chaos(text=text, faults=0.1, delay_s=0.03, kinds=KINDS, seed=7) as server:
        kill_and_finish(server, lambda: asking(killed, server.url), KILLS, CONCURRENCY, planned, most_between=planned // KILLS)
        asked = server.asked.total()
        assert "0 asked, 0 left" in said_at_the_end(asking(killed, server.url))
        assert server.asked.total() == asked
    found = tables(killed)
    assert found == tables(undisturbed)
    assert {row["parse_status"] for row in found[0]} == {"ok", "no_annotation"}
    assert list((killed / "journal").rglob("*.jsonl")) == []
