"""What locks a container in: the seccomp profile, the runner's own filter, limits in force, and what an engine can offer."""

import json
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.sandbox.api import Program, Run, RunLimits, SandboxUnavailable
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.isolation import PROFILE, isolation
from sandbox_images.runner import forbidden

pytestmark = pytest.mark.alone  # limits are read from the kernel's own counters

LIMITS = RunLimits(cpu_s=20, wall_s=120, memory_mb=256)
ALLOWED = {name for rule in json.loads(PROFILE.read_text())["syscalls"] for name in rule["names"]}
# Number on x86_64 and arguments of calls that must fail for every program, whoever makes them and however.
FORBIDDEN = {
    "ptrace": (101, 0, 0, 0), "process_vm_readv": (310, 1, 0, 0), "kcmp": (312, 1, 1, 0), "add_key": (248, 0, 0, 0),
    "request_key": (249, 0, 0, 0), "keyctl": (250, 0, 0, 0), "bpf": (321, 0, 0, 0), "io_uring_setup": (425, 1, 0),
    "mount": (165, 0, 0, 0), "umount2": (166, 0, 0), "pivot_root": (155, 0, 0), "chroot": (161, 0), "fsopen": (430, 0, 0),
    "open_tree": (428, 0, 0, 0), "move_mount": (429, 0, 0, 0), "unshare": (272, 0), "setns": (308, 0, 0),
    "userfaultfd": (323, 0), "perf_event_open": (298, 0, 0, 0), "personality": (135, 0), "clock_settime": (227, 0, 0),
    "settimeofday": (164, 0, 0), "adjtimex": (159, 0), "swapon": (167, 0, 0), "reboot": (169, 0, 0), "init_module": (175, 0, 0),
    "kexec_load": (246, 0, 0, 0), "open_by_handle_at": (304, 0, 0, 0), "name_to_handle_at": (303, 0, 0, 0), "shmget": (29, 0, 0, 0),
    "msgget": (68, 0, 0), "semget": (64, 0, 0, 0), "mq_open": (240, 0, 0, 0), "syslog": (103, 0, 0, 0), "acct": (163, 0),
    "quotactl": (179, 0, 0, 0), "iopl": (172, 3), "ioperm": (173, 0, 1, 1), "modify_ldt": (154, 0, 0, 0), "pidfd_getfd": (438, 0, 0, 0),
    "landlock_create_ruleset": (444, 0, 0, 1), "memfd_secret": (447, 0), "fanotify_init": (300, 0, 0), "inotify_init1": (294, 0),
    "socket AF_INET": (41, 2, 1, 0), "socket AF_NETLINK": (41, 16, 3, 0), "socket AF_PACKET": (41, 17, 3, 0),
    "socket AF_VSOCK": (41, 40, 1, 0), "socket AF_ALG": (41, 38, 5, 0), "clone CLONE_NEWUSER": (56, 0x10000000 | 17, 0, 0),
    "clone CLONE_NEWNS": (56, 0x00020000 | 17, 0, 0), "clone CLONE_NEWNET": (56, 0x40000000 | 17, 0, 0),
}  # fmt: skip
REFUSED = {1, 38}  # EPERM, ENOSYS: the filter's word; anything else would be the kernel's, which had then looked at the call


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool


x86_64_only = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the table has the numbers of x86_64")


def refusals(text: bytes) -> dict[str, int]:
    return {name: int(number) for name, _, number in (line.rpartition(" ") for line in text.decode().splitlines())}


@x86_64_only
def test_forbidden_calls_fail_in_python(sandbox: DockerSandbox) -> None:
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for name, call in {FORBIDDEN!r}.items():
    ctypes.set_errno(0)
    found = libc.syscall(*map(ctypes.c_long, call))
    print(name, ctypes.get_errno() if found == -1 else 0)
"""
    found = sandbox.execute(Program("python", code, [Run()], LIMITS)).runs[0]
    assert found.status == "ok", found
    got = refusals(found.stdout)
    assert got.keys() == FORBIDDEN.keys()
    assert {name: errno for name, errno in got.items() if errno not in REFUSED} == {}


REACHES_OUT = """
import os, resource, signal
found = []

