"""How a program's and a run's process come to be: forked on a message, and a run's locked in. Standard library only.

In the image ``launch.c`` does it; where that is not compiled (the runner as a local process), the same in Python.
"""

import collections
import ctypes
import os
import resource
import signal
import socket
import struct
import time

MESSAGE = 256 * 1024  # bytes at most; a socket's buffer takes no more either
# launch.c, struct run: uid (-1: keep the user), exec (2: with descriptor 3), CPU seconds, processes, file bytes, number of
# arguments, of variables
RUN = struct.Struct("=iiiiqii")
REPORT = struct.Struct("=idqd")  # launch.c, struct report
Report = collections.namedtuple("Report", ["status", "cpu_s", "peak_kb", "at"])  # wait status, …, clock at the end
FDS = 8
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_LIBC = ctypes.CDLL(None, use_errno=True)
_COMPILED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "liblaunch.so")
# PyDLL keeps the interpreter's lock: a fork must find the interpreter as it will go on in the child.
_NATIVE = ctypes.PyDLL(_COMPILED) if os.path.exists(_COMPILED) else None
if _NATIVE is not None:
    _NATIVE.launch_program.restype = _NATIVE.launch_run.restype = ctypes.c_long


def pack(uid, box, cpu_s, processes, file_bytes, text=b"", command=None, *, keeps_data=False):
    """The message of a run. ``text``: for a Python run, what ``run()`` returns in the child. ``command``: for an exec,
    (path or "" for the last descriptor, argv, environment); ``keeps_data``: and descriptor 3 stays open."""
    path, argv, env = command or ("", [], {})
    strings = [box] if command is None else [box, path, *argv, *(f"{name}={value}" for name, value in env.items())]
    if any("\0" in string for string in strings):
        raise ValueError("a NUL in an argument")
    numbers = (-1 if uid is None else uid, (command is not None) + keeps_data, cpu_s, processes, file_bytes, len(argv), len(env))
    return RUN.pack(*numbers) + b"".join(os.fsencode(string) + b"\0" for string in strings) + text


def program(link_fd):
    """For a zygote: fork on each message on its link; returns in the child (data, descriptors). The kernel reaps them."""
    if _NATIVE is not None:
        text, fds, count = ctypes.create_string_buffer(64), (ctypes.c_int * FDS)(), ctypes.c_int()
        length = _NATIVE.launch_program(link_fd, text, len(text), fds, ctypes.byref(count))
        return text[:length], fds[: count.value]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    link = socket.socket(fileno=link_fd)
    while True:
        data, fds, _, _ = socket.recv_fds(link, 64, FDS)
        if not data:
            os._exit(0)
        if os.fork() == 0:
            link.close()
            return data, fds
        _close(fds)


def run(link_fd):
    """For a template: one child a message, waited for and reported on its link. Returns in the child of a Python run, its
    descriptors being 0, 1, 2, …: the message's text."""
    if _NATIVE is not None:
        text = ctypes.create_string_buffer(MESSAGE)
        return text[: _NATIVE.launch_run(link_fd, text, MESSAGE)]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    link = socket.socket(fileno=link_fd)
    while True:
        data, fds, _, _ = socket.recv_fds(link, MESSAGE, FDS)
        if not data:
            os._exit(0)
        pid = os.fork()
        if pid == 0:
            link.close()
            return _locked_in(data, fds)
        _close(fds)
        ended = None
        while ended != pid:  # who else is our child here is none we made
            ended, status, used = os.wait4(-1, 0)
        link.send(REPORT.pack(status, used.ru_utime + used.ru_stime, used.ru_maxrss, time.monotonic()))


def _locked_in(data, fds):
    uid, is_exec, cpu_s, processes, file_bytes, argc, envc = RUN.unpack_from(data)
    count = 2 + argc + envc if is_exec else 1
    *strings, text = data[RUN.size :].split(b"\0", count)
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        if uid >= 0:
            resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            _LIBC.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # nobody outlives the template
        os.chdir(strings[0])
        for position, fd in enumerate(fds):
            os.dup2(fd, 100 + position, inheritable=False)
        for position in range(len(fds)):
            os.dup2(100 + position, position, inheritable=position < (4 if is_exec == 2 else 3))
        os.closerange(len(fds), 4096)
    except BaseException as error:  # whatever it is, the supervisor must hear that the start failed
        os.write(fds[2], f"sandbox start failed: {error!r}".encode())
        os._exit(125)
    if not is_exec:
        return text
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and an exec passes that on
    try:
        os.execve(strings[1] or len(fds) - 1, strings[2 : 2 + argc], dict(entry.split(b"=", 1) for entry in strings[2 + argc :]))
    except BaseException as error:
        os.write(2, f"cannot execute: {error!r}".encode())
    os._exit(126)


def _close(fds):
    for fd in fds:
        os.close(fd)
