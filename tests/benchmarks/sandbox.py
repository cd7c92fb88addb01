"""What the sandbox costs, beside every other way of running the same programs, all in one run.

Rounds: in each one every way works for about a second, both cores, one after another, so that whatever else the machine
does meets all of them. A ratio is the median over the rounds. Where a figure of CPU time stands, it is that of everybody
who worked: this process, its children, the containers (their control group) and the engine's daemons.
"""

import contextlib
import dataclasses
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ocr_assets.grading.outputs import compare_output
from ocr_assets.grading.scripts import as_script
from ocr_assets.grading.values import compare_value
from resources.sandbox.api import Program, Run, RunLimits, RunOutcome
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.images import engine
from tests.benchmarks import programs as programs

LIMITS = RunLimits(cpu_s=4, wall_s=20)
SECONDS, ROUNDS = 0.7, 5
CORES = 2  # ways that are no sandbox of ours run two at a time
PYTHON = [getattr(sys, "_base_executable", sys.executable), "-I", "-S"]  # the interpreter itself, without a wrapper's start
DAEMONS = ("dockerd", "containerd", "containerd-shim")
HARDENED = ["--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=512m",
            "--pids-limit=64", "--log-driver=none", "--tmpfs=/tmp"]  # fmt: skip
TICK = os.sysconf("SC_CLK_TCK")

Work = Callable[[int], int]  # the n-th piece of work; how many units (tests, suites, …) it was


@dataclasses.dataclass(frozen=True)
class Spent:
    """Seconds: of the clock, and of CPU by who used it."""

    wall: float
    client: float
    containers: float
    daemons: float
    units: int

    @property
    def rate(self) -> float:
        return self.units / self.wall

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a unit, everybody's."""
        return 1000 * (self.client + self.containers + self.daemons) / self.units


class Meter:
    """CPU seconds used so far: by this process with its children, by our containers, by the engine's daemons."""

    def __init__(self) -> None:
        self._client = engine()

    def read(self) -> tuple[float, float, float, float]:
        found = self._client.containers.list(filters={"name": f"ocr-sandbox-{os.getpid()}-"}, ignore_removed=True)
        used = [self._client.api.stats(one.id, stream=False, one_shot=True) for one in found]
        own = os.times()
        containers = sum(one["cpu_stats"]["cpu_usage"]["total_usage"] for one in used) / 1e9
        client = own.user + own.system + own.children_user + own.children_system + _ticks(_children(), 4) / TICK
        return time.perf_counter(), client, containers, _ticks(_named(DAEMONS), 2) / TICK

    def measure(self, work: Work, seconds: float, threads: int) -> Spent:
        """``threads`` threads draw pieces of work until ``seconds`` are over."""
        before = self.read()
        deadline = before[0] + seconds
        numbers = iter(range(sys.maxsize))
        lock = threading.Lock()

        def draw() -> int:
            units = 0
            while time.perf_counter() < deadline:
                with lock:
                    number = next(numbers)
                units += work(number)
            return units

        with ThreadPoolExecutor(threads) as executor:
            units = sum(future.result() for future in [executor.submit(draw) for _ in range(threads)])
        wall = time.perf_counter() - before[0]
        _, *used = (after - earlier for after, earlier in zip(self.read(), before, strict=True))
        return Spent(wall, *used, units)


