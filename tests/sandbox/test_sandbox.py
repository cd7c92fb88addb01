"""The pool and its runner: what goes in and comes out, faults, order, what is left behind. Hostile programs: ``attacks.py``."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest

from resources.sandbox.api import Program, Run, RunLimits, RunOutcome, SandboxFault
from resources.sandbox.docker_pool import RESERVED_SHARES, SHARES, DockerSandbox
from resources.sandbox.images import engine
from resources.sandbox.process import ProcessSandbox
from resources.sandbox.reaper import LABEL, reap

pytestmark = pytest.mark.alone  # it measures times and counts containers

LIMITS = RunLimits(cpu_s=1, wall_s=60, memory_mb=128, output_mb=4, processes=16)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool


def run(sandbox, code: str, language: str = "python", limits: RunLimits = LIMITS, **fields: object) -> RunOutcome:
    outcome = sandbox.execute(Program(language, code, [Run(**fields)], limits))  # type: ignore[arg-type]
    assert outcome.compiled, outcome.compile_message
    return outcome.runs[0]


# Processes of users other than root, the runner's; what the last program's template leaves takes a moment to go.
SERVED = """
import os, time
mine = {os.getpid(), os.getppid()}
for _ in range(200):
    others = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            if int(pid) not in mine and os.stat(f'/proc/{pid}').st_uid: others.append(pid)
        except FileNotFoundError: pass
    if not others: break
    time.sleep(0.01)
