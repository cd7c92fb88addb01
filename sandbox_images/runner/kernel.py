"""What the kernel says of processes and of the container they are in: /proc and control groups, read only."""

import contextlib
import os

CGROUP = "/sys/fs/cgroup"  # the container's own control group, v2; v1 has a folder a controller


def container_cpu_s(root=CGROUP):
    """CPU seconds this container has used, by cgroup v2 or v1; None where neither tells."""
    with contextlib.suppress(OSError), open(f"{root}/cpu.stat") as file:
        return int(file.readline().split()[1]) / 1e6
    with contextlib.suppress(OSError), open(f"{root}/cpuacct/cpuacct.usage") as file:
        return int(file.read()) / 1e9
    return None


def memory_kills(root=CGROUP):
    """Processes of this container that the kernel killed for want of memory, by cgroup v2 or v1; 0 where neither tells."""
    for place in (f"{root}/memory.events", f"{root}/memory/memory.oom_control"):
        with contextlib.suppress(OSError), open(place) as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("oom_kill "))
    return 0


def memory_limit_kb(root=CGROUP):
    """Memory this container may have in all, by cgroup v2 or v1; None where it has no limit, or neither tells."""
    for place in (f"{root}/memory.max", f"{root}/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError), open(place) as file:
            found = int(file.read()) // 1024  # v2 says "max" where there is none
            return found if found < 1 << 40 else None  # and v1 a number beyond all memory
    return None


def shared_kb(root=CGROUP):
    """Memory of this container in memfds, shared mappings and files of tmpfs folders, by cgroup v2 or v1; 0 where neither
    tells. A program can hold much there that is in no process's resident size."""
    for place in (f"{root}/memory.stat", f"{root}/memory/memory.stat"):
        with contextlib.suppress(OSError), open(place, "rb") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith(b"shmem ")) // 1024
    return 0


def kernel_kb(root=CGROUP):
    """Memory that the kernel holds for this container (buffers of sockets and pipes, open files, folders' entries, page tables),
    by cgroup v2, less what it would give back, or v1; 0 where neither tells."""
    with contextlib.suppress(OSError, KeyError), open(f"{root}/memory.stat", "rb") as file:
        found = dict(line.split() for line in file)
        return (int(found[b"kernel"]) - int(found.get(b"slab_reclaimable", 0))) // 1024
    with contextlib.suppress(OSError), open(f"{root}/memory/memory.kmem.usage_in_bytes", "rb") as file:
        return int(file.read()) // 1024
    return 0


def proportional_kb(pid):
    """Memory of a process, what it shares with others divided among them; 0 if it has ended, None where it cannot be told
    (it made itself unreadable, or the kernel does not count so). Walks all of its pages: to be asked where it matters."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return sum(int(line.split()[1]) for line in file if line.startswith(b"Pss:"))
    except (FileNotFoundError, ProcessLookupError):
        return 0 if os.path.exists("/proc/self/smaps_rollup") else None
    except OSError:
        return None


def state(pid):
    """The letter of a process's state; None if there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return chr(file.read().rpartition(b")")[2].split()[0][0])
    except (FileNotFoundError, ProcessLookupError):
        return None


def children():
    """Our children by the kernel's list; None where it keeps none (CONFIG_PROC_CHILDREN). What a run whose first process
    is reaped has left behind is among them, or will be when its parent is."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:
        return None


def starved_s(pids, proc="/proc"):
    """Seconds for which the most starved thread of these processes was ready and got no core: wall time that a busy host
    took, not the program. 0 where the kernel does not count it (CONFIG_SCHED_INFO)."""
    longest = 0
    for pid in pids:
        with contextlib.suppress(OSError):  # it ended while we looked
            for thread in os.listdir(f"{proc}/{pid}/task"):
                with open(f"{proc}/{pid}/task/{thread}/schedstat", "rb") as file:
                    longest = max(longest, int(file.read().split()[1]))
    return longest / 1e9


def real_uid(name):
    """Whose process it really is, whatever it acts as."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{name}/status") as file:
        for line in file:
            if line.startswith("Uid:"):
                return int(line.split()[1])
    return None


def is_of_a_test(pid, own_pid):
    """Whether a process is below us and left our session, as a test's first process does before anything else; zygotes and
    templates stay in it, and no process can come back to it."""
    session = os.getsid(own_pid)
    seen = False
    while pid not in (0, 1, own_pid):
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        seen = seen or int(fields[3]) != session
        pid = int(fields[1])
    return seen and pid == own_pid


def filtered():
    """Whether a filter of system calls lies on this container, by the kernel's own word (gVisor's has none)."""
    with open("/proc/self/status", "rb") as file:
        return b"\nSeccomp:\t2" in file.read()