def _children() -> list[Path]:
    """Children of this process that still live."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [Path("/proc") / pid / "stat" for pid in pids]


def _named(names: tuple[str, ...]) -> list[Path]:
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if comm.read_text().startswith(names):
                found.append(comm.with_name("stat"))
    return found


def _ticks(stats: Sequence[Path], fields: int) -> int:
    """CPU time: of the processes themselves (2 fields: user, system), or with that of their children (4)."""
    ticks = 0
    for stat in stats:
        with contextlib.suppress(OSError):  # it ended while we looked
            ticks += sum(map(int, stat.read_text().rpartition(")")[2].split()[11 : 11 + fields]))
    return ticks


# ---- ways of running ----------------------------------------------------------------------------------------------


class Ways:
    """Every way of running, as ``Work``. Expected outputs are those of the bare interpreter and the bare binary."""

    def __init__(self, pool: DockerSandbox, folder: Path) -> None:
        self.pool, self.folder = pool, folder
        self.compare_s = 0.0
        self._serial = iter(range(sys.maxsize))  # no program is ever the same twice
        self.python: list[tuple[str, list[tuple[bytes, bytes]]]] = []
        for number, (code, inputs) in enumerate(programs.PYTHON):
            path = folder / f"program{number}.py"
            path.write_text(code)
            (folder / f"input{number}").write_bytes(inputs[0])
            outputs = [subprocess.run([*PYTHON, path], input=text, capture_output=True, check=True).stdout for text in inputs]
            self.python.append((code, list(zip(inputs, outputs, strict=True))))
        (folder / "solution.py").write_text(programs.FUNCTION)
        (folder / "test_solution.py").write_text(programs.PYTEST)
        (folder / "main.cpp").write_text(programs.CPP)
        (folder / "input.cpp").write_bytes(programs.CPP_INPUTS[0])

    # the sandbox

    def stdin(self, tests: int) -> Work:
        def work(number: int) -> int:
            code, cases = self.python[number % len(self.python)]
            cases = cases[:tests]
            self._execute(code, "python", [Run(stdin=given) for given, _ in cases], lambda i, run: self._same(cases[i][1], run))
            return tests

        return work

    def call(self, number: int) -> int:
        calls = programs.CALLS
        runs = [Run("call", entry=programs.FUNCTION_ENTRY, args=[given], together=True) for given, _ in calls]

        def right(index: int, run: RunOutcome) -> bool:
            return compare_value(calls[index][1], run.value, None, False) is None

        self._execute(programs.FUNCTION, "python", runs, right)
        return len(calls)

    def pytest(self, number: int) -> int:
        self._execute(programs.FUNCTION, "python", [Run("pytest", code=programs.PYTEST)], lambda _, run: run.status == "ok")
        return 1

    def read_suite(self, kind: str, code: str) -> Work:
        """A suite that is read and asked as calls (docs/grading.md, §3.4)."""
        script = as_script(kind, code)
        if script is None:
            raise RuntimeError("the benchmark's suite cannot be read")

        def work(number: int) -> int:
            self._execute(
                programs.FUNCTION,
                "python",
                [script.run],
                lambda _, run: run.status == "ok" and script.difference(run.value) is None,
            )
            return 1

        return work

    def run_suite(self, kind: Any, code: str, *, apart: bool = True) -> Work:
        """A suite that runs, in a process of its own or in the program's."""

        def work(number: int) -> int:
            self._execute(programs.FUNCTION, "python", [Run(kind, code=code, apart=apart)], lambda _, run: run.status == "ok")
            return 1

        return work

    def compile(self, number: int) -> int:
        self._execute(programs.CPP, "cpp", [], lambda *_: True)
        return 1

    def binary(self, number: int) -> int:
        runs = [Run(stdin=text) for text in programs.CPP_INPUTS] * 10
        program = Program("cpp", programs.CPP, runs, LIMITS)
        self._check(self.pool.execute(program), program)
        return len(runs)

    def _execute(self, code: str, language: Any, runs: Sequence[Run], right: Callable[[int, RunOutcome], bool]) -> None:
        comment = "//" if language == "cpp" else "#"
        program = Program(language, f"{code}\n{comment} {next(self._serial)}\n", runs, LIMITS)

        def until(index: int, run: RunOutcome) -> bool:
            if not right(index, run):
                raise RuntimeError(f"wrong answer in the benchmark: {run}")
            return False

        self._check(self.pool.execute(program, until), program)

    def _same(self, expected: bytes, run: RunOutcome) -> bool:
        start = time.perf_counter()
        same = compare_output(expected, run.stdout) is None
        self.compare_s += time.perf_counter() - start
        return same

    @staticmethod
    def _check(outcome: Any, program: Program) -> None:
        if not outcome.compiled or [run.status for run in outcome.runs] != ["ok"] * len(program.runs):
            raise RuntimeError(f"the benchmark's own program failed: {outcome}")

    # without a sandbox

    def bare(self, number: int) -> int:
        number %= len(self.python)
        return _spawn([*PYTHON, self.folder / f"program{number}.py"], self.folder / f"input{number}")

    def bare_pytest(self, number: int) -> int:
        options = ["-q", "-p", "no:cacheprovider", "--noconftest", "-c", os.devnull, "--rootdir", self.folder]
        return _spawn([sys.executable, "-B", "-m", "pytest", *options, self.folder / "test_solution.py"])

    def bare_compile(self, number: int) -> int:
        subprocess.run(
            ["g++", "-O2", "-std=gnu++17", "-w", "-pipe", "-o", self.folder / f"main{threading.get_ident()}",
             self.folder / "main.cpp"], check=True,
        )  # fmt: skip
        return 1

    def bare_binary(self, number: int) -> int:
        return _spawn([self.folder / "main"], self.folder / "input.cpp")

    # docker, as most people use it

    def docker_run(self, number: int) -> int:
        self._docker(["run", "--rm", "-i", *HARDENED, "--entrypoint=python3", self.pool.image.partition("@")[0]], number)
        return 1

    def docker_exec(self, container: str) -> Work:
        def work(number: int) -> int:
            self._docker(["exec", "-i", container, "python3"], number)
            return 1

        return work

    def _docker(self, command: list[str], number: int) -> None:
        code, cases = self.python[number % len(self.python)]
        given, expected = cases[0]
        found = subprocess.run(["docker", *command, "-I", "-S", "-c", code], input=given, capture_output=True, check=True)
        if found.stdout != expected:
            raise RuntimeError(f"wrong answer in the benchmark: {found}")