print(os.listdir('.'), os.listdir('/dev/shm'), others)
"""


def serves(sandbox) -> bool:
    """An honest program still gets the right answer, in an empty box, alone but for the runner and itself."""
    found = run(sandbox, SERVED)
    return found.status == "ok" and found.stdout == b"[] [] []\n"


def test_a_run_never_sees_another_runs_input_or_files(sandbox: DockerSandbox) -> None:
    code = "import os\nprint(os.listdir('.'), input())\nopen('trace', 'w').write('x')"
    runs = [Run(stdin=b"first\n"), Run(stdin=b"second\n", files={"a.txt": b"1"}), Run(stdin=b"third\n")]
    outcome = sandbox.execute(Program("python", code, runs, LIMITS))
    assert [r.stdout for r in outcome.runs] == [b"[] first\n", b"['a.txt'] second\n", b"[] third\n"]


def test_files_come_back_only_if_regular(sandbox: DockerSandbox) -> None:
    code = "import os\nopen('good', 'w').write('yes')\nos.symlink('/etc/passwd', 'bad')\nos.mkfifo('pipe')"
    found = run(sandbox, code, collect=("good", "bad", "pipe", "absent"))
    assert found.files == {"good": b"yes"}


def test_output_is_bytes(sandbox: DockerSandbox) -> None:
    code = "import sys\nsys.stdout.buffer.write(bytes(range(256)))"
    assert run(sandbox, code).stdout == bytes(range(256))
    assert run(sandbox, "import sys\nsys.stdout.write(sys.stdin.read())", stdin=b"\xff\x00\n").stdout == b"\xff\x00\n"


def test_nothing_but_the_programs_own_output_comes_out_of_a_warm_process(sandbox: DockerSandbox) -> None:
    """A fork inherits what its parent had not written yet."""
    code = "def f(x):\n    return x + 1\nprint('mine')"
    runs = [Run("call", entry="f", args=[1]), Run("pytest", code="from solution import f\ndef test_f(): assert f(1) == 2")]
    for kept in (runs[:1], runs):
        first = sandbox.execute(Program("python", code, kept, LIMITS)).runs[0]
        assert (first.status, first.stdout, first.stderr) == ("ok", b"mine\n", b"")


def test_each_run_has_random_numbers_of_its_own(sandbox: DockerSandbox) -> None:
    program = Program("python", "import random\nprint(random.random())", [Run(), Run()], LIMITS)
    printed = {run.stdout for _ in range(2) for run in sandbox.execute(program).runs}
    assert len(printed) == 4


def test_sets_have_one_order_a_hash_seed_in_every_sandbox(sandbox: DockerSandbox) -> None:
    code = "print(list(set('abcdefgh')), hash('a'))"

    def orders(seed: int) -> set[bytes]:
        found: list[bytes] = []
        with ProcessSandbox(workers=1) as other:
            for pool in (sandbox, other, sandbox):
                program = Program("python", code, [Run()] * 2, hash_seed=seed)
                pool.execute(program, lambda index, run: found.append(run.stdout) is not None)
        assert len(found) == 6 and b"a" in found[0]
        return set(found)

    assert [len(orders(seed)) for seed in (0, 1)] == [1, 1]
    assert orders(0) != orders(1)


def test_cpu_time_counts_the_whole_family(sandbox: DockerSandbox) -> None:
    code = "import os\nfor _ in range(3):\n    if os.fork() == 0:\n        while True: pass\nos.wait()"
    found = run(sandbox, code)
    assert found.status == "time_limit"


def test_a_killed_container_changes_no_outcome(sandbox: DockerSandbox) -> None:
    client = engine()
    results = []
    code = "import time\ntime.sleep(1)\nprint(input())"
    before = containers_of_this_process()
    with DockerSandbox(workers=1) as own:
        assert run(own, "print(1)").status == "ok"
        thread = threading.Thread(target=lambda: results.append(run(own, code, stdin=b"still right\n")))
        thread.start()
        time.sleep(0.4)
        (mine,) = containers_of_this_process() - before
        victim = client.containers.get(mine)
        victim.kill()
        thread.join()
        assert results[0].stdout == b"still right\n", results[0]
        assert own.faults == 1


def test_faults_without_end_are_a_fault_not_an_outcome() -> None:
    with DockerSandbox(workers=1, retries=1) as own:
        own._tag = "ocr-assets/not-there"
        with pytest.raises(SandboxFault, match="2 sandboxes failed"):
            run(own, "print(1)")


def test_nothing_is_left_behind(sandbox: DockerSandbox) -> None:
    serves(sandbox)  # the module's own container is there
    before = containers_of_this_process()
    with DockerSandbox(workers=2) as own:
        list(own.map(lambda _: run(own, "import time\ntime.sleep(0.2)"), range(4)))
        assert len(containers_of_this_process()) == len(before) + 2
    deadline = time.monotonic() + 20
    while containers_of_this_process() != before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert containers_of_this_process() == before


def containers_of_this_process() -> set[str]:
    names = ["docker", "ps", "-aq", "--filter", f"name=ocr-sandbox-{os.getpid()}-"]
    return set(subprocess.run(names, capture_output=True, text=True, check=True).stdout.split())


def test_the_reaper_removes_what_dead_owners_left(sandbox: DockerSandbox) -> None:
    client = docker.from_env()
    orphan = client.containers.create(sandbox._tag, labels={LABEL: "another-boot:1:1:1"})
    reap(client)
    assert client.containers.get(orphan.id).status == "created"  # it may be another machine's, just made
    assert reap(client, foreign_age_s=0) >= 1
    with pytest.raises(docker.errors.NotFound):
        client.containers.get(orphan.id)
    assert serves(sandbox)


def test_map_keeps_order_and_a_slow_head_holds_up_none_behind_it() -> None:
    released, done = threading.Event(), []

    def work(number: int) -> int:
        if number == 0:
            assert released.wait(60), "those behind the head were not worked on"
        done.append(number)
        if len(done) == 99:
            released.set()
        return number

    with ProcessSandbox(workers=2) as pool:
        assert list(pool.map(work, range(100))) == list(range(100))
    assert done[-1] == 0


def test_a_bounded_number_is_in_flight_and_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.sandbox.pool.HELD", 10)
    drawn: list[int] = []

    def work(number: int) -> int:
        if number == 0:
            time.sleep(0.5)  # whatever will be drawn is drawn by then
        return len(drawn)

    with ProcessSandbox(workers=2) as pool:
        assert next(pool.map(work, (drawn.append(number) or number for number in range(100)))) <= 18, "eight in flight, ten held"


def test_a_run_on_the_reserved_worker_holds_up_none_of_the_others(tmp_path: Path) -> None:
    waits = f"import os, time\nwhile not os.path.exists('{tmp_path}/go'): time.sleep(0.01)\nprint('seen')"
    limits = RunLimits(cpu_s=60, wall_s=60)
    with ProcessSandbox(workers=1) as pool, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(pool.execute, Program("python", waits, [Run()], limits), reserved=True)
        for _ in range(5):
            assert pool.execute(Program("python", "print(1)", [Run()], limits)).runs[0].stdout == b"1\n"
        (tmp_path / "go").touch()
        assert waiting.result().runs[0].stdout == b"seen\n"


def test_reserved_containers_go_before_the_others() -> None:
    with DockerSandbox(workers=1) as own:
        for reserved in (False, True):
            own.execute(Program("python", "print(1)", [Run()], LIMITS), reserved=reserved)
        found = [engine().containers.get(name) for name in containers_of_this_process()]
        shares = {one.attrs["HostConfig"]["CpuShares"] for one in found}
    assert {SHARES, RESERVED_SHARES} <= shares


def test_runs_that_were_sent_ahead_are_not_run_once_they_are_unwanted(sandbox: DockerSandbox) -> None:
    """The first is wrong; the endless ones behind it have long been sent."""
    code = "if input() == 'loop':\n    while True: pass"
    runs = [Run(stdin=b"wrong\n"), *[Run(stdin=b"loop\n")] * 5]
    before = time.monotonic()
    outcome = sandbox.execute(Program("python", code, runs, RunLimits(cpu_s=30, wall_s=60)), lambda index, run: True)
    assert len(outcome.runs) == 1
    assert time.monotonic() - before < 30, "one of the others was run to its end"
    assert serves(sandbox)


def test_the_process_sandbox_runs_the_same_programs_and_says_what_it_is() -> None:
    with ProcessSandbox(workers=1) as pool:
        outcome = pool.execute(Program("python", "print(input())", [Run(stdin=b"hi\n")], LIMITS))
        assert (outcome.isolation_level, outcome.runs[0].stdout) == ("process", b"hi\n")
        loop = pool.execute(Program("python", "while True: pass", [Run()], LIMITS))
        assert loop.runs[0].status == "time_limit"
        after = pool.execute(
            Program("python", "import os\nif os.fork():\n    print('x')\nelse:\n    while True: pass", [Run()], LIMITS)
        )
        assert after.runs[0].status == "ok"


def test_process_sandboxes_side_by_side_leave_each_other_alone() -> None:
    napping = Program("python", "import time\ntime.sleep(0.5)\nprint('rested')", [Run()] * 3, RunLimits(wall_s=60))
    busy = Program("python", "print(1)", [Run()] * 3, RunLimits(wall_s=60))
    with ProcessSandbox(workers=1) as one, ProcessSandbox(workers=1) as other:
        results: list[RunOutcome] = []
        thread = threading.Thread(target=lambda: results.extend(one.execute(napping).runs))
        thread.start()
        while thread.is_alive():
            assert [found.status for found in other.execute(busy).runs] == ["ok"] * 3
        assert [found.stdout for found in results] == [b"rested\n"] * 3


def test_a_run_finds_the_same_surroundings_however_it_was_launched(sandbox: DockerSandbox) -> None:
    """``launch.c`` in the container, ``launch.py`` in the local process: two ways to one state, whoever started us."""
    code = """
