"""Attempts to have a wrong answer accepted or a right one rejected, for each kind of test, in the real sandbox."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from ocr_assets.grading.grade import grade
from ocr_assets.programs.suites import Suite, suite_from_json
from resources.sandbox.docker_pool import DockerSandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool
        assert pool.faults == 0, "an attack broke a sandbox"


def stdin(*pairs: tuple[str, str], **more: Any) -> Suite:
    tests = [{"kind": "stdin", "input": given, "output": out} for given, out in pairs]
    return suite_from_json({"tests": tests, "limits": {"cpu_s": 2, "memory_mb": 256}, **more})


def call(expected: Any, args: list[Any] | None = None) -> Suite:
    return suite_from_json({"tests": [{"kind": "call", "entry": "f", "args": args or [], "expected": expected}]})


# Whatever can be read, in the hope that the answer is somewhere: files, environments, descriptors, memory of processes.
# The program knows the answer by its hash alone: other nine-digit numbers, addresses for one, are no find.
SEARCH = r"""
import os, re
found = set()
def look(path):
    try:
        with open(path, 'rb', buffering=0) as file:
            found.update(re.findall(rb'(?=(9\d{8}))', file.read(1 << 20)))
    except (OSError, ValueError):
        pass
for root in ('/tmp', '/dev/shm', '/opt', '/run', '/home', '/root', '.'):
    for folder, _, names in os.walk(root):
        for name in names:
            look(os.path.join(folder, name))
for pid in os.listdir('/proc'):
    if pid.isdigit():
        for name in ('environ', 'cmdline', 'maps', 'mem', 'stack', 'comm'):
            look(f'/proc/{pid}/{name}')
        try:
            for fd in os.listdir(f'/proc/{pid}/fd'):
                if not (pid == str(os.getpid()) and fd in '012'):
                    look(f'/proc/{pid}/fd/{fd}')
        except OSError:
            pass
for frame in __import__('sys')._current_frames().values():
    while frame:
        found.update(re.findall(rb'(?=(9\d{8}))', repr((frame.f_locals, frame.f_globals)).encode()))
        frame = frame.f_back
for item in __import__('gc').get_objects():
    if isinstance(item, (bytes, str, list, tuple, dict)):
        try:
            found.update(re.findall(rb'(?=(9\d{8}))', repr(item).encode()))
        except Exception:
            pass
