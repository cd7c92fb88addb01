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
import sys
import tempfile
import warnings

from runner import child, launch

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
        data, fds = launch.program(link)  # in a child of the zygote: a template, or another zygote
        try:
            if data == b"template":
                template(socket.socket(fileno=fds[0]), fds[1], confined)
            else:
                link = socket.socket(fileno=fds[0])
                LOADERS[data.decode()]()
                gc.freeze()
        except BaseException as error:  # goes to the container's stderr; the supervisor sees the link close
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)


def preload():
    """Import what programs usually import, before anything untrusted is near."""
    import runner.platform_helpers
    import runner.values  # noqa: F401

    for name in ("array", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "numbers", "queue", "io",
                 "statistics", "textwrap", "time", "threading", "traceback", "linecache", "types", "typing", "ast"):  # fmt: skip
        __import__(name)
    make_streams()
    gc.collect()
    gc.freeze()


def make_streams():
    """The streams of all runs to come, but those that talk by pipes: made on files like theirs, which take their place."""
    kept = [os.dup(fd) for fd in range(3)]
    for fd in range(3):
        file = os.memfd_create("stream")
        os.dup2(file, fd)
        os.close(file)
    child.fresh_streams()
    for fd, own in enumerate(kept):
        os.dup2(own, fd)
        os.close(own)


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
    child.fixed_limits(confined)
    sys.modules["random"].seed()  # each program its own, and not the zygote's
    source = child.read_all(code_fd)
    os.close(code_fd)
    code, answer = None, {"compiled": True, "message": ""}
    if source:
        code, answer = compile_python(source)
    answer["pid"] = os.getpid()
    gc.freeze()
    with open("/proc/self/statm", "rb") as file:
        answer["base_kb"] = int(file.read().split()[1]) * PAGE_KB
    link.send(json.dumps(answer).encode())
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in an interpreter a program starts in
    child.run(json.loads(launch.run(link)), code, source)


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
