"""What a test's process does once it is locked in: run the program. Standard library only.

``launch.py`` forks it from a template that holds nothing but the program itself: no other input, no expected output.
"""

import _thread
import ast
import atexit
import contextlib
import ctypes
import gc
import io
import json
import linecache
import os
import resource
import sys
import tempfile
import threading
import traceback
import types

from runner import cover, suites
from runner.apart import names, program, proxies, suite

MIB = 1024 * 1024
RESULT_LIMIT = 16 * MIB

# ---- locking in -------------------------------------------------------------------------------------------------

_PR_SET_NAME = 15
_RESULT_FD = 3
_LINK_FD_OF_PROGRAM, _LINK_FD_OF_SUITE = 4, 4
_LIBC = ctypes.CDLL(None, use_errno=True)


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
        if _thread._count() or threading._threading_atexits:  # a look is cheap; to find nothing to wait for copies forty pages
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
    _answer(spec.entry, spec.literals, code, _callee(code, spec.literals), data)


def _script(spec, code, data):
    """The calls of a suite that was read on the host."""
    from runner import script

    suite_says = json.loads(data)
    if suite_says["pytest"]:
        sys.stdin = proxies.SuiteInput()
    calls = script.Calls(vars(_module(code, "solution", program.own_builtins())), suite_says)
    os.write(_LINK_FD_OF_PROGRAM, b".")
    while os.read(_LINK_FD_OF_PROGRAM, 1):
        data = read_all(_RESULT_FD)
        _result(json.dumps(calls.result(*json.loads(data))).encode())
        os.write(_LINK_FD_OF_PROGRAM, b".")


def _calls(spec, code, data):
    """Calls one after another, each told on the link and answered there, until one leaves the program changed."""
    from runner import platform_helpers, state

    namespace = _callee(code, spec.literals)
    kept = state.Kept(namespace, [platform_helpers.BUILTINS])
    while True:
        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(_LINK_FD_OF_PROGRAM, state.ANSWER.pack(kept.unchanged(), peak_kb))
        entry = os.read(_LINK_FD_OF_PROGRAM, state.ENTRY).decode()
        if not entry:
            return
        data = read_all(_RESULT_FD)
        os.ftruncate(_RESULT_FD, 0)
        _answer(entry, spec.literals, code, namespace, data)


def _callee(code, literals):
    """The names of the loaded program. ``literals``: for an assertion taken apart, which sees plain Python and no platform's
    helpers."""
    from runner import platform_helpers

    if literals:
        return vars(_module(code, "solution", sys.modules["builtins"]))
    sys.setrecursionlimit(platform_helpers.RECURSION)
    return vars(_module(code, "solution", platform_helpers.BUILTINS))


def _answer(entry, literals, code, namespace, data):
    """Make the call that ``data`` describes in the loaded program, and write its result."""
    from runner import platform_helpers, values

    if literals:
        owner, _, name = entry.rpartition(".")
        if (owner or name) not in namespace:
            raise NameError(f"{owner or name} is not defined")
        function = getattr(namespace[owner](), name) if owner else namespace[name]
        args, kwargs = ast.literal_eval(data.decode("utf-8", "surrogatepass"))
        found = function(*args, **kwargs)
        _result(json.dumps(values.encode_with_word(found)).encode())
    else:
        function = platform_helpers.find_entry(namespace, entry)
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
    os.environ["HOME"] = spec.box  # as where suites are apart: libraries look there for their settings
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
    kind, source = data
    program.serve(code, _LINK_FD_OF_PROGRAM, pytest=kind == b"pytest", measured=cover.begin(source))


def _suite(spec, code, data):
    """A suite in a process of its own: its result and what is to be said of it, on a descriptor the solution never sees."""
    kind, tests, (way, asked) = spec.entry, data, spec.argv
    text = tests.decode("utf-8", "replace")
    seen = suite.Suite(_LINK_FD_OF_SUITE, text, kind == "assert", way or None)
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
    if asked and result["failed"] is None and not seen.cannot:
        said["coverage"] = seen.coverage()
    _result(json.dumps({**result, **said}).encode())


def _result(payload):
    if len(payload) > RESULT_LIMIT:
        raise SystemExit(f"result of {len(payload)} bytes is over the limit of {RESULT_LIMIT}")
    os.ftruncate(_RESULT_FD, 0)
    os.lseek(_RESULT_FD, 0, os.SEEK_SET)
    view = memoryview(payload)
    while view:
        view = view[os.write(_RESULT_FD, view) :]


_TASKS = {
    "stdin": _stdin, "call": _call, "calls": _calls, "script": _script, "assert": _assert, "pytest": _pytest, "serve": _serve,
    "suite": _suite,
}  # fmt: skip
