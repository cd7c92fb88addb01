"""Cheats that were accepted and trusted while suites ran apart already, and honest programs that were refused: none is now."""

from collections.abc import Iterator

import pytest

from resources.sandbox.docker_pool import DockerSandbox
from tests.support.suites_apart import IMPORT, judged


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool
        assert pool.faults == 0, "a program broke a sandbox"


REFUSED = {
    "expected values in the test's name": ("import os, re\ndef f(x):\n    return int(re.findall(r'-(\\d+)\\]', os.environ['PYTEST_CURRENT_TEST'])[0])", IMPORT + "@pytest.mark.parametrize('x, want', [(2, 4), (3, 9)])\ndef test_a(x, want): assert f(x) == want\n"),
    "an assertion of the suite's fails and tells the value": ("import re\ndef f(g):\n    try: g(0)\n    except BaseException as error: return int(re.findall(r'\\d+', str(error))[-1])", IMPORT + "def test_a():\n    def ask(x): assert x == 4\n    assert f(ask) == 5\n"),
    "a message without its fields": ("import json, os, struct\ndef f(x):\n    text = json.dumps({'o': 'call'}).encode()\n    os.write(4, struct.pack('>I', len(text)) + text)\n    os._exit(0)", IMPORT + "def test_a():\n    with pytest.raises(KeyError): f(2)\n"),
    "a number's enumeration that says it is equal": ("import enum\nclass E(enum.IntEnum):\n    A = 3\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\ndef f(x): return E.A", IMPORT + "def test_a(): assert f(2) == 4\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_cheat_is_not_accepted(sandbox: DockerSandbox, name: str) -> None:
    result = judged(sandbox, *REFUSED[name])
    assert result["verdict"] in ("wrong_answer", "runtime_error"), result


MOCK = (
    IMPORT
    + "from unittest.mock import Mock\ndef test_a():\n    call = Mock()\n    f(call)\n    call.assert_called_once_with(4)\n"
)
CLOSE = IMPORT + "def test_a(): assert isclose(f(2), 4)\n"
UNTRUSTED = {
    "a context manager keeps the failure": ("class C:\n    def __enter__(self): return self\n    def __exit__(self, *error): return True\n    def f(self, x): return 0", IMPORT + "def test_a():\n    with C() as c:\n        assert c.f(2) == 4\n"),
    "a context manager keeps its own error": ("class C:\n    def __enter__(self): return self\n    def __exit__(self, *error): return True\n    def f(self, x): 1 / 0", IMPORT + "def test_a():\n    with C() as c:\n        got = c.f(2)\n        assert got == 4\n"),
    "a generator as context manager": ("import contextlib\n@contextlib.contextmanager\ndef c():\n    try: yield 0\n    except BaseException: pass", IMPORT + "def test_a():\n    with c() as x: assert x == 4\n"),
    "an asynchronous context manager": ("class C:\n    async def __aenter__(self): return 0\n    async def __aexit__(self, *error): return True", IMPORT + "import asyncio\ndef test_a():\n    async def main():\n        async with C() as x: assert x == 4\n    asyncio.run(main())\n"),
    "max for isclose": ("isclose = max\ndef f(x): return 0", "from math import isclose\n" + CLOSE),
    "max for a function that is imported": ("gcd = max\ndef f(x): return 4", "from math import gcd\n" + IMPORT + "def test_a(): assert gcd(f(2), 6) == 6\n"),
    "len for sorted": ("sorted = len\ndef f(x): return [0, 0]", IMPORT + "def test_a(): assert sorted(f(2)) == sorted([1, 2])\n"),
    "Exception for ValueError": ("ValueError = Exception\ndef f(x): 1 / 0", IMPORT + "def test_a():\n    with pytest.raises(ValueError): f(2)\n"),
    "a tolerance replaced": ("TOLERANCE = 10**9\ndef f(x): return 0", "TOLERANCE = 1e-6\n" + IMPORT + "def test_a(): assert abs(f(2) - 4) < TOLERANCE\n"),
    "a helper replaced": ("def close(a, b): return True\ndef f(x): return 0", "def close(a, b): return abs(a - b) < 1e-6\n" + IMPORT + "def test_a(): assert close(f(2), 4)\n"),
    "the suite's __name__ replaced": ("__all__ = ['f', '__name__']\n__name__ = 'x'\ndef f(x): return 0", IMPORT + "def test_a(): pass\nif __name__ == 'test_solution':\n    def test_b(): assert f(2) == 4\n"),
    "StopIteration in map": ("def f(x): raise StopIteration", IMPORT + "def test_a():\n    for got, want in zip(map(f, [1, 2]), [1, 4]): assert got == want\n"),
    "a mock's assertion replaced": ("def f(call): call.assert_called_once_with = print", MOCK),
    "a mock configured": ("def f(call): call.configure_mock(assert_called_once_with=print)", MOCK),
    "a mock's child replaced": ("class E:\n    def assert_called_once_with(self, *args): pass\ndef f(call): call.save = E()", MOCK.replace("call.assert", "call.save.assert")),
    "a class of the suite's changed": ("import json, os, struct\ndef f(cls):\n    message = {'o': 'set', 'n': 0, 'm': 'value', 'a': [['g', 'builtins', 'abs']], 'k': {}, 't': []}\n    text = json.dumps(message).encode()\n    os.write(4, struct.pack('>I', len(text)) + text)\n    os.read(4, struct.unpack('>I', os.read(4, 4))[0])", IMPORT + "class V:\n    @staticmethod\n    def value(x): return 7\ndef test_a():\n    f(V)\n    assert V.value(-4) == 4\n"),
    "a string's method": ("class S:\n    def startswith(self, x): return True\ndef f(x): return S()", IMPORT + "def test_a(): assert f(2).startswith('ab')\n"),
    "a string's method by __getattr__": ("class S:\n    def __getattr__(self, name): return lambda *a: True\ndef f(x): return S()", IMPORT + "def test_a(): assert f(2).issubset({1, 2})\n"),
    "a test decorated": ("def timed(test):\n    def test_a(): pass\n    return test_a", IMPORT + "@timed\ndef test_a(): assert 1 == 2\n"),
    "a failure kept in a callback": ("def each(g):\n    try: g(0)\n    except BaseException: pass", IMPORT + "def test_a():\n    def check(x): assert x == 4\n    each(check)\n"),
    "a callback asked again": ("import re\ndef each(g):\n    try: g(0)\n    except BaseException as error: g(int(re.findall(r'\\d+', str(error))[-1]))", IMPORT + "def test_a():\n    def check(x): assert x == 4\n    each(check)\n"),
    "a skip where a function is missing": ("def f(x): return x", IMPORT + "import solution\ndef test_a(): assert f(2) == 2\ndef test_b():\n    if not hasattr(solution, 'g'): pytest.skip('no g')\n    assert solution.g(2) == 4\n"),
    "an error that every failure is": ("Err = AssertionError\ndef f(x): return 0", IMPORT + "def test_a():\n    with pytest.raises(Err): assert f(2) == 4\n"),
    "an error that is every error": ("Err = (Exception, KeyError)\ndef f(x): return 1 / 0", IMPORT + "def test_a():\n    with pytest.raises(Err): f(2)\n"),
    "a sequence without items, before approx": ("class A:\n    def __len__(self): return 1\n    def __iter__(self): return iter([])\ndef f(x): return A()", IMPORT + "def test_a(): assert f(2) == pytest.approx([4])\n"),
    "NumPy's protocols": ("class A:\n    def __array_function__(self, *a, **k): return True\n    def __array_ufunc__(self, *a, **k): return True\n    def __eq__(self, other): return True\ndef f(x): return A()", IMPORT + "import numpy as np\ndef test_a(): assert np.array_equal(f(2), 5)\n"),
}  # fmt: skip
ASSERTIONS = {
    "list for all": ("all = list\ndef f(x): return 0", "assert all(f(i) == i * i for i in range(1, 5))\nassert f(1) == f(2)"),
    "neg for abs": ("from operator import neg as abs\ndef f(x): return 1000.0", "for i in range(3):\n    assert abs(f(i) - i * i) < 1e-6"),
    "math of its own": ("class math:\n    @staticmethod\n    def isclose(*a, **k): return True\ndef f(x): return 0", "for i in range(3):\n    assert math.isclose(f(i), i * i + 1)"),
}  # fmt: skip


@pytest.mark.parametrize("name", [*UNTRUSTED, *ASSERTIONS])
def test_a_program_that_bends_its_tests_is_not_trusted(sandbox: DockerSandbox, name: str) -> None:
    result = judged(sandbox, *(UNTRUSTED.get(name) or (*ASSERTIONS[name], "assert")))
    assert result["verdict"] != "accepted" or result["untrusted_reason"], result


TRUSTED = {
    "methods of a named tuple": ("from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 2\n    def norm(self): return self.x**2 + self.y**2\n    @property\n    def double(self): return self.x * 2", "def test_a():\n    p = P(3)\n    assert p.norm() == 13 and p.double == 6 and p.y == 2 and isinstance(p, P)\n"),
    "a subclass of OrderedDict": ("from collections import OrderedDict\nclass Cache(OrderedDict):\n    def __init__(self, size):\n        super().__init__()\n        self.size = size\n    def put(self, key, value):\n        self[key] = value\n        if len(self) > self.size: self.popitem(last=False)\n    def look(self, key): return self[key] if key in self else -1", "def test_a():\n    c = Cache(1)\n    c.put(1, 1)\n    c.put(2, 2)\n    assert c.look(1) == -1 and c.look(2) == 2 and c[2] == 2 and len(c) == 1\n"),
    "a subclass of list": ("class V(list):\n    def norm(self): return sum(x * x for x in self)", "def test_a():\n    v = V([1, 2])\n    v.append(3)\n    assert v.norm() == 14 and list(v) == [1, 2, 3] and v[0] == 1\n"),
    "a subclass of str": ("class S(str):\n    def shout(self): return self.upper() + '!'", "def test_a(): assert S('a').shout() == 'A!'\n"),
    "an enumeration of numbers": ("import enum\nclass E(enum.IntEnum):\n    A = 1\n    B = 2\ndef f(x): return E(x)", "def test_a(): assert f(1) == E.A and f(2) == 2 and f(1) < f(2) and int(f(1)) == 1 and {1: 5}[f(1)] == 5 and sorted([f(2), f(1)]) == [1, 2]\n"),
    "an enumeration of strings": ("import enum\nclass E(str, enum.Enum):\n    A = 'a'\ndef f(x): return E(x)", "def test_a(): assert f('a') == 'a' and f('a') is E.A and f('a').value == 'a' and f('a').upper() == 'A'\n"),
    "a context manager": ("import contextlib\n@contextlib.contextmanager\ndef c(out):\n    out.append(1)\n    yield 5\n    out.append(2)\n@contextlib.contextmanager\ndef ignoring(*errors):\n    try: yield\n    except errors: pass", "def test_a():\n    out = []\n    with c(out) as x: assert x == 5\n    with pytest.raises(ValueError):\n        with c(out): raise ValueError('q')\n    with ignoring(KeyError, ZeroDivisionError): raise KeyError('a')\n    with ignoring(KeyError, ZeroDivisionError): 1 / 0\n"),
    "a set of its own": ("class CustomSet:\n    def __init__(self, items): self.items = list(items)\n    def isdisjoint(self, other): return not any(x in other.items for x in self.items)", "def test_a(): assert CustomSet([1]).isdisjoint(CustomSet([2]))\n"),
    "usual names passed on": ("from math import sqrt, isclose\nimport math, random, numpy as np\ndef f(x): return sqrt(x)", "def test_a(): assert isclose(f(4), 2) and math.isclose(f(9), sqrt(9)) and np.isclose(f(4), 2)\n"),
    "names that are bound again": ("import datetime\ndef helper(): return 1\ndef f(x): return datetime.date(2020, 1, x)", "from datetime import datetime, date\ndef helper(x): return x\ndef test_a(): assert f(2) == date(2020, 1, 2) and helper(3) == 3\n"),
    "a mock that is called": ("def f(call, items):\n    for item in items: call(item)\n    return call.total(3)", "from unittest.mock import Mock\ndef test_a():\n    call = Mock()\n    call.total.return_value = 7\n    assert f(call, [1, 2]) == 7 and call.call_count == 2\n    call.assert_called_with(2)\n"),
    "the environment": ("import os\ndef f(): return os.environ.get('MODE')", "def test_a(monkeypatch):\n    monkeypatch.setenv('MODE', 'x')\n    assert f() == 'x'\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUSTED)
def test_an_honest_program_is_accepted_and_trusted(sandbox: DockerSandbox, name: str) -> None:
    code, test = TRUSTED[name]
    result = judged(sandbox, code, IMPORT + test)
    assert (result["verdict"], result["untrusted_reason"]) == ("accepted", None), result


def test_a_program_run_as_main_keeps_its_trust(sandbox: DockerSandbox) -> None:
    test = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): self.assertEqual(f(2), 4)\nif __name__ == '__main__':\n    unittest.main(argv=['x'], exit=False)"
    result = judged(sandbox, "def f(x): return x * x", test, "assert")
    assert (result["verdict"], result["untrusted_reason"]) == ("accepted", None), result