best = [int(text) for text in found if __import__('hashlib').sha256(text).hexdigest() == 'HASH']
""".replace("HASH", hashlib.sha256(b"918273645").hexdigest())


def test_an_expected_output_is_nowhere_to_be_found(sandbox: DockerSandbox) -> None:
    code = SEARCH + "print(best[0] if best else 'nothing')"
    judged = grade(sandbox, "python", code, stdin(("1\n", "918273645\n"), limits={"cpu_s": 20, "memory_mb": 1024}))
    assert judged["verdict"] == "wrong_answer" and "'nothing'" in judged["message"], judged


def test_an_expected_result_is_nowhere_to_be_found(sandbox: DockerSandbox) -> None:
    code = "def f():\n    ns = {}\n    exec(" + repr(SEARCH) + ", ns)\n    return ns['best'] or 'nothing'"
    suite = suite_from_json(
        {
            "tests": [
                {"kind": "call", "entry": "f", "args": [], "expected": 918273645},
                {"kind": "assert", "code": "assert f() == 918273645"},
            ],
            "limits": {"cpu_s": 20, "memory_mb": 1024},
        }
    )
    for tests in (suite["tests"][:1], suite["tests"][1:]):
        judged = grade(sandbox, "python", code, {**suite, "tests": tests})
        assert judged["verdict"] == "wrong_answer" and "'nothing'" in judged["message"], judged


def test_an_interactors_secret_is_nowhere_to_be_found(sandbox: DockerSandbox) -> None:
    source = (
        "import sys\nsecret = open(sys.argv[1]).read().strip()\nanswer = open(sys.argv[2]).read()\nprint('go', flush=True)\n"
        "sys.exit(42 if sys.stdin.readline().strip() == secret else 43)"
    )
    interactor = {"language": "python", "source": source, "protocol": "kattis"}
    code = "input()\n" + SEARCH + "print(best[0] if best else 'nothing', flush=True)"
    suite = stdin(("918273645\n", "918273645\n"), interactor=interactor, limits={"cpu_s": 20, "memory_mb": 1024})
    assert grade(sandbox, "python", code, suite)["verdict"] == "wrong_answer"


def test_what_one_test_leaves_behind_the_next_does_not_find(sandbox: DockerSandbox) -> None:
    code = "import os\ng = input()\nfor p in ('note', '/tmp/note', '/dev/shm/note'):\n    print(os.path.exists(p))\n    open(p, 'w').write(g)"
    nothing = "False\n" * 3
    assert grade(sandbox, "python", code, stdin(("1", nothing), ("2", nothing), ("3", nothing)))["verdict"] == "accepted"


FORGED = [
    b'{"f": "abc"}', b'{"f": []}', b'{"n": ["x", 5]}', b'{"n": ["Fraction", "1e99999999"]}', b'{"d": 5}', b'{"d": [[[], 1]]}', b"{}", b"[",
    b'{"t": {"t": 1}}', b'{"s": [[1]]}', b'{"a": 1, "b": 2}', b"NaN", b"1e999", b"-Infinity", b'"\\ud800"', b"\xff\xfe1\x00", b"9" * 5000,
    b"[" * 50_000 + b"]" * 50_000, b'{"t": [' * 900 + b"]}" * 900, b'{"i": "0x"}', b'{"passed": true}', b'{"wrong": false}', b"\x00" * 100,
    b'{"o": "<script>"}', b'{"sizes": [1, 2, 3]}', b"1\n{}\n", b'{"i": "0x' + b"f" * 100_000 + b'"}',
]  # fmt: skip


@pytest.mark.parametrize("payload", FORGED, ids=lambda payload: repr(payload[:30]))
def test_forged_results_are_wrong_and_break_nothing(sandbox: DockerSandbox, payload: bytes) -> None:
    size = len(payload)
    write = (
        f"os.write(3, {payload!r})"
        if size < 9000
        else f"os.write(3, bytes.fromhex('{payload[: size // 2].hex()}{payload[size // 2 :].hex()}'))"
    )
    code = f"import os\ndef f():\n    os.lseek(3, 0, 0)\n    {write}\n    os._exit(0)"
    for suite in (
        call(41.5),
        call([1, {"a": 0.5}]),
        suite_from_json({"tests": [{"kind": "assert", "code": "assert f() == 41.5"}]}),
    ):
        judged = grade(sandbox, "python", code, suite)
        assert judged["verdict"] in ("wrong_answer", "runtime_error"), judged


ODD_RESULTS = [
    "10**400", "10**6000", "-10**6000", "float('nan')", "float('inf')", "1e308 * 10", "'\\ud800'", "'\\x00'", "b'\\xff'", "f", "type", "object()",
    "lambda: 1", "(x for x in [])", "range(3)", "{frozenset({1}): 2}", "{(1, 2): {None: ...}}", "[[]] * 1000", "...", "NotImplemented", "2 + 3j",
    "__import__('decimal').Decimal('sNaN')", "__import__('decimal').Decimal('1E+999999')", "__import__('fractions').Fraction(1, 3)",
    "__import__('datetime').datetime.now()", "__import__('re').match('a', 'a')", "memoryview(b'x')", "Exception('x')", "{1: 2}.items()",
    "type('L', (list,), {'__iter__': lambda s: iter([41.5])})()", "type('F', (float,), {'__eq__': lambda s, o: True, '__hash__': None})(3)",
    "__import__('collections').UserDict()", "__import__('numpy').array([float('nan')])", "__import__('numpy').array(object())",
    "(lambda l: l.append(l) or l)([])", "__import__('functools').reduce(lambda a, _: [a], range(3000), [])", "{'a': 10**400}", "[True, 10**400]",
]  # fmt: skip


@pytest.mark.parametrize("result", ODD_RESULTS)
def test_odd_results_are_wrong_and_break_nothing(sandbox: DockerSandbox, result: str) -> None:
    code = f"def f(): return {result}"
    more = {"compare": {"float_abs": 1e-6, "float_rel": 1e-6}}
    for expected in (41.5, 7, [41.5], {"a": 41.5}, "x", None, [1.5, 2.5]):
        for extra in ({}, more):
            suite = suite_from_json({"tests": [{"kind": "call", "entry": "f", "args": [], "expected": expected}], **extra})
            judged = grade(sandbox, "python", code, suite)
            assert judged["verdict"] in ("wrong_answer", "runtime_error"), (expected, judged)
            judged["message"].encode()  # fit to be written down


ENDINGS = [
    ("right, then an error", "print(3)\n1 / 0", "runtime_error"),
    ("right, then exit code 1", "print(3)\nraise SystemExit(1)", "runtime_error"),
    ("right, on stderr", "import sys\nprint(3, file=sys.stderr)", "wrong_answer"),
    ("right, then killed by itself", "import os, signal\nprint(3, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)", "runtime_error"),
    ("right, then no memory", "print(3, flush=True)\nx = []\nwhile True: x.append(bytearray(10**6))", "memory_limit"),
    ("right, then for ever", "print(3, flush=True)\nwhile True: pass", "time_limit"),
    ("not flushed", "import os\nprint(3)\nos._exit(0)", "wrong_answer"),
    ("twice", "print(3)\nprint(3)", "wrong_answer"),
    ("a stray character", "print('3.')", "wrong_answer"),
    ("nothing", "", "wrong_answer"),
    ("only a comment", "# 3", "wrong_answer"),
    ("invalid UTF-8 behind it", "import sys\nsys.stdout.buffer.write(b'3 \\xff')", "wrong_answer"),
    ("a NUL behind it", "print('3\\x00')", "wrong_answer"),
    ("other digits", "print('\\u0663')", "wrong_answer"),
    ("a byte order mark before it", "print('\\ufeff3')", "wrong_answer"),
    ("a no-break space behind it", "print('3\\u00a0')", "wrong_answer"),
    ("written over", "import os\nos.write(1, b'4\\n')\nos.lseek(1, 0, 0)\nos.write(1, b'3\\n')", "accepted"),
    ("by a child", "import os\nif os.fork() == 0:\n    print(3)\nelse:\n    os.wait()", "accepted"),
    ("by another program", "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(3)'])", "accepted"),
    ("at exit", "import atexit\natexit.register(print, 3)", "accepted"),
    ("with blanks around", "print('\\n\\n  3\\t \\r\\n\\n')", "accepted"),
    ("without an end of line", "print(3, end='')", "accepted"),
    ("stdin closed", "import sys\na = sum(map(int, input().split()))\nsys.stdin.close()\nprint(a)", "accepted"),
    ("stdout closed after it", "import sys\nprint(3)\nsys.stdout.close()", "accepted"),
    ("much on stderr", "import sys\nprint('x' * 10**6, file=sys.stderr)\nprint(3)", "accepted"),
    ("exit without code", "print(3)\nexit()", "accepted"),
    ("exit with None in a thread", "import sys, threading\nprint(3)\nthreading.Thread(target=sys.exit).start()", "accepted"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "verdict"), [case[1:] for case in ENDINGS], ids=[case[0] for case in ENDINGS])
def test_ways_to_end(sandbox: DockerSandbox, code: str, verdict: str) -> None:
    judged = grade(sandbox, "python", code, stdin(("1 2\n", "3\n"), limits={"cpu_s": 1, "memory_mb": 256}))
    assert judged["verdict"] == verdict, judged


@pytest.mark.long
def test_a_program_by_one_cpp_standard_only(sandbox: DockerSandbox) -> None:
    twenty = "#include <iostream>\n#include <concepts>\ntemplate <std::integral T> T add(T a, T b) { return a + b; }\nint main() { int a, b; std::cin >> a >> b; std::cout << add(a, b); }"
    seventeen = '#include <iostream>\n#include <string>\nint main() { int a, b; std::cin >> a >> b; std::string s = u8"x"; int requires_ = a + b; std::cout << requires_; }'
    for code in (twenty, seventeen):
        assert grade(sandbox, "cpp", code, stdin(("1 2\n", "3\n")))["verdict"] == "accepted"
    assert grade(sandbox, "cpp", twenty.replace("a + b;", "a - b;"), stdin(("1 2\n", "3\n")))["verdict"] == "wrong_answer"


@pytest.mark.long
def test_outputs_of_a_hundred_thousand_lines_in_any_order_are_compared_in_seconds(sandbox: DockerSandbox) -> None:
    lines = [f"{i} {i / 7:.9f}" for i in range(100_000)]
    out = "\n".join(lines)
    suite = stdin(("", out), compare={"policy": "unordered_lines"}, limits={"cpu_s": 20, "memory_mb": 512})
    code = "print('\\n'.join(f'{i} {i / 7:.7f}' for i in reversed(range(100_000))))"
    assert grade(sandbox, "python", code, suite)["verdict"] == "accepted"
    assert grade(sandbox, "python", code.replace("i / 7", "(i + (i == 77777)) / 7"), suite)["verdict"] == "wrong_answer"


BURN = """
import os, signal, time
def burn(seconds):
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass
"""
EVASIONS = {
    "children nobody waits for": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor _ in range(40):\n    if os.fork() == 0:\n        burn(0.04)\n        os._exit(0)\n    try: os.wait()\n    except ChildProcessError: pass\nprint(3)",
    "grandchildren": "r, w = os.pipe()\nfor _ in range(40):\n    if os.fork() == 0:\n        if os.fork() == 0:\n            burn(0.04)\n            os.write(w, b'x')\n        os._exit(0)\n    os.wait()\n    os.read(r, 1)\nprint(3)",
    "threads": "import threading\nts = [threading.Thread(target=burn, args=(2,)) for _ in range(4)]\nfor t in ts: t.start()\nfor t in ts: t.join()\nprint(3)",
    "a child that is waited for": "if os.fork() == 0:\n    burn(2)\n    os._exit(0)\nos.wait()\nprint(3)",
}


@pytest.mark.long
@pytest.mark.parametrize("name", EVASIONS)
def test_cpu_time_of_the_whole_family_counts(sandbox: DockerSandbox, name: str) -> None:
    limits = {"cpu_s": 0.5, "wall_s": 120, "memory_mb": 256, "language_factor": {"python": 1}}
    suite = stdin(("", "3"), limits=limits)
    assert grade(sandbox, "python", BURN + EVASIONS[name], suite)["verdict"] == "time_limit"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["assert", "pytest"])
def test_messages_can_be_written_down_whatever_a_program_says(sandbox: DockerSandbox, kind: str) -> None:
    test = "assert f(1) == 4, f(0)" if kind == "assert" else "from solution import f\ndef test_a():\n    assert f(1) == 4, f(0)\n"
    for said in ("'\\ud800'", "'\\x00'", "'x' * 10**7", "chr(27)"):
        judged = grade(sandbox, "python", f"def f(x): return {said}", suite_from_json({"tests": [{"kind": kind, "code": test}]}))
        assert judged["verdict"] == "wrong_answer", judged
        for message in (judged["message"], *(row["message"] for row in judged["tests"])):
            assert len(message.encode()) <= 4000
