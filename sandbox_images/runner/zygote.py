"""Zygotes and templates: processes that wait with everything loaded, so that a test costs a fork and not a start.

A zygote is forked before the first request and gets descriptors only, so its memory never holds one. There is a plain
one, and those with numpy or pytest loaded are forked from it when first needed. A template holds one program, compiled;
``child.py`` is what becomes of its forks. Standard library only.
"""

import contextlib
import gc
import os
import resource
import signal
import sys
import tempfile
import warnings

from runner import child, cover, forbidden, launch, suites

warnings_off = warnings.catch_warnings()


def serve(link_fd, confined):
    """Forks a template for each pair of descriptors it is sent, another zygote for each single one. ``confined``: what
    confines all programs to come alike, the filter of system calls and fixed limits, goes on here, once."""
    child.set_name(b"ocr-zygote")
    gc.disable()
    forbidden.forbid_calls()
    child.fixed_limits(confined)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in an interpreter a program starts in
    preload()
    warnings_off.__enter__()
    warnings.simplefilter("ignore")  # until a template has compiled
    while True:
        data, fds = launch.program(link_fd)  # in a child of the zygote: a template, or another zygote
        try:
            if data.startswith(b"template"):
                template(*fds, confined, [int(user) for user in data.split()[1:]])
            else:
                link_fd = fds[0]
                child.set_name(b"ocr-zygote")
                LOADERS[data.decode()]()
                make_streams()  # nothing that was printed on the way waits in them
                gc.freeze()
        except BaseException as error:  # goes to the container's stderr; the supervisor sees the link close
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)


def preload():
    """Import what programs usually import, before anything untrusted is near."""
    import runner.platform_helpers
    import runner.script
    import runner.state
    import runner.values  # noqa: F401

    for name in ("array", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "numbers", "queue", "io",
                 "statistics", "textwrap", "time", "threading", "traceback", "linecache", "types", "typing", "ast"):  # fmt: skip
        __import__(name)
    make_streams()
    gc.collect()
    gc.freeze()


def make_streams():
    """The streams of all runs to come, made on files like theirs, which take their place. Interactive pairs, which use pipes,
    make their own."""
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
            suites.prepare()
            pytest.main([*suites.PYTEST_OPTIONS, "test_warm.py"])
            os.chdir("/")
        os.dup2(kept[0], 1), os.dup2(kept[1], 2)
        for fd in (*kept, null):
            os.close(fd)
        for name in set(sys.modules) - modules:
            if name == "test_warm":
                del sys.modules[name]
    gc.collect()


def load_both():
    load_numpy()
    load_pytest()


def load_both_covered():
    load_numpy()
    cover.load()


LOADERS = {
    "numpy": load_numpy, "pytest": load_pytest, "pytest numpy": load_both, "coverage": cover.load,
    "coverage numpy": load_both_covered,
}  # fmt: skip


def template(link_fd, code_fd, confined, users):
    """Holds one program: compiles it, then becomes a child for each run it is told of. Few lines and cheap ones: each page
    of the zygote's that is touched here is copied. ``users``: who it and its runs are, none where it may stay who it is: without
    a container, or where it compiles nothing. The answer: its memory in KB, and what is wrong with the program."""
    if confined:
        try:
            child.kill_me_first()
        except OSError as error:  # or it would pass for a crash of the compiler
            os.write(link_fd, f"fault: {error!r}".encode())
            raise
    if users:
        child.give_up_root(*users)
    source = child.read_all(code_fd)
    os.close(code_fd)
    code, wrong = compile_python(source) if source else (None, "")
    warnings_off.__exit__(None, None, None)
    gc.freeze()
    memory_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    os.write(link_fd, f"{memory_kb} {wrong}".encode("utf-8", "replace"))
    child.run(launch.run(link_fd), code, source)


def compile_python(source):
    """(code object, "") of a program, or (None, the error)."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (60, hard))
    try:
        code = compile(source, "main.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return None, f"{type(error).__name__}: {error}"[:2000]
    resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
    return code, ""
