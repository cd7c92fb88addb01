"""What a test's process does once it is locked in: run the program. Standard library only.

``launch.py`` forks it from a template that holds nothing but the program itself: no other input, no expected output.
"""

import ast
import atexit
import contextlib
import ctypes
import errno
import gc
import io
import json
import linecache
import os
import platform
import resource
import struct
import sys
import tempfile
import threading
import traceback
import types

from runner import suites
from runner.apart import names, program, suite

MIB = 1024 * 1024
RESULT_LIMIT = 16 * MIB

# ---- locking in -------------------------------------------------------------------------------------------------

_PR_SET_NAME, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 15, 22, 38
_RESULT_FD = 3
_LINK_FD_OF_PROGRAM, _LINK_FD_OF_SUITE = 4, 4
_DENIED = {  # syscalls a judged program has no business with, beyond what the engine's own profile denies
    "x86_64": {
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "shmget": 29, "shmat": 30,
        "shmctl": 31, "semget": 64, "semop": 65, "msgget": 68, "msgsnd": 69, "msgrcv": 70, "mq_open": 240,
        "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166,
        "pivot_root": 155, "chroot": 161, "bpf": 321, "userfaultfd": 323, "perf_event_open": 298,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "personality": 135,
        "settimeofday": 164, "clock_settime": 227, "adjtimex": 159, "clock_adjtime": 305, "pidfd_getfd": 438,
    },
    "aarch64": {
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "shmget": 194, "shmctl": 195,
        "shmat": 196, "semget": 190, "semop": 193, "msgget": 186, "msgsnd": 189, "msgrcv": 188, "mq_open": 180,
        "add_key": 217, "request_key": 218, "keyctl": 219, "unshare": 97, "setns": 268, "mount": 40, "umount2": 39,
        "pivot_root": 41, "chroot": 51, "bpf": 280, "userfaultfd": 282, "perf_event_open": 241,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "personality": 92,
        "settimeofday": 170, "clock_settime": 112, "adjtimex": 171, "clock_adjtime": 266, "pidfd_getfd": 438,
    },
}  # fmt: skip
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CLONE, _CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
# No namespace (CLONE_NEW…), and no child of one's parent (CLONE_PARENT): nobody would wait for it or count what it uses.
_CLONE_FLAGS = 0x7E020000 | 0x8000
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def seccomp_filter():
    """A BPF program: another architecture or a denied call gives EPERM; sockets only within the machine (AF_UNIX), ``clone``
    without flags that no program needs, and ``clone3``, whose flags no filter sees, not at all: libc is used to ENOSYS."""
    machine = platform.machine()
    if machine not in _DENIED:
        return None
    load, jump_eq, jump_ge, jump_set, ret = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, deny, unknown = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
    ops = [(load, 0, 0, 4), (jump_eq, 1, 0, _AUDIT_ARCH[machine]), (ret, 0, 0, deny), (load, 0, 0, 0)]
    if machine == "x86_64":  # the x32 ABI has its own numbers for the same calls
        ops += [(jump_ge, 0, 1, 0x40000000), (ret, 0, 0, deny)]
    for number in _DENIED[machine].values():
        ops += [(jump_eq, 0, 1, number), (ret, 0, 0, deny)]
    ops += [(jump_eq, 0, 1, _CLONE3), (ret, 0, 0, unknown)]
    ops += [
        (jump_eq, 0, 4, _CLONE[machine]),
        (load, 0, 0, 16),
        (jump_set, 0, 1, _CLONE_FLAGS),
        (ret, 0, 0, deny),
        (ret, 0, 0, allow),
    ]
    ops += [(jump_eq, 0, 3, _SOCKET[machine]), (load, 0, 0, 16), (jump_eq, 1, 0, 1), (ret, 0, 0, deny)]
    ops += [(ret, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *op) for op in ops)


_FILTER = seccomp_filter()
_LIBC = ctypes.CDLL(None, use_errno=True)


def forbid_calls():
    """Put the filter on this process and all to come; none is made on a machine whose calls are not known here."""
    if _FILTER is None:
        return
    code = ctypes.create_string_buffer(_FILTER, len(_FILTER))
    program = struct.pack("HxxxxxxP", len(_FILTER) // 8, ctypes.addressof(code))
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _LIBC.prctl(_PR_SET_SECCOMP, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def set_name(name):
    """The process's name in /proc."""
    _LIBC.prctl(_PR_SET_NAME, name, 0, 0, 0)


def fixed_limits(confined):
    """What is the same for all programs is set in the zygote."""
    for name, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_MEMLOCK, 64 * 1024),
    ):
        resource.setrlimit(name, (value, value))
    with contextlib.suppress(ValueError):  # gVisor has no such limit to set, and no message queues
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
    os.umask(0o022)
    if confined:
        os.setgroups([])


