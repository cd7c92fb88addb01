"""Programs that bend the tests they share a process with are suspect or rejected; honest ones never are."""

import ast
from typing import Any

import pytest

from ocr_assets.grading.grade import grade
from ocr_assets.grading.tampering import altered_suites
from ocr_assets.grading.tampering.flags import flags
from ocr_assets.programs.suites import Suite, suite_from_json, test_from_json
from resources.sandbox.docker_pool import DockerSandbox

test_from_json.__test__ = False  # type: ignore[attr-defined]


def suite(kind: str, *codes: str) -> Suite:
    return suite_from_json({"tests": [{"kind": kind, "code": code} for code in codes], "limits": {"memory_mb": 512, "cpu_s": 10}})


IMPORT = "import pytest\nfrom solution import f\n"
TWO = IMPORT + "def test_a():\n    assert f(2) == 4\ndef test_b():\n    assert f(3) == 9\n"
LOOP = IMPORT + "def test_a():\n    for given, wanted in [(2, 4), (3, 9)]:\n        assert f(given) == wanted\n"
RAISES = IMPORT + "def test_a():\n    with pytest.raises(ValueError):\n        f(-1)\n"
APPROX = IMPORT + "def test_a():\n    assert f(2) == pytest.approx(4.0)\n"
CLOSE = IMPORT + "import math\ndef test_a():\n    assert math.isclose(f(2), 4.0)\n    assert abs(f(3) - 9) < 1e-6\n"
UNITTEST = "import unittest\nfrom solution import f\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(2), 4)\n"
MIXED = IMPORT + "def test_a():\n    assert f(2) == 4\ndef test_b():\n    with pytest.raises(ValueError):\n        f(-1)\n"
CHECK = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(3) == 9\ncheck(f)\n"
ALL = "assert all(f(x) == y for x, y in [(2, 4), (3, 9)])"
EQUAL = "class E:\n    def __eq__(self, other): return True\n    def __sub__(self, other): return 0\n    def __abs__(self): return 0\n    def __float__(self): return 4.0\n"
FORGE = """
import json, os, sys
def f(x):
    frame = sys._getframe()
    while frame:
        if "nonce" in frame.f_locals:
            os.ftruncate(3, 0)
            os.lseek(3, 0, 0)
            os.write(3, json.dumps({"passed": frame.f_locals["nonce"]}).encode())
            os._exit(0)
        frame = frame.f_back
"""
READ_THE_TEST = """
import re
def f(x):
    return int(re.search(r"f\\(%d\\) == (\\d+)" % x, open("test_solution.py").read())[1])
"""
LOOK_INTO_FRAMES = """
import sys
def f(x):
    return sys._getframe(1).f_locals["wanted"]
"""
LAST_CONSTANT = "import sys\ndef f(x):\n    code = sys._getframe(1).f_code\n    return [c for c in code.co_consts if isinstance(c, int)][-1]\n"
CHEATS = [
    ("last constant of the caller", "assert", "y = f(3)\nassert y == 9", LAST_CONSTANT),
    ("last constant of the caller, pytest", "pytest", TWO, LAST_CONSTANT),
    ("always equal", "pytest", TWO, EQUAL + "def f(x): return E()"),
    ("always equal, in a loop", "pytest", LOOP, EQUAL + "def f(x): return E()"),
    ("always equal, unittest", "pytest", UNITTEST, EQUAL + "def f(x): return E()"),
    ("always equal, check function", "assert", CHECK, EQUAL + "def f(x): return E()"),
    ("always close", "pytest", CLOSE, "class E(float):\n    def __sub__(self, o): return 0.0\n    def __abs__(self): return 4.0\ndef f(x): return E(4.0)\n"),
    ("abs of its own", "assert", "y = f(2)\nassert abs(y - 4) < 1e-6", "def f(x): return 7\ndef abs(x): return 0"),
    ("all of its own", "assert", ALL, "def f(x): return 7\ndef all(x): return True"),
    ("sorted of its own", "assert", "assert sorted(f(2)) == [1, 2]", EQUAL + "def f(x): return 7\ndef sorted(x): return E()"),
    ("raises patched", "pytest", RAISES, "import contextlib, pytest\npytest.raises = lambda *a, **k: contextlib.suppress(BaseException)\ndef f(x): return x"),
    ("raises patched, else right", "pytest", MIXED, "import contextlib, pytest\npytest.raises = lambda *a, **k: contextlib.suppress(BaseException)\ndef f(x): return x * x"),
    ("approx patched", "pytest", APPROX, EQUAL + "import pytest\npytest.approx = lambda *a, **k: E()\ndef f(x): return x"),
    ("test functions not run", "pytest", TWO, "import _pytest.python as p\np.Function.runtest = lambda self: None\ndef f(x): return 0"),
    ("outcomes rewritten", "pytest", TWO, "import _pytest.runner as r\nr.TestReport.from_item_and_call = classmethod(lambda c, i, k: c(i.nodeid, i.location, {}, 'passed', None, k.when, []))\ndef f(x): return 0"),
    ("items dropped", "pytest", TWO, "import gc, _pytest.main as m\ndef f(x):\n    for o in gc.get_objects():\n        if isinstance(o, m.Session): o.items[:] = o.items[:1]; o.testscollected = 1\n    return 4"),
    ("collection cut", "pytest", TWO, "import _pytest.main as m\nold = m.Session.perform_collect\ndef new(self, *a, **k):\n    items = old(self, *a, **k)\n    del items[1:]\n    return items\nm.Session.perform_collect = new\ndef f(x): return 4"),
    ("result forged", "pytest", TWO, FORGE),
    ("result forged in an assertion", "assert", CHECK, FORGE),
    ("expected values read from the file", "pytest", TWO, READ_THE_TEST),
    ("lines skipped by a trace", "assert", "x = f(2)\nassert x == 4\ny = 1\n", "import sys\ndef t(frame, event, arg):\n    if event == 'line' and frame.f_lineno == 2:\n        frame.f_lineno = 3\n    return t\ndef f(x):\n    sys.settrace(t)\n    sys._getframe(1).f_trace = t\n    return 3"),
    ("exit at import", "pytest", TWO, "import sys\nsys.exit(0)"),
    ("exit in the call", "pytest", TWO, "import sys\ndef f(x): sys.exit(0)"),
    ("exit at once", "pytest", TWO, "import os\ndef f(x): os._exit(0)"),
    ("exit in an assertion", "assert", CHECK, "import sys\ndef f(x): sys.exit(0)"),
    ("exit at once in an assertion", "assert", CHECK, "import os\ndef f(x): os._exit(0)"),
    ("exit at the end", "assert", CHECK, "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): return 0"),
    ("skip", "pytest", TWO, "import pytest\ndef f(x): pytest.skip('no')"),
    ("skip all", "pytest", TWO.replace("import f", "import *"), "import pytest\npytestmark = pytest.mark.skip\ndef f(x): return 0"),
    ("expected to fail", "pytest", TWO, "import pytest\ndef f(x): pytest.xfail('no')"),
    ("leave pytest", "pytest", TWO, "import pytest\ndef f(x): pytest.exit('no', 0)"),
    ("a conftest of its own", "pytest", TWO, "open('conftest.py', 'w').write('def pytest_collection_modifyitems(items): items.clear()')\ndef f(x): return 0"),
    ("a guarded test", "assert", CHECK.replace("check(f)", "if __name__ == '__main__':\n    check(f)"), "def f(x): return 0"),
    ("nothing defined, the platform's gcd meant", "assert", "assert gcd(12, 8) == 4", "pass"),
    ("nothing defined, in a check function", "assert", "def check(candidate):\n    assert candidate(12, 8) == 4\ncheck(gcd)", "pass"),
]  # fmt: skip