def _spawn(command: list[Any], stdin: str | Path = os.devnull) -> int:
    """A process by the cheapest call there is, its output dropped."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.fspath(stdin), os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
               (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]  # fmt: skip
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    _, status = os.waitpid(os.posix_spawn(command[0], command, environment, file_actions=actions), 0)
    if status:
        raise RuntimeError(f"{command} ended with {status}")
    return 1


FORKS = """
import os, sys
sources = [compile(open(path).read(), path, "exec") for path in sys.argv[1::2]]
inputs = [os.open(path, os.O_RDONLY) for path in sys.argv[2::2]]
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
answer = os.dup(1)
os.dup2(2, 1)
number = 0
while os.read(3, 1):
    for _ in range(50):
        number += 1
        pid = os.fork()
        if pid == 0:
            os.lseek(inputs[number % len(sources)], 0, 0)
            os.dup2(inputs[number % len(sources)], 0)
            exec(sources[number % len(sources)], {"__name__": "__main__"})
            sys.stdout.flush()
            os._exit(0)
        if os.waitpid(pid, 0)[1]:
            os._exit(1)
    os.write(answer, b".")
"""


class Forks:
    """The floor under all of this: a warm interpreter that forks, runs the compiled program, and isolates nothing."""

    def __init__(self, folder: Path, count: int) -> None:
        self._local = threading.local()
        self._free = []
        files = [
            str(folder / f"{name}{number}{end}") for number in range(count) for name, end in (("program", ".py"), ("input", ""))
        ]
        for _ in range(CORES):
            reader, writer = os.pipe()
            code = FORKS.replace("os.read(3,", f"os.read({reader},")
            command = [*PYTHON, "-c", code, *files]
            self._free.append((subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=[reader]), writer))
            os.close(reader)
        self._all = list(self._free)
        self._lock = threading.Lock()

    def work(self, number: int) -> int:
        with self._lock:
            process, writer = mine = self._free.pop()
        os.write(writer, b".")
        if process.stdout is None or process.stdout.read(1) != b".":
            raise RuntimeError("the forking interpreter failed")
        with self._lock:
            self._free.append(mine)
        return 50

    def close(self) -> None:
        for process, writer in self._all:
            os.close(writer)
            process.communicate()


# ---- the report ---------------------------------------------------------------------------------------------------


def main() -> None:
    """All ways in rounds, then the table; where the time goes; throughput by workers."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.chmod(folder, 0o755)
        pool = stack.enter_context(DockerSandbox(recycle_after=sys.maxsize))
        ways = Ways(pool, Path(folder))
        subprocess.run(["g++", "-O2", "-o", f"{folder}/main", f"{folder}/main.cpp"], check=True) if shutil.which("g++") else None
        forks = Forks(Path(folder), len(ways.python))
        stack.callback(forks.close)
        meter = Meter()
        every: dict[str, Work] = {
            "python, 10 tests a program": ways.stdin(10),
            "python, 1 test a program": ways.stdin(1),
            "bare python3 -I -S": ways.bare,
            "fork of a warm interpreter": forks.work,
            "docker run": ways.docker_run,
            "docker exec": ways.docker_exec(stack.enter_context(_idle_container(pool))),
            "python, 10 calls a program": ways.call,
            "pytest suite": ways.pytest,
            "pytest suite of calls": ways.read_suite("pytest", programs.PYTEST_OF_CALLS),
            "assertions read": ways.read_suite("assert", programs.CHECK),
            "assertions run apart": ways.run_suite("assert", programs.CHECK),
            "assertions run inside": ways.run_suite("assert", programs.CHECK, apart=False),
            "python -m pytest": ways.bare_pytest,
            "C++ binary": ways.binary,
        }
        if shutil.which("g++"):
            every |= {"posix_spawn of a binary": ways.bare_binary, "C++ compile": ways.compile, "g++ -O2": ways.bare_compile}
        for work in every.values():
            work(0)  # containers, zygotes and page cache warm
        rounds = []
        for number in range(ROUNDS):
            print(f"sandbox: round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
            rounds.append({name: meter.measure(work, SECONDS, CORES) for name, work in every.items()})
        _ratios(rounds)
        _absolute(rounds)
        _parts(pool, meter, ways)
    _workers()


@contextlib.contextmanager
def _idle_container(pool: DockerSandbox) -> Iterator[str]:
    image = pool.image.partition("@")[0]
    command = ["docker", "run", "-d", "--rm", *HARDENED, "--entrypoint=sleep", image, "3600"]
    container = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    try:
        yield container
    finally:
        subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=True)


