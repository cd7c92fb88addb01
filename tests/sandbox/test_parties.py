"""A program and its interactor: each has its own folder, user, memory and CPU account, and neither finds or fills the other's."""

import pytest

from ocr_assets.programs.suites import Suite, suite_from_json
from ocr_assets.verification.grading.grade import grade
from resources.sandbox.docker_pool import DockerSandbox

# It writes a megabyte beside its input after the program has said what it wants to, then asks for the sum.
INTERACTOR = """
import sys
a, b = map(int, open(sys.argv[1]).read().split())
print('begin', flush=True)
assert sys.stdin.readline().strip() == 'ready'
with open('notes', 'wb') as file:
    file.write(b'x' * 2**20)
for number in range(100):
    open(f'note{number}', 'w').close()
print(a, b, flush=True)
sys.exit(42 if sys.stdin.readline().split() == [str(a + b)] else 43)
"""


def suite(**limits: float) -> Suite:
    interactor = {"language": "python", "source": INTERACTOR, "protocol": "kattis"}
    limits = {"cpu_s": 2, "wall_s": 120, "memory_mb": 512, "processes": 64, "language_factor": {"python": 1}, **limits}  # type: ignore[dict-item]
    tests = [{"kind": "stdin", "input": "1 2", "output": "3"}]
    return suite_from_json({"tests": tests, "interactor": interactor, "limits": limits})


PLAY = "input()\n{}\nprint('ready', flush=True)\na, b = map(int, input().split())\nprint(a + b, flush=True)\n"
FILLERS = {
    "nothing": "pass",
    "every byte of /tmp": "f = open('/tmp/full', 'wb')\ntry:\n    while True: f.write(b'x' * 2**20); f.flush()\nexcept OSError: pass",
    "every inode of /tmp": "n = 0\ntry:\n    while True:\n        open(f'/tmp/i{n}', 'w').close()\n        n += 1\nexcept OSError: pass",
    "files that are called like boxes": "import os\nfor n in range(100):\n    os.makedirs(f'/tmp/box_{n}/box', exist_ok=True)\n    try: os.mkdir(f'/tmp/box{n}')\n    except OSError: pass",
    "the judge's folder": "import os\nfor n in range(200):\n    try: open(f'/run/judge/f{n}', 'w').close()\n    except OSError: pass\n    else: raise SystemExit('it could write there')\ntry: os.listdir('/run/judge')\nexcept OSError: pass\nelse: raise SystemExit('it could look there')",
}


@pytest.mark.parametrize("name", FILLERS)
def test_what_a_program_fills_its_interactor_does_not_feel(sandbox: DockerSandbox, name: str) -> None:
    code = PLAY.format(FILLERS[name])
    judged = grade(sandbox, "python", code, suite(cpu_s=20))
    # Files in memory count as the program's own; a full /tmp is more than it may have.
    assert judged["verdict"] in (("accepted", "memory_limit") if "byte" in name else ("accepted",)), judged
    assert grade(sandbox, "python", PLAY.format("pass"), suite())["verdict"] == "accepted", "the next run is not disturbed"


BURN = """
import os, signal, time
def burn(seconds):
    start = time.process_time()
    while time.process_time() - start < seconds: pass
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(60):
    if os.fork() == 0:
        burn(0.04)
        os._exit(0)
    try: os.wait()
    except ChildProcessError: pass
"""


def test_cpu_time_of_children_nobody_waits_for_counts_in_interactions_too(sandbox: DockerSandbox) -> None:
    judged = grade(sandbox, "python", PLAY.format(BURN), suite(cpu_s=0.5))
    assert judged["verdict"] == "time_limit", judged