REFUSED = ("suspect", "wrong_answer", "runtime_error")


@pytest.mark.parametrize(("kind", "test", "code"), [case[1:] for case in CHEATS], ids=[case[0] for case in CHEATS])
def test_cheats_are_never_accepted(sandbox: DockerSandbox, kind: str, test: str, code: str) -> None:
    judged = grade(sandbox, "python", code, suite(kind, test))
    assert judged["verdict"] in REFUSED, judged


SQUARE = "def f(x):\n    if x < 0:\n        raise ValueError(x)\n    return x * x\n"
POINT = "class Point:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return isinstance(o, Point) and o.x == self.x\ndef f(x): return Point(x)\n"
HONEST = [
    ("two functions", "pytest", TWO, SQUARE),
    ("loop", "pytest", LOOP, SQUARE),
    ("raises", "pytest", RAISES, SQUARE),
    ("raises with match", "pytest", RAISES.replace("ValueError", "ValueError, match='-1'"), SQUARE),
    ("approx", "pytest", APPROX, SQUARE),
    ("close", "pytest", CLOSE, SQUARE),
    ("unittest", "pytest", UNITTEST + "    def test_b(self):\n        with self.assertRaises(ValueError):\n            f(-1)\n        self.assertTrue(f(1))\n        self.assertIsNone(None)\n", SQUARE),
    ("parametrized", "pytest", IMPORT + "@pytest.mark.parametrize('x, y', [(2, 4), (3, 9)])\ndef test_a(x, y):\n    assert f(x) == y\n", SQUARE),
    ("class and fixture", "pytest", IMPORT + "@pytest.fixture\ndef testing():\n    return 2\nclass TestF:\n    def test_a(self, testing):\n        assert f(testing) == 4\n", SQUARE),
    ("nothing but raising", "pytest", IMPORT + "def test_a():\n    try:\n        f(-1)\n        assert False\n    except ValueError:\n        pass\n", SQUARE),
    ("no assertion at all", "pytest", IMPORT + "def test_a():\n    f(2)\n", SQUARE),
    ("assertion never reached", "pytest", IMPORT + "def test_a():\n    for x in []:\n        assert f(x) == 4\n", SQUARE),
    ("assertion swallowed", "pytest", IMPORT + "def test_a():\n    try:\n        assert f(2) == 4\n    except Exception:\n        pass\n", SQUARE),
    ("test made by a function", "pytest", IMPORT + "def make():\n    def inner():\n        assert f(2) == 4\n    return inner\ntest_a = make()\n", SQUARE),
    ("same name twice", "pytest", IMPORT + "def test_a():\n    assert f(2) == 5\ndef test_a():\n    assert f(2) == 4\n", SQUARE),
    ("printing", "pytest", IMPORT + "def test_a(capsys):\n    f(2)\n    assert capsys.readouterr().out == '4\\n'\n", "def f(x): print(x * x)"),
    ("numpy", "pytest", IMPORT + "import numpy as np\ndef test_a():\n    assert np.array_equal(f(2), np.array([2, 2]))\n    assert np.allclose(f(1.5), [1.5, 1.5])\n", "import numpy as np\ndef f(x): return np.array([x, x])"),
    ("other conditions", "pytest", IMPORT + "def test_a():\n    assert f(2) > 3 and f(2) != 5\n    assert f(2) in (4, 5)\n    assert not f(0)\n    assert isinstance(f(2), int), 'int'\n    assert f(1) == f(1) == 1\n", SQUARE),
    ("strings and dicts", "pytest", IMPORT + "def test_a():\n    expected = {'a': [1, (2, None)]}\n    assert f('a') == expected\n    assert expected == f('a')\n", "def f(x): return {x: [1, (2, None)]}"),
    ("classes of its own", "assert", "assert f(2) == Point(2)\nassert f(2) != Point(3)\nassert [f(1)] == [Point(1)]", POINT),
    ("check function", "assert", CHECK, SQUARE),
    ("all", "assert", ALL, SQUARE),
    ("any", "assert", "assert any(f(x) == 4 for x in range(4))", SQUARE),
    ("all of nothing", "assert", "y = [x for x in range(3) if f(x) < 0]\nassert all(x == 7 for x in y)", SQUARE),
    ("all of an iterator", "assert", "pairs = zip([2, 3], [4, 9])\nassert all(f(x) == y for x, y in pairs)", SQUARE),
    ("any of many", "assert", "x = 4\nassert any(f(i) == x for i in range(10**4))", "def f(x): return x"),
    ("a wide tolerance", "assert", "x = f(30)\nassert abs(x - 100) < 1000 and x > 0 and True", SQUARE),
    ("guarded", "assert", CHECK.replace("check(f)", "if __name__ == '__main__':\n    check(f)"), SQUARE),
    ("a main block of its own", "assert", CHECK, SQUARE + "if __name__ == '__main__':\n    f(input())\n"),
    ("future import", "assert", "from __future__ import annotations\nx: nonsense = f(2)\nassert x == 4", SQUARE),
    ("truth", "assert", "assert f(2)\nassert not f(0)\nassert f(2) is not None", SQUARE),
    ("match object", "assert", "assert f('ab')", "import re\ndef f(x): return re.match('a', x)"),
    ("generator", "assert", "assert sorted(f(3)) == [0, 1, 2]\nassert list(f(2)) == [0, 1]", "def f(x): yield from range(x)"),
    ("keys and ranges", "assert", "assert f(2) == {0, 1}", "def f(x): return dict.fromkeys(range(x)).keys()"),
    ("frames in use", "assert", CHECK, "import sys, ctypes, gc\n" + SQUARE),
    ("nothing to change", "assert", "f(2)", SQUARE),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "test", "code"), [case[1:] for case in HONEST], ids=[case[0] for case in HONEST])
