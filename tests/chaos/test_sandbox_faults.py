"""Faults of the sandbox change no verdict: containers, runners, sockets and the engine itself break while programs are judged.

Also what is left when the client dies, and that nothing grows while thousands of programs are run.
"""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from ocr_assets.grading.batch import Item, grade_many
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.programs.published import limits, stdin_test
from ocr_assets.programs.suites import suite_from_json
from ocr_assets.schema import SOLUTIONS, Verdict
from ocr_assets.verification.judging import Workplace, judge_new
from resources.lake import RunInfo
from resources.sandbox import connection, docker_pool
from resources.sandbox.api import Program, Run, RunLimits, SandboxUnavailable
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.reaper import LABEL, owner
from tests.support.lakes import new_lake
from tests.support.own_engine import OwnEngine
from tests.support.rows import problem, put_problems, row_of
from tests.support.size import FULL, size

pytestmark = pytest.mark.alone  # its faults, and what it counts, are of the whole host

ROOT = Path(__file__).resolve().parents[2]
SUITE_TESTS = [stdin_test(n, f"{n} {n + 1}\n", f"{2 * n + 1}\n", "official") for n in range(3)]
LIMITS = RunLimits(cpu_s=20, wall_s=120, memory_mb=128)
SUITE = suite_from_json(
    {
        "tests": [{"kind": "stdin", "input": f"{n} {n + 1}\n", "output": f"{2 * n + 1}\n"} for n in range(3)],
        "limits": {"cpu_s": 2, "wall_s": 120, "memory_mb": 128},
    }
)
PYTHON = {
    "accepted": "a, b = map(int, input().split())\nprint(a + b)",
    "wrong_answer": "a, b = map(int, input().split())\nprint(a + b if a < 1 else a)",
    "runtime_error": "a, b = map(int, input().split())\nprint((a + b) // (3 - a) * (3 - a) or 1 // 0, sep='')\nif a == 1: exit(3)",
    "compile_error": "print(1",
}
CPP = {
    "accepted": "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }",
    "wrong_answer": "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a - b; }",
    "runtime_error": "#include <cstdlib>\nint main() { std::abort(); }",
    "compile_error": "int main() { return missing; }",
}


