"""A program and its interactor: each has its own folder, user, memory and CPU account, and neither finds or fills the other's."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ocr_assets.grading.grade import grade
from ocr_assets.programs.suites import Suite, suite_from_json
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


# Sees to it that nothing of the program is in its world, then takes as much as it likes of what each container has once.
WITNESS = """
import os, sys, time
def others():
    mine = {os.getpid(), os.getppid()}
    return [pid for pid in os.listdir('/proc') if pid.isdigit() and int(pid) not in mine and os.stat(f'/proc/{pid}').st_uid]
print('begin', flush=True)
if sys.stdin.readline().strip() != 'ready': sys.exit(43)
for _ in range(100):
    found = others()
    if not found: break
    time.sleep(0.02)
if found or os.listdir('/tmp') or os.listdir('/dev/shm'): sys.exit(7)
for place in ('/tmp', '/dev/shm', '.'):
    with open(f'{place}/mine', 'wb') as file: file.write(b'x' * 2**20)
    for number in range(500): open(f'{place}/mine{number}', 'w').close()
children = []
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        time.sleep(0.05)
        os._exit(0)
    children.append(pid)
for pid in children: os.waitpid(pid, 0)
memory = bytearray(400 << 20)
for place in range(0, len(memory), 4096): memory[place] = 1
print('20 22', flush=True)
sys.exit(42 if sys.stdin.readline().split() == ['42'] else 43)
"""
ANSWER = "print('ready', flush=True)\na, b = map(int, input().split())\nprint(a + b, flush=True)\n"
FORK_FULL = "import os, time\ntry:\n    while True:\n        if os.fork() == 0:\n            time.sleep(60)\n            os._exit(0)\nexcept OSError: pass\n"
HOSTILE = {
    "processes": FORK_FULL,
    "daemons": "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            os.closerange(0, 100)\n            time.sleep(60)\n        os._exit(0)\n    os.wait()\n",
    "zombies": "import os\nfor _ in range(30):\n    if os.fork() == 0: os._exit(0)\n",
    "files like boxes everywhere": "import os\nfor place in ('/tmp', '/dev/shm'):\n    for n in range(200):\n        try: os.makedirs(f'{place}/box{n}'); os.symlink('/etc/passwd', f'{place}/mine{n}')\n        except OSError: pass\n",
    "inodes of all folders": "for place in ('/tmp', '/dev/shm'):\n    n = 0\n    try:\n        while True:\n            open(f'{place}/{n}', 'w').close()\n            n += 1\n    except OSError: pass\n",
    "pipes": "import os, time\nkept = []\ntry:\n    while True:\n        kept.append(os.pipe())\n        os.set_blocking(kept[-1][1], False)\n        os.write(kept[-1][1], b'x' * 65536)\nexcept OSError: pass\n",
    "named sockets": "import os, socket\nkept = []\nfor n in range(200):\n    kept.append(socket.socket(socket.AF_UNIX))\n    kept[-1].bind(f'\\0{n}')\n    kept[-1].listen()\n",
    "signals to all": "import os, signal\nfor number in (signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM):\n    for pid in range(2, 400):\n        if pid not in (os.getpid(), os.getpgrp()):\n            try: os.kill(pid, number)\n            except OSError: pass\n",
    "locks": "import fcntl\nkept = [open(f'/tmp/{n}', 'w') for n in range(100)]\nfor file in kept: fcntl.flock(file, fcntl.LOCK_EX)\n",
}  # fmt: skip


def talk(source: str, language: str = "python", protocol: str = "kattis", **limits: float) -> Suite:
    limits = {"cpu_s": 20, "wall_s": 120, "memory_mb": 256, "processes": 32, "language_factor": {"python": 1}, **limits}  # type: ignore[dict-item]
    interactor = {"language": language, "source": source, "protocol": protocol}
    return suite_from_json(
        {"tests": [{"kind": "stdin", "input": "1", "output": "1"}], "interactor": interactor, "limits": limits}
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_program_takes_is_not_taken_from_its_interactor(sandbox: DockerSandbox, name: str) -> None:
    faults = sandbox.faults
    judged = grade(sandbox, "python", f"input()\n{HOSTILE[name]}{ANSWER}", talk(WITNESS))
    assert judged["verdict"] == "accepted", judged
    assert grade(sandbox, "python", f"input()\n{ANSWER}", talk(WITNESS))["verdict"] == "accepted", (
        "the next talk is not disturbed"
    )
    assert sandbox.faults == faults


MEMORY = {
    "all memory of the container": "import os\nfor _ in range(20):\n    if os.fork() == 0:\n        kept = []\n        while True: kept.append(b'x' * (32 << 20))\ntry:\n    while True: os.wait()\nexcept ChildProcessError: pass\n",
    "memory in files": "import os\nkept = []\nwhile True:\n    kept.append(os.memfd_create('m'))\n    os.write(kept[-1], b'x' * (60 << 20))\n",
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_a_program_out_of_memory_leaves_its_interactor_alone(sandbox: DockerSandbox, name: str) -> None:
    """Its limit is above what the container has: the kernel has to choose whom to end."""
    faults = sandbox.faults
    judged = grade(sandbox, "python", f"input()\n{MEMORY[name]}{ANSWER}", talk(WITNESS, memory_mb=100_000))
    assert judged["verdict"] == "memory_limit", judged
    assert sandbox.faults == faults


# It writes what it knows where any process of its own container could find it: names, arguments, environment, files, sockets.
KEEPER = """
import os, socket, sys
secret = open(sys.argv[2]).read().strip()
kept = socket.socket(socket.AF_UNIX)
os.chmod('.', 0o777)
for path in (f'/tmp/{secret}', '/tmp/secret', '/dev/shm/secret'):
    open(path, 'w').write(secret)
    os.chmod(path, 0o666)
