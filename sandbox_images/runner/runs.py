"""Runs of a ready program: one process, an interactive pair, or a suite and the program it tests, from fork to wiped boxes.

What is measured meanwhile is ``measure.py``, killing and wiping ``clean.py``, what a suite's run means ``answers.py``.
"""

import contextlib
import json
import os
import signal
import socket
import time
from dataclasses import dataclass, field

from runner import answers, boxes, child, launch
from runner.basics import ENVIRONMENT, HEAD, MIB, memfd
from runner.measure import judge
from runner.partner import Board

PROCESSES = 192  # of a run at most: a container has 256, and the runner needs some
# Kinds of a run that are given data on a descriptor of its own; a result comes back on it.
WITH_DATA = ("call", "calls", "script", "exec call", "assert", "pytest", "serve", "suite")
EXECUTED = ("exec", "exec call")  # kinds of a compiled program


@dataclass
class Job:
    """One process on its way. ``judges``: it is the problem's (interactor, suite) and not the program under test.
    ``given``: bytes of its input that are held in memory for it. ``cpu_before``: the container's CPU seconds at its start,
    null where its own are counted otherwise. ``cpu_base``: of its CPU seconds, those that do not count. ``cpu_s``, ``peak_kb``:
    measured so far."""

    slot: object
    kind: str
    limits: dict
    uid: int | None
    box: str
    fds: list
    started: float
    judges: bool = False
    given: int = 0
    cpu_before: float | None = None
    cpu_base: float = 0.0
    cause: str | None = None
    peak_kb: int = 0
    sampled: bool = False
    cpu_s: float = 0.0
    wall_s: float = 0.0
    ended: object = None
    pipes: list = field(default_factory=list)  # ends of pipes to close when it has ended
    board: Board | None = None

    def written(self):
        """Bytes it has written to stdout and stderr."""
        return sum(os.fstat(fd).st_size for fd in self.fds[:2] if fd is not None)


