"""``python -m resources.guard PARENT GRACE COMMAND…``: a command that leaves nobody behind, however its caller ends.

Trainers and models' servers start processes of their own and do not end them when they are killed. So between us and the command
stands this process: all that the command starts stays below it (orphans come to it), it is told when its parent dies, and it ends
only when all of them have. What it holds open, such as a lock, is held as long.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_DIE_WITH_PARENT, _SUBREAPER = 1, 36  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER


def guarded(command: Sequence[str], grace_s: float = 0.0) -> list[str]:
    """The command under guard, for ``subprocess.Popen``. SIGTERM ends it with all that it started, and so does the end of the
    thread that calls ``Popen``: call it from one that lives as long as the command shall. ``grace_s``: how long the command
    may take to end by itself; then it is killed."""
    return [sys.executable, "-m", "resources.guard", str(os.getpid()), str(grace_s), *command]


def main(parent: int, grace_s: float, command: list[str]) -> int:
    """Run the command; returns its exit code, negative for a signal."""
    told = False

    def end(*_: object) -> None:
        # The kernel tells it for each thread of the parent that dies; the second time must not break off what the first began.
        nonlocal told
        if not told:
            told = True
            sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    libc = ctypes.CDLL(None)
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_DIE_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before it could be asked for
        return 128 + signal.SIGTERM
    process = None
    try:
        process = subprocess.Popen(  # should this process itself be killed, the command at least goes with it
            command, stdin=subprocess.DEVNULL, preexec_fn=lambda: libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        )
        return process.wait()
    finally:
        told = True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if process is not None and process.poll() is None and grace_s:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(grace_s)
        _end_all_below(os.getpid())


def _end_all_below(pid: int) -> None:
    while found := _below(pid):
        for each in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.02)


def _below(pid: int) -> list[int]:
    """Processes that this one started, and those that they did."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = list(children.get(pid, []))
    for each in found:
        found += children.get(each, [])
    return found


if __name__ == "__main__":
    code = main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
    if code < 0:  # told to our parent as it was told to us
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