import os, resource, signal, sys
print(sys.argv[1:], os.getsid(0) == os.getpid(), os.listdir('.'), os.path.basename(os.getcwd()).startswith('box'))
print([resource.getrlimit(getattr(resource, name)) for name in ('RLIMIT_CPU', 'RLIMIT_FSIZE', 'RLIMIT_NOFILE', 'RLIMIT_CORE')])
print(sorted(int(fd) for fd in os.listdir('/proc/self/fd'))[:3], [signal.getsignal(s) for s in (2, 13, 15, 17)])
print(sys.stdin.encoding, sys.stdin.seekable(), sys.stdout.line_buffering, open('a/b.txt').read(), __name__)
sys.stdout.write(sys.stdin.read())
"""
    run_ = Run(stdin=b"in\xff\n", argv=("x y", ""), files={"a/b.txt": b"file"})
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with ProcessSandbox(workers=1) as local:
            native, plain = (pool.execute(Program("python", code, [run_], LIMITS)).runs[0] for pool in (sandbox, local))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (native.status, native.stderr) == ("ok", b"")
    assert native.stdout.splitlines() == plain.stdout.splitlines()
    assert b"['x y', ''] True ['a'] True" in native.stdout and native.stdout.endswith(b"in\xff\n")


def test_without_an_engine_only_our_own_programs_run_unisolated(monkeypatch, caplog) -> None:
    from resources.sandbox.api import SandboxUnavailable
    from resources.settings import SandboxResource

    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent.sock")
    with pytest.raises(SandboxUnavailable, match="make docker-engine"):
        SandboxResource().opened()
    assert isinstance(SandboxResource().opened(trusted=True), ProcessSandbox)
    assert "NO ISOLATION" in caplog.text
    assert isinstance(SandboxResource(kind="process").opened(), ProcessSandbox)
    with pytest.raises(SandboxUnavailable):
        SandboxResource(kind="docker").opened(trusted=True)


def test_time_without_a_core_is_not_time_asleep(tmp_path) -> None:
    from sandbox_images.runner.kernel import starved_s

    for pid, thread, delay in ((7, 7, 10**9), (7, 8, 3 * 10**9), (9, 9, 2 * 10**9)):
        folder = tmp_path / str(pid) / "task" / str(thread)
        folder.mkdir(parents=True)
        (folder / "schedstat").write_text(f"5000000 {delay} 12\n")
    assert starved_s([7, 9, 11], proc=str(tmp_path)) == 3.0
    assert starved_s([11], proc=str(tmp_path)) == 0
