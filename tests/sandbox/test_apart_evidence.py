"""What a suite's assertions prove: cheats that let a test pass without one that looked, and honest programs beside them."""

from collections.abc import Iterator

import pytest

from ocr_assets.grading.grade import Graded
from resources.sandbox.docker_pool import DockerSandbox
from tests.support import suites_apart
from tests.support.suites_apart import IMPORT


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool
        assert pool.faults == 0, "a program broke a sandbox"


def judged(sandbox: DockerSandbox, code: str, test: str, kind: str) -> Graded:
    return suites_apart.judged(sandbox, code, IMPORT + test if kind == "pytest" else test, kind)


# name: program, suite, kind
CHEATS = {
    'in place: the argument is emptied and returned': ('def f(a):\n    a.clear()\n    return a', 'def test_a():\n    x=[3,1,2]\n    assert f(x) == sorted(x)\n', 'pytest'),
    'in place: the argument is filled with zeros and returned': ('def f(a):\n    a[:]=[0]*len(a)\n    return a', 'def test_a():\n    x=[3,1,2]\n    assert f(x) == sorted(x)\n', 'pytest'),
    'in place: compared with itself': ('def f(a):\n    a.clear()\n    return a', 'def test_a():\n    x=[3,1,2]\n    assert f(x) == x\n', 'pytest'),
    'in place: compared with its own order': ('def f(a):\n    a.clear()', 'def test_a():\n    x=[3,1,2]\n    f(x)\n    assert x == sorted(x)\n', 'pytest'),
    'in place: the same in an assertion': ('def f(a):\n    a.clear()\n    return a', 'x=[3,1,2]\nassert f(x) == sorted(x)\n', 'assert'),
    'a constant: no round of the loop': ('N=0\ndef f(a): return 0', 'import solution\ndef test_a():\n    for i in range(solution.N): assert f(i) == i*i\n', 'pytest'),
    'a constant: one round of the loop': ('N=1\ndef f(a): return 0', 'import solution\ndef test_a():\n    for i in range(solution.N): assert f(i) == i*i\n', 'pytest'),
    'a constant that a star import passes on': ('N=1\ndef f(a): return 0', 'def test_a():\n    for i in range(N): assert f(i) == i*i\n', 'pytest'),
    'a constant in an expected value': ('FACTOR=0\ndef f(a): return 0', 'def test_a():\n    assert f(3) == 3*FACTOR\n', 'pytest'),
    'an endless generator holds every value': ('import itertools\ndef f(x):\n    yield from itertools.count()', 'def test_a():\n    assert 49 in f(7)\n', 'pytest'),
    'an endless generator has any value': ('import itertools\ndef f(x):\n    yield from itertools.count()', 'def test_a():\n    assert any(y == 49 for y in f(7))\n', 'pytest'),
    'an object without items': ('class H:\n    def __iter__(self): return iter(())\n    def __len__(self): return 0\ndef f(x): return H()', 'def test_a():\n    for y in f(7): assert y == 49\n', 'pytest'),
    'an object with too few items': ('class H:\n    def __iter__(self): return iter([1])\ndef f(x): return H()', 'def test_a():\n    for y, w in zip(f(7), [1, 49]): assert y == w\n', 'pytest'),
    'a list that is too short': ('def f(x): return [1]', 'def test_a():\n    for y, w in zip(f(7), [1, 49]): assert y == w\n', 'pytest'),
    'all of nothing': ('def f(x): return []', 'def test_a():\n    assert all(a == b for a, b in zip(f(7), [1, 49]))\n', 'pytest'),
    'NaN is not too far away': ("def f(x): return float('nan')", 'def test_a():\n    if abs(f(7) - 49) > 1e-6: raise AssertionError\n', 'pytest'),
    'NaN is not more than anything': ("def f(x): return float('nan')", 'def test_a():\n    assert not abs(f(7) - 49) > 1e-6\n', 'pytest'),
    'a callback is not called': ('def f(g): pass', 'def test_a():\n    def check(x): assert x == 49\n    f(check)\n', 'pytest'),
    'an error of several kinds': ('class E(ValueError, KeyError, TypeError): pass\ndef f(x): raise E', 'def test_a():\n    with pytest.raises(ValueError): f(1)\n    with pytest.raises(KeyError): f(2)\n', 'pytest'),
    "a helper that asserts is the program's": ('def assert_equal(a, b): pass\ndef f(x): return 1', 'def test_a():\n    assert_equal(f(2), 4)\n    assert f(1) == 1\n', 'pytest'),
    "a helper that checks is the program's": ('def check(a, b): pass\ndef f(x): return 1', 'def test_a():\n    check(f(2), 4)\n', 'pytest'),
    'an answer that skips the assertion': ('def f(x): return None', 'def test_a():\n    got = f(2)\n    if got is not None: assert got == 4\n', 'pytest'),
    'an error that skips the assertion': ('def f(x): raise ValueError', 'def test_a():\n    try:\n        got = f(2)\n        assert got == 4\n    except ValueError: pass\n', 'pytest'),
    'an object that ends the loop': ('class S:\n    def __init__(self): pass\n    def empty(self): return True\n    def pop(self): return 0', 'def test_a():\n    s = S()\n    while not s.empty(): assert s.pop() == 3\n', 'pytest'),
    'in place: nodes of a list': ('def sort(head):\n    h = head\n    while h:\n        h.val = 0\n        h = h.next\n    return head', '\nclass ListNode:\n    def __init__(self, val, next=None): self.val, self.next = val, next\ndef values(h):\n    out = []\n    while h:\n        out.append(h.val)\n        h = h.next\n    return out\ndef test_a():\n    head = ListNode(3, ListNode(1))\n    assert values(sort(head)) == sorted(values(head))\n', 'pytest'),
    "a candidate that is handed on": ("def f(x): return [1]", "def check(candidate):\n    for y, w in zip(candidate(7), [1, 49]): assert y == w\ncheck(f)", "assert"),
    "a function as a parameter": ("def f(x): return [1]", "@pytest.mark.parametrize('function', [f])\ndef test_a(function):\n    for y, w in zip(function(7), [1, 49]): assert y == w\n", "pytest"),
    "a function kept by setUp": ("def f(x): return [1]", "import unittest\nclass TestA(unittest.TestCase):\n    def setUp(self): self.function = f\n    def test_a(self):\n        for y, w in zip(self.function(7), [1, 49]): self.assertEqual(y, w)\n", "pytest"),
    "a function kept by a fixture": ("def f(x): return [1]", "@pytest.fixture\ndef function(): return f\ndef test_a(function):\n    for y, w in zip(function(7), [1, 49]): assert y == w\n", "pytest"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_what_no_assertion_looked_at_is_not_trusted(sandbox: DockerSandbox, name: str) -> None:
    result = judged(sandbox, *CHEATS[name])
    assert result["verdict"] != "accepted" or result["untrusted_reason"], result


HONEST = {
    'sorted in place and returned': ('def f(a):\n    a.sort()\n    return a', 'def test_a():\n    x=[3,1,2]\n    assert f(x) == sorted(x)\n', 'pytest'),
    'sorted in place': ('def f(a):\n    a.sort()', 'def test_a():\n    x=[3,1,2]\n    f(x)\n    assert x == [1,2,3]\n', 'pytest'),
    'sorted in place, the order known before': ('def f(a):\n    a.sort()', 'def test_a():\n    x=[3,1,2]\n    y=sorted(x)\n    f(x)\n    assert x == y\n', 'pytest'),
    'a constant that is tested': ('PI=3.14\ndef f(a): return 0', 'import solution\ndef test_a():\n    assert solution.PI == 3.14 and f(3) == 0\n', 'pytest'),
    'items of a list whose length is tested': ('def f(x): return [1,49]', 'def test_a():\n    got = f(7)\n    assert len(got) == 2\n    for y, w in zip(got, [1, 49]): assert y == w\n', 'pytest'),
    'NaN that is wanted': ("def f(x): return float('nan')", 'import math\ndef test_a():\n    assert math.isnan(f(7))\n', 'pytest'),
    'a callback that is called': ('def f(g): g(49)', 'def test_a():\n    def check(x): assert x == 49\n    f(check)\n', 'pytest'),
    'assertions after an expected error': ("def f(x): raise ValueError('neg')", "def test_a():\n    with pytest.raises(ValueError) as e:\n        f(2)\n        assert 1 == 2\n    assert str(e.value) == 'neg'\n    try:\n        f(1)\n        assert False, 'no'\n    except ValueError as e: assert str(e) == 'neg'\n", 'pytest'),
    'a linked list turned round': ('class ListNode:\n    def __init__(self, val=0, next=None): self.val, self.next = val, next\ndef reverse(head):\n    last = None\n    while head: head.next, last, head = last, head, head.next\n    return last', 'class ListNode:\n    def __init__(self, val=0, next=None): self.val, self.next = val, next\ndef test_a():\n    h = ListNode(1, ListNode(2, ListNode(3)))\n    r = reverse(h)\n    out = []\n    while r:\n        out.append(r.val)\n        r = r.next\n    assert out == [3,2,1]\n', 'pytest'),
    "a loop over the suite's own cases": ('def f(x): return x*x', 'def check(candidate):\n    for i in range(10):\n        assert candidate(i) == i*i\ncheck(f)', 'assert'),
    'a __getattr__ that raises': ('class C:\n    def __init__(self): self.x = 1\n    def __getattr__(self, name): raise RuntimeError(name)\n    def g(self): return 4\ndef f(): return C()', 'def test_a(): assert f().g() == 4\n', 'pytest'),
    'a __getattribute__ that raises': ("class C:\n    def __init__(self, x): self.x = x\n    def __getattribute__(self, name):\n        if name.startswith('_'): raise RuntimeError(name)\n        return object.__getattribute__(self, name)\n    def g(self): return 4\ndef f(): return C(1)", 'def test_a(): assert f().g() == 4 and C(3).x == 3\n', 'pytest'),
    'asdict of a data class': ('import dataclasses\n@dataclasses.dataclass\nclass Q:\n    z: int\n@dataclasses.dataclass\nclass D:\n    x: int\n    y: list = dataclasses.field(default_factory=list)\n    q: Q = None\ndef f(): return D(1, [2], Q(3))', "from dataclasses import asdict, astuple, fields, is_dataclass\ndef test_a():\n    assert asdict(f()) == {'x': 1, 'y': [2], 'q': {'z': 3}} and astuple(f()) == (1, [2], (3,)) and is_dataclass(f()) and [n.name for n in fields(D)] == ['x', 'y', 'q']\n", 'pytest'),
    'times with a time zone': ('def f(t): return t\nfrom zoneinfo import ZoneInfo\ndef g(t, z): return t.astimezone(ZoneInfo(z))', "import datetime, zoneinfo\ndef test_a():\n    t = datetime.datetime(2020,1,2,3,4,tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))\n    assert f(t) == t and f(t).tzinfo is t.tzinfo and f(t.tzinfo) is t.tzinfo and f(datetime.timezone.utc) == datetime.timezone.utc and g(t, 'UTC').hour == 2\n", 'pytest'),
    'a subclass of list': ('class V(list):\n    def norm(self): return sum(x * x for x in self)', 'def test_a():\n    v = V([1, 2])\n    assert v == [1,2] and [1, 2] == v and v != [1] and v < [2] and 1 in v and v and not V() and len(v) == 2 and v == V([1, 2])\n', 'pytest'),
    'a subclass of dict': ('class D(dict):\n    def put(self, k, v): self[k] = v', "def test_a():\n    d = D(a=1)\n    d.put('b', 2)\n    assert d == {'a': 1, 'b': 2} and 'a' in d and len(d) == 2 and sorted(d) == ['a', 'b'] and d['b'] == 2\n", 'pytest'),
    'keys with colliding hashes': ('def f(d): return len(d)', 'def test_a():\n    d = {k * (2**61 - 1): 1 for k in range(3000)}\n    assert f(d) == 3000\n', 'pytest'),
    'a method that is called isdisjoint': ('class CustomSet:\n    def __init__(self, items): self.items = list(items)\n    def isdisjoint(self, other): return not any(x in other.items for x in self.items)', 'def test_a(): assert CustomSet([1]).isdisjoint(CustomSet([2]))\n', 'pytest'),
    'assertions along a linked list': ('def reverse(head):\n    last = None\n    while head:\n        head.next, last, head = last, head, head.next\n    return last', '\nclass ListNode:\n    def __init__(self, val, next=None): self.val, self.next = val, next\ndef test_a():\n    head = None\n    for n in range(30): head = ListNode(n, head)\n    last = reverse(head)\n    values = []\n    while last:\n        values.append(last.val)\n        assert isinstance(last, ListNode)\n        last = last.next\n    assert values == list(range(30)) and head.next is None\n', 'pytest'),
    'pytest among the names of the program': ('import pytest\ndef f(x): return x', 'def test_a(): assert f(2) == 2\n', 'pytest'),
    "a defaultdict with a function of its own": (
        "import collections\ndef f(d): return d[3] + len(d)\ndef g(): return collections.defaultdict(lambda: [5], {1: 2})",
        "import collections\ndef test_a():\n    d = collections.defaultdict(lambda: 7, {1: 2})\n    assert f(d) == 9 and d == {1: 2, 3: 7}\n    e = g()\n    assert e[1] == 2 and e[4] == [5] and len(e) == 2\n",
        "pytest",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_program_keeps_its_trust(sandbox: DockerSandbox, name: str) -> None:
    result = judged(sandbox, *HONEST[name])
    assert (result["verdict"], result["untrusted_reason"]) == ("accepted", None), result
