"""What a run uses, sampled while it lasts and taken from the kernel at its end, and how it ended by its limits.

Killing is ``clean.py``'s matter; what the kernel says is read in ``kernel.py``.
"""

import os
import select
import signal
import time

from runner import kernel, launch
from runner.basics import MIB

SAMPLE_S = 0.01
SPARE = 0.05  # of a container's memory: when a program has taken the rest, it is not left to the kernel whom to end
UNTOLD_S = 0.1  # of CPU time in a container that may be the runner's own
STARVED_S = 240.0  # the client waits five minutes beyond the wall limit
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Meter:
    """Watches runs and stops those that cross a limit. ``look``: called now and then, to notice that the client is gone; says
    whether it wants no more of the program's runs."""

    def __init__(self, cleaner, look, confined):
        self._cleaner, self._look, self._confined = cleaner, look, confined
        self._kernel_kills = kernel.memory_kills()
        most = kernel.memory_limit_kb()
        self._most_kb = float("inf") if most is None else most * (1 - SPARE)
        self.at_rest()

    def at_rest(self):
        """Note how much shared memory the container holds while no program runs."""
        self._idle_shared_kb, self._idle_kernel_kb = kernel.shared_kb(), kernel.kernel_kb()

    def watch(self, jobs, on_end=None, said=None, partner=None):
        """Until all are done: measure every few milliseconds, kill what crosses a limit. ``on_end(job)`` is called at once
        when one has ended; it may give descriptors to be emptied until all are done. ``partner``: has a run on its side that is
        to be done as well. Returns early, and true, once there is something to read on ``said``."""
        interval, waiting, unread, sampled = SAMPLE_S, list(jobs), [], time.monotonic()
        while waiting or partner is not None:
            links = [job.slot.link for job in waiting]
            others = [source for source in (said, partner) if source is not None]
            readable, _, _ = select.select([*links, *unread, *others], [], [], interval)
            if said in readable and not any(link in readable for link in links):
                return True
            if partner in readable:
                partner = None
            for fd in [fd for fd in unread if fd in readable]:
                if not os.read(fd, MIB):
                    unread.remove(fd)
            for job in [job for job in waiting if job.slot.link in readable]:
                data = job.slot.link.recv(4096)
                if not data:
                    raise RuntimeError("the template died")
                job.ended = launch.Report(*launch.REPORT.unpack(data))
                job.wall_s = time.monotonic() - job.started
                waiting.remove(job)
                if on_end is not None:
                    unread += on_end(job)
            if not readable or time.monotonic() - sampled > interval:
                sampled = time.monotonic()
                if self._look():
                    for job in waiting:
                        self.stop(job, "unwanted")
                    if partner is not None:
                        partner.end()
                for job in sorted(waiting, key=lambda job: not job.judges):  # what those use is taken off the program's
                    self._sample(job, [other for other in jobs if other is not job])
                near = any(job.peak_kb > min(job.limits["memory_mb"] * 1024, self._most_kb) / 2 for job in waiting)
                interval = SAMPLE_S if near else min(interval * 1.2, 0.05)
        return False

    def _sample(self, job, others):
        cpu, own_kb = 0, {}
        shared = 0 if job.kind in ("exec", "exec call") else job.slot.base_kb
        pids = self._cleaner.processes(job)
        for pid in pids:
            try:
                with open(f"/proc/{pid}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            cpu += sum(int(field) for field in fields[11:15])
            # What a fork shares with the program's template counts once, not in each process.
            own_kb[pid] = max(0, int(fields[21]) * PAGE // 1024 - shared)
        if len(own_kb) > 1 and sum(own_kb.values()) * 2 > job.limits["memory_mb"] * 1024:
            self._share(job, own_kb)
        memory_kb = sum(own_kb.values())
        job.cpu_s, job.sampled = cpu / TICK, True
        if job.board is not None:
            job.board.say(kernel.starved_s(pids))
        limits, wall_s = job.limits, time.monotonic() - job.started
        written = job.written()
        # Memory that is no process's own, but what it prints and is given. Part of it may be mapped, and counted above.
        elsewhere = written + job.given + sum(other.written() + other.given for other in others)
        unmapped_kb = kernel.shared_kb() - self._idle_shared_kb - elsewhere // 1024
        unmapped_kb += kernel.kernel_kb() - self._idle_kernel_kb  # it fills sockets, pipes and folders as well
        job.peak_kb = max(job.peak_kb, memory_kb + shared, 0 if job.judges and others else unmapped_kb)
        if max(job.cpu_s - job.cpu_base, self.untold_cpu_s(job, others)) > limits["cpu_s"]:
            self.stop(job, "time_limit")
        elif job.peak_kb > min(limits["memory_mb"] * 1024, self._most_kb):
            self.stop(job, "memory_limit")
        elif written > limits["output_mb"] * MIB:
            self.stop(job, "output_limit")
        elif wall_s > limits["wall_s"] and wall_s - min(self._starved_s(job, pids, others), STARVED_S) > limits["wall_s"]:
            self.stop(job, "idle_limit")

    def _share(self, job, own_kb):
        """Count what processes share among themselves, as those of a pool do, once: ``own_kb`` by process, corrected."""
        with self._cleaner.as_group(job.uid), self._cleaner.as_user(job.uid):  # nobody else may look
            for pid, kb in own_kb.items():
                found = kernel.proportional_kb(pid)
                own_kb[pid] = kb if found is None else min(kb, found)

    def _starved_s(self, job, pids, others):
        """Seconds that a busy host took: of one that waits for another, the other's count as well."""
        elsewhere = 0.0 if job.board is None else job.board.heard()
        return elsewhere + sum([kernel.starved_s(pids), *(kernel.starved_s(self._cleaner.processes(other)) for other in others)])

    def programs_cpu_s(self):
        """CPU seconds of all in this container but the supervisor; None where that cannot be told."""
        if not self._confined:
            return None
        own = time.process_time()  # first: the kernel brings its account up to date for that
        used = kernel.container_cpu_s()
        return None if used is None else used - own

    def untold_cpu_s(self, job, others=()):
        """CPU seconds of a job by the container's account, less what template and zygote may have used and what the
        ``others`` beside it have. A child that nobody waits for (SIGCHLD ignored) is in no parent's account, however much
        it has burnt."""
        if job.cpu_before is None:
            return 0.0
        beside = sum(other.cpu_s if other.ended is None else other.ended.cpu_s for other in others)
        return self.programs_cpu_s() - job.cpu_before - UNTOLD_S - beside

    def stop(self, job, cause):
        """Kill a job for crossing a limit; the first cause stands."""
        if job.cause is None:
            job.cause = cause
        self._cleaner.kill_all(job)

    def kernel_killed(self):
        """Whether the kernel has killed a process of this container for want of memory since we last looked."""
        before, self._kernel_kills = self._kernel_kills, kernel.memory_kills()
        return self._kernel_kills > before


def judge(outcome, limits, cause, output_bytes, stderr):
    """How the run ended, in the order a judge decides it."""
    if output_bytes > limits["output_mb"] * MIB:
        return "output_limit"
    if cause is not None:
        return cause
    if outcome["cpu_s"] > limits["cpu_s"] or outcome["signal"] == signal.SIGXCPU:
        return "time_limit"
    if outcome["memory_mb"] > limits["memory_mb"]:
        return "memory_limit"
    if outcome["exit_code"] == 0:
        return "ok"
    lines = stderr.rstrip().splitlines()
    last = lines[-1] if lines else b""
    if last.startswith(b"MemoryError") or b"std::bad_alloc" in stderr or b"Cannot allocate memory" in last:
        return "memory_limit"
    return "runtime_error"
