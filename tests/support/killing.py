"""Killing a process that asks a server, at random moments, and counting at the server what that cost."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.support.chaos import Chaos


def said_at_the_end(process: subprocess.Popen) -> str:
    """What a process printed; the test fails if the process did."""
    said, _ = process.communicate(timeout=300)
    if process.returncode:
        pytest.fail(f"it ended with {process.returncode}: {said[-3000:]}")
    return said


def kill_and_finish(
    server: Chaos, start: Callable[[], subprocess.Popen], kills: int, concurrency: int, planned: int, most_between: int
) -> None:
    """Start the process and kill it, ``kills`` times, at most ``most_between`` answers apart; then let it finish.

    All of ``planned`` are asked then, and asked again were at most the requests that could be in flight at the kills.
    """
    chance = random.Random(11)
    for number in range(kills):
        process = start()
        # A quarter while it starts, reads its journal and plans; the others some answers and a moment later.
        early = number % 4 == 3
        target = server.answered.total() + (0 if early else chance.randrange(1, most_between))
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
    assert server.answered.total() < planned, "the last kill must hit a run that is not done"
    said_at_the_end(start())
    again = sum(count - 1 for count in server.answered.values())
    assert len(server.asked) == len(server.answered) == planned
    assert again <= kills * concurrency, f"{again} answers were asked for again, {kills * concurrency} could be in flight"
