"""Suites that are asked as calls (``runner/script.py``): cheats on that way, and limits, in the real sandbox."""

from collections.abc import Iterator

import pytest

from resources.sandbox.docker_pool import DockerSandbox
from tests.support.suites_apart import IMPORT, judged


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool
        assert pool.faults == 0, "a program broke a sandbox"


ROUND_TRIP = IMPORT + "def test_a(): assert encode('abc') == 'secret-xyz'\ndef test_b(): assert decode('secret-xyz') == 'abc'\n"
RIGHT = "def encode(x): return 'secret-xyz'\ndef decode(x): return 'abc'\n"
DECODE = "\ndef decode(x): return 'abc'\n"
LOOK = """
import gc, os, sys, re
def seen():
    frame = sys._getframe()
    while frame is not None:
        yield from map(str, frame.f_locals.values())
        frame = frame.f_back
    for one in gc.get_objects():
        yield from (str(item) for item in (one if type(one) in (list, tuple) else one.values() if type(one) is dict else ()) if type(item) in (str, bytes, list))
    for fd in range(32):
        try: yield str(os.pread(fd, 100000, 0))
        except OSError: pass
    for line in open('/proc/self/maps'):
        start, end = (int(x, 16) for x in line.split()[0].split('-'))
        if 'rw' in line and end - start < 1 << 24:
            with open('/proc/self/mem', 'rb', 0) as memory:
                memory.seek(start)
                try: yield memory.read(end - start).decode('latin-1')
                except OSError: pass
SEARCH = 'sec' + 'ret-'
def encode(x):
    for text in seen():
        if hit := re.search(SEARCH + r'\\w+', text): return hit[0]
"""
REFUSED = {
    "looks for what comes later": LOOK + DECODE,
    "answers by itself": "import os\ndef encode(x):\n    for _ in range(9): os.write(4, b'.')\n    return 'no'" + DECODE,
    "answers while it is loaded": "import os\nos.write(4, b'....')\ndef encode(x): return 'no'" + DECODE,
    "leaves in the middle": "import os\ndef encode(x): os._exit(0)" + DECODE,
    "hangs up": "import os\ndef encode(x):\n    os.close(4)\n    return 'secret-xyz'" + DECODE,
    "makes its result longer": "import os, threading\ndef more():\n    while True: os.pwrite(3, b'x', 5)\nthreading.Thread(target=more, daemon=True).start()\ndef encode(x): return 'no'" + DECODE,
    "patches what the runner needs": "import builtins, os\nbuiltins.len = lambda x: 0\nbuiltins.isinstance = lambda *x: True\ndef encode(x): return 'no'" + DECODE,
    "floods its result": "import os\ndef encode(x): return 'x' * (1 << 25)" + DECODE,
}  # fmt: skip


def test_what_is_right_is_accepted_and_trusted(sandbox: DockerSandbox) -> None:
    result = judged(sandbox, RIGHT, ROUND_TRIP)
    assert (result["verdict"], result["untrusted_reason"]) == ("accepted", None), result


@pytest.mark.parametrize("name", REFUSED)
def test_a_cheat_is_not_accepted(sandbox: DockerSandbox, name: str) -> None:
    result = judged(sandbox, REFUSED[name], ROUND_TRIP)
    assert result["verdict"] in ("wrong_answer", "runtime_error", "output_limit", "memory_limit", "time_limit"), result


LIMITS = {
    "time_limit": "def encode(x):\n    while True: pass" + DECODE,
    "memory_limit": "def encode(x): return len([bytes(1 << 20) + b'x' for _ in range(700)])" + DECODE,
    "output_limit": "def encode(x):\n    while True: print('x' * 100000)" + DECODE,
}


@pytest.mark.slow
@pytest.mark.parametrize("verdict", LIMITS)
def test_a_limit_that_calls_cross_is_the_verdict(sandbox: DockerSandbox, verdict: str) -> None:
    assert judged(sandbox, LIMITS[verdict], ROUND_TRIP, cpu_s=1 if verdict == "time_limit" else 3)["verdict"] == verdict


def test_a_failure_is_described_by_the_suite_itself(sandbox: DockerSandbox) -> None:
    result = judged(sandbox, RIGHT.replace("'abc'", "'abd'"), ROUND_TRIP)
    assert result["verdict"] == "wrong_answer" and "abd" in result["message"], result
