"""Calls of one program that share a process, as long as each leaves the program as it found it (``state.py``).

A fork costs more than most calls. What a call is measured by stays its own: its CPU time and wall time begin when it is asked,
those of loading the program added, as in a process of its own. A call that fails in any way is the caller's to ask again by
itself: nothing here is a verdict on it.
"""

import contextlib
import os
import socket
import time

from runner import boxes, child
from runner.answers import take_result
from runner.state import ANSWER, ENTRY

# Programs that mention these go by processes: what they change is not in their module.
OUTSIDE = (b"seed", b"context", b"thread", b"process", b"fork", b"signal", b"asyncio", b"numpy", b"environ", b"open(")


class Calls:
    """At most one process that waits for calls."""

    def __init__(self, runs, meter):
        self._runs, self._meter = runs, meter
        self._job = self._link = self._slot = self._literals = None
        self._loading = (0.0, 0.0)  # CPU and wall seconds it took to load the program
        self._cpu_s = 0.0  # of all processes here, when the last call had ended
        self._told_s = 0.0  # of this process, as told in answers
        self._doubt = None

    def takes(self, slot, message):
        """Whether a run can be a call here. Without the container's account no call could be told from the others."""
        return (
            message["kind"] == "call"
            and message.get("together")
            and slot.language == "python"
            and not (message["blobs"][0] or message["files"] or message["collect"] or message["argv"])
            and len(message["entry"]) < ENTRY
            and not any(word in slot.source for word in OUTSIDE)
            and self._meter.programs_cpu_s() is not None
        )

    def run(self, slot, message):
        """One call: (facts, blobs). ``distrust`` among the facts: what an earlier process was told of was not all it used."""
        literals = message.get("literals", False)
        if self._job is not None and (self._slot is not slot or self._literals != literals):
            self.end()
        outcome = None
        if self._job is None:
            outcome = self._begin(slot, literals)
        outcome = outcome or self._call(message)
        if message.get("last") and self._job is not None:
            self.end()
        outcome["distrust"], self._doubt = self._doubt, None
        return outcome, [b"", outcome.pop("stderr", b"")]

    def end(self):
        """End the process, if there is one. The most memory that it ever used is known then, whatever it said itself."""
        if self._job is None:
            return
        limits = self._job.limits
        self._runs.stop(self._job)
        outcome, _ = self._close()
        if outcome["memory_mb"] > limits["memory_mb"]:
            self._doubt = "calls used more memory than they were seen to"

    def _begin(self, slot, literals):
        """A process with the program loaded; its facts where loading ended it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._slot, self._literals, self._told_s = slot, literals, 0.0
        self._cpu_s = self._meter.programs_cpu_s()
        self._job = self._runs.start_calls(slot, literals, theirs.detach())
        self._link = ours
        ended, _, *self._loading = self._wait()
        return ended

    def _call(self, message):
        job, data = self._job, message["blobs"][1]
        os.ftruncate(job.fds[2], 0)
        os.pwrite(job.fds[2], data, 0)
        job.given = len(data)
        job.started = time.monotonic() - self._loading[1]
        job.cpu_before = self._cpu_s - self._loading[0]
        job.cpu_base = self._told_s - self._loading[0]
        with contextlib.suppress(OSError):  # it has ended: that is seen below
            self._link.send(message["entry"].encode("utf-8", "replace"))
        ended, answer, cpu_s, wall_s = self._wait()
        if ended is not None:
            return ended
        same, peak_kb = answer
        job.peak_kb = max(job.peak_kb, peak_kb)
        outcome = {
            "status": "ok", "cpu_s": round(self._loading[0] + cpu_s, 4), "wall_s": round(self._loading[1] + wall_s, 4),
            "memory_mb": round(job.peak_kb / 1024, 2), "exit_code": 0, "signal": None, "error": "", "collected": [],
        }  # fmt: skip
        if outcome["cpu_s"] > job.limits["cpu_s"] or outcome["memory_mb"] > job.limits["memory_mb"]:
            outcome["status"] = "time_limit" if outcome["cpu_s"] > job.limits["cpu_s"] else "memory_limit"
        take_result(outcome, "call", None, boxes.read(job.fds[2], child.RESULT_LIMIT))
        # A process that has used much of what one call may is not given to the next.
        used_up = self._told_s > job.limits["cpu_s"] / 2 or job.peak_kb > job.limits["memory_mb"] * 512
        if not same or used_up or outcome["status"] != "ok":
            self.end()
        return outcome

    def _wait(self):
        """Until it answers or ends: (facts if it ended, its answer, CPU seconds, wall seconds)."""
        start, job = time.monotonic(), self._job
        answered = self._meter.watch([job], said=self._link)
        wall_s = time.monotonic() - start
        before, self._cpu_s = self._cpu_s, self._meter.programs_cpu_s()
        cpu_s = max(0.0, self._cpu_s - before)
        self._told_s += cpu_s
        text = b""
        with contextlib.suppress(ConnectionResetError):  # it has ended, and had not read what it was asked
            text = self._link.recv(64) if answered else b""
        if len(text) == ANSWER.size:
            return None, ANSWER.unpack(text), cpu_s, wall_s
        if answered:  # the other end is closed, as it has ended or is about to; or the program wrote there itself
            self._runs.stop(job)
        outcome, blobs = self._close()
        if outcome["status"] == "ok":
            outcome["status"] = "runtime_error"
        if outcome["status"] == "runtime_error" and not blobs[1]:
            outcome["error"] = "the function did not return"
        return {**outcome, "stderr": blobs[1], "collected": [], "result": None}, None, cpu_s, wall_s

    def _close(self):
        self._link.close()
        job, self._job = self._job, None
        return self._runs.finish(job)