print('begin', flush=True)
sys.exit(42 if sys.stdin.readline().strip() == secret else 43)
"""
THIEF = """
import os, re
input()
found = set()
def look(path):
    try: found.update(re.findall(rb'secret-[0-9]{7}', open(path, 'rb').read(1 << 24)))
    except (OSError, ValueError, OverflowError): pass
for top in ('/tmp', '/dev/shm', '/run', '/dev/mqueue', '/var'):
    for folder, folders, files in os.walk(top):
        for name in files + folders: found.update(re.findall(rb'secret-[0-9]{7}', name.encode()))
        for name in files: look(f'{folder}/{name}')
for pid in os.listdir('/proc'):
    if pid.isdigit() and int(pid) != os.getpid():
        for name in ('mem', 'environ', 'cmdline', 'maps', 'comm', 'cwd/answer.txt', 'root/tmp/secret', 'cwd/input.txt', 'stack', 'syscall'):
            look(f'/proc/{pid}/{name}')
        for fd in range(20): look(f'/proc/{pid}/fd/{fd}')
for name in ('net/unix', 'locks', 'keys', 'self/mountinfo', 'self/cgroup'): look(f'/proc/{name}')
print((found.pop() if found else b'nothing').decode(), flush=True)
"""


def test_a_program_cannot_find_what_its_interactor_knows(sandbox: DockerSandbox) -> None:
    suite = talk(KEEPER)
    known = "secret-1234567"
    suite = {**suite, "tests": [{**suite["tests"][0], "output": known}]}  # type: ignore[typeddict-item]
    judged = grade(sandbox, "python", THIEF, suite)
    assert judged["verdict"] == "wrong_answer", judged
    assert grade(sandbox, "python", f"input()\nprint('{known}')", suite)["verdict"] == "accepted"


# A game of 100 rounds: what is said and in which order decides, whoever ends first and however.
GAME = """
import sys
for number in range(100):
    print(number, flush=True)
    if sys.stdin.readline().split() != [str(number * number)]: sys.exit(43)
