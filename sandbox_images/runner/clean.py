"""What is done after a run: every process of it killed, every place it could write emptied, and that checked.

Acts as the run's own user, so that nothing a program left behind (links, odd modes) makes the supervisor touch what that
user may not. The files of one box are ``boxes.py``'s matter.
"""

import contextlib
import os
import signal
import time

from runner import boxes, kernel


class Cleaner:
    """Kills and wipes. ``roots``: the folders boxes lie in; ``uid_base``: null where runs have no user of their own (without
    a container); ``zygotes``: pids of our children that are no run's."""

    def __init__(self, roots, uid_base, zygotes):
        self._roots, self._uid_base, self.zygotes = roots, uid_base, zygotes

    @contextlib.contextmanager
    def as_user(self, uid):
        """As the run's user: what it may not touch, this code does not touch either. As the container's first process
        the supervisor takes no signal from that user meanwhile, and it is not dumpable, so nobody looks inside."""
        if uid is None:
            yield
            return
        os.setresuid(uid, uid, 0)
        try:
            yield
        finally:
            os.setresuid(0, 0, 0)

    @contextlib.contextmanager
    def as_group(self, gid):
        """With the group of a run's user, which bears the same number. To look into its processes takes both."""
        if gid is None:
            yield
            return
        os.setegid(gid)
        try:
            yield
        finally:
            os.setegid(0)

    def kill_all(self, job):
        """Kill what is left of a run, again until nothing is; returns CPU seconds and highest memory of its strays."""
        cpu, memory = 0.0, 0
        for attempt in range(2000):
            alive = self._kill_family(job)
            more_cpu, more_memory = self._reap_strays()
            cpu, memory = cpu + more_cpu, max(memory, more_memory)
            if not alive:
                return cpu, memory
            time.sleep(0.0005 if attempt < 10 else 0.002)
        raise RuntimeError("processes of the test cannot be killed")

    def end_user(self, uid):
        """Kill all processes of a user."""
        with self.as_user(uid), contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)

    def signal(self, job):
        """SIGKILL to a run, without waiting for its end."""
        if job.uid is None:
            self._kill_family(job)
        else:
            self.end_user(job.uid)

    def _kill_family(self, job):
        """SIGKILL to all processes of the run, in one call of the kernel where the run has a user of its own: no fork
        slips through. False: there was none."""
        if job.uid is not None:
            self.end_user(job.uid)
            if job.ended is not None and (strays := kernel.children()) is not None:
                return set(strays) != self.zygotes and any(kernel.real_uid(pid) == job.uid for pid in strays)
        living = [pid for pid in self.processes(job) if kernel.state(pid) not in ("Z", "X", None)]
        for pid in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(living)

    def processes(self, job):
        """Processes of a run: of its user, or (without users) our strays and the template's children."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                if job.uid is not None:
                    # Its template acts as the same user, and is another.
                    if os.stat(f"/proc/{name}").st_uid == job.uid == kernel.real_uid(name):
                        found.append(int(name))
                elif kernel.is_of_a_test(int(name), os.getpid()):
                    found.append(int(name))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
        return found

    def _reap_strays(self):
        """Orphans of the test that ended up with us: their CPU seconds and highest memory."""
        cpu, memory = 0.0, 0
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return cpu, memory
            if pid == 0:
                return cpu, memory
            if pid in self.zygotes:
                raise RuntimeError(f"a zygote ended with status {status}")
            cpu += usage.ru_utime + usage.ru_stime
            memory = max(memory, usage.ru_maxrss)

    def wipe(self, jobs):
        """Empty every place the runs of ``jobs`` could write, each as its own user. Nothing may be left by any of them."""
        if all(self._is_gone(job.box) for job in jobs) and self._nothing_left():
            return
        for job in jobs:
            with self.as_user(job.uid):
                for place in () if job.uid is None else (*self._roots, "/dev/shm"):
                    for name in _names(place):
                        boxes.remove(os.path.join(place, name))
                boxes.remove(job.box)
            os.chdir("/")
        left = [job.box for job in jobs if not self._is_gone(job.box)]
        if left or not self._nothing_left():
            raise RuntimeError(f"files of the test cannot be removed {' '.join(left)}")

    @staticmethod
    def _is_gone(box):
        """Whether the box is gone; an empty one goes now."""
        try:
            os.rmdir(box)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True

    def _nothing_left(self):
        # Without users of its own a test may not touch the host's shared folders anyway.
        return self._uid_base is None or not any(_names(place) for place in (*self._roots, "/dev/shm"))


def _names(place):
    try:
        return os.listdir(place)
    except PermissionError:  # the judge's folder is not for the program's user
        return []
