"""Zygotes and templates: processes that wait with everything loaded, so that a test costs a fork and not a start.

A zygote is forked before the first request and gets descriptors only, so its memory never holds one. There is a plain
one, and those with numpy or pytest loaded are forked from it when first needed. A template holds one program, compiled;
``child.py`` is what becomes of its forks. Standard library only.
"""

import contextlib
import gc
import json
import os
import resource
import signal
import socket
import struct
import sys
import tempfile
import time
import warnings

from runner import child

PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def serve(link, confined):
    """Forks a template for each pair of descriptors it is sent, another zygote for each single one. ``confined``: the
    filter of system calls goes on here, once for all programs to come."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # templates are reaped by the kernel
    child.set_name(b"ocr-zygote")
    gc.disable()
    child.forbid_calls()
    preload()
    while True:
        data, fds, _, _ = socket.recv_fds(link, 64, 2)
        if not data:
            os._exit(0)
        if os.fork() == 0:
            link.close()
            try:
                if data == b"template":
                    template(socket.socket(fileno=fds[0]), fds[1], confined)
                else:
                    link = socket.socket(fileno=fds[0])
                    LOADERS[data.decode()]()
                    gc.freeze()
                    continue
            except BaseException as error:  # goes to the container's stderr; the supervisor sees the link close
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        for fd in fds:
            os.close(fd)


def preload():
    """Import what programs usually import, before anything untrusted is near."""
    import runner.platform_helpers
    import runner.values  # noqa: F401

    for name in ("array", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "numbers", "queue", "io",
                 "statistics", "textwrap", "time", "threading", "traceback", "linecache", "types", "typing", "ast"):  # fmt: skip
        __import__(name)
    gc.collect()
    gc.freeze()


def load_numpy():
    with contextlib.suppress(ImportError):  # the program will hear of it itself
        __import__("numpy")
        for name in ("numpy.random", "numpy.linalg", "numpy.fft"):
            __import__(name)


def load_pytest():
    """pytest with its own modules loaded: one empty suite is run, as most of them are imported late."""
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    with contextlib.suppress(ImportError):
        import pytest

        null = os.open(os.devnull, os.O_WRONLY)
        kept = os.dup(1), os.dup(2)
        os.dup2(null, 1), os.dup2(null, 2)
        modules = set(sys.modules)
        with tempfile.TemporaryDirectory(prefix="box") as folder:
            os.chdir(folder)
            with open("test_warm.py", "w") as file:
                file.write("import pytest\n@pytest.mark.parametrize('x', [1])\ndef test_warm(x):\n    assert x == 1\n")
            pytest.main([*child.PYTEST_OPTIONS, "test_warm.py"])
            os.chdir("/")
        os.dup2(kept[0], 1), os.dup2(kept[1], 2)
        for fd in (*kept, null):
            os.close(fd)
        for name in set(sys.modules) - modules:
            if name == "test_warm":
                del sys.modules[name]
    gc.collect()


LOADERS = {"numpy": load_numpy, "pytest": load_pytest}


def template(link, code_fd, confined):
    """Holds one program: compiles it, then forks a child for each run it is told of."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child.set_name(b"ocr-template")
    try:
        child.fixed_limits(confined)
    except (OSError, ValueError) as error:  # or it would pass for a crash of the compiler
        link.send(json.dumps({"fault": f"no template: {error!r}"}).encode())
        raise
    source = child.read_all(code_fd)
    os.close(code_fd)
    code, answer = None, {"compiled": True, "message": ""}
    if source:
        code, answer = compile_python(source)
    gc.freeze()
    with open("/proc/self/statm", "rb") as file:
        answer["base_kb"] = int(file.read().split()[1]) * PAGE_KB
    link.send(json.dumps(answer).encode())
    while True:
        data, fds, _, _ = socket.recv_fds(link, 256 * 1024, 8)
        if not data:
            os._exit(0)
        spec = json.loads(data)
        pid = os.fork()
        if pid == 0:
            link.detach()
            if spec["kind"] == "pytest":
                spec["source"] = source
            del link, data, source
            child.run(spec, fds, code)
        for fd in fds:
            os.close(fd)
        _, status, usage = os.wait4(pid, 0)
        ended_at = time.monotonic()  # here and not when the supervisor hears of it: which of two ended first may decide
        link.send(struct.pack("=idqd", status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, ended_at))


def compile_python(source):
    """The program as a code object, or the syntax error."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (60, hard))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(source, "main.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return None, {"compiled": False, "message": f"{type(error).__name__}: {error}"[:2000]}
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    return code, {"compiled": True, "message": ""}
