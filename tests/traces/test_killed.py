"""Killed at twenty random moments: the table is that of an undisturbed run, and only what was in flight is asked again."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chaos import FAULTS, Chaos
from ocr_assets.lineage import MACROS
from ocr_assets.records import CLEAN_PROBLEMS, TABLES
from resources.lake import Lake, RunInfo
from rows import problem

ROOT = Path(__file__).resolve().parents[2]
PROBLEMS, SAMPLES, CONCURRENCY, KILLS = 60, 11, 8, 20
# Neither faults that look like slow answers nor a Retry-After: the sweep would only last longer.
KINDS = tuple(kind for kind in FAULTS if kind != "late")


def filled(home: Path) -> Path:
    with Lake(home / "lake", tables=TABLES, setup_sql=MACROS) as lake, lake.write(RunInfo("test"), "clean_problems") as write:
        write.append(CLEAN_PROBLEMS, [problem(number) for number in range(PROBLEMS)])
    return home


def asking(home: Path, url: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("asking.py")), str(home), url, str(SAMPLES), str(CONCURRENCY)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finished(home: Path, url: str) -> str:
    process = asking(home, url)
    said, _ = process.communicate(timeout=300)
    if process.returncode:
        pytest.fail(f"it ended with {process.returncode}: {said[-3000:]}")
    return said


def table(home: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    with Lake(home / "lake", tables=TABLES, setup_sql=MACROS) as lake:
        return (
            lake.rows("SELECT * EXCLUDE (endpoint, latency_s, attempts, created_at) FROM r1_traces ORDER BY response_id"),
            lake.rows("SELECT * FROM prompts ORDER BY ALL"),
            lake.rows("SELECT child, parent, relation, reason, stage FROM record_edge ORDER BY ALL"),
        )


def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    with Chaos(delay_s=0.005) as server:
        undisturbed = filled(tmp_path / "undisturbed")
        finished(undisturbed, server.url)
        planned = len(server.asked)
        assert planned == PROBLEMS * (SAMPLES + 1)

    chance = random.Random(11)
    killed = filled(tmp_path / "killed")
    in_flight, stages = 0, []
    with Chaos(faults=0.1, delay_s=0.03, kinds=KINDS, seed=5) as server:
        for number in range(KILLS):
            process = asking(killed, server.url)
            # A quarter while it starts, reads its journal and plans; the others some answers and a moment later.
            early = number % 4 == 3
            target = server.answered.total() + (0 if early else chance.randrange(1, 45))
            deadline = time.monotonic() + 120
            while not early and server.answered.total() < target and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(chance.random() * (1.5 if early else 0.03))
            if process.poll() is not None:
                pytest.fail(f"it ended before it could be killed: {process.communicate()[0][-3000:]}")
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            settle = time.monotonic() + 10
            while server.in_flight and time.monotonic() < settle:
                time.sleep(0.005)
            in_flight += CONCURRENCY
            stages.append(server.answered.total())
        finished(killed, server.url)
        assert stages[-1] < planned, "the last kill must hit a run that is not done"
        again = sum(count - 1 for count in server.answered.values())
        assert len(server.asked) == len(server.answered) == planned
        assert again <= in_flight, f"{again} answers were asked for again, {in_flight} could be in flight at the kills"
        asked = server.asked.total()
        assert "0 teacher requests" in finished(killed, server.url)
        assert server.asked.total() == asked
    assert table(killed) == table(undisturbed)
    assert list((killed / "journal").rglob("*.jsonl")) == []