def tried(what, act):
    try:
        act()
        found.append(what)
    except OSError:
        pass

def written(path):
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, b"0")
    finally:
        os.close(fd)

others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
assert any(open(f"/proc/{name}/comm").read() == "ocr-template\\n" for name in others)
for name in others:
    pid, place = int(name), f"/proc/{name}"
    for entry in ("oom_score_adj", "oom_adj", "comm", "clear_refs", "coredump_filter", "autogroup", "timerslack_ns", "mem", "sched",
                  "setgroups", "uid_map", "gid_map", "projid_map", "loginuid", "attr/current", "attr/exec"):
        tried((name, entry), lambda: written(f"{place}/{entry}"))
    for entry in ("environ", "maps", "mem", "syscall", "stack", "io", "smaps"):
        tried((name, entry), lambda: open(f"{place}/{entry}", "rb").read(1))
    for entry in ("cwd", "root", "exe"):
        tried((name, entry), lambda: os.readlink(f"{place}/{entry}"))
    tried((name, "fd"), lambda: os.listdir(f"{place}/fd"))
    for number in (0, signal.SIGCONT, signal.SIGSTOP, signal.SIGTERM):
        tried((name, "signal"), lambda: os.kill(pid, number))
    tried((name, "core"), lambda: os.sched_setaffinity(pid, {0}))
    tried((name, "nice"), lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
    tried((name, "policy"), lambda: os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0)))
    tried((name, "limit"), lambda: resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1)))
    tried((name, "group"), lambda: os.setpgid(pid, 0))
os.sched_setaffinity(0, os.sched_getaffinity(0))
os.setpriority(os.PRIO_PROCESS, 0, 1)
print(found)
"""


def test_a_run_reaches_no_process_but_its_own(sandbox: DockerSandbox) -> None:
    """Its template above all, which bears its user's name in part."""
    found = sandbox.execute(Program("python", REACHES_OUT, [Run(), Run()], LIMITS)).runs
    assert [(run.status, run.stdout) for run in found] == [("ok", b"[]\n")] * 2, found


@x86_64_only
def test_forbidden_calls_fail_in_cpp(sandbox: DockerSandbox) -> None:
    """By an instruction of the program's own, not the library's."""
    table = ",".join(
        f'{{"{name}",{{{",".join(map(str, [*call, *[0] * (7 - len(call))]))}}}}}' for name, call in FORBIDDEN.items()
    )
    code = (
        "#include <cstdio>\nstruct Call { const char* name; long v[7]; };\nstatic const Call calls[] = {" + table + "};\n"
        'long raw(const long* v) { long r; register long a4 asm("r10") = v[4]; register long a5 asm("r8") = v[5];\n'
        '  register long a6 asm("r9") = v[6];\n'
        '  asm volatile("syscall" : "=a"(r) : "a"(v[0]), "D"(v[1]), "S"(v[2]), "d"(v[3]), "r"(a4), "r"(a5), "r"(a6)\n'
        '               : "rcx", "r11", "memory"); return r; }\n'
        'int main() { for (const Call& c : calls) { long r = raw(c.v); std::printf("%s %ld\\n", c.name, r < 0 ? -r : 0L); } }'
    )
    outcome = sandbox.execute(Program("cpp", code, [Run()], LIMITS))
    assert outcome.compiled, outcome.compile_message
    got = refusals(outcome.runs[0].stdout)
    assert got.keys() == FORBIDDEN.keys()
    assert {name: errno for name, errno in got.items() if errno not in REFUSED} == {}


