"""Calls that share a process: each verdict is that of a process of its own, whatever a program keeps, counts, burns or forges."""

from collections.abc import Iterator
from typing import Any

import pytest

from ocr_assets.grading.grade import Graded, _Job, grade
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.programs.suites import Suite, suite_from_json
from resources.sandbox.api import Program, Run, RunLimits, RunOutcome
from resources.sandbox.docker_pool import DockerSandbox

LIMITS = RunLimits(cpu_s=1, wall_s=20, memory_mb=128, output_mb=4, processes=16)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool
        assert pool.faults == 0, "a program broke a sandbox"


def calls(sandbox: DockerSandbox, code: str, *args: list[Any], together: bool = True) -> list[RunOutcome]:
    runs = [Run("call", entry="f", args=arguments, together=together) for arguments in args]
    return list(sandbox.execute(Program("python", code, runs, LIMITS)).runs)


def suite(*pairs: tuple[Any, Any], **limits: Any) -> Suite:
    tests = [{"kind": "call", "entry": "f", "args": [given], "expected": expected} for given, expected in pairs]
    return suite_from_json({"tests": tests, "limits": {"cpu_s": 0.4, "language_factor": {"python": 1}, **limits}})


def told(graded: Graded) -> tuple[Any, ...]:
    tests = [(test["index"], test["verdict"]) for test in graded["tests"]]
    return graded["verdict"], graded["first_failure"], graded["tests_passed"], tests


PIDS = "import os\ndef f(x): return os.getpid()"
COUNTS = "import os\nn = 0\ndef f(x):\n    global n\n    n += 1\n    return [n, os.getpid()]"


def test_calls_that_keep_nothing_share_a_process_and_others_do_not(sandbox: DockerSandbox) -> None:
    assert len({run.value for run in calls(sandbox, PIDS, *[[n] for n in range(10)])}) == 1
    assert len({run.value for run in calls(sandbox, PIDS, *[[n] for n in range(10)], together=False)}) == 10
    found: list[Any] = [run.value for run in calls(sandbox, COUNTS, *[[n] for n in range(10)])]
    assert [count for count, _ in found] == [1] * 10 and len({pid for _, pid in found}) == 10


def test_plain_and_literal_calls_each_see_their_own_surroundings(sandbox: DockerSandbox) -> None:
    code = "def f(x):\n    try:\n        return gcd(x, 4)\n    except NameError:\n        return 'no helpers'"
    runs = [Run("call", entry="f", args=[6], together=True), Run("call", entry="f", literals="((6,), {})", together=True)] * 2
    assert [run.value for run in sandbox.execute(Program("python", code, runs, LIMITS)).runs] == [2, "no helpers"] * 2


