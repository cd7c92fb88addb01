"""Verdicts from real sandboxes: each verdict in both languages, limits, checkers, assert tests, faults."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ocr_assets.grading.batch import grade_many
from ocr_assets.grading.grade import grade
from ocr_assets.grading.limits import resolve_limits
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.programs.suites import Suite, suite_from_json
from resources.sandbox.api import Outcome, Program, RunLimits, RunOutcome, SandboxFault
from resources.sandbox.docker_pool import DockerSandbox


def suite(*pairs: tuple[str, str], **more: object) -> Suite:
    tests = [{"kind": "stdin", "input": given, "output": out} for given, out in pairs]
    return suite_from_json({"tests": tests, "limits": {"cpu_s": 0.5, "wall_s": 4, "memory_mb": 128}, **more})


SUM = suite(("1 2\n", "3\n"), ("10 -4\n", "6\n"))
PYTHON = {
    "accepted": "print(sum(map(int, input().split())))",
    "wrong_answer": "a, b = map(int, input().split())\nprint(a - b if a > 5 else a + b)",
    "time_limit": "while True: pass",
    "idle_limit": "import time\ntime.sleep(60)",
    "memory_limit": "x = []\nwhile True: x.append(bytearray(10**6))",
    "output_limit": "while True: print('x' * 10**6)",
    "runtime_error": "print(1 // 0)",
    "compile_error": "def f(:\n  pass",
}
HEAD = "#include <bits/stdc++.h>\nusing namespace std;\n"
CPP = {
    "accepted": HEAD + "int main() { int a, b; cin >> a >> b; cout << a + b; }",
    "wrong_answer": HEAD + "int main() { int a, b; cin >> a >> b; cout << a * b; }",
    "time_limit": HEAD + "int main() { volatile long x = 0; while (true) x++; }",
    "idle_limit": "#include <unistd.h>\nint main() { sleep(60); }",
    "memory_limit": HEAD + "int main() { vector<char> v; while (true) v.resize(v.size() + 10000000, 1); }",
    "output_limit": HEAD + "int main() { string s(1 << 20, 'x'); while (true) cout << s; }",
    "runtime_error": HEAD + "int main() { vector<int> v(1); cout << v.at(5); }",
    "compile_error": "int main() { return undeclared; }",
}


@pytest.mark.parametrize("verdict", PYTHON)
def test_each_verdict_in_python(sandbox: DockerSandbox, verdict: str) -> None:
    judged = grade(sandbox, "python", PYTHON[verdict], SUM)
    assert judged["verdict"] == verdict, judged
    assert judged["tests_total"] == 2
    assert judged["image"].startswith("ocr-assets/sandbox:") and "@sha256:" in judged["image"]


@pytest.mark.parametrize("verdict", CPP)
def test_each_verdict_in_cpp(sandbox: DockerSandbox, verdict: str) -> None:
    judged = grade(sandbox, "cpp", CPP[verdict], SUM)
    assert judged["verdict"] == verdict, judged


def test_first_failure_and_counts(sandbox: DockerSandbox) -> None:
    judged = grade(sandbox, "python", PYTHON["wrong_answer"], SUM)
    assert (judged["first_failure"], judged["tests_passed"]) == (1, 1)
    assert judged["message"] == "token 1: expected '6', got '14'"


def test_all_tests_run_when_asked(sandbox: DockerSandbox) -> None:
    three = suite(("1 2", "4"), ("1 2", "3"), ("2 2", "5"))
    judged = grade(sandbox, "python", PYTHON["accepted"], three, GradingSettings(stop_at_first_failure=False))
    assert [test["verdict"] for test in judged["tests"]] == ["wrong_answer", "accepted", "wrong_answer"]
    assert judged["tests_passed"] == 1 and judged["first_failure"] == 0
    stopped = grade(sandbox, "python", PYTHON["accepted"], three)
    assert len(stopped["tests"]) == 1


def test_a_suite_without_tests_gives_no_verdict(sandbox: DockerSandbox) -> None:
    judged = grade(sandbox, "python", "print(1)", suite())
    assert judged["verdict"] == "sandbox_error"
    assert "no tests" in judged["message"]


CALL = suite_from_json(
    {
        "tests": [
            {"kind": "call", "entry": "Solution.twice", "args": [[1, 2]], "expected": [2, 4]},
            {"kind": "call", "entry": "Solution.twice", "args": [[]], "kwargs": {}, "expected": []},
        ]
    }
)


def test_calls_are_compared_outside(sandbox: DockerSandbox) -> None:
    good = "class Solution:\n    def twice(self, xs: List[int]) -> List[int]:\n        return [2 * x for x in xs]"
    assert grade(sandbox, "python", good, CALL)["verdict"] == "accepted"
    assert grade(sandbox, "python", good.replace("2 *", "3 *"), CALL)["verdict"] == "wrong_answer"
    cheat = "class E(list):\n    def __eq__(self, o): return True\nclass Solution:\n    def twice(self, xs): return E([0])"
    assert grade(sandbox, "python", cheat, CALL)["verdict"] == "wrong_answer"
    missing = grade(sandbox, "python", "def other(): pass", CALL)
    assert missing["verdict"] == "runtime_error" and "Solution is not defined" in missing["message"]
    left = grade(sandbox, "python", "import os\nclass Solution:\n    def twice(self, xs): os._exit(0)", CALL)
    assert left["verdict"] == "runtime_error"


def test_linked_lists_and_trees_as_on_the_platform(sandbox: DockerSandbox) -> None:
    tests = [{"kind": "call", "entry": "Solution.rev", "args": [[1, 2, 3]], "expected": [3, 2, 1]}]
    code = """
