"""The supervisor inside a sandbox: takes programs from its stdin, runs them one test at a time, answers on its stdout.

Processes: supervisor (this one; sees requests, measures, kills, wipes) → zygote (modules preloaded; its memory never
holds a request) → a template a program (reads and compiles the code) → a child a test (``child.py``).
Runs as root with SETUID and SETGID in a container, or as any user without one (``--process``). Standard library only.

Here: start-up and what is done with each message. Making programs ready is ``programs.py``, running them ``runs.py``,
limits ``measure.py``, killing and wiping ``clean.py``. Protocol and rules: README.md beside this folder.
"""

import collections
import ctypes
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from runner import kernel, partner, zygote
from runner.answers import LIMITS
from runner.apart import doubts
from runner.basics import ENVIRONMENT
from runner.calls import Calls
from runner.channel import Channel
from runner.clean import Cleaner
from runner.measure import Meter
from runner.programs import Programs
from runner.runs import Runs
from runner.speed import host_speed
from runner.users import Users


class Supervisor:
    """One program at a time, with all its runs."""

    def __init__(self, channel, *, box_root, judge_root, uid_base, lane=None):
        self._channel, self._lane, self._partner = channel, lane, None
        self._confined = uid_base is not None
        link, zygote_pid = self._fork_zygote()
        self._cleaner = cleaner = Cleaner({box_root, judge_root}, uid_base, {zygote_pid})
        self._meter = Meter(cleaner, channel.look, self._confined)
        users = Users(uid_base)
        self._runs = Runs(cleaner, self._meter, box_root, judge_root, users)
        self._programs = Programs(link, self._runs, cleaner, users, self._spawn_zygote)
        self._calls = Calls(self._runs, self._meter)
        self._slot = self._interactor = self._shared = None
        self._talks = False
        self._times = collections.Counter()

    def _fork_zygote(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid:
            theirs.close()
            return ours, pid
        ours.close()
        self._channel.close()
        for _ in range(2):
            os.open(os.devnull, os.O_RDWR)
        try:
            zygote.serve(theirs.detach(), self._confined)
        finally:
            os._exit(1)

    def _spawn_zygote(self, seed):
        """The link to a zygote in an interpreter of its own, where strings hash by another seed."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.set_inheritable(True)
        environment = {**ENVIRONMENT, "LD_BIND_NOW": "1", "PYTHONHASHSEED": str(seed)}
        arguments = [sys.executable, "-s", "-P", "-B", os.path.abspath(__file__), str(theirs.fileno()), str(self._confined)]
        self._cleaner.zygotes.add(os.posix_spawn(sys.executable, arguments, environment))
        theirs.close()
        return ours

    def serve(self):
        """Answer messages until the client is gone."""
        self._channel.send({"ready": True, "host_speed": host_speed(), "filtered": kernel.filtered()})
        while (message := self._channel.receive()) is not None:
            if message["op"] == "program":
                self._open(message)
            elif message["op"] == "run":
                # Not where it did not compile, or the client has seen enough: then it drops answers until it is told "clean".
                if self._slot is not None and not self._channel.look():
                    self._run(message)
                    if message.get("last"):
                        self._close()
            elif message["op"] == "end":
                self._close()
                self._channel.send({"clean": True})
            elif message["op"] == "partner":
                self._partner = partner.Partner(message["name"])
                self._channel.send({"awaited": True})
            elif message["op"] == "times":
                self._channel.send({"times": {**self._times, **self._runs.times}})

    def _open(self, message):
        self._close()
        start = time.monotonic()
        interactor, names = message.get("interactor"), message.get("sources", [])
        beside = dict(zip(names, message["blobs"][len(message["blobs"]) - len(names) :], strict=True))
        self._slot, answer = self._programs.open(message, message["blobs"][0], beside)
        if interactor is not None and answer["compiled"]:
            if self._partner is not None:
                theirs, self._talks = self._partner.open(interactor, message["blobs"][1]), True
            else:
                self._interactor, theirs = self._programs.open(interactor, message["blobs"][1])
            answer["interactor_compiled"], answer["interactor_message"] = theirs["compiled"], theirs["message"]
        self._meter.at_rest()
        self._times["compile"] += time.monotonic() - start
        self._channel.send(answer)
        if not answer["compiled"] or not answer.get("interactor_compiled", True):
            self._close()

    def _close(self):
        self._calls.end()
        for slot in (self._slot, self._interactor, self._shared):
            if slot is not None:
                self._programs.close(slot)
        self._slot = self._interactor = self._shared = None
        if self._talks:
            self._partner.close()
            self._talks = False

    def _run(self, message):
        together = self._calls.takes(self._slot, message)
        if not together:
            self._calls.end()
        if together:
            outcome, blobs = self._calls.run(self._slot, message)
        elif message.get("talk"):
            outcome, blobs = self._runs.talk_beside(self._slot, message, partner.take(self._lane))
        elif self._talks:
            outcome, blobs = self._runs.talk(self._slot, self._partner, message)
        elif self._interactor is not None:
            outcome, blobs = self._runs.interactive(self._slot, self._interactor, message)
        elif message["kind"] in ("assert", "pytest") and self._slot.language == "python":
            outcome, blobs = self._run_suite(message)
        elif message["kind"] == "script":
            outcome, blobs = self._runs.script(self._slot, message)
        else:
            outcome, blobs = self._runs.single(self._slot, message)
        start = time.monotonic()
        self._channel.send(outcome, blobs)
        self._times["answer"] += time.monotonic() - start

    def _run_suite(self, message):
        """A suite apart from the program where that can be. Where it cannot, or where a failure may come from being apart, in
        one process with it: what passes only so is never to be trusted."""
        reason, outcome = "the caller wants them in one process", None
        if message.get("apart", True):
            flavour = "plain" if message["kind"] == "assert" else "pytest"
            if b"numpy" in message["blobs"][1]:
                flavour = "numpy" if flavour == "plain" else "pytest numpy"
            suite = self._programs.suite(flavour, self._slot.limits)
            outcome, blobs = self._runs.apart(self._slot, suite, message)
            failed = outcome["status"] != "ok" and outcome["status"] not in LIMITS
            impossible, odd, again = outcome.pop("cannot"), outcome.pop("odd"), outcome.pop("again")
            reason = impossible or (odd if failed else None)
            if not reason:
                if again and outcome["untrusted"] is None:
                    outcome["untrusted"] = self._unlooked(again, outcome, suite, message)
                return outcome, blobs
            outcome = None if impossible else outcome
        if message["kind"] == "pytest" and self._shared is None:
            self._shared = self._programs.open_with_pytest(self._slot)
        shared, blobs_of_shared = self._runs.single(self._slot, message, self._shared)
        if outcome is not None and shared["status"] != "ok":
            return {**outcome, "untrusted": None}, blobs  # it fails either way
        shared |= {"apart": False, "untrusted": str(reason)[:300]}
        return shared, blobs_of_shared

    def _unlooked(self, again, passed, suite, message):
        """Why a suite that passed proves little after all, or None: it runs again with answers spoiled on the way."""
        limits = self._slot.limits
        short = {name: min(limits[name], 1 + 2 * passed[name]) for name in ("cpu_s", "wall_s")}

        def run(way):
            self._slot.limits = suite.limits = {**limits, **short}
            try:
                outcome, _ = self._runs.apart(self._slot, suite, message, way)
            finally:
                self._slot.limits = suite.limits = limits
            return outcome["status"] == "ok", (outcome["result"] or {}).get("passed", ())

        return doubts.unlooked(again, (passed["result"] or {}).get("passed", ()), run)


def main():
    """Set up the process as first of its container, then serve."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans of tests come to us, in a container or not
    close_to_others()
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:  # these two Python ignores by itself
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)  # ignored by whoever started us, and by every program if it stayed so
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if awaited := os.environ.get("OCR_PARTNER"):
        channel, lane = partner.join(awaited)
    else:
        channel, lane = Channel(os.dup(0), os.dup(1)), None
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    box_root = os.environ["OCR_BOX_ROOT"]
    judge_root = os.environ.get("OCR_JUDGE_ROOT") or box_root
    uid_base = int(os.environ["OCR_UID_BASE"]) if os.environ.get("OCR_UID_BASE") else None
    take_environment()
    os.chdir("/")
    if judge_root != box_root:
        os.chmod(judge_root, 0o711)
    Supervisor(channel, box_root=box_root, judge_root=judge_root, uid_base=uid_base, lane=lane).serve()


def spawned_zygote(link_fd, confined):
    """What a process of ``_spawn_zygote`` does."""
    close_to_others()
    take_environment()
    try:
        zygote.serve(link_fd, confined)
    finally:
        os._exit(1)


def close_to_others():
    """Make this process not dumpable: /proc/<it> is closed to other users."""
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)


def take_environment():
    """Put the environment of runs in the place of our own."""
    for name in list(os.environ):
        del os.environ[name]
    os.environ.update(ENVIRONMENT)


if __name__ == "__main__":
    if sys.argv[1:]:
        spawned_zygote(int(sys.argv[1]), sys.argv[2] == "True")
    main()
