"""Suites and wrong programs on which reading a suite (``grading/scripts.py``) and running it once differed: by real pytest each of
these programs fails, so no script may pass it; and suites whose text made the host work."""

import time

import pytest

from ocr_assets.grading.scripts import as_script
from tests.unit.test_scripts import by_script

FROM = "from solution import f\nimport pytest\n"
STAR = "from solution import *\nimport pytest\n"
F = "def f(x): return 2 * x\n"

# name: (suite, program that fails it); kind pytest.
WRONG = {
    "a list returned before is changed later": (
        FROM + "def test_a():\n    a = f(1)\n    b = f(2)\n    assert a == [1]\n    assert b == [1, 2]\n",
        "kept = []\ndef f(x):\n    kept.append(x)\n    return kept",
    ),
    "what was given is looked at through its holder": (
        FROM + "def test_a():\n    rows = [[1]]\n    assert f(rows[0]) is None\n    assert rows[0][0] == 1\n",
        "def f(x): x[0] = 5",
    ),
    "what was given and is empty": (
        FROM + "def test_a():\n    rows = [[]]\n    assert f(rows[0]) is None\n    assert not rows[0]\n",
        "def f(x): x.append(5)",
    ),
    "a list that grows while it is walked": (
        FROM + "def test_a():\n    rows = [1]\n    for x in rows:\n        assert f(rows) == 1\n",
        "def f(x):\n    if len(x) < 3: x.append(2)\n    return len(x) - 1",
    ),
    "a name that is local further down": (FROM + "def test_a():\n    f = f(2)\n    assert f == 4\n", F),
    "a local name of a comprehension": (
        FROM + "y = [1]\ndef test_a():\n    assert f(1) == 2\n    assert f(3) == [y for x in [6] for y in y][0] + 5\n", F,
    ),
    "an attribute read before": (
        "from solution import Box\ndef test_a():\n    s = Box()\n    before = s.n\n    s.go()\n    assert before == 0\n",
        "class Box:\n    n = 5\n    def go(self): self.n = 0",
    ),
    "a function that replaces itself": (
        FROM + "def test_a():\n    assert f(1) == 2\n    assert f(2) == 4\n",
        "def f(x):\n    global f\n    f = lambda x: 2 * x\n    return 2",
    ),
    "a method that replaces itself": (
        "from solution import Solution\ndef check(g):\n    assert g(1) == 2\n    assert g(2) == 4\ndef test_a():\n    check(Solution().f)\n",
        "class Solution:\n    def f(self, x):\n        self.f = lambda x: 2 * x\n        return 2",
    ),
    "the second half of an and": (
        FROM + "def test_a():\n    assert not (f(0) == 1 and f(1) == 0)\n    assert f(2) == 2\n",
        "calls = []\ndef f(x):\n    calls.append(x)\n    return len(calls) - 1",
    ),
    "the order of a set": (
        FROM + "def test_a():\n    assert list(f(1)) == [9, 3]\n",
        "def f(x):\n    s = set(range(40))\n    s &= {3, 9}\n    for n in range(40):\n        s.add(n)\n    for n in range(40):\n        if n not in (3, 9): s.discard(n)\n    return s",
    ),
    "parameters are what they were then": (
        FROM + "ROWS = [(1, 3)]\n@pytest.mark.parametrize('x, y', ROWS)\ndef test_a(x, y):\n    assert f(x) == y\nROWS = [(1, 2)]\n", F,
    ),
    "one name in a tuple": (
        FROM + "@pytest.mark.parametrize(('x',), [(1,)])\ndef test_a(x):\n    assert f(x) == (1, 1)\n", F,
    ),
    "a module that is not there": ("import no_such_module\n" + FROM + "def test_a():\n    assert f(1) == 2\n", F),
    "a name that a module has not": ("from math import no_such\n" + FROM + "def test_a():\n    assert f(1) == 2\n", F),
    "an annotation that is no name": (FROM + "def test_a() -> List[int]:\n    assert f(1) == 2\n", F),
    "a text that does not compile": (FROM + "def test_a():\n    assert f(x=1) == 2\n    assert f(x=1, x=1) == 2\n", F),
    "a text in another encoding": ("# coding: utf-7\n" + FROM + "def test_a():\n    assert len(f('+AGE-')) == 10\n", F),
    "set up by unittest's name": (FROM + "def setUpModule():\n    assert False\ndef test_a():\n    assert f(1) == 2\n", F),
    "what is printed has keywords": (FROM + "def test_a():\n    print('a', file=3)\n    assert f(1) == 2\n", F),
    "a generator that asserts nothing": (FROM + "def test_a():\n    for x in []:\n        yield x\n    assert f(1) == 3\n", "def f(x): return 3"),
    "tests of the program's own": (STAR + "def test_a():\n    assert f(1) == 2\n", F + "def test_mine():\n    assert f(1) == 3\n"),
    "test cases of the program's own": (
        STAR + "def test_a():\n    assert f(1) == 2\n",
        F + "import unittest\nclass Mine(unittest.TestCase):\n    def test_mine(self): self.fail()\n",
    ),
    "set up by the program": (STAR + "def test_a():\n    assert f(1) == 2\n", F + "def setup_module(): raise ValueError\n"),
    "a fixture of the program's own": (
        STAR + "def test_a():\n    assert f(1) == 2\n",
        F + "import pytest\n@pytest.fixture(autouse=True)\ndef mine(): raise ValueError\n",
    ),
    "a name that is not passed on": (STAR + "def test_a():\n    assert _f(1) == 2\n", F + "_f = f"),
    "names that are not passed on": (STAR + "def test_a():\n    assert f(1) == 2\n", F + "__all__ = ['g']\ng = f"),
    "a name of Python's that is None": (STAR + "def test_a():\n    assert len(f('a')) == 2\n", F + "len = None"),
    "pytest is the program's": (
        "import pytest\nfrom solution import *\ndef test_a():\n    with pytest.raises(ValueError):\n        f(1)\n",
        "pytest = None\ndef f(x): raise ValueError",
    ),
    "print is the program's": (STAR + "def test_a():\n    print('a')\n    assert f(1) == 2\n", F + "print = None"),
    "a string that equals nothing": (
        FROM + "def test_a():\n    assert f(1) == 'a'\n", "class S(str):\n    __eq__ = lambda *a: False\ndef f(x): return S('a')",
    ),
    "a list with a length of its own": (
        FROM + "def test_a():\n    assert len(f(1)) == 1\n", "class L(list):\n    __len__ = lambda self: 7\ndef f(x): return L([1])",
    ),
    "bytes without a hash": (FROM + "def test_a():\n    assert f(1) in {b'a'}\n", "def f(x): return bytearray(b'a')"),
    "an error that bears a name": (
        FROM + "def test_a():\n    with pytest.raises(ValueError):\n        f(1)\n",
        "def f(x): raise type('ValueError', (Exception,), {'__module__': 'builtins'})()",
    ),
    "a decimal's own precision": (
        FROM + "def test_a():\n    assert abs(f(1)) != 1\n",
        "from decimal import *\ngetcontext().prec = 3\ndef f(x): return Decimal('1.000000001')",
    ),
    "numpy's own rounding": (
        FROM + "def test_a():\n    assert round(f(1), 1) == 4.3\n", "import numpy\ndef f(x): return numpy.float64(4.35)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_program_that_fails_the_suite_passes_no_script(name: str) -> None:
    suite, program = WRONG[name]
    script = as_script("pytest", suite)
    assert script is None or not by_script(script, program)


X = "x = 'a' * 300000\n"
COSTLY = {
    "a text of many long texts": X + "y = str([x] * 100000)\nassert f(y)",
    "arguments of many long texts": X + "assert f([x] * 100000)",
    "long texts that begin alike": X + "assert x + 'b' not in ['a' * 300000] * 100000\nassert f(1)",
    "a rounding to billions of digits": "assert round(5, -10 ** 9) == 0\nassert f(1)",
    "a remainder of long numbers": "a = int('f' * 300000, 16)\nb = int('e' * 150000, 16)\nfor i in range(4000):\n    c = a % b\nassert f(1)",
    "keys with one hash": "n = 2 ** 61 - 1\nd = dict(zip(range(0, n * 200000, n), range(200000)))\nassert f(1)",
    "a long list looked through again and again": "x = list(range(300000))\nfor i in range(4000):\n    assert -1 not in x\nassert f(1)",
    "a long line": "f(" + "-" * 90000 + "1)",
    "a literal that is folded": f"def g():\n    return 0x{'f' * 200000} % 0x{'e' * 100000}\nassert f(1)",
}


@pytest.mark.parametrize("name", COSTLY)
def test_no_text_makes_the_host_work(name: str) -> None:
    began = time.process_time()
    assert as_script("assert", COSTLY[name]) is None
    assert time.process_time() - began < 20  # hours, or all memory, once


def test_no_answer_makes_the_host_work() -> None:
    long = [0] * 300_000
    script = as_script("assert", "r = f(1)\nfor i in range(1, 4000):\n    assert i not in r")
    assert script is not None
    assert script.difference([long]) == "TooCostly in an assertion"
    script = as_script("assert", "assert round(f(1), -1000000000) == 0\nassert f(1) == 1")
    assert script is None or script.difference([{"n": ["Fraction", "1/3"]}, 1]) is not None
    script = as_script("assert", "assert round(f(1)) != 0\nassert f(2) == 1")
    assert script is not None and script.difference([{"n": ["Decimal", "1E999999"]}, 1]) is not None
