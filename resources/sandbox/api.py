"""What a sandbox takes and gives. It runs programs and reports facts; it knows no expected output and no verdict on
an answer. Comparing and judging belong to ``ocr_assets/grading``; the implementations stand beside this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar

Language = Literal["python", "cpp"]
Status = Literal[
    "ok", "time_limit", "idle_limit", "memory_limit", "output_limit", "runtime_error"
]  # how a run ended; "ok": exit code 0 within every limit
T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


class SandboxUnavailable(RuntimeError):
    """No sandbox can be had (no engine, no image). The message says what to run."""


class SandboxFault(RuntimeError):
    """The sandbox broke while a program ran, after its retries on fresh containers. Never the program's doing."""


@dataclass(frozen=True)
class RunLimits:
    """Limits of one test's run, all resolved (language factor and host speed already applied)."""

    cpu_s: float = 2.0
    wall_s: float = 12.0
    memory_mb: int = 256
    output_mb: int = 64
    processes: int = 32


@dataclass(frozen=True)
class Run:
    """One run of a program: what it is fed.

    kind ``stdin``: the program runs as ``__main__`` (or as binary) with ``stdin``, ``argv`` and ``files`` (relative
    names in its working folder). kind ``call`` (Python): ``entry`` (``solve`` or ``Solution.solve``) is called with
    ``args`` and ``kwargs`` (JSON-like data); its result comes back as plain data. kind ``assert`` and ``pytest``
    (Python): ``code`` is appended to the solution, or run by pytest against the module ``solution``. kind ``script`` (Python):
    the calls that ``code`` lists (JSON, see sandbox_images/runner/script.py), made in one process; a list of their results.
    A compiled program answers a ``call`` by ``data``, its arguments as sandbox_images/include/call.h reads them.
    ``literals``: for a call whose values JSON cannot carry, ``repr((args, kwargs))`` of Python literals instead of both.
    ``together`` (call): a process that has answered other such calls of its program may be asked, where none of them left the
    program changed. Its outcome has no stdout; one that is not "ok" has to be asked again without this.
    ``apart`` (assert and pytest): the suite gets a process of its own where that can be; false: it shares the program's.
    ``output_file``: what a program writes into a file of that name is taken for its stdout.
    ``collect`` names files to bring back from the working folder (at most 64 KiB each). The fields ``interactor_…`` are the
    same for the program's interactor, where it has one; then ``stdin`` and ``files`` of its own are not used.
    """

    kind: Literal["stdin", "call", "script", "assert", "pytest"] = "stdin"
    stdin: bytes = b""
    argv: Sequence[str] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    entry: str | None = None
    args: Sequence[object] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    literals: str | None = None
    data: bytes | None = None
    together: bool = False
    code: str | None = None
    collect: Sequence[str] = ()
    output_file: str | None = None
    apart: bool = True
    interactor_argv: Sequence[str] = ()
    interactor_files: Mapping[str, bytes] = field(default_factory=dict)
    interactor_collect: Sequence[str] = ()


@dataclass(frozen=True)
class Interactor:
    """The program another one talks to: an interactor, as a user of its own, in a folder of its own."""

    language: Language
    code: str
    limits: RunLimits = RunLimits()
    std: str = "gnu++17"


@dataclass(frozen=True)
class Program:
    """A program with all its runs. ``runs`` happen one after another, each in a fresh process and empty folder.

    ``std``: the C++ standard; ``defines``: macros that C++ finds defined; ``calls``: it includes ``call.h``. ``judge``: a
    checker, which may include ``testlib.h``. With an ``interactor`` each run starts both, each one's stdout being the other's
    stdin. ``hash_seed``: of Python's strings (PYTHONHASHSEED), by which sets of them are in order. ``coverage`` (Python): how
    much of it pytest and assert runs execute is measured, which makes it slower. ``sources``: of C++, further files by name;
    headers can be included, ``.cpp`` and ``.cc`` are compiled and linked with it.
    """

    language: Language
    code: str
    runs: Sequence[Run]
    limits: RunLimits = RunLimits()
    std: str = "gnu++17"
    judge: bool = False
    interactor: Interactor | None = None
    hash_seed: int = 0
    defines: Sequence[str] = ()
    calls: bool = False
    coverage: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class InteractorOutcome:
    """How the interactor ended. ``first``: before the program did."""

    status: Status
    exit_code: int | None
    signal: int | None
    stderr: bytes
    files: Mapping[str, bytes]
    first: bool


@dataclass(frozen=True)
class Coverage:
    """How much of a program one run of a suite executed, by coverage.py: statements, and branches (exits of those that have
    several). ``missing``: lines that were not executed; ``missing_branches``: exits not taken, as pairs of lines, the second
    below 0 where it leaves the code. What stands under ``if __name__ == "__main__"`` does not count. Measured in the program's
    own process, so it is the program's word: a fact to record, no part of a verdict."""

    statements: int
    missing: Sequence[int]
    branches: int
    missing_branches: Sequence[tuple[int, int]]


@dataclass(frozen=True)
class RunOutcome:
    """Facts of one run. ``value``: for kind ``call`` the encoded result (see ``sandbox_images/runner/values.py``), else null.

    ``apart``: no test shared a process with the program. ``untrusted_reason``: why a test that passed proves little, or null:
    a suite that had to share the program's process, or an assertion that the program's own ``==`` decided.
    ``coverage``: where the program asked for it, of a suite that passed apart.
    """

    status: Status
    cpu_s: float
    wall_s: float
    memory_mb: float
    exit_code: int | None
    signal: int | None
    stdout: bytes
    stderr: bytes
    value: object = None
    error: str = ""
    apart: bool = True
    untrusted_reason: str | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    interactor: InteractorOutcome | None = None
    coverage: Coverage | None = None


@dataclass(frozen=True)
class Outcome:
    """Facts of one program: compile result, then the runs that happened, in order (fewer if ``until`` stopped them).

    ``diagnosed``: it does not compile and the compiler said why (rather than running out of time or memory).
    ``interactor_message``: null, or why the interactor does not compile.
    """

    compiled: bool
    compile_message: str
    runs: Sequence[RunOutcome]
    image: str
    isolation_level: str
    host_speed: float
    diagnosed: bool = True
    interactor_message: str | None = None


class Sandbox(Protocol):
    """An open pool of sandboxes. Threads may share it; ``workers`` programs run at once, and some reserved ones beside.
    ``online_judge``: C++ programs find ``ONLINE_JUDGE`` defined, as on most judges."""

    workers: int
    online_judge: bool

    def execute(
        self, program: Program, until: Callable[[int, RunOutcome], bool] | None = None, *, reserved: bool = False
    ) -> Outcome:
        """Run a program. After each run ``until(index, outcome)`` may say True: no further runs are wanted. Outputs and
        values are shown to ``until`` and then not kept. After a fault it is called again from index 0.

        ``reserved``: on a worker that goes before the others where they want the same core, for measurements near a limit.

        Raises ``SandboxFault`` when fresh containers failed too, ``SandboxUnavailable`` when there are none.
        """
        ...

    def call(self, function: Callable[Concatenate[Sandbox, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """``function(sandbox, …)`` where the sandboxes are: here, or on one of several machines (``ray_pool.py``), so that all
        that it executes runs on the same. Then function, arguments and result are pickled, and it may be called again on
        another machine when one is lost. Raises what ``function`` raises."""
        ...

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """``function`` over ``items`` side by side, results in input order, a bounded number in flight."""
        ...

    def completed(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The same with results in order of completion: a slow item holds up none of those behind it."""
        ...