class Solution:
    def rev(self, head: Optional[ListNode]) -> Optional[ListNode]:
        last = None
        while head:
            head.next, last, head = last, head, head.next
        return last
"""
    assert grade(sandbox, "python", code, suite_from_json({"tests": tests}))["verdict"] == "accepted"
    tests = [{"kind": "call", "entry": "Solution.flip", "args": [[1, 2, 3, None, 4]], "expected": [1, 3, 2, None, None, 4]}]
    code = """
class Solution:
    def flip(self, root: 'TreeNode') -> 'TreeNode':
        if root:
            root.left, root.right = self.flip(root.right), self.flip(root.left)
        return root
"""
    assert grade(sandbox, "python", code, suite_from_json({"tests": tests}))["verdict"] == "accepted"


def test_asserts_hold_inside_or_are_compared_outside(sandbox: DockerSandbox) -> None:
    tests = [{"kind": "assert", "code": "assert f(2) == 4"}, {"kind": "assert", "code": "x = f(3)\nassert abs(x - 9) < 1e-9"}]
    asserts = suite_from_json({"tests": tests})
    assert grade(sandbox, "python", "def f(x): return x * x", asserts)["verdict"] == "accepted"
    wrong = grade(sandbox, "python", "def f(x): return x + 2", asserts)
    assert wrong["verdict"] == "wrong_answer" and wrong["first_failure"] == 1
    class_trick = "class A:\n    def __eq__(self, o): return True\ndef f(x): return A()"
    assert grade(sandbox, "python", class_trick, asserts)["first_failure"] == 0
    assert grade(sandbox, "python", "import os\ndef f(x):\n    os._exit(0)", asserts)["verdict"] == "runtime_error"


def test_pytest_suites(sandbox: DockerSandbox) -> None:
    code = "from solution import f\ndef test_one():\n    assert f(1) == 2\ndef test_two():\n    assert f(2) == 3\n"
    tests = suite_from_json({"tests": [{"kind": "pytest", "code": code}]})
    assert grade(sandbox, "python", "def f(x): return x + 1", tests)["verdict"] == "accepted"
    assert grade(sandbox, "python", "def f(x): return 2", tests)["verdict"] == "wrong_answer"


ANY_OF = [("5\n", "1 4\n")]
TESTLIB = """
import sys
given = open(sys.argv[1]).read().split()
out = open(sys.argv[2]).read().split()
answer = open(sys.argv[3]).read().split()
assert answer == ["1", "4"]
sys.exit(0 if len(out) == 2 and sum(map(int, out)) == int(given[0]) else 1)
"""
KATTIS = """
import sys
given = int(open(sys.argv[1]).read())
out = sys.stdin.read().split()
open(sys.argv[3] + "judgemessage.txt", "w").write("sum is off")
sys.exit(42 if len(out) == 2 and sum(map(int, out)) == given else 43)
"""
OPEN_R1 = """
import sys
given = int(open(sys.argv[1]).read())
out = open(sys.argv[3]).read().split()
print(1 if len(out) == 2 and sum(map(int, out)) == given else 0)
"""


@pytest.mark.parametrize(("protocol", "source"), [("testlib", TESTLIB), ("kattis", KATTIS), ("open_r1", OPEN_R1)])
def test_checkers_decide(sandbox: DockerSandbox, protocol: str, source: str) -> None:
    checked = suite(*ANY_OF, checker={"language": "python", "source": source, "protocol": protocol})
    assert grade(sandbox, "python", "print(2, 3)", checked)["verdict"] == "accepted"
    assert grade(sandbox, "cpp", HEAD + "int main() { cout << 2 << ' ' << 3; }", checked)["verdict"] == "accepted"
    wrong = grade(sandbox, "python", "print(2, 2)", checked)
    assert wrong["verdict"] == "wrong_answer"
    if protocol == "kattis":
        assert wrong["message"] == "sum is off"
    assert grade(sandbox, "python", "print(1 // 0)", checked)["verdict"] == "runtime_error"


@pytest.mark.long
@pytest.mark.parametrize("source", ["raise SystemExit(7)", "def broken(:", "while True: pass", "print('maybe')"])
def test_a_broken_checker_is_never_the_solutions_fault(sandbox: DockerSandbox, source: str, monkeypatch) -> None:
    monkeypatch.setattr("ocr_assets.grading.checkers.LIMITS", RunLimits(cpu_s=0.5, wall_s=3, memory_mb=128))
    checked = suite(*ANY_OF, checker={"language": "python", "source": source, "protocol": "open_r1"})
    assert grade(sandbox, "python", "print(1, 4)", checked)["verdict"] == "sandbox_error"


class Broken:
    workers = 1
    online_judge = False

    def execute(self, program: Program, until=None, *, reserved: bool = False) -> Outcome:
        raise SandboxFault("the engine is gone")


def test_a_sandbox_fault_is_no_verdict_on_the_program() -> None:
    judged = grade(Broken(), "python", PYTHON["wrong_answer"], SUM)  # type: ignore[arg-type]
    assert (judged["verdict"], judged["tests"], judged["tests_total"]) == ("sandbox_error", [], 2)


@pytest.mark.parametrize("verdict", ["accepted", "runtime_error"])
def test_an_interactive_problem_gets_no_verdict_without_its_interactor(sandbox: DockerSandbox, verdict: str) -> None:
    interactor = {"language": "python", "source": "print(1)", "protocol": "kattis"}
    code = "input()\n" + PYTHON["runtime_error"] if verdict == "runtime_error" else PYTHON[verdict]  # it crashes after the talk
    judged = grade(sandbox, "python", code, suite(("1 2", "3"), interactor=interactor))
    assert judged["verdict"] == "sandbox_error"


def test_many_are_all_graded(sandbox: DockerSandbox) -> None:
    codes = [PYTHON["accepted"], PYTHON["wrong_answer"], PYTHON["accepted"], PYTHON["runtime_error"]] * 3
    items = [
        {"solution_id": f"s{i}", "problem_id": f"p{i // 6}", "suite_id": "x", "language": "python", "code": code}
        for i, code in enumerate(codes)
    ]
    verdicts = list(grade_many(sandbox, [(item, SUM) for item in items]))  # type: ignore[misc]
    verdicts.sort(key=lambda verdict: int(verdict["solution_id"][1:]))  # they come as they are known
    assert [v["solution_id"] for v in verdicts] == [f"s{i}" for i in range(12)]
    assert [v["verdict"] for v in verdicts] == ["accepted", "wrong_answer", "accepted", "runtime_error"] * 3
    assert len({v["verdict_id"] for v in verdicts}) == 12


def test_limits_are_for_cpp_and_the_reference_host() -> None:
    limits = suite()["limits"]
    assert resolve_limits(limits, "cpp", GradingSettings()).cpu_s == 0.5
    assert resolve_limits(limits, "python", GradingSettings()).cpu_s == 1.5
    assert resolve_limits(limits, "cpp", GradingSettings(), host_speed=0.5).cpu_s == 1.0
    assert resolve_limits(limits, "cpp", GradingSettings(), host_speed=2.0).cpu_s == 0.5
    assert resolve_limits({**limits, "python_factor": 1.0}, "python", GradingSettings()).cpu_s == 0.5


STDIN_STYLES = [
    "print(input()[::-1])",
    "import sys\nprint(sys.stdin.read().strip()[::-1])",
    "import sys\nfor line in sys.stdin: print(line.strip()[::-1])",
    "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.readline().strip()[::-1])",
    "import os\nos.write(1, os.read(0, 100).strip()[::-1])",
    "print(open(0).read().strip()[::-1])",
    "import fileinput\nfor line in fileinput.input(): print(line.strip()[::-1])",
    "if __name__ == '__main__':\n    global x\n    x = input()\n    print(x[::-1])\n    exit()",
    "import sys\nsys.stdout.write(open('/dev/stdin').read().strip()[::-1])\nsys.exit(0)",
    "import threading, sys\nsys.setrecursionlimit(10**6)\nthreading.stack_size(1 << 27)\n"
    "t = threading.Thread(target=lambda: print(input()[::-1]))\nt.start()",
    "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return n and 1 + f(n - 1)\nassert f(100000) == 100000\nprint(input()[::-1])",
    "import atexit\natexit.register(lambda: print(input()[::-1]))",
    "print(input()[::-1])\nquit()",
    "import os, sys\nprint(input()[::-1], flush=True)\nos._exit(0)",
    "import sys\nprint(input()[::-1])\nsys.stdout.close()",
]


@pytest.mark.parametrize("code", STDIN_STYLES)
def test_every_honest_way_to_read_and_print(sandbox: DockerSandbox, code: str) -> None:
    judged = grade(sandbox, "python", code, suite(("stressed\n", "desserts\n")))
    assert judged["verdict"] == "accepted", judged


def test_an_assertion_with_names_for_its_literals_is_compared_outside(sandbox: DockerSandbox) -> None:
    codes = ["assert f(3) == 9", "x = 3\nwanted = [9]\nassert f(x) == wanted"]
    named = suite_from_json({"tests": [{"kind": "assert", "code": code} for code in codes]})
    thief = "import sys\ndef f(x):\n    return sys._getframe(1).f_globals.get('wanted', 9)"
    judged = grade(sandbox, "python", thief, named)
    assert (judged["verdict"], judged["first_failure"]) == ("wrong_answer", 1)
    shared = suite_from_json({"tests": [{"kind": "assert", "code": "LIMIT = 9\nassert f(3) == 27"}]})
    assert grade(sandbox, "python", "def f(x): return x * LIMIT", shared)["verdict"] == "accepted"


def test_a_solution_does_not_change_the_builtins_of_its_test(sandbox: DockerSandbox) -> None:
    tests = suite_from_json({"tests": [{"kind": "assert", "code": "y = f(3)\nassert len(y) == 3"}]})
    patched = "import builtins\nbuiltins.len = lambda x: 3\ndef f(x): return []"
    assert grade(sandbox, "python", patched, tests)["verdict"] == "wrong_answer"


TALKER = """
import sys
line = sys.stdin.readline()
if line == "x\\n":
    sys.exit(43)