# (ours, theirs, at least this many times as fast)
TARGETS = [
    ("python, 10 tests a program", "docker run", 100),
    ("python, 10 tests a program", "docker exec", 25),
    ("python, 10 tests a program", "bare python3 -I -S", 3),
    ("python, 1 test a program", "bare python3 -I -S", 1.2),
    ("pytest suite", "python -m pytest", 5),
    ("pytest suite of calls", "python -m pytest", 8),
    ("assertions read", "assertions run inside", 0.8),
    ("assertions run apart", "assertions run inside", None),
    ("C++ compile", "g++ -O2", 2),
    ("C++ binary", "posix_spawn of a binary", 0.5),
    ("python, 10 tests a program", "fork of a warm interpreter", None),
    ("python, 10 calls a program", "bare python3 -I -S", 10),
]


def _ratios(rounds: Sequence[dict[str, Spent]]) -> None:
    print(f"\n{'as fast as':<57}{'ratio':>8}{'in CPU time':>13}{'target':>8}")
    for ours, theirs, target in TARGETS:
        if ours not in rounds[0] or theirs not in rounds[0]:
            continue
        ratio = statistics.median(found[ours].rate / found[theirs].rate for found in rounds)
        cpu = statistics.median(found[theirs].cpu_ms / found[ours].cpu_ms for found in rounds)
        in_cpu = f"{cpu:12.1f}x" if not theirs.startswith("docker") else f"{'':13}"  # what runc does there nobody counts
        verdict = "" if target is None else f"{target:7g}x  {'met' if ratio >= target else 'NOT MET'}"
        print(f"{ours:<29}{'/ ' + theirs:<28}{ratio:7.1f}x{in_cpu}{verdict}")
    shares = [found.client / (found.client + found.containers + found.daemons)
              for found in (one["python, 10 tests a program"] for one in rounds)]  # fmt: skip
    share = statistics.median(shares)
    print(
        f"{'CPU time of the client, 10 tests a program':<57}{share:8.1%}{'':13}{'15%':>8}  {'met' if share <= 0.15 else 'NOT MET'}"
    )


