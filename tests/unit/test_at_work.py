"""One process at a time on a stage, others wait or are told; and what it says of its progress is read whole."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ocr_assets.cli.view import line
from resources.lake import at_work
from resources.lake.at_work import Busy, StageLock, is_held, progress, progress_of

HOLD = """
import sys, time
from pathlib import Path
from resources.lake.at_work import StageLock
with StageLock(Path(sys.argv[1]), "verdicts") as lock:
    lock.tell({"done": 3})
    print("held", flush=True)
    time.sleep(120)
"""


def holder(folder: Path) -> subprocess.Popen:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_lock_goes_with_its_process_and_progress_stays(tmp_path: Path) -> None:
    assert not is_held(tmp_path, "verdicts") and progress_of(tmp_path, "verdicts") is None
    process = holder(tmp_path)
    told = progress_of(tmp_path, "verdicts")
    assert told is not None and (told["working"], told["done"], told["process"]) == (True, 3, process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not is_held(tmp_path, "verdicts")
    told = progress_of(tmp_path, "verdicts")
    assert told is not None and (told["working"], told["done"]) == (False, 3)
    with StageLock(tmp_path, "verdicts"):
        assert is_held(tmp_path, "verdicts")


def test_who_does_not_wait_is_told_by_whom_and_who_waits_comes_next(tmp_path: Path) -> None:
    process = holder(tmp_path)
    with pytest.raises(Busy, match=f"verdicts is being written by process {process.pid}; wait for it or end it"):
        StageLock(tmp_path, "verdicts").__enter__()
    said: list[str] = []

    def told(text: str) -> None:
        said.append(text)
        os.kill(process.pid, signal.SIGKILL)

    with StageLock(tmp_path, "verdicts", told):
        assert said == [f"verdicts: process {process.pid} is at work on it; waiting for it to end"]
    process.wait()


def test_looking_at_a_lock_takes_it_from_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_work, "WAIT_S", 0.001)
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            is_held(tmp_path, "verdicts")

    (tmp_path / "verdicts").mkdir()
    (tmp_path / "verdicts" / "lock").touch()
    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(200):
            with StageLock(tmp_path, "verdicts"):
                pass
    finally:
        done.set()
        thread.join()


def test_a_reader_sees_all_of_a_line_or_the_one_before(tmp_path: Path) -> None:
    with StageLock(tmp_path, "a") as lock:
        lock.tell({"n": 0, "text": ""})
        ended = threading.Event()

        def write() -> None:
            for n in range(300):
                lock.tell({"n": n, "text": "x" * 1000 * (n % 50)})
            ended.set()

        thread = threading.Thread(target=write)
        thread.start()
        while not ended.is_set():
            told = json.loads((tmp_path / "a" / at_work.PROGRESS).read_text())
            assert len(told["text"]) == 1000 * (told["n"] % 50)
        thread.join()


def test_all_stages_are_told_the_last_first_and_in_a_line_each(tmp_path: Path) -> None:
    with StageLock(tmp_path, "r1_traces") as asker:
        asker.tell(
            {"unit": "responses", "doing": "asking", "done": 1200, "planned": 5000, "time left": "0:12:00",
             "tokens a second": 987.6, "cost, US dollars": 1.5}
        )  # fmt: skip
        time.sleep(0.01)
        with StageLock(tmp_path, "follow") as follower:
            follower.tell({"unit": "programs", "doing": "judging", "done": 7, "verdicts": {"accepted": 4, "wrong_answer": 3}})
        lines = [line(stage) for stage in progress(tmp_path)]
    assert lines[1] == "r1_traces: asking, 1,200 of 5,000 responses, 0:12:00 left, 988 tokens/s, $1.50"
    assert lines[0].startswith("follow: ended at 20") and lines[0].endswith("7 programs, 4 accepted, 3 wrong_answer")