while line:
    print("more" * 1000, flush=True)
    line = sys.stdin.readline()
sys.exit(43)
"""


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("print('x', flush=True)\ninput()", "wrong_answer"),  # it crashes because the interactor has ended
        ("print('y', flush=True)\ninput()\n1 // 0", "runtime_error"),  # the interactor ends because it has crashed
        ("print('y\\n' * 1000)", "wrong_answer"),  # nobody reads what the interactor says
    ],
)
def test_who_ended_first_is_certain_in_a_talk(sandbox: DockerSandbox, code: str, verdict: str) -> None:
    talk = suite(("", ""), interactor={"language": "python", "source": TALKER, "protocol": "kattis"})
    assert [grade(sandbox, "python", code, talk)["verdict"] for _ in range(5)] == [verdict] * 5


class Counting:
    """A sandbox that counts what it is asked; every program prints its own code."""

    workers = 2
    online_judge = False

    def __init__(self) -> None:
        self.asked: list[str] = []

    def execute(self, program: Program, until: Any = None, *, reserved: bool = False) -> Outcome:
        self.asked.append(program.code)
        time.sleep(0.01)  # so that equal programs are in flight together
        run = RunOutcome("ok", 0.1, 0.1, 10.0, 0, None, program.code.encode(), b"")
        until(0, run)
        return Outcome(True, "", [run], "image", "none", 1.0)

    def call(self, function: Any, *arguments: Any) -> Any:
        return function(self, *arguments)

    def completed(self, function: Any, items: Any) -> Any:
        with ThreadPoolExecutor(4) as pool:
            yield from pool.map(function, items)


def test_equal_programs_before_one_suite_are_judged_once() -> None:
    asked = suite(("", "1"))
    items: Any = [
        (
            {
                "solution_id": f"s{n}",
                "problem_id": f"p{n % 3}",
                "suite_id": f"suite{n % 3}",
                "language": "python",
                "code": str(n % 2),
            },
            asked,
        )
        for n in range(60)
    ]
    sandbox = Counting()
    verdicts = list(grade_many(sandbox, items))  # type: ignore[arg-type]
    assert sorted(sandbox.asked) == ["0"] * 3 + ["1"] * 3, "once for each of two programs and three suites, in whatever order"
    assert {(v["solution_id"], v["verdict"]) for v in verdicts} == {
        (f"s{n}", "accepted" if n % 2 else "wrong_answer") for n in range(60)
    }


def test_a_slow_program_at_the_head_holds_up_none_behind_it(sandbox: DockerSandbox) -> None:
    work = [2.0, *[0.0] * 40]
    order = [place for place, _ in sandbox.completed(lambda item: (item[0], time.sleep(item[1])), enumerate(work))]
    assert sorted(order) == list(range(41)) and order.index(0) > 20


def test_a_program_that_is_right_by_the_luck_of_a_hash_seed_is_wrong(sandbox: DockerSandbox) -> None:
    shown = grade(sandbox, "python", "print(''.join(set(input())))", suite(("abcdef", "?")))["tests"][0]["stdout_head"]
    assert shown is not None
    order = shown.strip()
    kinds = [
        ("print(''.join(set(input())))", suite(("x", "x"), ("abcdef", order), ("y", "y"))),
        ("def f(s): return list(set(s))", call("f", ["abcdef"], list(order))),
        ("def f(s): return list(set(s))", of("assert", f"assert f('abcdef') == {list(order)}")),
        ("def f(s): return list(set(s))", of("assert", f"found = f('abcdef')\nassert found == {list(order)}")),
        (
            "def f(s): return list(set(s))",
            of("pytest", f"from solution import f\ndef test(): assert f('abcdef') == {list(order)}"),
        ),
    ]
    for code, tests in kinds:
        judged = grade(sandbox, "python", code, tests)
        assert (judged["verdict"], judged["flags"]) == ("wrong_answer", ["hash_order"]), judged
        assert "right by luck" in judged["message"] and judged["untrusted_reason"] is None
        deciding = judged["first_failure"]
        assert deciding == judged["tests_total"] // 2 and judged["tests"][deciding]["verdict"] == "wrong_answer"
    everything = grade(sandbox, "python", *kinds[0], GradingSettings(stop_at_first_failure=False))
    assert [test["verdict"] for test in everything["tests"]] == ["accepted", "wrong_answer", "accepted"]
    assert everything["tests_passed"] == 2


@pytest.mark.parametrize("pair", [("yes", "no"), ("cat", "dog"), ("red", "blue"), ("left", "right"), ("a", "b"), ("one", "two")])
def test_the_order_of_two_strings_is_seen_whatever_they_are(sandbox: DockerSandbox, pair: tuple[str, str]) -> None:
    code, given = "print(*set(input().split()))", " ".join(pair)
    shown = grade(sandbox, "python", code, suite((given, "?")))["tests"][0]["stdout_head"]
    assert shown is not None
    assert grade(sandbox, "python", code, suite((given, shown)))["flags"] == ["hash_order"]


@pytest.mark.parametrize(
    "code",
    [
        "print(''.join(sorted(set(input()))))",
        "print(''.join(dict.fromkeys(input())))",
        "s = set(input())\nfor c in 'abcdef':\n    if c in s: print(c, end='')",
        # wrong now and then, whatever the seed: that is no matter of order
        "import random\nprint('abcdef' if {1} or next(iter({input()})) and random.random() < 2 else '')",
    ],
)
def test_a_program_that_does_not_depend_on_the_order_of_sets_stays_right(sandbox: DockerSandbox, code: str) -> None:
    judged = grade(sandbox, "python", code, suite(("abcdef", "abcdef")))
    assert (judged["verdict"], judged["flags"]) == ("accepted", [])


def call(entry: str, args: list[Any], expected: Any) -> Suite:
    return suite_from_json({"tests": [{"kind": "call", "entry": entry, "args": args, "expected": expected}]})


def of(kind: str, code: str) -> Suite:
    return suite_from_json({"tests": [{"kind": kind, "code": code}]})


FILES = {"input": "input.txt", "output": "output.txt"}
BY_FILE = {
    "python": "a, b = map(int, open('input.txt').read().split())\nopen('output.txt', 'w').write(str(a + b))\n",
    "cpp": HEAD
    + 'int main() { freopen("input.txt", "r", stdin); freopen("output.txt", "w", stdout); int a, b; cin >> a >> b; cout << a + b; }',
}


@pytest.mark.parametrize("language", ["python", "cpp"])
def test_a_program_may_read_and_write_the_files_that_the_problem_names(sandbox: DockerSandbox, language: Any) -> None:
    named = suite(("1 2\n", "3\n"), ("10 -4\n", "6\n"), files=FILES)
    assert grade(sandbox, language, BY_FILE[language], named)["verdict"] == "accepted"
    assert grade(sandbox, language, (PYTHON if language == "python" else CPP)["accepted"], named)["verdict"] == "accepted"
    assert grade(sandbox, language, BY_FILE[language], SUM)["verdict"] != "accepted"  # it does not say so
    assert grade(sandbox, language, BY_FILE[language].replace("a + b", "a - b"), named)["verdict"] == "wrong_answer"


def test_an_output_file_is_whole_and_a_file(sandbox: DockerSandbox) -> None:
    long = "7" * 300_000
    named = suite(("", long), files=FILES)
    assert grade(sandbox, "python", f"open('output.txt', 'w').write('7' * {len(long)})", named)["verdict"] == "accepted"
    linked = "import os\nos.symlink('/etc/passwd', 'output.txt')\nprint('7' * 300_000)"
    assert grade(sandbox, "python", linked, named)["verdict"] == "accepted"  # by its stdout
    both = "open('output.txt', 'w').write('8')\nprint('7' * 300_000)"
    assert grade(sandbox, "python", both, named)["verdict"] == "wrong_answer"