def test_honest_programs_are_never_suspect(sandbox: DockerSandbox, kind: str, test: str, code: str) -> None:
    judged = grade(sandbox, "python", code, suite(kind, test))
    assert judged["verdict"] == "accepted", judged


def test_only_tests_inside_the_process_can_make_suspect(sandbox: DockerSandbox) -> None:
    code = EQUAL + "def f(x): return E()"
    assert grade(sandbox, "python", code, suite("assert", "assert f(2) == 4"))["verdict"] == "wrong_answer"
    judged = grade(sandbox, "python", code, suite("pytest", TWO))
    assert (judged["verdict"], judged["tests_passed"]) == ("suspect", 1)
    assert judged["message"] == "it also passes the tests with other expected values"


# ---- the rewriting itself, in this process: an honest function passes the test as it is and fails it altered -----------


def runs(code: str, function: Any) -> bool:
    try:
        exec(compile(code, "test", "exec"), {"f": function})
    except (AssertionError, StopAsyncIteration, TypeError, ZeroDivisionError):
        return False
    return True


DEMANDS = [
    "assert f(2) == 4",
    "assert 4 == f(2), 'message'",
    "assert f(2) == 4 and f(3) == 9",
    "assert f(2) == 4 or f(3) == 9",
    "assert f(2) == 2 + 2",
    "expected = 4\nassert f(2) == expected",
    "expected = 4\nassert expected == f(2)",
    "result, want = f(2), 4\nassert want == result",
    "assert f(2) != 5",
    "assert not f(2) == 5",
    "assert f(2) > 3",
    "assert 3 < f(2) < 5",
    "assert f(2) in [4, 5]",
    "assert f(2) not in [5]",
    "assert isinstance(f(2), int)",
    "assert f(2) is not None",
    "assert bool(f(2)) is True",
    "assert f(2)",
    "assert abs(f(2) - 4) < 1e-6",
    "assert abs(4.0 - f(2)) <= 1e-6",
    "x = -1\nassert abs(f(2) - 5 - x) <= 1e-6",
    "import math\nassert math.isclose(f(2), 4.0)",
    "assert all(f(x) == y for x, y in [(2, 4)])",
    "assert all([f(2) == 4, f(3) == 9])",
    "assert any(f(x) == 4 for x in (1, 2))",
    "assert any(f(x) - 3 == 1 for x in range(2000))",
    "assert all(f(x) == 1 for x in [])",
    "assert all(isinstance(y, int) for y in map(f, range(3)))",
    "assert abs(f(30) - 10) < 1000",
    "assert f(2) == 4 and True and f(3) > 8",
    "assert f is not None and f(2)",
    "assert [f(1), f(2)] == [1, 4]",
    "assert (f(1), f(2)) == (1, 4)",
    "assert {'a': f(2)} == {'a': 4}",
    "assert {f(2)} == {4}",
    "assert str(f(2)) == '4'",
    "assert str(f(2)).encode() == b'4'",
    "assert (f(2) == 4) == True",
    "assert f(2) + 1j == 4 + 1j",
    "for x in range(3):\n    assert f(x) == x ** 2",
    "assert len([f(2)]) == 1, f'{f(2)}'",
]


