"""Every attack of docs/grading.md, §5, ends in the right verdict; the next program and a neighbour notice nothing; and when all
are over, nothing of them is left: no process, container, mount, control group, volume or file, on the host or inside."""

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_assets.grading.grade import grade
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.programs.suites import suite_from_json
from resources.sandbox.api import Outcome, Program, Run, RunLimits, RunOutcome
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.reaper import LABEL, owner
from tests.support.attacks import ATTACKS, COMPILER, MARK, SPIN, Attack

pytestmark = pytest.mark.alone  # the host is searched for what got out

CALM = RunLimits(cpu_s=30, wall_s=120, memory_mb=256)
PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/etc", "/opt", "/root")  # of the host, where a file could have got out to


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    """Two workers: an attack on one, its neighbour on the other. When it ends, the host is searched."""
    mounts, volumes = len(Path("/proc/self/mounts").read_text().splitlines()), docker("volume", "ls", "-q")
    with DockerSandbox(workers=2) as pool:
        assert serve_both(pool)
        containers = of_this_process()
        assert len(containers) == 2
        yield pool
        assert pool.faults == 0
        assert of_this_process() == containers, "the same two served to the end"
        for container in containers:  # a read-only root: nothing was written anywhere but in the tmpfs folders, empty by now
            changed = docker("diff", container)
            assert MARK not in changed and all(line.split()[1].startswith(("/dev", "/tmp")) for line in changed.splitlines())
        inside = [docker("exec", container, "find", "/", "-xdev", "-name", f"*{MARK}*") for container in containers]
        assert inside == ["", ""]
    deadline = time.monotonic() + 60
    while (left := traces(containers)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []
    assert docker("volume", "ls", "-q") == volumes
    assert len(Path("/proc/self/mounts").read_text().splitlines()) <= mounts + 20  # others' containers come and go


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def of_this_process() -> set[str]:
    return set(docker("ps", "-aq", "--no-trunc", "--filter", f"label={LABEL}={owner()}").split())


def traces(containers: set[str]) -> list[str]:
    """What the host still has of these containers and of what attacks wrote."""
    found = [f"container {name}" for name in of_this_process()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cgroup").read_text()
        except OSError:
            continue  # it ended while we looked
        found += [f"process {process.name} of {name}" for name in containers if name in text]
    mounts = Path("/proc/mounts").read_text()
    found += [f"mount of {name}" for name in containers if name in mounts]
    for name in containers:
        found += [f"control group {path}" for path in Path("/sys/fs/cgroup").glob(f"*/docker/{name}")]
        found += [f"control group {path}" for path in Path("/sys/fs/cgroup").glob(f"system.slice/docker-{name}.scope")]
    places = [place for place in PLACES if Path(place).is_dir()]
    files = subprocess.run(["find", *places, "-xdev", "-name", f"*{MARK}*"], capture_output=True, text=True, check=False).stdout
    return found + [f"file {name}" for name in files.split()]


HONEST = """
import os, sys, time
assert sys.modules['__main__'].__dict__['os'] is os
print(sum(map(int, input().split())), os.listdir('.'), os.listdir('/dev/shm'), [n for n in os.listdir('/tmp') if n[:3] != 'box'])
time.sleep(0.1)
print(len([p for p in os.listdir('/proc') if p.isdigit()]))
"""


def honest(pool: DockerSandbox) -> RunOutcome:
    return pool.execute(Program("python", HONEST, [Run(stdin=b"20 22\n")], CALM)).runs[0]


def is_served(found: RunOutcome) -> bool:
    """The right answer, in an empty box, beside supervisor, zygotes (plain, pytest, numpy) and template alone."""
    answer, processes = found.stdout.decode().splitlines()
    return found.status == "ok" and answer == "42 [] [] []" and int(processes) <= 6


def serve_both(pool: DockerSandbox) -> bool:
    """Both workers at once serve honest programs."""
    return all(is_served(found) for found in pool.map(lambda _: honest(pool), range(2)))


class Neighbour:
    """``with Neighbour(pool)``: an honest program again and again on the other worker; each run must be right."""

    def __init__(self, pool: DockerSandbox) -> None:
        self._pool, self._over, self._results = pool, threading.Event(), list[RunOutcome]()
        self._thread = threading.Thread(target=self._live)

    def _live(self) -> None:
        while not self._over.is_set():
            self._results.append(honest(self._pool))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()
        assert self._results and all(map(is_served, self._results)), self._results


def attacked(pool: DockerSandbox, attack: Attack) -> Outcome:
    with Neighbour(pool):
        outcome = pool.execute(Program(attack.language, attack.code, [Run(stdin=attack.stdin)], attack.limits))
    assert serve_both(pool)
    assert pool.faults == 0
    return outcome


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_contained(sandbox: DockerSandbox, name: str) -> None:
    attack = ATTACKS[name]
    outcome = attacked(sandbox, attack)
    assert outcome.compiled, outcome.compile_message
    found = outcome.runs[0]
    assert found.status in attack.ends.split(), found
    assert attack.stdout is None or found.stdout == attack.stdout, found


@pytest.mark.parametrize("name", COMPILER)
def test_compilers_are_contained(sandbox: DockerSandbox, name: str) -> None:
    outcome = attacked(sandbox, Attack(COMPILER[name].code, "", SPIN, language="cpp"))
    assert not outcome.compiled and outcome.compile_message
    assert "OCR_" not in outcome.compile_message  # the supervisor's environment


@pytest.mark.parametrize(
    "source", ["x = " + "[" * 5000 + "]" * 5000, "x = " + "-" * 10**5 + "1", "x = '" + "\0" + "'", "(" * 10**6]
)
def test_sources_that_break_the_python_compiler(sandbox: DockerSandbox, source: str) -> None:
    outcome = attacked(sandbox, Attack(source, ""))
    assert not outcome.compiled or outcome.runs[0].status in ("ok", "runtime_error")


def test_a_program_never_finds_a_later_tests_input_nor_an_earlier_ones(sandbox: DockerSandbox) -> None:
    """It searches its own memory: what is there came with it. The pattern does not match its own text."""
    code = """
import re
found = set()
for line in open('/proc/self/maps'):
    span, modes = line.split()[:2]
    if modes[0] != 'r' or 'vsyscall' in line or 'vvar' in line: continue
    start, end = (int(part, 16) for part in span.split('-'))
    with open('/proc/self/mem', 'rb') as memory:
        try:
            memory.seek(start)
            found.update(re.findall(rb'secret-[0-9]{7}', memory.read(end - start)))
        except (OSError, ValueError, OverflowError): continue
print(sorted(found), open(0).read())
"""
    runs = [Run(stdin=b"secret-%07d" % number) for number in (1234567, 2345678, 3456789)]
    outcome = sandbox.execute(Program("python", code, runs, CALM))
    assert [run.stdout for run in outcome.runs] == [b"[] %s\n" % run.stdin for run in runs], outcome


# ---- attacks on the grading itself: the verdict is a whole grader's, on asserts, calls and pytest ---------------------

CALL = {"kind": "call", "entry": "f", "args": [3], "expected": 9}
ASSERT = {"kind": "assert", "code": "x = 3\nassert f(x) == 9\nassert f(4) == 16"}
PYTEST = {
    "kind": "pytest",
    "code": "from solution import f\n\ndef test_three():\n    assert f(3) == 9\n\ndef test_four():\n    assert f(4) == 16\n",
}
KINDS = {"call": CALL, "assert": ASSERT, "pytest": PYTEST}
FORGERIES = {
    "sys.exit(0)": "import sys\nsys.exit(0)\ndef f(x): pass",
    "sys.exit(0) in the call": "import sys\ndef f(x): sys.exit(0)",
    "os._exit(0)": "import os\ndef f(x): os._exit(0)",
    "atexit": "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): return 0",
    "equal to all": "class A:\n    __eq__ = lambda s, o: True\n    __ne__ = lambda s, o: False\n    __hash__ = lambda s: 9\n    __repr__ = lambda s: '9'\ndef f(x): return A()",
    "an int equal to all": "class A(int):\n    __eq__ = lambda s, o: True\n    __hash__ = int.__hash__\n    __index__ = lambda s: 9\ndef f(x): return A(5)",
    "result channel": "import os\nfor fd in range(3, 50):\n    for text in (b'9', b'{\"passed\": true}', b'{\"passed\": \"\"}', b'{\"verdict\": \"accepted\"}'):\n        try: os.pwrite(fd, text, 0)\n        except OSError: pass\ndef f(x): os._exit(0)",
    "nested result": "import os\ndef f(x):\n    os.pwrite(3, b'[' * 10**6, 0)\n    os._exit(0)",
    "senseless result": "import os\ndef f(x):\n    os.pwrite(3, b'{\"f\": \"nine\", \"t\": 3}', 0)\n    os._exit(0)",
    "giant result": "def f(x): return 'x' * (20 << 20)",
    "builtins": "import builtins\nbuiltins.AssertionError = SystemExit\nbuiltins.__build_class__ = None\ndef f(x): return 0",
    "assert rewritten": "import ast, builtins\nold = builtins.compile\nbuiltins.compile = lambda *a, **k: old('pass', 'x', 'exec')\ndef f(x): return 0",
    "conftest and sitecustomize": "for n in ('conftest.py', 'sitecustomize.py', 'pytest.ini', 'test_solution.py'):\n    open(n, 'w').write('')\ndef f(x): return 0",
    "stack frames": "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:\n            if isinstance(value, dict) and 'expected' in value: return value['expected']\n        frame = frame.f_back\n    return 0",
    "garbage collector": "import gc\ndef f(x):\n    for value in gc.get_objects():\n        if isinstance(value, dict) and 'expected' in value: return value['expected']\n    return 0",
    "trace": "import sys\ndef f(x): return 0\nsys.settrace(lambda frame, event, arg: frame.f_locals.update(x=9))",
    "thread that ends it": "import os, threading, time\nthreading.Thread(target=lambda: (time.sleep(0.01), os._exit(0)), daemon=True).start()\ndef f(x):\n    time.sleep(0.1)\n    return 0",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FORGERIES)
def test_no_program_makes_its_own_verdict(sandbox: DockerSandbox, name: str, kind: str) -> None:
    suite = suite_from_json({"tests": [KINDS[kind]], "limits": {"cpu_s": 5, "wall_s": 120}})
    settings = GradingSettings(python_factor=1)
    judged = grade(sandbox, "python", FORGERIES[name], suite, settings)
    assert judged["verdict"] in ("wrong_answer", "runtime_error", "compile_error", "suspect"), judged
    fair = grade(sandbox, "python", "def f(x): return x * x", suite, settings)
    assert fair["verdict"] == "accepted", fair
    assert sandbox.faults == 0


@pytest.mark.parametrize(
    "code", ["raise SystemExit(0)", "import os\nos._exit(0)", "import atexit\natexit.register(print, 43)\nprint(42)"]
)
def test_stdin_programs_are_judged_by_what_they_printed(sandbox: DockerSandbox, code: str) -> None:
    suite = suite_from_json({"tests": [{"kind": "stdin", "input": "1\n", "output": "42\n"}]})
    assert grade(sandbox, "python", code, suite)["verdict"] == "wrong_answer"