@x86_64_only
@pytest.mark.parametrize("call", ["mov $20, %%eax; int $0x80", "mov $0x40000027, %%eax; syscall"], ids=["i386", "x32"])
def test_calls_by_another_abi_end_the_program_or_fail(sandbox: DockerSandbox, call: str) -> None:
    """getpid by the numbers of the 32-bit ABIs, which a filter for x86_64 alone would take for other calls."""
    code = f'#include <cstdlib>\nint main() {{ long r; asm volatile("{call}" : "=a"(r) :: "rcx", "r11", "memory"); return r > 0 ? 7 : 0; }}'
    outcome = sandbox.execute(Program("cpp", code, [Run()], LIMITS))
    assert outcome.compiled, outcome.compile_message
    found = outcome.runs[0]
    assert found.exit_code == 0 or (found.status, found.signal) == ("runtime_error", 31), found


def test_new_namespaces_by_clone3_are_refused_while_threads_and_processes_work(sandbox: DockerSandbox) -> None:
    code = """
import ctypes, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
arguments = (ctypes.c_uint64 * 11)(0x10000000)
assert libc.syscall(435, arguments, ctypes.sizeof(arguments)) == -1 and ctypes.get_errno() == 38
threads = [threading.Thread(target=print, args=("thread",)) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(subprocess.run(["/bin/echo", "process"], capture_output=True, text=True).stdout)
"""
    found = sandbox.execute(Program("python", code, [Run()], LIMITS)).runs[0]
    assert (found.status, found.stdout) == ("ok", b"thread\n" * 3 + b"process\n\n"), found


def test_the_profile_is_on_the_container_and_named_in_every_outcome(sandbox: DockerSandbox) -> None:
    code = "print([line for line in open('/proc/self/status') if line.startswith(('Seccomp', 'NoNewPrivs', 'CapEff', 'CapBnd'))])"
    outcome = sandbox.execute(Program("python", code, [Run()], LIMITS))
    assert re.fullmatch(r"docker\+uid\+seccomp:[0-9a-f]{8}(\+\w+)*", outcome.isolation_level)
    said = outcome.runs[0].stdout.decode()
    assert "Seccomp:\\t2" in said and "Seccomp_filters:\\t2" in said  # the container's, and the runner's own on top
    assert "NoNewPrivs:\\t1" in said and "CapEff:\\t0000000000000000" in said
    assert "CapBnd:\\t00000000000000e0" in said  # KILL, SETGID, SETUID: the runner's; no-new-privileges keeps them from others


def test_what_the_runners_filter_denies_the_profile_does_not_allow() -> None:
    """Two lists, one meaning: the filter stands in where an engine has no seccomp."""
    for calls in forbidden._DENIED.values():
        assert not ALLOWED & set(calls)
    assert "clone3" in ALLOWED  # listed, to be answered with ENOSYS
    (rule,) = (rule for rule in json.loads(PROFILE.read_text())["syscalls"] if "clone3" in rule["names"])
    assert (rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)


def test_the_runners_filter_alone_denies_by_number_and_architecture() -> None:
    """The BPF program, interpreted: native calls pass but the denied ones, other architectures do not."""
    code = list(struct.iter_unpack("HBBI", forbidden.seccomp_filter() or b""))
    machine = os.uname().machine

    def verdict(number: int, arch: int, argument: int = 0) -> int:
        data, position, value = {0: number, 4: arch, 16: argument}, 0, 0
        while True:
            operation, yes, no, constant = code[position]
            position += 1
            if operation == 0x20:
                value = data[constant]
            elif operation == 0x06:
                return constant
            else:
                hit = {0x15: value == constant, 0x35: value >= constant, 0x45: value & constant != 0}[operation]
                position += yes if hit else no

    native, allow, deny = forbidden._AUDIT_ARCH[machine], 0x7FFF0000, 0x00050001
    assert verdict(0, native) == allow and verdict(0, 0x40000003) == deny
    assert {verdict(number, native) for number in forbidden._DENIED[machine].values()} == {deny}
    clone, unknown = forbidden._CLONE[machine], 0x00050026
    assert (
        verdict(clone, native, 17) == verdict(clone, native, 0x01200011) == allow
        and verdict(forbidden._CLONE3, native) == unknown
    )
    assert {verdict(clone, native, flag | 17) for flag in (0x8000, 0x10000000, 0x20000, 0x40000000, 0x20000000)} == {deny}
    assert verdict(forbidden._SOCKET[machine], native, 1) == allow and verdict(forbidden._SOCKET[machine], native, 2) == deny


