"""Programs made ready to run: zygotes by flavour, a template a program, C++ compiled and its binaries kept.

How a run of a ready program happens is ``runs.py``; what a zygote and a template do is ``zygote.py``.
"""

import collections
import hashlib
import os
import select
import socket
from dataclasses import dataclass

from runner.basics import MIB, memfd

COMPILE_LIMITS = {"cpu_s": 20.0, "wall_s": 300.0, "memory_mb": 1024, "output_mb": 1, "processes": 32}
CXX = ["/usr/bin/g++", "-O2", "-pipe", "-w", "-fmax-errors=20", "-o", "main", "main.cpp"]
BINARY = 128 * MIB  # of a compiled program
BINARIES = 64 * MIB  # of compiled programs kept
# For checkers testlib.h, for calls call.h; beside the runner, wherever it runs.
INCLUDE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "include")
ANSWER_S = 90  # a template that says nothing for so long is broken


@dataclass
class Slot:
    """A program ready to run: its template, and the binary where it is compiled. ``base_kb``: the template's own memory.
    ``users``: of template and runs, see ``users.py``; null where each run has one of its own, or none has. ``judge``: it is
    the problem's own. ``coverage``: how much of it a suite executes is measured."""

    link: socket.socket
    language: str
    limits: dict
    base_kb: int
    source: bytes = b""
    binary: int | None = None
    users: tuple | None = None
    judge: bool = False
    hash_seed: int = 0
    coverage: bool = False


class Programs:
    """Opens programs. ``plain``: the link to the zygote that all others are forked from; ``runs``: what runs the compiler;
    ``spawn``: makes a plain zygote whose strings hash by another seed than ours, 0, and gives its link."""

    def __init__(self, plain, runs, cleaner, users, spawn):
        self._zygotes = {("plain", 0): plain}
        self._spawn = spawn
        self._runs, self._cleaner, self._users = runs, cleaner, users
        self._suites = {}  # by flavour: templates without a program, which run test suites
        self._binaries = collections.OrderedDict()

    def open(self, wanted, source, beside=None):
        """(slot, answer) of a program; the slot is None where it does not compile. ``beside``: further files of a C++ program."""
        language, limits = wanted["language"], wanted["limits"]
        if language == "python":
            flavour = "numpy" if b"numpy" in source else "plain"
            if wanted.get("coverage"):
                flavour = "coverage numpy" if flavour == "numpy" else "coverage"
            source = source or b"\n"  # none at all means a binary
            users, seed = self._users.of_program(), wanted.get("hash_seed", 0)
            slot, answer = self._open_template(flavour, limits, source, language, users, wanted["judge"], seed)
            if slot is not None:
                slot.coverage = bool(wanted.get("coverage"))
            if slot is not None and not answer["compiled"]:
                self.close(slot)
                slot = None
            return slot, answer
        slot, answer = self._open_template("plain", limits, b"", language, self._users.of_program(), wanted["judge"])
        defines = [f"-D{name}" for name in wanted.get("defines", ())]
        flags = [f"-std={wanted['std']}", *defines, *([f"-I{INCLUDE}"] if wanted["judge"] or wanted.get("calls") else [])]
        beside = beside or {}
        flags += sorted(name for name in beside if name.endswith((".cpp", ".cc")))
        key = hashlib.sha256(b"\0".join([*(flag.encode() for flag in flags), *_parts(beside), source])).digest()
        if key in self._binaries:
            self._binaries.move_to_end(key)
        else:
            binary, answer = self._compile_cpp(slot, flags, {"main.cpp": source, **beside})
            if binary is None:
                self.close(slot)
                return None, answer
            self._keep_binary(key, binary)
        slot.binary = self._binaries[key]
        return slot, answer

    def close(self, slot):
        """End a program's template, and with it whatever still runs of it: it has read untrusted source, so it is not asked."""
        slot.link.close()
        if slot.users is not None:
            self._cleaner.end_user(slot.users[0])

    def open_with_pytest(self, slot):
        """The program of ``slot`` once more, in a process that has pytest loaded: for a suite that shares its process."""
        users = self._users.of_program()
        return self._open_template("pytest", slot.limits, slot.source, slot.language, users, seed=slot.hash_seed)[0]

    def suite(self, flavour, limits):
        """A slot without a program, for test suites in processes of their own. It lasts as long as the container: its
        memory never holds a suite, as a clean zygote's never holds a program."""
        slot = self._suites.get(flavour)
        if slot is None:
            slot, _ = self._open_template(flavour, limits, b"", "python", users=None)
            self._suites[flavour] = slot
        slot.limits = limits
        return slot

    def _zygote(self, flavour, seed):
        """The link to a zygote, made when first needed."""
        if (flavour, seed) not in self._zygotes:
            if flavour == "plain":
                link = self._spawn(seed)
            else:
                link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                socket.send_fds(self._zygote("plain", seed), [flavour.encode()], [theirs.fileno()])
                theirs.close()
            self._zygotes[flavour, seed] = link
        return self._zygotes[flavour, seed]

    def _open_template(self, flavour, limits, source, language, users, judge=False, seed=0, again=False):
        zygote_link = self._zygote(flavour, seed)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code_fd = memfd("code", source)
        socket.send_fds(zygote_link, [" ".join(["template", *map(str, users or ())]).encode()], [theirs.fileno(), code_fd])
        theirs.close()
        os.close(code_fd)
        if not select.select([ours], [], [], ANSWER_S)[0]:
            raise RuntimeError("the template does not answer")
        data = ours.recv(65536)
        if not data:  # the compiler itself crashed on it (too deeply nested source, say), or somebody killed our processes
            ours.close()
            if not again:
                return self._open_template(flavour, limits, source, language, users, judge, seed, again=True)
            return None, {"compiled": False, "message": "the Python compiler crashed on this source"}
        if data.startswith(b"fault"):
            raise RuntimeError(data.decode("utf-8", "replace"))
        memory_kb, _, wrong = data.decode().partition(" ")
        slot = Slot(ours, language, limits, int(memory_kb), source, users=users, judge=judge, hash_seed=seed)
        return slot, {"compiled": not wrong, "message": wrong}

    def _compile_cpp(self, slot, flags, files):
        slot.limits, wanted = COMPILE_LIMITS, slot.limits
        outcome, stderr, binary = self._runs.compiler(slot, [*CXX, *flags], files, "main", BINARY + 1)
        slot.limits = wanted
        if binary is not None and len(binary) > BINARY:
            message = f"the compiled program is larger than {BINARY // MIB} MiB"
            return None, {"compiled": False, "message": message, "diagnosed": False}
        if outcome["status"] != "ok" or binary is None:
            text = stderr.decode("utf-8", "replace")
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


def _parts(files):
    """Names and contents of files, so that no two sets of them look the same."""
    for name, content in sorted(files.items()):
        yield from (name.encode(), str(len(content)).encode(), content)
