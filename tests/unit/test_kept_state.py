"""What counts as a trace that a call left in its program: ``sandbox_images/runner/state.py``, on modules made here."""

import sys
import types

import pytest

from sandbox_images.runner.state import ITEMS, Kept


def module(code: str) -> dict:
    found = types.ModuleType("solution")
    exec(code, found.__dict__)
    return found.__dict__


KEEPS_NOTHING = {
    "a function": "def f(x): return x",
    "locals and constants": "import math\nMOD = 10**9 + 7\nD = [(0, 1), (1, 0)]\ndef f(x):\n    a = [x]\n    a.append(MOD)\n    return a",
    "a method": "class S:\n    k = {}\n    def f(self, x):\n        self.x = x\n        return x\ndef f(x): return S().f(x)",
    "an object that is used": "class P:\n    def __init__(self): self.a = [1]\np = P()\ndef f(x): return p.a[0]",
    "typing, patterns, partials": "import re, functools\nfrom typing import *\nfrom collections import *\nT = TypeVar('T')\nL = List[int]\n"
    "R = re.compile('a')\nN = namedtuple('N', 'a b')\ng = functools.partial(max, 0)\ndef f(x): return N(x, bool(R.match('a'))) and g(x)",
    "dataclasses and enums": "import dataclasses, enum\n@dataclasses.dataclass\nclass D:\n    a: int = 0\nclass E(enum.Enum):\n    A = 1\n"
    "def f(x): return D(x), E.A",
    "abstract classes": "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def g(self): ...\nclass B(A):\n    def g(self): return 1\n"
    "def f(x): return B().g() + isinstance(x, A)",
    "a global that is set alike": "n = 0\ndef f(x):\n    global n\n    n = 0\n    for _ in range(x): n += 1\n    r, n = n, 0\n    return r",
    "equal text, made anew": "s = 'ab'\ndef f(x):\n    global s\n    s = ''.join(['a', 'b'])",
    "a cache": "import functools\n@functools.lru_cache(None)\ndef f(x): return x",
    "a cached method": "import functools\nclass S:\n    @functools.cache\n    def g(self, x): return x\ndef f(x): return S().g(x)",
    "the recursion limit": "import sys\ndef f(x): sys.setrecursionlimit(5000)",
}
LEAVES_A_TRACE = {
    "a counter": "n = 0\ndef f(x):\n    global n\n    n += 1",
    "a memo": "memo = {}\ndef f(x): memo[x] = x",
    "a list in a tuple": "a = ([],)\ndef f(x): a[0].append(x)",
    "equal length": "a = [1, 2]\ndef f(x): a.reverse()",
    "a default": "def f(x, seen=[]): seen.append(x)",
    "a keyword's default": "def f(x, *, seen={}): seen[x] = x",
    "an attribute of a function": "def f(x): f.n = x",
    "a cell": "def make():\n    n = 0\n    def f(x):\n        nonlocal n\n        n += 1\n    return f\nf = make()",
    "an attribute of a class": "class S: pass\ndef f(x): S.n = x",
    "a list of a class": "class S: seen = []\ndef f(x): S.seen.append(x)",
    "a new global": "def f(x): globals()['y'] = x",
    "an object": "class P: pass\np = P()\ndef f(x): p.a = x",
    "a deque": "from collections import deque\nq = deque()\ndef f(x): q.append(x)",
    "a default dict": "from collections import defaultdict\nd = defaultdict(list)\ndef f(x): d[x]",
    "a set": "s = set()\ndef f(x): s.add(x)",
    "bytes in place": "b = bytearray(2)\ndef f(x): b[0] = 1",
    "a subclass of dict": "class D(dict): pass\nd = D()\ndef f(x): d[x] = x",
    "a code object": "def f(x): f.__code__ = (lambda y: y).__code__",
    "True for 1": "n = 1\ndef f(x):\n    global n\n    n = True",
}
NOT_KNOWN = {
    "a generator": "g = (i for i in range(9))\ndef f(x): return next(g)",
    "an iterator": "import itertools\ng = itertools.count()\ndef f(x): return next(g)",
    "slots": "class P:\n    __slots__ = ('a',)\np = P()\ndef f(x): p.a = x",
    "an array": "import array\na = array.array('i', [1])\ndef f(x): a[0] = x",
    "too much": f"a = list(range({ITEMS + 1}))\ndef f(x): a[0] = x",
    "a cache that was filled": "import functools\n@functools.cache\ndef f(x): return x\nf(1)",
    "random numbers": "import random\nr = random.Random(1)\ndef f(x): return r.random()",
}


@pytest.mark.parametrize("name", KEEPS_NOTHING)
def test_what_is_as_it_was(name: str) -> None:
    limit, namespace = sys.getrecursionlimit(), module(KEEPS_NOTHING[name])
    kept = Kept(namespace, [namespace["__builtins__"]])
    for value in (1, 2, 3):
        namespace["f"](value)
        assert kept.unchanged()
    assert sys.getrecursionlimit() == limit
    assert not hasattr(namespace["f"], "cache_info") or namespace["f"].cache_info()[3] == 0


@pytest.mark.parametrize("name", LEAVES_A_TRACE)
def test_what_is_not_as_it_was(name: str) -> None:
    namespace = module(LEAVES_A_TRACE[name])
    kept = Kept(namespace, [namespace["__builtins__"]])
    assert kept.unchanged()
    namespace["f"](1)
    assert not kept.unchanged()


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_what_nobody_can_tell_counts_as_changed(name: str) -> None:
    namespace = module(NOT_KNOWN[name])
    assert not Kept(namespace, [namespace["__builtins__"]]).unchanged()


def test_none_of_the_programs_own_methods_are_called() -> None:
    code = """
class P:
    def __eq__(self, other): raise AssertionError
    __hash__ = __len__ = __iter__ = __bool__ = __getattribute__ = __eq__
class L(list):
    def __iter__(self): raise AssertionError
    __len__ = __eq__ = __getattribute__ = __iter__
p, many = P(), L([P()])
def f(x): list.append(many, x)
"""
    namespace = module(code)
    kept = Kept(namespace, [namespace["__builtins__"]])
    namespace["f"](1)
    assert not kept.unchanged()
