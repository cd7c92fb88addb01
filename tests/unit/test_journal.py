"""What was appended survives kill -9; torn lines are told apart; nobody else writes at the same time."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from resources.lake.journal import Journal

WRITER = """
import sys
from pathlib import Path
from resources.lake.journal import Journal
with Journal(Path(sys.argv[1]), "rows") as journal:
    for number in range(10**9):
        journal.append({"key": number, "text": "x" * 200})
        print(number, flush=True)
"""


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    row = {"key": "a", "when": datetime.now(UTC), "text": "ü\n\ud800", "none": None, "list": [{"x": 1.5}]}
    with Journal(tmp_path, "rows") as journal:
        journal.append(row)
        assert list(journal.recovered()) == []
    with Journal(tmp_path, "rows") as journal:
        assert list(journal.recovered()) == [row]
        journal.clear()
    with Journal(tmp_path, "rows") as journal:
        assert list(journal.recovered()) == []
    assert list((tmp_path / "rows").glob("*.jsonl")) == []


def test_a_torn_last_line_is_counted_not_believed(tmp_path: Path) -> None:
    with Journal(tmp_path, "rows") as journal:
        journal.append({"key": 1})
        journal.append({"key": 2})
    (path,) = (tmp_path / "rows").glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-3])
    with Journal(tmp_path, "rows") as journal:
        assert list(journal.recovered()) == [{"key": 1}]
        assert journal.torn == 1


@pytest.mark.slow
def test_killed_at_random_moments_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    chance = random.Random(5)
    for attempt in range(8):
        folder = tmp_path / str(attempt)
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.random() * 0.05)
        os.kill(process.pid, signal.SIGKILL)
        said = process.stdout.read().split()
        process.wait()
        with Journal(folder, "rows") as journal:
            kept = [row["key"] for row in journal.recovered()]
        assert kept == list(range(len(kept)))
        assert len(kept) > (int(said[-1]) if said and json.loads(said[-1]) >= 0 else 0)