# (code, pairs): what is right or wrong only by what a call left behind, or by how often it was called.
STATEFUL: dict[str, tuple[str, list[tuple[Any, Any]]]] = {
    "a counter that is right by the order of the tests": (
        "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n", [(5, 1), (6, 2), (7, 3)]
    ),
    "a hidden counter": (
        "import math\ndef f(x):\n    math.n = getattr(math, 'n', 0) + 1\n    return math.n", [(n, n + 1) for n in range(20)]
    ),
    "answers that alternate, hidden": (
        "import sys\ndef f(x):\n    sys.b = not getattr(sys, 'b', False)\n    return sys.b", [(n, n % 2 == 0) for n in range(40)]
    ),
    "a list that is never emptied": ("seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)", [(1, 1), (2, 1), (3, 1)]),
    "a default that is never emptied": ("def f(x, a=[]):\n    a.append(x)\n    return a", [(1, [1]), (2, [2]), (3, [3])]),
    "hidden, and wrong from the second call on": (
        "import math\ndef f(x):\n    math.n = getattr(math, 'n', 0) + 1\n    return x if math.n == 1 else -1", [(1, 1), (2, 2), (3, 3)]
    ),
    "a memo": ("memo = {}\ndef f(x):\n    if x not in memo:\n        memo[x] = x * x\n    return memo[x]", [(n, n * n) for n in range(5)]),
    "a cache": ("from functools import cache\n@cache\ndef f(x): return x if x < 2 else f(x - 1) + f(x - 2)", [(9, 34), (8, 21)]),
    "a generator": ("g = iter(range(9))\ndef f(x): return next(g)", [(1, 0), (2, 0), (3, 0)]),
    "a file": (
        "import os\ndef f(x):\n    new = not os.path.exists('t')\n    os.mkdir('t') if new else None\n    return new", [(n, True) for n in range(5)]
    ),
    "a file, wrong": (
        "import os\ndef f(x):\n    new = not os.path.exists('t')\n    os.mkdir('t') if new else None\n    return new",
        [(n, n == 0) for n in range(5)],
    ),
    "an end in the middle": ("import os\ndef f(x):\n    if x == 2: os._exit(0)\n    return x", [(1, 1), (2, 2), (3, 3)]),
    "an error in the middle": ("def f(x): return 1 // (x - 2) * 0", [(3, 0), (2, 0), (1, 0)]),
    "wrong in the middle": ("def f(x): return x if x != 3 else 0", [(n, n) for n in range(6)]),
    "an endless loop in the middle": ("def f(x):\n    while x == 2: pass\n    return x", [(1, 1), (2, 2), (3, 3)]),
    "prints": ("def f(x):\n    print('x' * 1000000)\n    return x", [(n, n) for n in range(8)]),
    "slow to load": ("import time\nt = time.process_time()\nwhile time.process_time() < t + 0.1: pass\ndef f(x): return x", [(1, 1), (2, 2)]),
    "load and call together over the limit": (
        "import time\ndef burn(s):\n    t = time.process_time()\n    while time.process_time() < t + s: pass\n"
        "burn(0.3)\ndef f(x):\n    burn(0.4 * x)\n    return x", [(0, 0), (1, 1), (0, 0)],
    ),
    "closes every descriptor": ("import os\ndef f(x):\n    os.closerange(3, 100)\n    return x", [(1, 1), (2, 2)]),
    "sends answers itself": (
        "import os, struct\ndef f(x):\n    try:\n        for _ in range(5): os.write(4, struct.pack('=?q', True, 1))\n    except OSError: pass\n    return x", [(1, 1), (2, 2), (3, 3)]
    ),
    "answers itself and ends": (
        "import os, struct\ndef f(x):\n    try: os.write(4, struct.pack('=?q', True, 1))\n    except OSError: return x\n    os._exit(0)",
        [(1, 1), (2, 2), (3, 3)],
    ),
    "sends no answer": ("import os\ndef f(x):\n    try: os.write(4, b'?')\n    except OSError: pass\n    return x", [(1, 1), (2, 2)]),
    "patches what encodes": (
        "import json\ndef f(x):\n    json.dumps = lambda *a, **k: '7'\n    return x", [(7, 7), (8, 8), (9, 9)]
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "stop"), [*((name, True) for name in STATEFUL), ("wrong in the middle", False), ("a file", False)]
)
def test_the_verdict_is_that_of_processes_of_their_own(
    sandbox: DockerSandbox, name: str, stop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, pairs = STATEFUL[name]
    settings = GradingSettings(stop_at_first_failure=stop)
    together = grade(sandbox, "python", code, suite(*pairs), settings)
    monkeypatch.setattr(_Job, "first_run", lambda job, limits: job.run(job.tests, limits))
    assert told(together) == told(grade(sandbox, "python", code, suite(*pairs), settings))


@pytest.mark.long
def test_limits_are_each_calls_own(sandbox: DockerSandbox) -> None:
    """Six calls of 0.3 s, with a limit of 1 s, and ten that take and give back much of what memory one may have."""
    burn = "import time\ndef f(x):\n    t = time.process_time()\n    while time.process_time() < t + 0.3: pass\n    return x"
    found = calls(sandbox, burn, *[[n] for n in range(6)])
    assert [run.status for run in found] == ["ok"] * 6 and all(0.25 < run.cpu_s < 0.7 for run in found)
    many = calls(sandbox, "def f(x): return len(bytearray(x))", *[[90 << 20]] * 10)
    assert [run.status for run in many] == ["ok"] * 10 and all(run.memory_mb > 90 for run in many)
    (one, two) = calls(sandbox, "def f(x): return len(bytearray(x))", [1], [400 << 20])
    assert (one.status, two.status) == ("ok", "memory_limit")


def test_cpu_time_that_children_burn_is_the_calls_own(sandbox: DockerSandbox) -> None:
    code = "import multiprocessing as m, os\ndef f(x):\n    if os.fork() == 0:\n        while True: pass\n    return x"
    hidden = code.replace("os.fork", "getattr(os, 'fo' + 'rk')")
    found = calls(sandbox, hidden.replace("multiprocessing as m", "sys as m"), [1], [2])
    assert [run.value for run in found] == [1, 2]
    found = calls(sandbox, "def f(x): return x", [1], [2])
    assert [run.cpu_s < 0.5 for run in found] == [True, True], "what was left behind still runs"


def test_a_lie_about_memory_is_found_out(sandbox: DockerSandbox) -> None:
    """By sampling, or at the end, when all calls are asked again, each by itself."""
    code = """
import resource
class Small:
    ru_maxrss = 1
resource.getrusage = lambda who: Small
def f(x): return len(bytearray(x))
"""
    for size in (130 << 20, 300 << 20):
        found = calls(sandbox, code, [size], [0])
        assert found[0].status == "memory_limit" or found[0].memory_mb > LIMITS.memory_mb


def test_asserted_calls_share_a_process_too(sandbox: DockerSandbox) -> None:
    tests = [{"kind": "assert", "code": f"assert f({n}) == {n * n}"} for n in range(6)]
    tests.insert(3, {"kind": "assert", "code": "x = f(9)\nassert x == 81 and x != 80"})
    asserts = suite_from_json({"tests": tests})
    assert told(grade(sandbox, "python", "def f(x): return x * x", asserts))[:3] == ("accepted", None, 7)
    assert told(grade(sandbox, "python", "def f(x): return x * x if x != 9 else 0", asserts))[:3] == ("wrong_answer", 3, 3)
    assert told(grade(sandbox, "python", "def f(x): return x * x if x != 4 else 0", asserts))[:3] == ("wrong_answer", 5, 5)


def test_a_program_does_not_see_the_arguments_of_calls_to_come(sandbox: DockerSandbox) -> None:
    code = """
import gc, os
def f(x):
    found = [item for item in gc.get_objects() if type(item) is dict and 'args' in item]
    return [x, os.pread(3, 1000, 0).count(b'args'), len([one for one in found if one['args'] != [x]])]
"""
    assert [run.value for run in calls(sandbox, code, [71], [72], [73])] == [[n, 0, 0] for n in (71, 72, 73)]