def test_limits_of_the_container_are_in_force_by_the_kernels_own_word(sandbox: DockerSandbox) -> None:
    """On cgroup v1 and v2 alike: what the engine was asked for is what the kernel holds."""
    sandbox.execute(Program("python", "pass", [Run()], LIMITS))
    (container,) = sandbox._client.containers.list(filters={"name": f"ocr-sandbox-{os.getpid()}-"})
    pid = container.attrs["State"]["Pid"]
    groups = dict(line.split(":")[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().split())
    if (unified := Path(f"/sys/fs/cgroup{groups.get('', '')}/memory.max")).exists():
        expected = {unified: "2684354560", unified.with_name("memory.swap.max"): "0", unified.with_name("pids.max"): "256"}
    else:
        memory, pids = (Path(f"/sys/fs/cgroup/{name}{groups[name]}") for name in ("memory", "pids"))
        expected = {memory / "memory.limit_in_bytes": "2684354560", pids / "pids.max": "256"}
        if (swap := memory / "memory.memsw.limit_in_bytes").exists():  # with swap accounting
            expected[swap] = "2684354560"
    assert {path: path.read_text().strip() for path in expected} == expected


@pytest.mark.parametrize(
    "files",
    [
        {"cpu.stat": "usage_usec 2500000\nuser_usec 1\n", "memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n",
         "memory.stat": "anon 4096\nfile 9\nshmem 2097152\nshmem_thp 5\n"},
        {"cpuacct/cpuacct.usage": "2500000000\n", "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
         "memory/memory.stat": "cache 9\nrss 1\nshmem 2097152\ntotal_shmem 2097152\n"},
    ],
    ids=["v2", "v1"],
)  # fmt: skip
def test_the_runner_reads_control_groups_of_both_versions(tmp_path: Path, files: dict[str, str]) -> None:
    from sandbox_images.runner import kernel

    assert (kernel.container_cpu_s(tmp_path), kernel.memory_kills(tmp_path), kernel.shared_kb(tmp_path)) == (None, 0, 0)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert (kernel.container_cpu_s(tmp_path), kernel.memory_kills(tmp_path), kernel.shared_kb(tmp_path)) == (2.5, 2, 2048)


ENGINE = {
    "Runtimes": {"runc": {}, "runsc": {}},
    "SecurityOptions": ["name=seccomp,profile=default"],
    "MemoryLimit": True,
    "PidsLimit": True,
}


def test_the_level_says_what_an_engine_gives() -> None:
    full = isolation(ENGINE, None)
    assert full.level.startswith("docker+uid+seccomp:") and len(full.security_opt) == 2
    assert full.level_of(filtered=True) == full.level
    assert isolation(ENGINE, "runsc").level_of(filtered=False) == "docker+runsc+uid"
    rootless = isolation(
        {**ENGINE, "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"], "MemoryLimit": False}, None
    )
    assert rootless.level.endswith("+rootless+no-memory-limit")
    assert max(rootless.first_uids) + 1000 <= 65536 < min(full.first_uids)
    bare = isolation({**ENGINE, "SecurityOptions": []}, None)
    assert (bare.level, bare.security_opt) == ("docker+uid", ["no-new-privileges"])


def test_a_runtime_the_engine_does_not_know_is_refused_with_the_remedy() -> None:
    with pytest.raises(SandboxUnavailable, match=r"OCR_SANDBOX_RUNTIME=kata: .* knows only runc, runsc; .*daemon.json"):
        isolation(ENGINE, "kata")
    assert isolation(ENGINE, "io.containerd.kata.v2").level.startswith("docker+io.containerd.kata.v2+uid")
    with pytest.raises(SandboxUnavailable, match="OCR_SANDBOX_RUNTIME=not-there"):
        DockerSandbox(workers=1, runtime="not-there").__enter__()
