"""The filter of system calls that all programs inherit, by number and architecture. Standard library only.

The container's own profile, ``seccomp.json``, stands before it where the engine has one. What else locks a run in is done in
``child.py`` and ``launch.c``.
"""

import ctypes
import errno
import platform
import struct

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_DENIED = {  # syscalls a judged program has no business with, beyond what the engine's own profile denies
    "x86_64": {
        "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "shmget": 29, "shmat": 30,
        "shmctl": 31, "semget": 64, "semop": 65, "msgget": 68, "msgsnd": 69, "msgrcv": 70, "mq_open": 240,
        "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272, "setns": 308, "mount": 165, "umount2": 166,
        "pivot_root": 155, "chroot": 161, "bpf": 321, "userfaultfd": 323, "perf_event_open": 298,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "personality": 135,
        "settimeofday": 164, "clock_settime": 227, "adjtimex": 159, "clock_adjtime": 305, "pidfd_getfd": 438,
    },
    "aarch64": {
        "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "shmget": 194, "shmctl": 195,
        "shmat": 196, "semget": 190, "semop": 193, "msgget": 186, "msgsnd": 189, "msgrcv": 188, "mq_open": 180,
        "add_key": 217, "request_key": 218, "keyctl": 219, "unshare": 97, "setns": 268, "mount": 40, "umount2": 39,
        "pivot_root": 41, "chroot": 51, "bpf": 280, "userfaultfd": 282, "perf_event_open": 241,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "personality": 92,
        "settimeofday": 170, "clock_settime": 112, "adjtimex": 171, "clock_adjtime": 266, "pidfd_getfd": 438,
    },
}  # fmt: skip
_SOCKET = {"x86_64": 41, "aarch64": 198}
_CLONE, _CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
# No namespace (CLONE_NEW…), and no child of one's parent (CLONE_PARENT): nobody would wait for it or count what it uses.
_CLONE_FLAGS = 0x7E020000 | 0x8000
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def seccomp_filter():
    """A BPF program: another architecture or a denied call gives EPERM; sockets only within the machine (AF_UNIX), ``clone``
    without flags that no program needs, and ``clone3``, whose flags no filter sees, not at all: libc is used to ENOSYS."""
    machine = platform.machine()
    if machine not in _DENIED:
        return None
    load, jump_eq, jump_ge, jump_set, ret = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, deny, unknown = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
    ops = [(load, 0, 0, 4), (jump_eq, 1, 0, _AUDIT_ARCH[machine]), (ret, 0, 0, deny), (load, 0, 0, 0)]
    if machine == "x86_64":  # the x32 ABI has its own numbers for the same calls
        ops += [(jump_ge, 0, 1, 0x40000000), (ret, 0, 0, deny)]
    for number in _DENIED[machine].values():
        ops += [(jump_eq, 0, 1, number), (ret, 0, 0, deny)]
    ops += [(jump_eq, 0, 1, _CLONE3), (ret, 0, 0, unknown)]
    ops += [
        (jump_eq, 0, 4, _CLONE[machine]),
        (load, 0, 0, 16),
        (jump_set, 0, 1, _CLONE_FLAGS),
        (ret, 0, 0, deny),
        (ret, 0, 0, allow),
    ]
    ops += [(jump_eq, 0, 3, _SOCKET[machine]), (load, 0, 0, 16), (jump_eq, 1, 0, 1), (ret, 0, 0, deny)]
    ops += [(ret, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *op) for op in ops)


_FILTER = seccomp_filter()
_LIBC = ctypes.CDLL(None, use_errno=True)


def forbid_calls():
    """Put the filter on this process and all to come; none is made on a machine whose calls are not known here."""
    if _FILTER is None:
        return
    code = ctypes.create_string_buffer(_FILTER, len(_FILTER))
    program = struct.pack("HxxxxxxP", len(_FILTER) // 8, ctypes.addressof(code))
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _LIBC.prctl(_PR_SET_SECCOMP, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")