class Runs:
    """Starts and finishes runs. ``judge_root``: where boxes of the problem's own programs lie, out of the program's reach."""

    def __init__(self, cleaner, meter, box_root, judge_root, users):
        self._cleaner, self._meter = cleaner, meter
        self._box_root, self._judge_root, self._users = box_root, judge_root, users
        self._number = 0
        self.times = {}

    # ---- the ways to run --------------------------------------------------------------------------------------------

    def single(self, slot, message, own_pytest=None):
        """A program by itself: (facts, [stdout, stderr, *collected])."""
        kind = message["kind"] if slot.language == "python" else "exec call" if message["kind"] == "call" else "exec"
        blobs = message["blobs"]
        spec = {"kind": kind, "argv": message["argv"], "entry": message.get("entry"), "literals": message.get("literals", False)}
        files = dict(zip(message["files"], blobs[2:], strict=False))
        data = blobs[1]
        if kind in ("assert", "pytest", "exec call"):
            spec["nonce"] = os.urandom(16).hex()
        if kind == "exec call":
            data = spec["nonce"].encode() + b"\n" + data
        limit = int(slot.limits["output_mb"] * MIB) + 1 if message.get("whole") else HEAD
        outcome, out = self._one(own_pytest or slot, spec, blobs[0], files, data, message["collect"], limit)
        if kind in WITH_DATA:
            result = out.pop(2)
            if outcome["status"] in ("ok", "runtime_error"):
                answers.take_result(outcome, kind, spec.get("nonce"), result)
        outcome["collected"] = [blob is not None for blob in out[2:]]
        return outcome, [out[0], out[1], *[blob or b"" for blob in out[2:]]]

    def compiler(self, slot, argv, files, product, limit):
        """A compiler: (facts, stderr, the product or None)."""
        spec = {"kind": "exec", "program": argv[0], "argv": argv, "file_bytes": 256 * MIB}
        outcome, out = self._one(slot, spec, b"", files, b"", [product], limit)
        return outcome, out[1], out[2]

    def talk(self, slot, partner, message):
        """A program and its interactor at once, each one's output the other's input, the interactor in the partner's world."""
        theirs, files = message["interactor"], _files_of_interactor(message)
        to_program, from_interactor = os.pipe()
        to_interactor, from_program = os.pipe()
        board = Board(0)
        partner.begin(theirs, files, [to_interactor, from_interactor, board.fd])
        os.close(to_interactor)
        os.close(from_interactor)
        # An end of a program's is closed here when its own end is known, and so does the partner with those of the interactor:
        # each learns only then that the other has ended, and who was first is never in doubt. What is said to a program that
        # has ended is read away: an interactor need not care.
        outcome, out, ended = self._side(slot, message["argv"], {}, [], board, [to_program, from_program], [to_program], partner)
        os.close(to_program)
        found, blobs = partner.outcome()
        outcome |= {"collected": [], "interactor": found, "interactor_first": found.pop("ended_at") < ended}
        return outcome, [b"", out[1], *blobs[1:]]

    def talk_beside(self, slot, message, fds):
        """The partner's part of a talk: as ``single``."""
        *pipes, board_fd = fds
        files = dict(zip(message["files"], message["blobs"][2:], strict=True))
        collect = message["collect"]
        outcome, out, ended = self._side(slot, message["argv"], files, collect, Board(1, board_fd), pipes, [], judges=True)
        outcome |= {"collected": [blob is not None for blob in out[2:]], "ended_at": ended}
        return outcome, [b"", out[1], *[blob or b"" for blob in out[2:]]]

    def _side(self, slot, argv, files, collect, board, pipes, unread, partner=None, judges=False):
        """One side of a talk: its facts, [stdout, stderr, *collected], and when it ended. ``unread``: those of its ``pipes``
        that are read away when it has ended, until the partner's side has as well; the others are closed then."""
        spec = {"kind": "stdin" if slot.language == "python" else "exec", "argv": argv, "pipes": True}
        cpu_before = self._meter.programs_cpu_s()
        job = self._start(slot, spec, pipes, files, judges=judges)
        job.cpu_before, job.board = cpu_before, board
        job.pipes = [fd for fd in pipes if fd not in unread]

        def on_end(job):
            self._end_strays(job)
            return unread

        self._meter.watch([job], on_end, partner=partner)
        board.close()
        ((outcome, out),) = self._finish([job], {id(job): collect}, HEAD)
        return outcome, out, job.ended.at

    def interactive(self, slot, interactor, message):
        """A program and its interactor at once where there is no partner: both in this container."""
        theirs, files = message["interactor"], _files_of_interactor(message)
        spec = {"kind": "stdin" if slot.language == "python" else "exec", "argv": message["argv"], "pipes": True}
        spec_of_interactor = {
            "kind": "stdin" if interactor.language == "python" else "exec", "argv": theirs["argv"], "pipes": True,
        }  # fmt: skip
        to_program, from_interactor = os.pipe()
        to_interactor, from_program = os.pipe()
        cpu_before = self._meter.programs_cpu_s()
        second = self._start(interactor, spec_of_interactor, [to_interactor, from_interactor], files, judges=True)
        first = self._start(slot, spec, [to_program, from_program], {})
        first.cpu_before = cpu_before
        # Our copies of a process's ends are closed when its end is known here, so the other one learns of it only then, and
        # who ended first is never in doubt. What is said to a program that has ended is read away: an interactor need not care.
        first.pipes, second.pipes = [from_program], [to_interactor, from_interactor]

        def on_end(job):
            self._end_strays(job)
            return [to_program] if job is first else []

        self._meter.watch([first, second], on_end)
        os.close(to_program)
        (outcome, out), (outcome_of_interactor, its_out) = self._finish([first, second], {id(second): theirs["collect"]}, HEAD)
        collected = its_out[2:]
        outcome_of_interactor["collected"] = [blob is not None for blob in collected]
        outcome["collected"] = []
        outcome["interactor"] = outcome_of_interactor
        outcome["interactor_first"] = second.ended.at < first.ended.at
        return outcome, [b"", out[1], its_out[1], *[blob or b"" for blob in collected]]

    def apart(self, slot, suite_slot, message, way=None):
        """A suite and the program in processes of their own; what they say to each other goes through one socket pair. ``way``:
        how the program's answers are spoiled, null if they are not (``apart/doubts.py``)."""
        kind, blobs = message["kind"], message["blobs"]
        to_program, to_suite = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        cpu_before = self._meter.programs_cpu_s()
        spec = {"kind": "serve", "argv": message["argv"]}
        first = self._start(slot, spec, [memfd("stdin", blobs[0]), memfd("stdout")], {}, kind.encode(), [to_program.detach()])
        first.cpu_before = cpu_before
        asked = "coverage" if slot.coverage and way is None else ""
        spec = {"kind": "suite", "argv": [way or "", asked], "entry": kind}
        inout = [memfd("stdin"), memfd("stdout")]
        second = self._start(suite_slot, spec, inout, {}, blobs[1], [to_suite.detach()], judges=True)

        def on_end(job):
            if job is second:  # nobody is left to call it
                self._cleaner.signal(first)
            elif job.uid is not None:
                self._end_strays(job)  # else one of them may hold the socket open, and the suite would wait
            return []

        self._meter.watch([first, second], on_end)
        (outcome, out), (outcome_of_suite, its_out) = self._finish([first, second], {}, HEAD)
        out.pop(2)  # its data's descriptor: not a result
        answers.combine(outcome, outcome_of_suite, its_out.pop(2))
        outcome["collected"] = []
        return outcome, [its_out[0], its_out[1] or out[1]]

    def script(self, slot, message):
        """The calls of a suite that was read on the host, in one process. It is told of each when it has answered the one before:
        what a later call is given may be what an earlier one should return."""
        script = json.loads(message["blobs"][1])
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        cpu_before = self._meter.programs_cpu_s()
        head = json.dumps({name: value for name, value in script.items() if name != "calls"}).encode()
        inout = [memfd("stdin", message["blobs"][0]), memfd("stdout")]
        job = self._start(slot, {"kind": "script", "argv": message["argv"]}, inout, {}, head, [theirs.detach()])
        job.cpu_before = cpu_before
        told, size = [], 0
        goes_on = self._answered(job, ours)
        for call in script["calls"]:
            if not goes_on or size > child.RESULT_LIMIT:
                break
            os.ftruncate(job.fds[2], 0)
            job.given = os.pwrite(job.fds[2], json.dumps(call).encode(), 0)
            with contextlib.suppress(OSError):  # it has ended: that is seen below
                ours.send(b".")
            if goes_on := self._answered(job, ours):
                told.append(boxes.read(job.fds[2], child.RESULT_LIMIT))
                size += len(told[-1])
        ours.close()  # it ends by that, or is ended
        if job.ended is None:
            self._meter.watch([job]) if goes_on else self.stop(job)
        outcome, out = self.finish(job)
        answers.take_script(outcome, told, len(script["calls"]))
        outcome["collected"] = []
        return outcome, out[:2]

    def _answered(self, job, link):
        """Whether a process says on its link that it has done what it was told. It may have written there itself."""
        try:
            return self._meter.watch([job], said=link) and link.recv(2) == b"."
        except ConnectionResetError:
            return False

    def start_calls(self, slot, literals, link):
        """A process for calls that share it (``calls.py``): told of each on ``link``, whose end here is closed."""
        spec = {"kind": "calls", "argv": [], "literals": literals}
        return self._start(slot, spec, [memfd("stdin"), memfd("stdout")], {}, b"", [link])

    def stop(self, job):
        """Kill a run and wait for its end."""
        self._cleaner.signal(job)
        self._meter.watch([job])

    def finish(self, job):
        """What is done after a run of one process: its facts and [stdout, stderr, result]."""
        return self._finish([job], {}, HEAD)[0]

    # ---- parts of a run ---------------------------------------------------------------------------------------------

    def _one(self, slot, spec, stdin, files, data, collect, collect_limit):
        """One process from fork to a wiped box: its facts and [stdout, stderr, (result,) *collected]."""
        start = time.monotonic()
        cpu_before = self._meter.programs_cpu_s()
        job = self._start(slot, spec, [memfd("stdin", stdin), memfd("stdout")], files, data, judges=slot.judge)
        job.cpu_before = cpu_before
        sent = time.monotonic()
        self._meter.watch([job])
        ran = time.monotonic()
        ((outcome, out),) = self._finish([job], {id(job): collect}, collect_limit)
        self._count("set up", sent - start)
        self._count("fork, run, exit", ran - sent)
        self._count("kill, read, wipe", time.monotonic() - ran)
        return outcome, out

    def _count(self, part, seconds):
        self.times[part] = self.times.get(part, 0.0) + seconds

    def _start(self, slot, spec, inout, files, data=b"", links=(), judges=False):
        """Send a run to its template. ``inout``: stdin and stdout; memfds are ours to close, pipes the caller's."""
        self._number += 1
        root = self._judge_root if judges else self._box_root
        box = f"{root}/box{self._number}"
        uid = self._users.of_run() if slot.users is None else slot.users[1]
        self._make_box(root, box, uid, files)
        limits, kind, text, command = slot.limits, spec["kind"], b"", None
        pipes = spec.get("pipes", False)
        if kind in EXECUTED:
            env = {**ENVIRONMENT, "HOME": box, "TMPDIR": box if judges else self._box_root}
            command = (spec.get("program", ""), spec["argv"] if "program" in spec else ["./main", *spec["argv"]], env)
        else:
            marks = ["1" if mark else "" for mark in (pipes, spec.get("literals"))]
            text = "\0".join([kind, box, *marks, spec.get("entry") or "", spec.get("nonce", ""), *spec["argv"]]).encode()
        stderr_fd = memfd("stderr")
        extra = [memfd("data", data)] if kind in WITH_DATA else []
        binary = [] if slot.binary is None or kind not in EXECUTED or "program" in spec else [slot.binary]
        cpu_s = int(limits["cpu_s"]) + 2  # a backstop: what all processes of the run have used is measured here
        if kind == "calls":
            cpu_s *= 2
        file_bytes = max(int(limits["output_mb"] * MIB) + 1, spec.get("file_bytes", 0))
        processes = min(limits["processes"], PROCESSES)
        message = launch.pack(uid, box, cpu_s, processes, file_bytes, text, command, keeps_data=kind == "exec call")
        job = Job(slot, kind, limits, uid, box, [None if pipes else inout[1], stderr_fd, *extra], time.monotonic(), judges)
        job.given = sum(os.fstat(fd).st_size for fd in ([] if pipes else inout[:1]) + extra)
        socket.send_fds(slot.link, [message], [*inout, stderr_fd, *extra, *links, *binary])
        for fd in [*([] if pipes else inout[:1]), *links]:
            os.close(fd)
        return job

    def _make_box(self, root, box, uid, files):
        if root != self._box_root:
            os.chmod(root, 0o1777)  # only for this moment: the judge's folder is nobody else's to fill
        with self._cleaner.as_user(uid):
            os.mkdir(box, 0o700)
            for name, content in files.items():
                boxes.write(os.path.join(box, name), content)
        if root != self._box_root:
            os.chmod(root, 0o711)

    def _end_strays(self, job):
        """One of two has ended. Its strays end as well, as they could hold its pipes open; then the other may see it."""
        if job.uid is not None:  # else the strays of one cannot be told from the other
            cpu_s, memory_kb = self._cleaner.kill_all(job)
            job.ended = job.ended._replace(cpu_s=job.ended.cpu_s + cpu_s, peak_kb=max(job.ended.peak_kb, memory_kb))
        for fd in job.pipes:
            os.close(fd)

    def _finish(self, jobs, collect, collect_limit):
        """Kill what is left, read what was written, empty every place: of each job its facts and [stdout, stderr, (result,)
        *collected]."""
        strays = [self._cleaner.kill_all(job) for job in jobs]
        finished = [
            self._facts(job, [other for other in jobs if other is not job], *used) for job, used in zip(jobs, strays, strict=True)
        ]
        for job, (_, out) in zip(jobs, finished, strict=True):
            with self._cleaner.as_user(job.uid):
                out += [boxes.regular(os.path.join(job.box, name), collect_limit) for name in collect.get(id(job), ())]
        self._cleaner.wipe(jobs)
        return finished

    def _facts(self, job, others, stray_cpu_s, stray_memory_kb):
        status, cpu_s, memory_kb, _ = job.ended
        cpu_s = max(cpu_s + stray_cpu_s, self._meter.untold_cpu_s(job, others))
        limits = job.limits
        out_fd, err_fd = job.fds[:2]
        written = job.written()
        blobs = [b"" if out_fd is None else boxes.read(out_fd, int(limits["output_mb"] * MIB) + 1), boxes.read(err_fd, HEAD)]
        if job.kind in WITH_DATA:
            blobs.append(boxes.read(job.fds[2], child.RESULT_LIMIT) if job.cause is None else b"")
        for fd in job.fds:
            if fd is not None:
                os.close(fd)
        outcome = {
            "cpu_s": round(cpu_s, 4),
            "wall_s": round(job.wall_s, 4),
            "memory_mb": round(max(memory_kb, stray_memory_kb, job.peak_kb) / 1024, 2),
            "exit_code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "error": "",
        }
        # One of its children may have gone. What ended before it was looked at can't have filled a container.
        if job.cause is None and (job.sampled or outcome["signal"] == signal.SIGKILL) and self._meter.kernel_killed():
            job.cause = "memory_limit"
        outcome["status"] = judge(outcome, limits, job.cause, written, blobs[1])
        if outcome["exit_code"] == 125 and blobs[1].startswith(b"sandbox start failed"):
            raise RuntimeError(blobs[1].decode("utf-8", "replace"))
        return outcome, blobs


def _files_of_interactor(message):
    names = message["interactor"]["files"]
    return dict(zip(names, message["blobs"][2 + len(message["files"]) :], strict=True))