def give_up_root(holder, runner):
    """From here on no uid 0 and no capability. Real and saved user ``holder``, so that a run, which is wholly ``runner``, can
    neither signal nor look into this process; effective user ``runner``, so that a child may become that one and no other."""
    os.setresgid(holder, runner, holder)
    os.setresuid(holder, runner, holder)  # the last of its users that was root: the kernel takes the capabilities away


def kill_me_first():
    """Where the container's memory ends, a program goes before the supervisor and the zygotes."""
    fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    os.write(fd, b"1000")
    os.close(fd)


def read_all(fd):
    size, data = os.lseek(fd, 0, os.SEEK_END), b""
    while len(data) < size and (chunk := os.pread(fd, size - len(data), len(data))):
        data += chunk
    return data


# ---- running ----------------------------------------------------------------------------------------------------


_RUNNER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ASKS_FOR_ITS_SOURCE = (b"inspect", b"__file__", b"argv[0]")


class Spec:
    """What a run's process is told, as ``main.py`` joins it: fields with a NUL between them, quicker to take apart than JSON.

    kind, box, "1" where stdin and stdout are pipes, "1" where the data of a call are literals, entry, nonce, arguments.
    """

    __slots__ = ("argv", "box", "entry", "kind", "literals", "nonce", "pipes")

    def __init__(self, text):
        self.kind, self.box, self.pipes, self.literals, self.entry, self.nonce, *self.argv = text.decode().split("\0")


def run(text, code, source):
    """What is left to do in a run's process, locked in by ``launch.py``; never returns. Its descriptors: stdin, stdout,
    stderr, and for a kind that has data that (its result is written back into it)."""
    spec, data = Spec(text), b""
    del text  # the nonce stands in it
    if spec.kind != "stdin":
        data = read_all(_RESULT_FD)
        os.ftruncate(_RESULT_FD, 0)  # what stands in it at the end must be the program's
    if spec.pipes:
        fresh_streams()
    sys.argv = ["main.py", *spec.argv]
    sys.path.insert(0, spec.box)
    if spec.kind != "stdin" or b"random" in source:  # else nobody can tell that it is the zygote's seed
        sys.modules["random"].seed()
    gc.enable()
    if any(word in source for word in _ASKS_FOR_ITS_SOURCE):
        _put_source(source)
    _leave(_guarded(source, _TASKS[spec.kind], spec, code, (data, source) if spec.kind in ("pytest", "serve") else data))


def _put_source(source):
    """Into the working folder, where a program finds its own text: by ``__file__``, and by the name it was compiled under."""
    for name in ("main.py", "solution.py"):
        with open(name, "wb") as file:
            file.write(source)


def fresh_streams():
    """stdin, stdout and stderr as an interpreter's start makes them."""
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(
        io.BufferedReader(io.FileIO(0, closefd=False)), encoding="utf-8", errors="surrogateescape"
    )
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding="utf-8", errors="surrogateescape"
    )
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(2, "w", closefd=False)),
        encoding="utf-8",
        errors="backslashreplace",
        write_through=True,
    )


def _guarded(source, task, *arguments):
    """Run ``task`` as the interpreter runs a program: SystemExit gives its code, other errors a traceback and 1."""
    try:
        task(*arguments)
        return 0
    except SystemExit as stop:
        if stop.code is None:
            return 0
        if isinstance(stop.code, int):
            return stop.code & 0xFF
        os.write(2, f"{stop.code}\n".encode("utf-8", "replace"))
        return 1
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_RUNNER):
            trace = trace.tb_next  # the program's own frames are what its author wants to see
        _show(error.with_traceback(trace), source)
        return 1


def _show(error, source):
    """The traceback, with the lines of a program that lies in no file; or whatever the program shows instead."""
    if sys.excepthook is sys.__excepthook__ and sys.stderr is not None:
        lines = source.decode("utf-8", "replace").splitlines(keepends=True)
        linecache.cache["main.py"] = (len(source), None, lines, "main.py")
        seen = []
        while error is not None and len(seen) < 20:
            seen.append(error)
            _shorten(error.__traceback__)
            error = error.__cause__ or error.__context__
        traceback.print_exception(seen[0])
    else:
        sys.excepthook(type(error), error, error.__traceback__)


def _shorten(trace, kept=50):
    """Leave out the middle of a deep recursion: to write down half a million calls takes minutes."""
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    if len(frames) > 2 * kept:
        frames[kept].tb_next = frames[-kept]