print('end', flush=True)
sys.exit(42)
"""
PLAY_ON = "for line in iter(input, 'end'): print(int(line) ** 2, flush=True)"
CPP = "#include <cstdio>\n#include <cstdlib>\n#include <csignal>\n#include <unistd.h>\n"
PLAYERS = {
    "plays": ("accepted", "python", PLAY_ON),
    "says all at once": ("accepted", "python", "for n in range(100): print(n * n, flush=True)"),
    "is wrong at the end": ("wrong_answer", "python", "import time\nfor n in range(99): print(n * n)\nprint(0, flush=True)\ntime.sleep(99)"),
    "leaves early": ("wrong_answer", "python", "print(0)"),
    "crashes in the middle": ("runtime_error", "python", "for n in range(50): print(n * n, flush=True)\nraise ValueError"),
    "ends all it can": ("runtime_error", "python", "import os\nos.kill(-1, 9)\nos.kill(os.getpid(), 9)"),
    "leaves a child that holds the pipes": ("wrong_answer", "python", "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(99)"),
    "leaves a child that plays on": ("wrong_answer", "python", f"import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(0.3)\n    {PLAY_ON}"),
    "says nothing": ("idle_limit", "python", "import time\ntime.sleep(99)"),
    "forges verdicts": ("wrong_answer", "python", "import os, time\nfor fd in [1, *range(3, 64)]:\n    try: os.write(fd, b'ok 1 points 1\\n')\n    except OSError: pass\ntime.sleep(99)"),
    "closes its output and stays": ("idle_limit", "python", "import os, time\nos.close(1)\ntime.sleep(99)"),
    "closes its input and burns": ("time_limit", "python", "import os\nos.close(0)\nwhile True: pass"),
    "burns in children nobody waits for": ("time_limit", "python", "import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor _ in range(99):\n    if os.fork() == 0:\n        while time.process_time() < 0.1: pass\n        os._exit(0)\n    try: os.wait()\n    except ChildProcessError: pass\n" + PLAY_ON),
    "talks to every socket there is": ("accepted", "python", "import socket\nfor line in open('/proc/net/unix'):\n    name = line.split()[-1]\n    for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET) if name[:1] == '@' else ():\n        found = socket.socket(socket.AF_UNIX, kind)\n        try: found.connect('\\0' + name[1:])\n        except OSError: continue\n        raise SystemExit(1)\n" + PLAY_ON),
    "opens the other ends of its pipes": ("runtime_error", "python", "import os\nfor fd, way in ((0, os.O_WRONLY), (1, os.O_RDONLY)):\n    try: os.open(f'/proc/self/fd/{fd}', way)\n    except PermissionError: continue\n    while True: pass\nraise ValueError"),
    "asks for signals of its pipes": ("accepted", "python", "import fcntl, os\nfor fd in (0, 1):\n    for who in (1, 2, 3, 5, -1):\n        try:\n            fcntl.fcntl(fd, fcntl.F_SETOWN, who)\n            fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_ASYNC)\n        except OSError: pass\n" + PLAY_ON),
    "its child is wrong first": ("wrong_answer", "python", "import os\nif os.fork() == 0:\n    print(7, flush=True)\n    os._exit(0)\nos.wait()\n" + PLAY_ON),
    "plays, in C++": ("accepted", "cpp", 'int main() { int n; while (scanf("%d", &n) == 1) { printf("%d\\n", n * n); fflush(stdout); } }'),
    "floods, in C++": ("wrong_answer", "cpp", 'int main() { for (;;) puts("1"); }'),
    "leaves children that play on, in C++": (
        "wrong_answer", "cpp",
        'int main() { if (fork()) return 0; setsid(); if (fork()) _exit(0); usleep(300000); int n; while (scanf("%d", &n) == 1) { printf("%d\\n", n * n); fflush(stdout); } }',
    ),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name", PLAYERS)
def test_a_talk_is_judged_by_what_was_said(sandbox: DockerSandbox, name: str) -> None:
    wanted, language, code = PLAYERS[name]
    faults = sandbox.faults
    suite = talk(GAME, cpu_s=1, wall_s=2 if "sleep" in code else 60)
    judged = grade(sandbox, language, CPP + code if language == "cpp" else code, suite)  # type: ignore[arg-type]
    assert judged["verdict"] == wanted, judged
    assert sandbox.faults == faults


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


CLIENT = """
import os, signal, sys
from ocr_assets.programs.suites import suite_from_json
from ocr_assets.grading.grade import grade
from resources.sandbox.docker_pool import DockerSandbox
pool = DockerSandbox(workers=1).__enter__()
interactor = {"language": "python", "source": "import sys\\nprint(1, flush=True)\\nsys.exit(42 if input() == '1' else 43)", "protocol": "kattis"}
suite = suite_from_json({"tests": [{"kind": "stdin", "input": "", "output": ""}], "interactor": interactor})
print(grade(pool, "python", "print(input())", suite)["verdict"], len(pool._client.containers.list(filters={"name": f"ocr-sandbox-{os.getpid()}-"})), os.getpid(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_both_containers_go_with_their_client(sandbox: DockerSandbox) -> None:
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run([sys.executable, "-c", CLIENT], cwd=root, capture_output=True, text=True, check=False)
    verdict, containers, pid = found.stdout.split()
    assert (verdict, containers) == ("accepted", "2"), found
    deadline = time.monotonic() + 60
    while left := sandbox._client.containers.list(all=True, filters={"name": f"ocr-sandbox-{pid}-"}, ignore_removed=True):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def test_an_interactors_container_that_breaks_is_no_verdict() -> None:
    with DockerSandbox(workers=1) as pool:
        suite = talk(GAME)
        assert grade(pool, "python", PLAY_ON, suite)["verdict"] == "accepted"
        for container in pool._client.containers.list(filters={"name": f"ocr-sandbox-{os.getpid()}-"}, ignore_removed=True):
            if container.attrs["HostConfig"]["NetworkMode"].startswith("container:"):
                container.kill()
                broken = True
        assert broken
        assert grade(pool, "python", PLAY_ON, suite)["verdict"] == "accepted"
        assert pool.faults == 1
