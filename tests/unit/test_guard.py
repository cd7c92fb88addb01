"""A guarded command leaves nobody behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resources.guard import guarded

# Starts a child of its own in another session, says both numbers, and does not end by itself.
COMMAND = [
    sys.executable,
    "-c",
    "import os, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
    "print(os.getpid(), child.pid, flush=True)\n"
    "time.sleep(600)",
]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def started(grace_s: float) -> tuple["subprocess.Popen[str]", list[int]]:
    process = subprocess.Popen(guarded(COMMAND, grace_s), stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    return process, [int(word) for word in process.stdout.readline().split()]


@pytest.mark.parametrize("grace_s", [0.0, 5.0])
def test_all_end_with_it_however_often_it_is_told(grace_s: float) -> None:
    for _ in range(3):
        process, pids = started(grace_s)
        # The kernel tells it again for each thread of ours that dies.
        for number in range(400):
            if process.poll() is None:
                os.kill(process.pid, signal.SIGTERM)
            time.sleep(0.00001 * (number % 7))
        assert process.wait(20) == 128 + signal.SIGTERM
        assert all(map(gone, pids))


def test_the_command_killed_ends_what_it_started_and_is_told_as_it_was() -> None:
    process, (command, child) = started(0)
    os.kill(command, signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL and gone(child)


def test_one_whose_parent_is_gone_already_starts_nothing(tmp_path: Path) -> None:
    command = guarded(["touch", str(tmp_path / "started")])
    command[3] = "1"  # not us
    assert subprocess.run(command, timeout=20).returncode == 128 + signal.SIGTERM
    assert not (tmp_path / "started").exists()


def test_the_guard_itself_killed_takes_the_command_with_it() -> None:
    process, (command, child) = started(0)
    try:
        process.kill()
        process.wait(20)
        deadline = time.monotonic() + 20
        while not gone(command):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.kill(child, signal.SIGKILL)