def _leave(code):
    """End as the interpreter ends: threads joined, exit handlers run, output flushed."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        if sys.stdout is not None and not getattr(sys.stdout, "closed", False):
            sys.stdout.flush()
    except BaseException:  # a flush into a full stdout or a closed descriptor: the interpreter's exit code for it
        code = code or 120
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    finally:
        os._exit(code)


def _stdin(spec, code, data):
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = sys.modules["builtins"]
    main.__dict__["__file__"] = "main.py"
    sys.modules["__main__"] = main
    exec(code, main.__dict__)


def _module(code, name, builtins):
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = builtins
    module.__dict__["__file__"] = f"{name}.py"
    sys.modules[name] = module
    exec(code, module.__dict__)
    return module


def _call(spec, code, data):
    from runner import platform_helpers, values

    if spec.literals:  # an assertion taken apart: plain Python, no platform's helpers
        namespace = _module(code, "solution", sys.modules["builtins"]).__dict__
        owner, _, name = spec.entry.rpartition(".")
        if (owner or name) not in namespace:
            raise NameError(f"{owner or name} is not defined")
        function = getattr(namespace[owner](), name) if owner else namespace[name]
        args, kwargs = ast.literal_eval(data.decode("utf-8", "surrogatepass"))
        found = function(*args, **kwargs)
        _result(json.dumps(values.encode(found)).encode())
    else:
        sys.setrecursionlimit(platform_helpers.RECURSION)
        function = platform_helpers.find_entry(_module(code, "solution", platform_helpers.BUILTINS).__dict__, spec.entry)
        call = json.loads(data)
        call = platform_helpers.Call(function, code, call["args"], call["kwargs"])
        found = values.encode(call.result())
        _result(json.dumps({"p": found} if call.in_place_of_none else found).encode())


def _assert(spec, code, data):
    nonce, spec.nonce = spec.nonce, None
    suites.forbid_tracing()
    builtins = dict(vars(sys.modules["builtins"]))  # the test's own, whatever the solution does to the others
    module = _module(code, "solution", sys.modules["builtins"])
    module.__dict__["__builtins__"] = builtins
    module.__dict__["__name__"] = "__main__"  # the test is the program; what the solution does as one is not wanted
    _verdict(suites.run_assertions(data, module.__dict__), nonce)


def _pytest(spec, code, data):
    nonce, spec.nonce = spec.nonce, None
    tests, solution = data
    for name, content in (("test_solution.py", tests), ("solution.py", solution)):
        with open(name, "wb") as file:
            file.write(content)
    suites.forbid_tracing()
    _verdict(suites.run_pytest(tests), nonce)


def _verdict(result, nonce):
    """Say that a suite in the solution's own process passed, by the token that only it was given, or how it failed."""
    if result["failed"] is None:
        _result(json.dumps({"passed": nonce, "names": result["passed"]}).encode())
        return
    _result(json.dumps(result).encode())
    raise SystemExit(1)


def _serve(spec, code, data):
    """The solution, tested by a suite in another process: it answers calls on the socket that is its fourth descriptor."""
    kind, _ = data
    program.serve(code, _LINK_FD_OF_PROGRAM, pytest=kind == b"pytest")


def _suite(spec, code, data):
    """A suite in a process of its own: its result and what is to be said of it, on a descriptor the solution never sees."""
    kind, tests = spec.entry, data
    text = tests.decode("utf-8", "replace")
    seen = suite.Suite(_LINK_FD_OF_SUITE, text, kind == "assert", *spec.argv)
    tempfile.tempdir = os.environ["TMPDIR"] = os.environ["HOME"] = spec.box
    result = {"passed": [], "failed": None, "wrong": False}
    try:
        if kind == "pytest":
            sys.meta_path.insert(0, names.Finder(seen))
            with open("test_solution.py", "wb") as file:
                file.write(tests)
            result = suites.run_pytest(tests, seen)
        else:
            main = types.ModuleType("__main__")
            sys.modules["__main__"] = main
            vars(main).update(seen.namespace(), __name__="__main__", __builtins__=sys.modules["builtins"])
            result = suites.run_assertions(tests, vars(main), seen)
    except BaseException as error:
        result["failed"] = traceback.format_exception_only(type(error), error)[-1].strip()[:1000]
    said = seen.report(result)
    _result(json.dumps({**result, **said}).encode())


def _result(payload):
    if len(payload) > RESULT_LIMIT:
        raise SystemExit(f"result of {len(payload)} bytes is over the limit of {RESULT_LIMIT}")
    os.ftruncate(_RESULT_FD, 0)
    os.lseek(_RESULT_FD, 0, os.SEEK_SET)
    view = memoryview(payload)
    while view:
        view = view[os.write(_RESULT_FD, view) :]


_TASKS = {"stdin": _stdin, "call": _call, "assert": _assert, "pytest": _pytest, "serve": _serve, "suite": _suite}
