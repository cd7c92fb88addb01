"""The supervisor inside a sandbox: takes programs from its stdin, runs them one test at a time, answers on its stdout.

Processes: supervisor (this one; sees requests, measures, kills, wipes) → zygote (modules preloaded; its memory never
holds a request) → a template a program (reads and compiles the code) → a child a test (``child.py``).
Runs as root with SETUID and SETGID in a container, or as any user without one (``--process``). Standard library only.
What the kernel says is read in ``kernel.py``, a box's files in ``boxes.py``. Protocol and rules: README.md beside this folder.
"""

import collections
import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from runner import boxes, child, kernel, launch, zygote
from runner.channel import Channel

MIB = 1024 * 1024
HEAD = 64 * 1024  # bytes of stderr, compiler output and collected files that travel
SAMPLE_S = 0.01
UNTOLD_S = 0.1  # of CPU time in a container that may be the runner's own
STARVED_S = 240.0  # the client waits five minutes beyond the wall limit
COMPILE_LIMITS = {"cpu_s": 20.0, "wall_s": 40.0, "memory_mb": 1024, "output_mb": 1, "processes": 32}
CXX = ["/usr/bin/g++", "-O2", "-pipe", "-w", "-fmax-errors=20", "-o", "main", "main.cpp"]
BINARY = 128 * MIB  # of a compiled program
BINARIES = 64 * MIB  # of compiled programs kept
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# Seconds the fixed loop takes on the machine the limits were chosen for.
REFERENCE_LOOP_S = 0.050
IN_PROCESS = ("call", "assert", "pytest")  # kinds whose result comes through a descriptor of its own


def memfd(name, data=b""):
    fd = os.memfd_create(name)
    if data:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
    return fd


class Slot:
    """A program ready to run: its template, and the binary where it is compiled."""

    def __init__(self, link, language, limits, base_kb):
        self.link, self.language, self.limits, self.base_kb = link, language, limits, base_kb
        self.binary = None


class Job:
    """One child on its way: descriptors, user, box, and what is measured."""

    def __init__(self, slot, kind, limits, uid, box, fds, started):
        self.slot, self.kind, self.limits, self.uid, self.box, self.fds, self.started = slot, kind, limits, uid, box, fds, started
        self.cause, self.peak_kb, self.wall_s, self.done = None, 0, 0.0, None
        # Of an interactive pair: ends of pipes to close when it has ended, and one to empty from then on.
        self.ended_at, self.ends, self.unread = 0.0, [], None
        self.cpu_before = None  # where the container's CPU time is not this job's alone, it tells nothing
        self.given = 0  # bytes of the run's input that we hold in memory for it


