"""Hostile programs (docs/grading.md, §5), and how each must end. Run by ``test_sandbox_attacks.py``.

Everything an attack leaves on purpose is named with ``MARK``, so that the test can look for it everywhere.
"""

import os
from dataclasses import dataclass

from resources.sandbox.api import Language, RunLimits

MARK = f"left-by-attack-{os.getpid()}"
# Who spins is stopped by CPU time, however busy the machine; who sleeps by a short wall time.
SPIN = RunLimits(cpu_s=0.5, wall_s=120, memory_mb=128, output_mb=4, processes=16)
ROOMY = RunLimits(cpu_s=60, wall_s=120, memory_mb=256, output_mb=64, processes=16)
NAP = RunLimits(cpu_s=60, wall_s=1.5, memory_mb=128, output_mb=4, processes=16)


@dataclass(frozen=True)
class Attack:
    """``ends``: the statuses that are right. ``stdout``: what must have been printed, if anything must."""

    code: str
    ends: str
    limits: RunLimits = SPIN
    stdin: bytes = b""
    stdout: bytes | None = None
    language: Language = "python"


EXHAUSTION = {
    "fork bomb": Attack("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "time_limit memory_limit"),
    "fork bomb that sleeps": Attack("import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(1)", "idle_limit", NAP),
    "thread bomb": Attack("import threading, time\nfor _ in range(10**4): threading.Thread(target=time.sleep, args=(9,)).start()", "runtime_error idle_limit", NAP),
    "malloc bomb": Attack("x = []\nwhile True: x.append(b'x' * 10**7)", "memory_limit"),
    "mmap bomb": Attack("import mmap\nm = []\nwhile True:\n    a = mmap.mmap(-1, 10**7)\n    a.write(b'x' * 10**7)\n    m.append(a)", "memory_limit"),
    "malloc bomb in children": Attack(
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        x = b'x' * (60 << 20)\n        time.sleep(9)\ntime.sleep(9)", "memory_limit",
        RunLimits(cpu_s=60, wall_s=60, memory_mb=128, output_mb=4, processes=16),
    ),
    "tmpfs bomb": Attack(f"for i in range(10**6): open(f'{MARK}-{{i}}', 'wb').write(b'x' * 10**6)", "runtime_error memory_limit"),
    "shared memory bomb": Attack(f"for i in range(10**6): open(f'/dev/shm/{MARK}-{{i}}', 'wb').write(b'x' * 10**6)", "runtime_error memory_limit"),
    "memfd bomb": Attack("import os\nk = []\nwhile True:\n    k.append(os.memfd_create('m'))\n    os.write(k[-1], b'x' * (60 << 20))", "memory_limit", ROOMY),
    "memfd bomb that would have others killed": Attack(
        "import os\nopen('/proc/self/oom_score_adj', 'w').write('0')\nk = []\nwhile True:\n    k.append(os.memfd_create('m'))\n    os.write(k[-1], b'x' * (60 << 20))", "memory_limit", ROOMY
    ),
    "a million inodes": Attack(f"for i in range(10**6): open(f'{MARK}-{{i}}', 'w').close()", "runtime_error time_limit"),
    "a million hard links": Attack(f"import os\nopen('a', 'w').close()\nfor i in range(10**6): os.link('a', f'{MARK}-{{i}}')", "runtime_error time_limit"),
    "sparse file": Attack(f"import os\nfd = os.open('{MARK}', os.O_CREAT | os.O_RDWR)\nos.ftruncate(fd, 1 << 50)", "runtime_error"),
    "pipes full": Attack("import os\nwhile True:\n    r, w = os.pipe()\n    os.set_blocking(w, False)\n    os.write(w, b'x' * 65536)", "runtime_error"),
    "stdout flood": Attack("while True: print('x' * 10**5)", "output_limit"),
    "stderr flood": Attack("import sys\nwhile True: sys.stderr.write('x' * 10**5)", "output_limit"),
    "a gigabyte in one line": Attack("import sys\nwhile True: sys.stdout.write('x' * 2**20)", "output_limit"),
    "sparse stdout": Attack("import os\nos.ftruncate(1, 1 << 50)", "runtime_error output_limit"),
    "NUL bytes": Attack("import sys\nsys.stdout.buffer.write(bytes(1000))", "ok", stdout=bytes(1000)),
    "endless loop": Attack("while True: pass", "time_limit"),
    "sleep": Attack("import time\ntime.sleep(100)", "idle_limit", NAP),
    "stop itself": Attack("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "idle_limit", NAP),
    "read that never comes": Attack("import os\nos.read(os.pipe()[0], 1)", "idle_limit", NAP),
    "all signals ignored": Attack("import signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\ntime.sleep(99)", "idle_limit", NAP),
    "recursion": Attack("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()", "runtime_error memory_limit time_limit"),
    "stack overflow": Attack("int f(int n) { volatile char a[4096]; a[0] = n; return f(n + 1) + a[0]; }\nint main() { return f(0); }", "memory_limit runtime_error", language="cpp"),
    "giant result of a power": Attack("print(len(str(9 ** 9 ** 9)))", "time_limit memory_limit runtime_error"),
}  # fmt: skip

PROCESSES = {
    "daemon": Attack("import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(99)\n    os._exit(0)\nprint('ok')", "ok", stdout=b"ok\n"),
    "daemon that spins": Attack("import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass\nprint('ok')", "ok", stdout=b"ok\n"),
    "daemon that forks on": Attack("import os\nif os.fork() == 0:\n    os.setsid()\n    while True:\n        if os.fork(): os._exit(0)\nprint('ok')", "ok", stdout=b"ok\n"),
    "daemon that writes on": Attack(
        f"import os\nif os.fork() == 0:\n    os.setsid()\n    while True:\n        try: open('/tmp/{MARK}', 'w').write('x')\n        except OSError: pass\nprint('ok')", "ok", stdout=b"ok\n"
    ),
    "stopped grandchildren": Attack("import os, signal\nfor _ in range(5):\n    if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)\nprint('ok')", "ok"),
    "every descriptor closed": Attack("import os\nos.closerange(0, 1000)", "ok runtime_error"),
    "every descriptor duplicated": Attack("import os\nwhile True:\n    for fd in range(256):\n        try: os.dup(fd)\n        except OSError as e:\n            if e.errno == 24: raise", "runtime_error"),
    "standard streams swapped": Attack("import os\nos.dup2(1, 0)\nos.dup2(2, 1)\nos.close(2)\nprint('lost')", "ok", stdout=b""),
    "kill everyone": Attack("import os\nos.kill(-1, 9)", "runtime_error ok"),
    "kill PID 1 and the parent": Attack("import os\nfor p in (1, os.getppid()):\n    for s in (1, 2, 9, 15, 19):\n        try: os.kill(p, s)\n        except PermissionError: continue\n        raise SystemExit(1)\nprint('ok')", "ok"),
    "signal each pid": Attack(
        "import os\nfor s in (19, 11, 9):\n    for p in range(1, 300):\n        if p != os.getpid():\n            try: os.kill(p, s)\n            except OSError: pass\nprint('ok')", "ok", stdout=b"ok\n"
    ),
    "signal each group": Attack("import os\nfor p in range(2, 300):\n    if p != os.getpgrp():\n        try: os.killpg(p, 9)\n        except OSError: pass\nprint('ok')", "ok"),
    "trace others": Attack(
        "import ctypes, os\nlibc = ctypes.CDLL(None)\nfor p in map(int, filter(str.isdigit, os.listdir('/proc'))):\n    assert libc.ptrace(16, p, 0, 0) == -1\nprint('ok')", "ok"
    ),
    "limits of others": Attack(
        "import os, resource\nfor p in (1, os.getppid()):\n    try: resource.prlimit(p, resource.RLIMIT_NOFILE, (3, 3))\n    except PermissionError: continue\n    raise SystemExit(1)\nprint('ok')", "ok"
    ),
    "own limits raised": Attack(
        "import resource as r\nfor n in (r.RLIMIT_CPU, r.RLIMIT_NPROC, r.RLIMIT_FSIZE):\n    try: r.setrlimit(n, (-1, -1))\n    except (ValueError, OSError): continue\n    raise SystemExit(1)\nprint('ok')", "ok"
    ),
    "own out-of-memory score below the runner's": Attack(
        "import os\nfd = os.open('/proc/self/oom_score_adj', os.O_RDWR)\ntry: os.write(fd, b'-1')\nexcept OSError: print('no')", "ok", stdout=b"no\n"
    ),
    "template ended": Attack("import os\ntry: os.kill(os.getppid(), 9)\nexcept PermissionError: print('no')", "ok", stdout=b"no\n"),
}  # fmt: skip

SECRETS = {
    "memory and environment of others": Attack(
        "import os\nfor p in filter(str.isdigit, os.listdir('/proc')):\n    if int(p) == os.getpid(): continue\n"
        "    for f in ('mem', 'environ', 'maps', 'fd/0', 'cwd', 'root', 'exe'):\n        path = f'/proc/{p}/{f}'\n"
        "        try: data = os.readlink(path) if f in ('cwd', 'root', 'exe') else open(path, 'rb').read(9)\n        except OSError: continue\n"
        "        raise SystemExit(path)\nprint('ok')", "ok", stdout=b"ok\n",
    ),
    "environment": Attack("import os\nprint(sorted(set(os.environ) - {'PATH', 'LANG', 'HOME', 'TMPDIR', 'OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS'}))", "ok", stdout=b"[]\n"),
    "open descriptors": Attack("import os\nprint([fd for fd in range(3, 1000) if os.path.exists(f'/proc/self/fd/{fd}') and 'pytest' not in os.readlink(f'/proc/self/fd/{fd}')])", "ok", stdout=b"[]\n"),
    "folders of others": Attack("import os\nprint([n for n in os.listdir('/tmp') if os.path.join('/tmp', n) != os.getcwd()], os.listdir('/dev/shm'))", "ok", stdout=b"[] []\n"),
    "Docker socket": Attack("import os\nprint([p for p in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock') if os.path.exists(p)])", "ok", stdout=b"[]\n"),
    "devices": Attack("import os\nprint(sorted(set(os.listdir('/dev')) - set('core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero console'.split())))", "ok", stdout=b"[]\n"),
    "kernel's settings": Attack(
        "for p in ('/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/proc/sys/vm/overcommit_memory', '/sys/kernel/mm/ksm/run'):\n"
        "    try: open(p, 'w').write('1')\n    except OSError: continue\n    raise SystemExit(p)\nprint('ok')", "ok",
    ),
}  # fmt: skip

ESCAPES = {
    "sockets and DNS": Attack(
        "import socket\nfor family in (socket.AF_INET, socket.AF_INET6, 16, 17, 40):\n    for kind in (1, 2, 3):\n"
        "        try: socket.socket(family, kind)\n        except OSError: continue\n        raise SystemExit(1)\n"
        "try: socket.gethostbyname('example.org')\nexcept OSError: print('none')", "ok", stdout=b"none\n",
    ),
    "write outside": Attack(
        f"for p in ('/etc', '/opt/sandbox/runner', '/usr/lib/python3/dist-packages', '/', '/var/tmp', '/run', '/home', '/root', '/dev', '/dev/mqueue', '/proc', '/sys'):\n"
        f"    try: open(p + '/{MARK}', 'w')\n    except OSError: continue\n    raise SystemExit(p)\nprint('ok')", "ok",
    ),
    "links out of the box": Attack(
        f"import os\nos.symlink('/etc/passwd', 'out')\nos.symlink('/', 'root')\nos.mkfifo('{MARK}')\n"
        "for p in ('/etc/passwd', '/opt/sandbox/runner/main.py', '/proc/1/environ'):\n    try: os.link(p, 'hard')\n    except OSError: continue\n    raise SystemExit(p)\nprint('ok')", "ok",
    ),
    "deep folders": Attack("import os\nfor i in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\nos.chmod('.', 0)\nprint('ok')", "ok"),
    "folders nobody may enter": Attack("import os\nos.makedirs('a/b')\nopen('a/b/c', 'w').close()\nos.chmod('a/b', 0)\nos.chmod('a', 0)\nos.chmod('.', 0)\nprint('ok')", "ok"),
    "names that are no text": Attack("import os\nfor n in (b'\\xff', b'-rf', b'a\\nb', b' '): os.close(os.open(n, os.O_CREAT))\nprint('ok')", "ok"),
    "box removed": Attack("import os\nos.rmdir(os.getcwd())\nprint('ok')", "ok"),
    "setuid files": Attack(
        "import os, shutil, stat\nfound = [os.path.join(d, f) for top in ('/usr', '/bin', '/opt') for d, _, fs in os.walk(top) for f in fs\n"
        "    if not os.path.islink(os.path.join(d, f)) and os.stat(os.path.join(d, f)).st_mode & 0o6000]\n"
        "shutil.copy('/usr/bin/id', 'id')\nos.chmod('id', 0o6755)\nprint(found, os.statvfs('.').f_flag & os.ST_NOSUID > 0)", "ok",
        RunLimits(cpu_s=60, wall_s=120, memory_mb=128, output_mb=4, processes=16), stdout=b"[] True\n",
    ),
    "become root": Attack("import os\nfor f in (os.setuid, os.seteuid, os.setgid, os.setegid):\n    try: f(0)\n    except OSError: continue\n    raise SystemExit(1)\ntry: os.setgroups([0])\nexcept OSError: print('no')", "ok", stdout=b"no\n"),
    "device files": Attack("import os, stat\ntry: os.mknod('d', 0o600 | stat.S_IFBLK, os.makedev(8, 0))\nexcept OSError: print('no')", "ok", stdout=b"no\n"),
    "change the clock": Attack("import time\ntry: time.clock_settime(time.CLOCK_REALTIME, 0)\nexcept OSError: print('no')", "ok", stdout=b"no\n"),
    "priority": Attack("import os\ntry: os.setpriority(os.PRIO_PROCESS, 0, -20)\nexcept OSError: print('no')", "ok", stdout=b"no\n"),
    "left for the next run": Attack(
        "import os\nfor n in ('sitecustomize.py', 'conftest.py', 'usercustomize.py', 'json.py'):\n    for d in ('.', '/tmp'):\n"
        f"        open(os.path.join(d, n), 'w').write('raise SystemExit(9)')\nopen('/dev/shm/{MARK}', 'w').close()\nprint('ok')", "ok",
    ),
    "the interpreter patched": Attack("import builtins, sys\nbuiltins.print = None\nsys.stdout = None\nsys.modules.clear()\nbuiltins.__import__ = None", "ok runtime_error"),
    "exit in every way": Attack("import atexit, os, threading\natexit.register(os._exit, 7)\nthreading.Thread(target=lambda: 1).start()\nraise SystemExit(0)", "runtime_error"),
}  # fmt: skip

MAIN = "int main() {}\n"
# Must not compile, or end as said; the compiler is as hostile a program as any.
COMPILER = {
    "include a device": Attack('#include "/dev/zero"\n' + MAIN, ""),
    "include what never ends": Attack('#include "/dev/stdin"\n#include __FILE__\n' + MAIN, ""),
    "include an environment": Attack('#include "/proc/1/environ"\n' + MAIN, ""),
    "assemble in a secret": Attack('asm(".incbin \\"/proc/1/environ\\"");\n' + MAIN, ""),
    "assemble in a shadow": Attack('asm(".incbin \\"/etc/shadow\\"");\n' + MAIN, ""),
    "templates without end": Attack("template<int N> struct A { enum { v = A<N+1>::v + A<N+2>::v }; };\nint main() { return A<0>::v; }", ""),
    "macros that double": Attack("".join(f"#define A{i + 1} A{i} A{i}\n" for i in range(60)).replace("A0 A0", "int, int,") + "A60\n" + MAIN, ""),
    "huge array": Attack("int a[1ull << 40] = {1};\n" + MAIN, ""),
    "giant binary": Attack("char a[150 << 20] = {1};\n" + MAIN, ""),
    "constexpr without end": Attack("constexpr long f(long n) { long s = 0; for (long i = 0; i < n; i++) s += i; return s; }\nstatic_assert(f(1L << 60));\n" + MAIN, ""),
}  # fmt: skip
BINARIES = {
    "raw fork bomb": Attack("#include <unistd.h>\nint main() { while (true) fork(); }", "time_limit memory_limit", language="cpp"),
    "inline assembly": Attack('int main() { asm volatile("cli"); }', "runtime_error", language="cpp"),
    "jump into nothing": Attack("int main() { ((void (*)())16)(); }", "runtime_error", language="cpp"),
    "writable code": Attack(
        '#include <sys/mman.h>\n#include <cstring>\nint main() { void* p = mmap(0, 4096, 7, 34, -1, 0); unsigned char c[] = {0xf4}; std::memcpy(p, c, 1); ((void (*)())p)(); }', "runtime_error", language="cpp"
    ),
    "malloc and touch": Attack("#include <cstdlib>\n#include <cstring>\nint main() { while (true) std::memset(std::malloc(1 << 20), 1, 1 << 20); }", "memory_limit runtime_error", language="cpp"),
    "daemons of a binary": Attack("#include <unistd.h>\nint main() { for (int i = 0; i < 5; i++) if (!fork()) { setsid(); if (!fork()) for (;;) pause(); _exit(0); } }", "ok", language="cpp"),
    "its own binary": Attack('#include <cstdio>\n#include <unistd.h>\n#include <fcntl.h>\nint main() { return open("/proc/self/exe", O_WRONLY) < 0 ? 0 : 1; }', "ok", language="cpp"),
}  # fmt: skip
ATTACKS = {**EXHAUSTION, **PROCESSES, **SECRETS, **ESCAPES, **BINARIES}
