"""``python -m ocr_assets.training.guard COMMAND…``: a command that leaves nobody behind, however the one who asked for it ends.

Launchers such as ``accelerate launch`` start the trainer as a process of their own and do not end it when they are killed. So
between us and the launcher stands this process: all that the command starts stays below it (orphans come to it), it is told when
its parent dies, and it ends only when all of them have. What it holds open, the training's lock, is held as long.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def main(command: list[str]) -> int:
    """Run the command; returns its exit code, negative for a signal. SIGTERM ends it with all that it started."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL).wait()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
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
    code = main(sys.argv[1:])
    if code < 0:  # told to our parent as it was told to us
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)