class Supervisor:
    def __init__(self, channel, *, box_root, uid_base):
        self._channel, self._box_root, self._uid_base = channel, box_root, uid_base
        self._box_number = 0
        self._zygotes = {}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._zygote_pid = os.fork()
        if self._zygote_pid == 0:
            ours.close()
            for fd in (channel._source, channel._sink):
                os.close(fd)
            for _ in range(2):
                os.open(os.devnull, os.O_RDWR)
            try:
                zygote.serve(theirs.detach(), uid_base is not None)
            finally:
                os._exit(1)
        theirs.close()
        self._zygotes["plain"] = ours
        self._binaries = collections.OrderedDict()
        self._slot = self._interactor = None
        self._kernel_kills, self._idle_shared_kb = kernel.memory_kills(), kernel.shared_kb()
        self.times = collections.Counter()

    def serve(self):
        self._channel.send({"ready": True, "host_speed": host_speed(), "filtered": kernel.filtered()})
        while (message := self._channel.receive()) is not None:
            if message["op"] == "program":
                self._program(message)
            elif message["op"] == "run":
                if self._slot is not None:  # else it did not compile, or the client wanted no more
                    self._run(message)
                    if message.get("last"):
                        self._end()
            elif message["op"] == "end":
                self._end()
                self._channel.send({"clean": True})
            elif message["op"] == "times":
                self._channel.send({"times": dict(self.times)})

    # ---- programs -------------------------------------------------------------------------------------------------

    def _program(self, message):
        self._end()
        start = time.monotonic()
        self._slot, answer = self._open(message, message["blobs"][0])
        interactor = message.get("interactor")
        if interactor is not None and answer["compiled"]:
            self._interactor, theirs = self._open(interactor, message["blobs"][1])
            answer["interactor_compiled"], answer["interactor_message"] = theirs["compiled"], theirs["message"]
        self._idle_shared_kb = kernel.shared_kb()
        self.times["compile"] += time.monotonic() - start
        self._channel.send(answer)
        if not answer["compiled"] or not answer.get("interactor_compiled", True):
            self._end()

    def _open(self, wanted, source):
        """(slot, answer) of a program; the slot is None where it does not compile."""
        language, limits = wanted["language"], wanted["limits"]
        if language == "python":
            flavour = "pytest" if wanted.get("pytest") else "numpy" if b"numpy" in source else "plain"
            slot, answer = self._open_template(flavour, limits, source or b"\n", language)  # none at all means a binary
            return (slot if answer["compiled"] else None), answer
        slot, answer = self._open_template("plain", limits, b"", language)
        flags = [f"-std={wanted['std']}", *(["-I/opt/sandbox/include"] if wanted["judge"] else [])]
        key = hashlib.sha256("\0".join(flags).encode() + b"\0" + source).digest()
        if key in self._binaries:
            self._binaries.move_to_end(key)
        else:
            binary, answer = self._compile_cpp(slot, flags, source)
            if binary is None:
                slot.link.close()
                return None, answer
            self._keep_binary(key, binary)
        slot.binary = self._binaries[key]
        return slot, answer

    def _open_template(self, flavour, limits, source, language, again=False):
        zygote_link = self._zygotes.get(flavour)
        if zygote_link is None:
            zygote_link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            socket.send_fds(self._zygotes["plain"], [flavour.encode()], [theirs.fileno()])
            theirs.close()
            self._zygotes[flavour] = zygote_link
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code_fd = memfd("code", source)
        socket.send_fds(zygote_link, [b"template"], [theirs.fileno(), code_fd])
        theirs.close()
        os.close(code_fd)
        if not select.select([ours], [], [], 90)[0]:
            raise RuntimeError("the template does not answer")
        data = ours.recv(65536)
        if not data:  # the compiler itself crashed on it (too deeply nested source, say), or somebody killed our processes
            ours.close()
            if not again:
                return self._open_template(flavour, limits, source, language, again=True)
            return None, {"compiled": False, "message": "the Python compiler crashed on this source"}
        if data.startswith(b"fault"):
            raise RuntimeError(data.decode("utf-8", "replace"))
        memory_kb, _, wrong = data.decode().partition(" ")
        return Slot(ours, language, limits, int(memory_kb)), {"compiled": not wrong, "message": wrong}

    def _compile_cpp(self, slot, flags, source):
        spec = {"kind": "exec", "program": CXX[0], "argv": [*CXX, *flags], "file_bytes": 256 * MIB}
        slot.limits, wanted = COMPILE_LIMITS, slot.limits
        outcome, blobs = self._one(slot, spec, b"", {"main.cpp": source}, b"", ["main"], BINARY + 1)
        slot.limits = wanted
        binary = blobs[2]
        if binary is not None and len(binary) > BINARY:
            message = f"the compiled program is larger than {BINARY // MIB} MiB"
            return None, {"compiled": False, "message": message, "diagnosed": False}
        if outcome["status"] != "ok" or binary is None:
            text = blobs[1].decode("utf-8", "replace")
            diagnosed = outcome["status"] == "runtime_error" and outcome["exit_code"] == 1
            return None, {"compiled": False, "message": f"{outcome['status']}: {text}"[:2000], "diagnosed": diagnosed}
        fd = memfd("main", binary)
        os.fchmod(fd, 0o755)
        # A memfd open for writing cannot be executed; keep a read-only descriptor of it.
        readable = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
        os.close(fd)
        return readable, {"compiled": True, "message": ""}

    def _keep_binary(self, key, fd):
        self._binaries[key] = fd
        while len(self._binaries) > 2 and sum(os.fstat(kept).st_size for kept in self._binaries.values()) > BINARIES:
            os.close(self._binaries.popitem(last=False)[1])

    def _end(self):
        for slot in (self._slot, self._interactor):
            if slot is not None:
                slot.link.close()
        self._slot = self._interactor = None

    # ---- runs -----------------------------------------------------------------------------------------------------

    def _run(self, message):
        slot = self._slot
        kind = message["kind"] if slot.language == "python" else "exec"
        spec = {"kind": kind, "argv": message["argv"], "entry": message.get("entry"), "literals": message.get("literals", False)}
        blobs = message["blobs"]
        files = dict(zip(message["files"], blobs[2:], strict=False))
        if self._interactor is not None:
            self._run_pair(message, spec, blobs)
            return
        if kind in ("assert", "pytest"):
            spec["nonce"] = os.urandom(16).hex()
        outcome, out = self._one(slot, spec, blobs[0], files, blobs[1], message["collect"], HEAD)
        if kind in IN_PROCESS:
            result = out.pop(2)
            if outcome["status"] in ("ok", "runtime_error"):
                self._take_result(outcome, kind, spec, result)
        collected = out[2:]
        outcome["collected"] = [blob is not None for blob in collected]
        start = time.monotonic()
        self._channel.send(outcome, [out[0], out[1], *[blob or b"" for blob in collected]])
        self.times["answer"] += time.monotonic() - start

    @staticmethod
    def _take_result(outcome, kind, spec, result):
        try:
            found = json.loads(result)
            if not _shallow(found):
                raise ValueError("nested too deeply")
        except (ValueError, RecursionError):  # the program may have written it
            found = None
            if kind == "call" and outcome["status"] == "ok":
                outcome["status"], outcome["error"] = "runtime_error", "the function did not return"
        if kind == "call":
            outcome["result"] = found
        elif isinstance(found, dict) and "failed" in found:
            outcome["status"], outcome["error"] = "runtime_error", str(found["failed"])[:1000]
            passed = found.get("passed")
            passed = [str(name) for name in passed] if isinstance(passed, list) else []
            outcome["result"] = {"wrong": found.get("wrong") is True, "passed": passed}
        elif outcome["status"] == "ok":
            if not (isinstance(found, dict) and found.get("passed") == spec["nonce"]):
                outcome["status"], outcome["error"] = "runtime_error", "ended before the tests were done"
            elif isinstance(names := found.get("names"), list):
                outcome["result"] = {"passed": [str(name) for name in names]}

    def _run_pair(self, message, spec, blobs):
        """The program and its interactor at once, each one's output the other's input."""
        own, interactor = message["files"], message["interactor"]
        theirs = dict(zip(interactor["files"], blobs[2 + len(own) :], strict=True))
        kind = "stdin" if self._interactor.language == "python" else "exec"
        to_program, from_interactor = os.pipe()
        to_interactor, from_program = os.pipe()
        spec_of_second = {"kind": kind, "argv": interactor["argv"]}
        second = self._start(self._interactor, spec_of_second, to_interactor, from_interactor, theirs, b"")
        first = self._start(self._slot, spec, to_program, from_program, {}, b"")
        # Our copies of a process's ends are closed when its end is known here, so the other one learns of it only then, and
        # who ended first is never in doubt. What is said to a program that has ended is read away: an interactor need not care.
        first.ends, second.ends = [from_program], [to_interactor, from_interactor]
        first.unread = to_program
        self._watch([first, second])
        os.close(to_program)
        outcome, out = self._finish(first, [], HEAD)
        interactor_outcome, interactor_out = self._finish(second, interactor["collect"], HEAD)
        collected = interactor_out[2:]
        interactor_outcome["collected"] = [blob is not None for blob in collected]
        outcome["collected"] = []
        outcome["interactor"] = interactor_outcome
        outcome["interactor_first"] = second.ended_at < first.ended_at
        self._channel.send(outcome, [b"", out[1], interactor_out[1], *[blob or b"" for blob in collected]])

    def _one(self, slot, spec, stdin, files, data, collect, collect_limit):
        """One child from fork to a wiped box. Returns its facts and [stdout, stderr, (result,) *collected]."""
        start = time.monotonic()
        stdin_fd, stdout_fd = memfd("stdin", stdin), memfd("stdout")
        cpu_before = self._programs_cpu_s()
        job = self._start(slot, spec, stdin_fd, stdout_fd, files, data)
        job.cpu_before = cpu_before
        os.close(stdin_fd)
        job.fds[0] = stdout_fd
        sent = time.monotonic()
        self._watch([job])
        ran = time.monotonic()
        found = self._finish(job, collect, collect_limit)
        self.times["set up"] += sent - start
        self.times["fork, run, exit"] += ran - sent
        self.times["kill, read, wipe"] += time.monotonic() - ran
        return found

    def _start(self, slot, spec, stdin_fd, stdout_fd, files, data):
        self._box_number += 1
        box = f"{self._box_root}/box{self._box_number}"
        uid = None if self._uid_base is None else self._uid_base + self._box_number % 1000
        stderr_fd = memfd("stderr")
        fds = [stdin_fd, stdout_fd, stderr_fd]
        with self._as(uid):
            os.mkdir(box, 0o700)
            for name, content in files.items():
                boxes.write(os.path.join(box, name), content)
        limits, kind, text, command = slot.limits, spec["kind"], b"", None
        if kind == "exec":
            env = {**ENVIRONMENT, "HOME": box, "TMPDIR": self._box_root}
            command = (spec.get("program", ""), spec["argv"] if "program" in spec else ["./main", *spec["argv"]], env)
        else:
            marks = ["1" if mark else "" for mark in (self._interactor is not None, spec.get("literals"))]
            text = "\0".join([kind, box, *marks, spec.get("entry") or "", spec.get("nonce", ""), *spec["argv"]]).encode()
        extra = [memfd("data", data)] if kind in IN_PROCESS else []
        program = [] if slot.binary is None or kind != "exec" else [slot.binary]
        cpu_s = int(limits["cpu_s"]) + 2  # a backstop: what all processes of the run have used is measured here
        file_bytes = max(int(limits["output_mb"] * MIB) + 1, spec.get("file_bytes", 0))
        message = launch.pack(uid, box, cpu_s, limits["processes"], file_bytes, text, command)
        job = Job(slot, kind, limits, uid, box, [None, stderr_fd, *extra], time.monotonic())
        job.given = sum(os.fstat(fd).st_size for fd in (stdin_fd, *extra))
        socket.send_fds(slot.link, [message], [*fds, *extra, *program])
        return job

    def _watch(self, jobs):
        """Until all are done: measure every few milliseconds, kill what crosses a limit."""
        interval, waiting, unread, sampled = SAMPLE_S, list(jobs), [], time.monotonic()
        while waiting:
            readable, _, _ = select.select([*(job.slot.link for job in waiting), *unread], [], [], interval)
            for fd in [fd for fd in unread if fd in readable]:
                if not os.read(fd, MIB):
                    unread.remove(fd)
            for job in [job for job in waiting if job.slot.link in readable]:
                data = job.slot.link.recv(4096)
                if not data:
                    raise RuntimeError("the template died")
                *job.done, job.ended_at = launch.REPORT.unpack(data)
                job.wall_s = time.monotonic() - job.started
                waiting.remove(job)
                if job.ends:
                    self._leave_interaction(job)
                if job.unread is not None:
                    unread.append(job.unread)
            if not readable or time.monotonic() - sampled > interval:
                sampled = time.monotonic()
                self._channel.look()
                for job in waiting:
                    self._sample(job)
                near = any(job.peak_kb > job.limits["memory_mb"] * 512 for job in waiting)
                interval = SAMPLE_S if near else min(interval * 1.2, 0.05)

    def _leave_interaction(self, job):
        """One of an interactive pair has ended. Its strays end too (they could hold its pipes open); then the other sees it."""
        if job.uid is not None:  # else the strays of one cannot be told from the other
            cpu_s, memory_kb = self._kill_all(job)
            job.done[1], job.done[2] = job.done[1] + cpu_s, max(job.done[2], memory_kb)
        for fd in job.ends:
            os.close(fd)

    def _sample(self, job):
        cpu, memory_kb = 0, 0
        shared = 0 if job.kind == "exec" else job.slot.base_kb
        for pid in self._others(job):
            try:
                with open(f"/proc/{pid}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            cpu += sum(int(field) for field in fields[11:15])
            # What a fork shares with the program's template counts once, not in each process.
            memory_kb += max(0, int(fields[21]) * PAGE // 1024 - shared)
        limits, wall_s = job.limits, time.monotonic() - job.started
        written = sum(os.fstat(fd).st_size for fd in job.fds[:2] if fd is not None)
        # Memory that is no process's own, but what it prints and is given. Part of it may be mapped, and counted above.
        unmapped_kb = kernel.shared_kb() - self._idle_shared_kb - (written + job.given) // 1024
        job.peak_kb = max(job.peak_kb, memory_kb + shared, unmapped_kb)
        if max(cpu / TICK, self._untold_cpu_s(job)) > limits["cpu_s"]:
            self._stop(job, "time_limit")
        elif job.peak_kb > limits["memory_mb"] * 1024:
            self._stop(job, "memory_limit")
        elif written > limits["output_mb"] * MIB:
            self._stop(job, "output_limit")
        elif wall_s > limits["wall_s"] and wall_s - min(kernel.starved_s(self._others(job)), STARVED_S) > limits["wall_s"]:
            self._stop(job, "idle_limit")

    def _programs_cpu_s(self):
        """CPU seconds of all in this container but the supervisor; None where that cannot be told."""
        used = None if self._uid_base is None else kernel.container_cpu_s()
        return None if used is None else used - time.process_time()

    def _untold_cpu_s(self, job):
        """CPU seconds of a job by the container's account, less what template and zygote may have used. A child that
        nobody waits for (SIGCHLD ignored) is in no parent's account, however much it has burnt."""
        if job.cpu_before is None:
            return 0.0
        return self._programs_cpu_s() - job.cpu_before - UNTOLD_S

    def _stop(self, job, cause):
        if job.cause is None:
            job.cause = cause
        self._kill_all(job)

    def _finish(self, job, collect, collect_limit):
        """Kill what is left, read what was written, empty every place: the facts and [stdout, stderr, (result,) *collected]."""
        stray_cpu, stray_memory = self._kill_all(job)
        status, cpu_s, memory_kb = job.done
        cpu_s = max(cpu_s + stray_cpu, self._untold_cpu_s(job))
        limits = job.limits
        out_fd, err_fd = job.fds[:2]
        written = sum(os.fstat(fd).st_size for fd in job.fds[:2] if fd is not None)
        blobs = [b"" if out_fd is None else boxes.read(out_fd, int(limits["output_mb"] * MIB) + 1), boxes.read(err_fd, HEAD)]
        if job.kind in IN_PROCESS:
            blobs.append(boxes.read(job.fds[2], child.RESULT_LIMIT) if job.cause is None else b"")
        for fd in job.fds:
            if fd is not None:
                os.close(fd)
        blobs += self._collect_and_wipe(job, collect, collect_limit)
        outcome = {
            "cpu_s": round(cpu_s, 4),
            "wall_s": round(job.wall_s, 4),
            "memory_mb": round(max(memory_kb, stray_memory, job.peak_kb) / 1024, 2),
            "exit_code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "error": "",
        }
        if outcome["signal"] == signal.SIGKILL and job.cause is None and self._kernel_killed():
            job.cause = "memory_limit"
        outcome["status"] = judge(outcome, limits, job.cause, written, blobs[1])
        if outcome["exit_code"] == 125 and blobs[1].startswith(b"sandbox start failed"):
            raise RuntimeError(blobs[1].decode("utf-8", "replace"))
        return outcome, blobs

    def _kernel_killed(self):
        """Whether the kernel has killed a process of this container for want of memory since we last looked."""
        before, self._kernel_kills = self._kernel_kills, kernel.memory_kills()
        return self._kernel_kills > before

    # ---- killing and wiping -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _as(self, uid):
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

    def _kill_all(self, job):
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

    def _kill_family(self, job):
        """SIGKILL to all processes of the run, in one call of the kernel where the run has a user of its own: no fork
        slips through. False: there was none."""
        if job.uid is not None:
            with self._as(job.uid), contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            if job.done is not None and (strays := kernel.children()) is not None:
                return strays != [self._zygote_pid]
        living = self._living(job)
        for pid in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(living)

    def _living(self, job):
        return [pid for pid in self._others(job) if kernel.state(pid) not in ("Z", "X", None)]

    def _others(self, job):
        """Processes of a run: of its user, or (without users) our strays and the template's children."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                if job.uid is not None:
                    if os.stat(f"/proc/{name}").st_uid == job.uid or kernel.real_uid(name) == job.uid:
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
            if pid == self._zygote_pid:
                raise RuntimeError(f"the zygote ended with status {status}")
            cpu += usage.ru_utime + usage.ru_stime
            memory = max(memory, usage.ru_maxrss)

    def _collect_and_wipe(self, job, collect, limit):
        """Bring back named regular files and empty every place the test could write, as the test's own user."""
        if not collect and self._is_clean(job.box):
            return []
        with self._as(job.uid):
            contents = [boxes.regular(os.path.join(job.box, name), limit) for name in collect]
            for place in () if job.uid is None else (self._box_root, "/dev/shm"):
                for name in os.listdir(place):
                    boxes.remove(os.path.join(place, name))
            boxes.remove(job.box)
        os.chdir("/")
        if not self._is_clean(job.box):
            raise RuntimeError(f"files of the test cannot be removed from {job.box}")
        return contents

    def _is_clean(self, box):
        """Only empty boxes may be left, and this one goes too."""
        try:
            os.rmdir(box)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        if self._uid_base is None:
            return True  # without users of its own a test may not touch the host's shared folders anyway
        others = [name for name in os.listdir(self._box_root) if self._interactor is None or not name.startswith("box")]
        return not others and not os.listdir("/dev/shm")


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


def _shallow(value, levels=400):
    """Whether JSON data can be encoded and decoded again without running out of stack."""
    level = [value]
    while level and levels:
        level = [
            item
            for outer in level
            if isinstance(outer, (list, dict))
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        levels -= 1
    return not level


def host_speed():
    """Speed of this host against the reference: a fixed loop, best of three, 1.0 on the reference machine."""
    best = min(_loop() for _ in range(3))
    return round(REFERENCE_LOOP_S / best, 3)


def _loop():
    start = time.process_time()
    total = 0
    for number in range(600_000):
        total = (total * 31 + number) % 1_000_003
    return time.process_time() - start


def main():
    import ctypes

    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans of tests come to us, in a container or not
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # not dumpable: /proc/<us> is closed to other users
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # these two Python ignores by itself
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)  # ignored by whoever started us, and by every program if it stayed so
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    box_root = os.environ["OCR_BOX_ROOT"]
    uid_base = int(os.environ["OCR_UID_BASE"]) if os.environ.get("OCR_UID_BASE") else None
    for name in list(os.environ):
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    os.chdir("/")
    Supervisor(Channel(source, sink), box_root=box_root, uid_base=uid_base).serve()


if __name__ == "__main__":
    main()