def _absolute(rounds: Sequence[dict[str, Spent]]) -> None:
    print(f"\n{'in absolute figures, for orientation':<40}{'a second':>10}{'CPU ms each':>13}")
    for name in rounds[0]:
        rate = statistics.median(found[name].rate for found in rounds)
        cpu = statistics.median(found[name].cpu_ms for found in rounds)
        print(f"{name:<40}{rate:10.1f}" + ("" if name.startswith("docker") else f"{cpu:13.2f}"))


def _parts(pool: DockerSandbox, meter: Meter, ways: Ways) -> None:
    """Where the time of one test goes, with one worker, so that nobody waits for anybody."""
    print("\nwhere the time of a test goes (one worker; wall ms a test)")
    for tests in (10, 1):
        before, ways.compare_s = pool.times(), 0.0
        spent = meter.measure(ways.stdin(tests), 2 * SECONDS, 1)
        parts = {name: seconds - before.get(name, 0.0) for name, seconds in pool.times().items()}
        parts["compare with the expected output"] = ways.compare_s
        parts["protocol, client, engine"] = spent.wall - sum(parts.values())
        print(f"  {tests} tests a program" if tests > 1 else "  1 test a program")
        for name, seconds in parts.items():
            print(f"    {name:<40}{1000 * seconds / spent.units:8.3f}")
        print(f"    {'all':<40}{1000 * spent.wall / spent.units:8.3f}")
    print("  (no namespace and no control group is made for a test: they are the container's)")


def _workers() -> None:
    """Throughput by the number of containers, each with a client thread of its own."""
    print(f"\nthroughput by workers ({os.cpu_count()} cores)")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        pools = {count: stack.enter_context(DockerSandbox(workers=count, recycle_after=sys.maxsize)) for count in (1, 2, 4)}
        meter = Meter()
        work = {count: Ways(pool, Path(folder)).stdin(10) for count, pool in pools.items()}
        found: dict[int, list[float]] = {count: [] for count in pools}
        for repeat in range(4):
            for count in pools:
                rate = meter.measure(work[count], SECONDS, count).rate
                if repeat:  # the first starts the containers
                    found[count].append(rate)
        one = statistics.median(found[1])
        for count, rates in found.items():
            print(f"  {count} workers{statistics.median(rates):10.0f} tests/s   {statistics.median(rates) / one:.2f}x")


def flat(count: int = 100_000) -> None:
    """Memory and descriptors over ``count`` programs of one test, containers recycled as usual: a line each tenth."""
    print(
        f"{'programs':>10}{'programs/s':>12}{'client MB':>11}{'descriptors':>13}{'threads':>9}{'containers':>12}{'container MB':>14}"
    )
    with tempfile.TemporaryDirectory() as folder, DockerSandbox() as pool:
        work = Ways(pool, Path(folder)).stdin(1)
        done, step = 0, max(1, count // 10)
        while done < count:
            start = time.perf_counter()
            done += sum(pool.map(work, range(step)))
            rate = step / (time.perf_counter() - start)
            memory_mb = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            with contextlib.closing(engine()) as client:  # not kept: its connections would be counted
                found = client.containers.list(filters={"name": f"ocr-sandbox-{os.getpid()}-"}, ignore_removed=True)
                stats = [client.api.stats(one.id, stream=False, one_shot=True)["memory_stats"] for one in found]
            usage = [one.get("usage", 0) for one in stats]
            print(
                f"{done:>10}{rate:>12.0f}{memory_mb:>11.1f}{len(os.listdir('/proc/self/fd')):>13}{threading.active_count():>9}"
                f"{len(found):>12}{max(usage, default=0) / 2**20:>14.1f}", flush=True,
            )  # fmt: skip