def items(count: int) -> list[Item]:
    """Programs that differ by a comment, so that none is judged by another's verdict; every 250th is C++."""
    made: list[Item] = []
    for number in range(count):
        cpp = number % 250 == 125
        programs = CPP if cpp else PYTHON
        name = list(programs)[(number // 250 if cpp else number) % 4]
        code = f"{programs[name]}\n{'//' if cpp else '#'} {number}\n"
        made.append({"solution_id": f"{number}-{name}", "problem_id": "sum", "suite_id": "s", "language": "cpp" if cpp else "python", "code": code})  # fmt: skip
    return made


def facts(verdict: Verdict) -> tuple[object, ...]:
    """What a fault might change: all of a row but times, memory and what they ran on."""
    tests = [(test["index"], test["verdict"], test["exit_code"], test["signal"], test["message"]) for test in verdict["tests"]]
    return (verdict["solution_id"], verdict["verdict"], verdict["tests_passed"], verdict["tests_total"], verdict["first_failure"],
            verdict["message"], tests)  # fmt: skip


class Saboteur(threading.Thread):
    """Breaks something each time the count of verdicts passes a mark, while the next programs run."""

    def __init__(self, pool: DockerSandbox, faults: list[Callable[[], None]], every: int) -> None:
        super().__init__()
        self._faults, self._every = faults, every
        self._pool, self.done = pool, 0
        self._count, self._over = 0, False
        self._changed = threading.Condition()
        self.errors: list[BaseException] = []

    def counted(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify()

    def finish(self) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()
        self.join()

    def run(self) -> None:
        for number, fault in enumerate(self._faults):
            with self._changed:
                self._changed.wait_for(lambda mark=(number + 1) * self._every: self._over or self._count >= mark)
                if self._over:
                    return
            try:
                fault()
            except BaseException as error:
                self.errors.append(error)
                return
            self.done += 1


class Faults:
    """The ways to break a pool's containers; each takes one at random that is there."""

    def __init__(self, pool: DockerSandbox, own: OwnEngine) -> None:
        self._pool, self._own, self._random = pool, own, random.Random(3)

    def _victim(self) -> docker.models.containers.Container:
        deadline = time.monotonic() + 60
        client = docker.DockerClient(self._own.url)
        while time.monotonic() < deadline:
            found = client.containers.list(filters={"label": LABEL}, ignore_removed=True)
            with contextlib.suppress(docker.errors.NotFound):
                if found and (victim := client.containers.get(self._random.choice(found).id)).attrs["State"]["Pid"]:
                    return victim
            time.sleep(0.02)
        raise AssertionError("the pool has no container any more")

    def container_killed(self) -> None:
        with contextlib.suppress(docker.errors.APIError):  # replaced meanwhile
            self._victim().kill()

    def container_removed(self) -> None:
        with contextlib.suppress(docker.errors.APIError):
            self._victim().remove(force=True)

    def runner_killed(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._victim().attrs["State"]["Pid"], signal.SIGKILL)

    def zygote_killed(self) -> None:
        pid = self._victim().attrs["State"]["Pid"]
        with contextlib.suppress(OSError):  # the runner ended meanwhile
            while not (children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
                time.sleep(0.02)
            os.kill(int(children[0]), signal.SIGKILL)

    def socket_cut(self) -> None:
        while not (live := list(self._pool._live.values())):
            time.sleep(0.02)
        with contextlib.suppress(OSError):
            self._random.choice(live).connection._stream._socket.shutdown(socket.SHUT_RDWR)

    def frozen_for_a_while(self) -> None:
        victim = self._victim()
        with contextlib.suppress(docker.errors.APIError):
            victim.pause()
            time.sleep(1)
            victim.unpause()

    def engine_crashed(self) -> None:
        self._own.crash()
        time.sleep(0.5)
        self._own.start()

    def engine_restarted(self) -> None:
        self._own.stop()
        time.sleep(0.5)
        self._own.start()


# Of each of the two tests that need many.
PROGRAMS = size(500, 2000)


@pytest.fixture(scope="module")
def own_engine() -> Iterator[OwnEngine]:
    with OwnEngine() as own:
        yield own


@pytest.mark.sized
@pytest.mark.timeout(1800)  # half a minute on an idle machine in the full size
def test_verdicts_survive_every_fault(own_engine: OwnEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", own_engine.url)
    work = [(item, SUITE) for item in items(PROGRAMS)]
    with DockerSandbox(workers=2) as calm:
        undisturbed = [facts(verdict) for verdict in grade_many(calm, work)]
        assert calm.faults == 0
    assert [row[0].partition("-")[2] for row in undisturbed] == [row[1] for row in undisturbed]  # as each was written to be
    with DockerSandbox(workers=2) as pool:
        ways = Faults(pool, own_engine)
        small = [
            ways.container_killed,
            ways.runner_killed,
            ways.zygote_killed,
            ways.socket_cut,
            ways.frozen_for_a_while,
            ways.container_removed,
        ]
        plan = [*small, ways.engine_crashed, *(small if FULL else ()), ways.engine_restarted, *(small[:4] if FULL else ())]
        saboteur = Saboteur(pool, plan, every=PROGRAMS // size(10, 20))
        saboteur.start()
        disturbed = []
        try:
            for verdict in grade_many(pool, work):
                disturbed.append(facts(verdict))
                saboteur.counted()
        finally:
            saboteur.finish()
        assert saboteur.errors == []
        assert saboteur.done == len(plan)
        assert pool.faults >= len(plan) // 2
    assert len({row[0] for row in disturbed}) == len(disturbed) == PROGRAMS
    assert not [row for row in disturbed if row[1] == "sandbox_error"]
    assert sorted(disturbed) == sorted(undisturbed)  # each came when it was known
    deadline = time.monotonic() + 30
    with contextlib.closing(docker.DockerClient(own_engine.url)) as client:
        while (left := client.containers.list(all=True, ignore_removed=True)) and time.monotonic() < deadline:
            time.sleep(0.2)
    assert left == []


def test_an_engine_that_stays_away_is_told_with_the_remedy(own_engine: OwnEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", own_engine.url)
    with DockerSandbox(workers=1, engine_wait_s=1) as pool:
        assert pool.execute(Program("python", "print(1)", [Run()], LIMITS)).runs[0].status == "ok"
        own_engine.crash()
        try:
            with pytest.raises(SandboxUnavailable, match=r"no Docker engine for 1 s .*make docker-engine"):
                pool.execute(Program("python", "print(1)", [Run()], LIMITS))
        finally:
            own_engine.start()
        assert pool.execute(Program("python", "print(2)", [Run()], LIMITS)).runs[0].stdout == b"2\n"


JUDGED = "solution_id, suite_id, verdict, tests_passed, tests_total, first_failure, message, grader_version"


@pytest.mark.parametrize("come_and_go", [False, True], ids=["undisturbed", "stopped and started"])
def test_an_engine_that_goes_while_verdicts_are_written_changes_no_row(
    own_engine: OwnEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, come_and_go: bool
) -> None:
    """From the lake through the stage's journal to the lake: as an administrator stops the engine, and starts it again."""
    monkeypatch.setenv("DOCKER_HOST", own_engine.url)
    work = items(48)
    with new_lake(tmp_path / "lake") as lake, lake.write(RunInfo("test"), "test") as write:
        put_problems(write, [problem(0, suite_id="s", tests=SUITE_TESTS, limits=limits())])
        key = problem(0)["problem_id"]
        write.sync(SOLUTIONS, [row_of(SOLUTIONS, parse_status="ok", **{**item_fields(item), "problem_id": key}) for item in work])
    with DockerSandbox(workers=2) as pool, new_lake(tmp_path / "lake") as lake:
        place = Workplace(lake, RunInfo("judging"), tmp_path / "journal", contextlib.nullcontext(pool), True, print)

        def disturb() -> None:
            while not list((tmp_path / "journal").glob("verdicts/*.jsonl")):
                time.sleep(0.01)
            own_engine.stop()
            time.sleep(0.5)
            own_engine.start()

        disturber = threading.Thread(target=disturb if come_and_go else lambda: None)
        disturber.start()
        with place.journal("verdicts") as journal:
            counts, _ = judge_new(place, journal, GradingSettings())
        disturber.join()
        assert counts["sandbox_error"] == 0 and counts.total() == len(work)
        rows = lake.rows(f"SELECT {JUDGED} FROM verdicts ORDER BY ALL")
    assert [row["solution_id"].partition("-")[2] for row in rows] == [row["verdict"] for row in rows], "as each was written to be"
    assert len({row["solution_id"] for row in rows}) == len(rows) == len(work)
    assert list((tmp_path / "journal").rglob("*.jsonl")) == []


def item_fields(item: Item) -> dict[str, object]:
    return {name: item[name] for name in ("solution_id", "language", "code")}


def of_this_process() -> set[str]:
    with contextlib.closing(docker.from_env()) as client:
        return {c.id for c in client.containers.list(all=True, filters={"label": f"{LABEL}={owner()}"}, ignore_removed=True)}


@pytest.mark.long
def test_a_container_frozen_for_good_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "GRACE_S", 3)
    monkeypatch.setattr(connection, "COMPILE_S", 10)
    monkeypatch.setattr(docker_pool, "WRITE_S", 3)
    limits = RunLimits(cpu_s=20, wall_s=5, memory_mb=128)
    with DockerSandbox(workers=1) as pool:
        pool.execute(Program("python", "print(1)", [Run()], limits))
        (name,) = of_this_process()
        with contextlib.closing(docker.from_env()) as client:
            client.containers.get(name).pause()
        big = b"x" * (8 << 20)  # more than the pipes on the way hold: it cannot even be written
        found = pool.execute(Program("python", "print(len(input()))", [Run(stdin=big)], limits)).runs[0]
        assert found.stdout == b"8388608\n" and pool.faults == 1
        assert name not in of_this_process()


@pytest.mark.skipif(os.getuid() != 0, reason="the runner's processes are for root to kill")
def test_a_template_killed_while_it_compiles_is_no_compile_error() -> None:
    with DockerSandbox(workers=1) as pool:
        pool.execute(Program("python", "print(1)", [Run()], LIMITS))
        (name,) = of_this_process()
        with contextlib.closing(docker.from_env()) as client:
            runner = client.containers.get(name).attrs["State"]["Pid"]
        (zygote,) = children(runner)
        results = []
        long_to_compile = "x = [" + "(1, 'a', 2.5), [3], " * 200_000 + "]\nprint(len(x))"
        program = Program("python", long_to_compile, [Run()], RunLimits(cpu_s=60, wall_s=120, memory_mb=1024))
        thread = threading.Thread(target=lambda: results.append(pool.execute(program)))
        thread.start()
        while not (templates := children(zygote)):
            time.sleep(0.001)
        os.kill(templates[0], signal.SIGKILL)
        thread.join()
        assert results[0].compiled and results[0].runs[0].stdout == b"400000\n", results[0]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


CLIENT = """
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
from resources.sandbox.api import Program, Run, RunLimits
from resources.sandbox.docker_pool import DockerSandbox
nap = Program("python", "import time\\nprint(1)\\ntime.sleep(600)", [Run()], RunLimits(cpu_s=20, wall_s=900))
with DockerSandbox(workers=2) as pool:
    list(pool.map(lambda _: pool.execute(Program("python", "import time\\ntime.sleep(0.5)", [Run()], RunLimits(cpu_s=9, wall_s=99))), range(2)))
    print("ready", flush=True)
    list(pool.map(lambda _: pool.execute(nap), range(2)))
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_client_that_dies_leaves_no_container(end: signal.Signals) -> None:
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert client.stdout is not None and client.stdout.readline() == b"ready\n"
    names = ["docker", "ps", "-aq", "--filter", f"name=ocr-sandbox-{client.pid}-"]
    assert len(subprocess.run(names, capture_output=True, check=True).stdout.split()) == 2
    time.sleep(0.5)
    client.send_signal(end)
    client.wait(60)
    deadline = time.monotonic() + 60
    while (left := subprocess.run(names, capture_output=True, check=True).stdout.split()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []


def test_a_container_made_but_never_started_is_reaped_at_the_next_start() -> None:
    code = (
        "import sys\nfrom resources.sandbox.images import engine, ensure_image\nfrom resources.sandbox.reaper import LABEL, owner\n"
        "client = engine()\nprint(client.containers.create(ensure_image(client), labels={LABEL: owner()}).id)"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()
    with contextlib.closing(docker.from_env()) as client:
        assert client.containers.get(made).status == "created"
        with DockerSandbox(workers=1):
            pass
        with pytest.raises(docker.errors.NotFound):
            client.containers.get(made)


def test_a_closed_pool_says_so_and_may_be_opened_again() -> None:
    pool = DockerSandbox(workers=1)
    program = Program("python", "print(1)", [Run()], LIMITS)
    with pool:
        pool.execute(program)
    with pool:
        assert pool.execute(program).runs[0].stdout == b"1\n" and pool.faults == 0
    with pytest.raises(RuntimeError, match="interrupted"), pool:
        pool.execute(program)
        raise RuntimeError("interrupted")
    with pytest.raises(SandboxUnavailable, match="closed"):
        pool._begin(reserved=False)


# ---- nothing grows -----------------------------------------------------------------------------------------------------


def footprint(pid: int) -> tuple[int, int]:
    """(KiB resident, open descriptors) of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024, len(os.listdir(f"/proc/{pid}/fd"))


def family(pid: int) -> dict[str, tuple[int, int]]:
    """``footprint`` of the runner and its lasting children, by the kernel's name."""
    pids = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    return {f"{index} {Path(f'/proc/{p}/comm').read_text().strip()}": footprint(p) for index, p in enumerate(pids)}


@pytest.mark.sized
@pytest.mark.timeout(1800)
@pytest.mark.skipif(os.getuid() != 0, reason="the runner's descriptors are for root to see")
def test_memory_and_descriptors_stay_flat() -> None:
    def program(number: int) -> Program:
        return Program("python", f"print(input()[4999:], {number})", [Run(stdin=b"x" * 5000 + b"y\n")], LIMITS)

    with DockerSandbox(workers=1, recycle_after=10**6) as pool:
        for number in range(300):
            pool.execute(program(number))
        (name,) = of_this_process()
        with contextlib.closing(docker.from_env()) as client:
            pid = client.containers.get(name).attrs["State"]["Pid"]
        before, client_before = family(pid), footprint(os.getpid())
        for number in range(300, 300 + PROGRAMS):
            assert pool.execute(program(number)).runs[0].stdout == b"xy %d\n" % number
        after, client_after = family(pid), footprint(os.getpid())
        assert of_this_process() == {name} and pool.faults == 0
    assert before.keys() == after.keys() and len(before) >= 2
    for part, (memory, descriptors) in before.items():
        assert after[part][0] <= memory + 2048 and after[part][1] <= descriptors + 2, (part, before, after)
    assert client_after[0] <= client_before[0] + 4096 and client_after[1] <= client_before[1], (client_before, client_after)


def test_containers_are_recycled_and_the_client_keeps_nothing_of_them() -> None:
    program = Program("python", "print(1)", [Run()], LIMITS)
    seen: set[str] = set()
    with DockerSandbox(workers=1, recycle_after=2) as pool:
        for number in range(24):
            assert pool.execute(program).runs[0].stdout == b"1\n"
            seen |= of_this_process()
            if number == 5:
                descriptors = footprint(os.getpid())[1]
        assert pool.faults == 0
        assert footprint(os.getpid())[1] <= descriptors + 1
    assert len(seen) >= 11  # every two programs another
