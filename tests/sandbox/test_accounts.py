"""What a run uses is counted once and as its own, wherever the kernel keeps it, and nobody it made is out of sight."""

import pytest

from resources.sandbox.api import Program, Run, RunLimits, RunOutcome
from resources.sandbox.docker_pool import DockerSandbox

ROOMY = RunLimits(cpu_s=20, wall_s=120, memory_mb=256, processes=32)


def ran(sandbox: DockerSandbox, code: str, limits: RunLimits = ROOMY) -> RunOutcome:
    faults = sandbox.faults
    found = sandbox.execute(Program("python", code, [Run()], limits)).runs[0]
    assert sandbox.faults == faults
    return found


POOL = """
import os, time
data = bytearray({size} << 20)
for place in range(0, len(data), 4096): data[place] = 1
children = []
for _ in range(4):
    if (pid := os.fork()) == 0:
        if {writes}:
            for place in range(0, len(data), 4096): data[place] = 2
        time.sleep(0.3)
        os._exit(0)
    children.append(pid)
for pid in children: os.waitpid(pid, 0)
print('done')
"""


def test_what_forked_readers_share_counts_once(sandbox: DockerSandbox) -> None:
    found = ran(sandbox, POOL.format(size=120, writes=False))
    assert (found.status, found.stdout) == ("ok", b"done\n") and found.memory_mb < 200, found


def test_what_forked_writers_have_copied_counts_for_each(sandbox: DockerSandbox) -> None:
    assert ran(sandbox, POOL.format(size=80, writes=True)).status == "memory_limit"


def test_processes_that_hide_what_they_share_count_in_full(sandbox: DockerSandbox) -> None:
    hidden = "import ctypes\nctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n" + POOL.format(size=80, writes=True)
    assert ran(sandbox, hidden).status == "memory_limit"


SOCKETS = """
import os, socket, time
def fill():
    kept = []
    try:
        while True:
            for one in socket.socketpair():
                kept.append(one)
                one.setblocking(False)
                try:
                    while True: one.send(b'x' * 65536)
                except BlockingIOError: pass
    except OSError:
        time.sleep(3)
for _ in range(6):
    if os.fork() == 0: fill()
time.sleep(3)
"""


def test_buffers_of_sockets_count(sandbox: DockerSandbox) -> None:
    found = ran(sandbox, SOCKETS)
    assert found.status == "memory_limit", found
    assert ran(sandbox, "print(1)").status == "ok"


def test_inodes_without_content_have_an_end(sandbox: DockerSandbox) -> None:
    code = "import os\nn = 0\ntry:\n    while True:\n        os.mkfifo(f'{place}/{n}')\n        n += 1\nexcept OSError: print(n < 20000)"
    for place in ("/dev/shm", "/tmp"):
        assert ran(sandbox, code.replace("{place}", place)).stdout == b"True\n"


def test_the_hosts_terminals_are_out_of_reach(sandbox: DockerSandbox) -> None:
    code = "import os\nfor path in ('/dev/ptmx', '/dev/pts/ptmx'):\n    try: os.open(path, os.O_RDWR)\n    except OSError: print('none')"
    assert ran(sandbox, code).stdout == b"none\nnone\n"


def test_a_child_the_kernel_killed_for_want_of_memory_is_the_programs(sandbox: DockerSandbox) -> None:
    """It has a larger limit than the container, and hides the fate of its child."""
    code = (
        "import os\nif os.fork() == 0:\n    kept = []\n    while True: kept.append(b'x' * (64 << 20))\nos.wait()\nprint('done')"
    )
    found = ran(sandbox, code, RunLimits(cpu_s=60, wall_s=300, memory_mb=8000))
    assert found.status == "memory_limit", found
    assert ran(sandbox, "print(1)").status == "ok"


SIBLINGS = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
born = 0
for _ in range(60):
    pid = libc.syscall(56, 0x8000 | 17, 0, 0, 0, 0)
    if pid == 0: os._exit(0)
    born += pid > 0
print(born)
"""


def test_no_process_makes_children_for_its_parent(sandbox: DockerSandbox) -> None:
    """The template would have to bury them: some of each run, until the container has no process left to give."""
    outcome = sandbox.execute(Program("python", SIBLINGS, [Run()] * 6, ROOMY))
    assert [run.stdout for run in outcome.runs] == [b"0\n"] * 6


ZOMBIES = """
import os
for _ in range(100):
    try:
        if os.fork() == 0: os._exit(0)
    except OSError: break
print('done')
"""


def test_the_dead_nobody_waited_for_make_room(sandbox: DockerSandbox) -> None:
    limits = RunLimits(cpu_s=20, wall_s=120, memory_mb=256, processes=60)
    outcome = sandbox.execute(Program("python", ZOMBIES, [Run()] * 8, limits))
    assert [run.stdout for run in outcome.runs] == [b"done\n"] * 8


def test_a_limit_beyond_the_containers_own_processes_is_no_fault_of_ours(sandbox: DockerSandbox) -> None:
    code = "import os, time\nwhile True:\n    try:\n        if os.fork() == 0: time.sleep(60)\n    except OSError: break\nprint('full')"
    found = ran(sandbox, code, RunLimits(cpu_s=20, wall_s=120, memory_mb=2000, processes=100_000))
    assert (found.status, found.stdout) == ("ok", b"full\n"), found


TEMPLATE = """
import os
def of(pid, what):
    return next(line.split()[1:] for line in open(f'/proc/{pid}/status') if line.startswith(what + ':'))
parent = os.getppid()
print('0' in of(parent, 'Uid') + of(parent, 'Gid') + of(os.getpid(), 'Uid'), of(parent, 'CapPrm'), of(parent, 'CapEff'))
for number in (9, 15, 19):
    try: os.kill(parent, number)
    except PermissionError: continue
    raise SystemExit('it took a signal')
for name in ('mem', 'environ', 'maps', 'fd', 'smaps_rollup'):
    try: os.listdir(f'/proc/{parent}/fd') if name == 'fd' else open(f'/proc/{parent}/{name}').read()
    except PermissionError: continue
    raise SystemExit(f'it could read {name}')
for user in of(parent, 'Uid')[0], 0:
    try: os.setresuid(int(user), -1, -1)
    except PermissionError: continue
    raise SystemExit(f'it became {user}')
"""


def test_untrusted_source_is_compiled_without_privileges(sandbox: DockerSandbox) -> None:
    """And the process that does it is another user than the runs that come from it."""
    found = ran(sandbox, TEMPLATE)
    none = "['0000000000000000']"
    assert (found.status, found.stdout.decode()) == ("ok", f"False {none} {none}\n"), found


@pytest.mark.parametrize("code", ["import os\nos.kill(-1, 9)", "import os\nos.killpg(0, 9)"])
def test_a_program_that_kills_all_it_can_kills_itself_alone(sandbox: DockerSandbox, code: str) -> None:
    outcome = sandbox.execute(Program("python", f"print(input(), flush=True)\n{code}", [Run(stdin=b"1"), Run(stdin=b"2")], ROOMY))
    assert [run.stdout for run in outcome.runs] == [b"1\n", b"2\n"]