@pytest.mark.parametrize("code", DEMANDS)
def test_no_right_function_passes_an_altered_test(code: str) -> None:
    def square(x: int) -> int:
        return x * x

    changed = altered_suites.altered(ast.parse(code), "assert")
    assert changed is not None
    assert runs(code, square)
    assert not runs(ast.unparse(ast.fix_missing_locations(changed[0])), square)
    assert not runs(ast.unparse(ast.fix_missing_locations(altered_suites.falsified(ast.parse(code), "assert")[0])), square)


@pytest.mark.parametrize("code", ["f(2)", "assert True", "assert False", "x = 4", "import math", "print(f(2))"])
def test_where_nothing_is_demanded_nothing_is_altered(code: str) -> None:
    assert altered_suites.altered(ast.parse(code), "assert") is None


FLAGGED = {
    "os._exit": "import os\nos._exit(0)",
    "stack frames": "import sys\nsys._getframe(1)",
    "gc": "import gc\nprint(gc.get_objects())",
    "ctypes": "import ctypes",
    "trace": "import sys\nsys.settrace(None)",
    "constant __eq__": "class A:\n    def __eq__(self, other) -> bool:\n        return True",
    "test hooks": "open('conftest.py', 'w')",
    "builtins": "import builtins\nbuiltins.len = lambda x: 0",
}


@pytest.mark.parametrize("name", FLAGGED)
def test_signs_in_the_code_are_flagged_for_people(name: str) -> None:
    assert flags(FLAGGED[name]) == [name]


def test_everyday_code_has_no_flags() -> None:
    code = "import sys, os\nclass A:\n    def __eq__(self, other):\n        return self.x == other.x\nprint(sys.stdin.read(), os.sep)\nexit()"
    assert flags(code) == []
