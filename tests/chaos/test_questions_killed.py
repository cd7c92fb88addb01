"""Killed while questions are asked for: the tables are those of an undisturbed run, and only what was in flight is asked again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.chaos import FAULTS, Chaos
from tests.support.killing import kill_and_finish, said_at_the_end
from tests.support.lakes import new_lake
from tests.support.size import size

ROOT = Path(__file__).resolve().parents[2]
SNIPPETS, SAMPLES, CONCURRENCY, KILLS = size(20, 60), 4, 8, size(1, 6)
DEFINITION = f'title = "Numbers"\nmethod = "snippets"\n[seeds]\npath = "code"\n[ask]\nsamples = {SAMPLES}\n'


def filled(home: Path) -> Path:
    code = home / "subsets" / "code"
    code.mkdir(parents=True)
    (home / "subsets" / "numbers.toml").write_text(DEFINITION)
    for number in range(SNIPPETS):
        (code / f"f{number}.py").write_text(f"def f{number}(x):\n    # number {number}\n    return x * {number} + len(str(x))\n")
    with new_lake(home / "lake"):
        pass
    return home


def asking(home: Path, url: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.asking_questions", str(home), url, str(CONCURRENCY)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def text(name: int) -> str:
    """Kept, refused and malformed answers, each by its request alone."""
    if name % 5 == 0:
        return f"<too_poor>{name} is too poor</too_poor>"
    return f"<question>Write a function f{name}(x) that adds {name} to a number.</question>" if name % 5 < 4 else "no tags"


def tables(home: Path) -> list[list[dict[str, Any]]]:
    with new_lake(home / "lake") as lake:
        return [
            lake.rows(
                "SELECT * EXCLUDE (endpoint, latency_s, attempts, created_at) FROM synthetic_questions ORDER BY question_id"
            ),
            lake.rows("FROM question_seeds ORDER BY ALL"),
            lake.rows("FROM prompts ORDER BY ALL"),
            lake.rows("SELECT child, parent, relation, reason, stage FROM record_edge ORDER BY ALL"),
        ]


@pytest.mark.long
def test_killed_while_asking_the_questions_are_those_of_an_undisturbed_run(tmp_path: Path) -> None:
    planned = SNIPPETS * SAMPLES
    undisturbed, killed = filled(tmp_path / "undisturbed"), filled(tmp_path / "killed")
    with Chaos(text=text) as server:
        said_at_the_end(asking(undisturbed, server.url))
        assert len(server.asked) == server.asked.total() == planned
    kinds = tuple(kind for kind in FAULTS if kind != "late")
    with Chaos(text=text, faults=0.1, delay_s=0.03, kinds=kinds, seed=5) as server:
        kill_and_finish(server, lambda: asking(killed, server.url), KILLS, CONCURRENCY, planned, most_between=18)
        asked = server.asked.total()
        assert "0 teacher requests" in said_at_the_end(asking(killed, server.url))
        assert server.asked.total() == asked
    found = tables(killed)
    assert found == tables(undisturbed)
    assert {row["status"] for row in found[0]} == {"kept", "refused", "malformed"} and len(found[1]) == SNIPPETS
    assert list((killed / "journal").rglob("*.jsonl")) == []
