"""Lists, objects and numbers that are more than their data: what is kept and changed later, and classes with rules of their own.

In one process a list that a program keeps is the one that the suite has. Apart, it has to be so as well; and where an object
comes as the plain data in it, the verdict says so.
"""

from collections.abc import Iterator

import pytest

from resources.sandbox.docker_pool import DockerSandbox
from tests.support.suites_apart import IMPORT, judged


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool
        assert pool.faults == 0, "a program broke a sandbox"


KEPT = "kept = []\ndef f(x):\n    kept.append(x)\n    return kept\n"
BAG = "class Bag:\n    def __init__(self, items): self.mine = items\n    def add(self, x):\n        self.mine.append(x)\n    def all(self): return self.mine\n    def count(self): return len(self.mine)\n"
NODE = "class Node:\n    def __init__(self, value, next=None):\n        self.value, self.next = value, next\n"
# Each fails in one process, as pytest would run it.
WRONG = {
    "a list that grows": (KEPT, "def test_a():\n    a = f(1)\n    b = f(2)\n    assert a == [1] and b == [1, 2]\n"),
    "a generator of one list": ("def f(items):\n    cur = []\n    yield cur\n    for x in items:\n        cur.append(x)\n        yield cur\n", "def test_a(): assert list(f([1, 2])) == [[], [1], [1, 2]]\n"),
    "an argument that is kept": (BAG, "def test_a():\n    given = [1]\n    b = Bag(given)\n    b.add(2)\n    assert given == [1] and b.count() == 2\n"),
    "an argument that the suite changes": (BAG, "def test_a():\n    given = [1]\n    b = Bag(given)\n    given.append(2)\n    assert b.count() == 1\n"),
    "a result that the suite changes": (BAG, "def test_a():\n    b = Bag([1])\n    b.all().append(2)\n    assert b.count() == 1\n"),
    "a result from a cache": ("import functools\n@functools.cache\ndef f(x): return [x]\n", "def test_a():\n    a = f(1)\n    a.append(2)\n    assert f(1) == [1]\n"),
    "rows of one row": ("def f(n):\n    row = [0] * n\n    return [row for _ in range(n)]\n", "def test_a():\n    grid = f(2)\n    grid[0][0] = 1\n    assert grid == [[1, 0], [0, 0]]\n"),
    "a dictionary of defaults": ("def f(key, seen={}):\n    seen[key] = 1\n    return seen\n", "def test_a():\n    first = f('a')\n    assert f('b') == {'a': 1, 'b': 1}\n    assert first == {'a': 1}\n"),
    "a node that is kept": ("last = None\ndef f(node):\n    global last\n    if last: last.value = 0\n    last = node\n", NODE + "def test_a():\n    a, b = Node(1), Node(2)\n    f(a)\n    f(b)\n    assert a.value == 1\n"),
    "an array that is kept": ("import numpy as np\nkept = np.zeros(2)\ndef f(x):\n    kept[0] = x\n    return kept\n", "def test_a():\n    a = f(1)\n    f(2)\n    assert a[0] == 1\n"),
    "a list in an error": ("kept = []\nclass Err(Exception):\n    def __init__(self, items): self.items = items\ndef f(x):\n    kept.append(x)\n    raise Err(kept)\n", "def test_a():\n    with pytest.raises(Err) as a: f(1)\n    with pytest.raises(Err): f(2)\n    assert a.value.items == [1]\n"),
    "a list that a callback sees": ("kept = []\ndef each(g):\n    for x in (1, 2):\n        kept.append(x)\n        g(kept)\n", "def test_a():\n    seen = []\n    each(seen.append)\n    assert seen == [[1], [1, 2]]\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_changed_later_is_changed_for_both(sandbox: DockerSandbox, name: str) -> None:
    code, test = WRONG[name]
    result = judged(sandbox, code, IMPORT + test)
    assert result["verdict"] == "wrong_answer", result


# Each passes in one process.
RIGHT = {
    "one list": (KEPT, "def test_a():\n    a = f(1)\n    assert a == [1]\n    assert f(2) is a and a == [1, 2]\n"),
    "an argument both have": (BAG, "def test_a():\n    given = [1]\n    b = Bag(given)\n    b.add(2)\n    given.append(3)\n    assert b.count() == 3 and b.all() is given == [1, 2, 3]\n"),
    "copies": ("class Bag:\n    def __init__(self, items): self.mine = list(items)\n    def all(self): return list(self.mine)\n", "def test_a():\n    given = [1]\n    b = Bag(given)\n    given.append(2)\n    b.all().append(3)\n    assert b.all() == [1] and b.all() is not b.all()\n"),
    "a list in itself": ("kept = []\ndef f(x):\n    kept.append(kept)\n    return kept\ndef g(x): kept.append(x)\n", "def test_a():\n    a = f(1)\n    g(a)\n    assert a[0] is a and a[1] is a and len(a) == 2\n"),
    "an array changed in place": ("def f(x): x *= 2\n", "import numpy as np\ndef test_a():\n    a = np.array([1.0, 2.0])\n    f(a)\n    assert a.tolist() == [2, 4]\n"),
    "an order of its own": ("import collections\ndef f():\n    d = collections.OrderedDict(a=1, b=2)\n    d.move_to_end('a')\n    return d\n", "def test_a(): assert list(f()) == ['b', 'a']\n"),
    "objects with a hash of their own": ("class P:\n    def __init__(self, x): self.x = x\n    def __hash__(self): return hash(self.x)\n    def __eq__(self, other): return self.x == other.x\ndef f(): return [[1], {P(1), P(2)}, [2], {P(1): [3]}]\n", "def test_a():\n    a = f()\n    assert a[0] == [1] and len(a[1]) == 2 and a[2] == [2] and list(a[3].values()) == [[3]]\n"),
    "many that only hold each other": ("def f(n):\n    rows = [[i] for i in range(n)]\n    for row in rows: row.append(rows)\n    return rows\n", "def test_a():\n    for n in range(60): assert len(f(30)) == 30\n"),
    "many that are held": ("def f(n): return [n]\n", "def test_a():\n    kept = [f(n) for n in range(300)]\n    assert kept == [[n] for n in range(300)]\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_both_hold_is_one_thing(sandbox: DockerSandbox, name: str) -> None:
    code, test = RIGHT[name]
    result = judged(sandbox, code, IMPORT + test)
    assert (result["verdict"], result["untrusted_reason"]) == ("accepted", None), result


ALWAYS = "    def __eq__(self, other): return False\n    __hash__ = None\n"
# Their data is right, and what they say of themselves is not.
OF_ITS_OWN = {
    "a list that equals nothing": (f"class L(list):\n{ALWAYS}def f(x): return L([x])\n", "def test_a(): assert f(2) == [2]\n"),
    "a number that equals nothing": (f"class N(int):\n{ALWAYS}def f(x): return N(x)\n", "def test_a(): assert f(2) == 2\n"),
    "a string that equals nothing": (f"class S(str):\n{ALWAYS}def f(x): return S(x)\n", "def test_a(): assert f('a') == 'a'\n"),
    "a dictionary without length": ("class D(dict):\n    def __len__(self): return 0\ndef f(x): return D({x: 1})\n", "def test_a(): assert len(f(2)) == 1 and f(2)\n"),
    "a string with a method of its own": ("class S(str):\n    def isdigit(self): return False\ndef f(x): return S(x)\n", "def test_a(): assert f('1').isdigit()\n"),
    "a tuple that counts from one": ("import typing\nclass P(typing.NamedTuple):\n    x: int\n    def __getitem__(self, i): return 0\ndef f(x): return P(x)\n", "def test_a(): assert f(2)[0] == 2 and f(2).x == 2\n"),
    "a type that is another": ("class N(int): pass\ndef f(x): return N(x)\n", "def test_a(): assert type(f(2)) is int\n"),
    "a list in a list": (f"class L(list):\n{ALWAYS}def f(x): return [L([x])]\n", "def test_a(): assert f(2) == [[2]]\n"),
    "a number that grows": ("class L(list): pass\nkept = L()\ndef f(x):\n    kept.append(x)\n    return kept\n", "def test_a():\n    a = f(1)\n    f(2)\n    assert a == [1]\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_ITS_OWN)
def test_an_object_taken_for_the_data_in_it_is_not_trusted(sandbox: DockerSandbox, name: str) -> None:
    code, test = OF_ITS_OWN[name]
    result = judged(sandbox, code, IMPORT + test)
    assert result["verdict"] != "accepted" or result["untrusted_reason"], result


@pytest.mark.parametrize(
    "code", [f"class N(int):\n{ALWAYS}def f(x): return N(x * x)\n", f"class N(int):\n{ALWAYS}def f(x): return [N(4)][x - 2]\n"]
)
@pytest.mark.parametrize("test", ["assert f(2) == 4", "assert f(2) == 4\nassert f(2) == 4"])
def test_assertions_about_one_call_are_no_exception(sandbox: DockerSandbox, code: str, test: str) -> None:
    result = judged(sandbox, code, test, "assert")
    assert (result["verdict"], bool(result["untrusted_reason"])) == ("accepted", True), result
    assert judged(sandbox, code.replace("False", "True"), test.replace("== 4", "== 5"), "assert")["verdict"] == "wrong_answer"


def test_a_list_in_itself_is_no_result_without_end(sandbox: DockerSandbox) -> None:
    code = "def f(n):\n    rows = [[] for i in range(n)]\n    for row in rows: row.append(rows)\n    return rows\n"
    assert judged(sandbox, code, "assert f(30) == 4", "assert")["verdict"] == "wrong_answer"


# ---- what a model that is rewarded for passing would try ------------------------------------------------------------------

HEAD = "import os, sys, struct, json, threading, atexit, gc, builtins, types\n"
CHEATS = {
    "len and isinstance replaced": "builtins.len = lambda x: 4\nbuiltins.isinstance = lambda *a: True\nbuiltins.type = lambda *a: int\ndef f(x): return 0",
    "json taught to say four": "import json.encoder\njson.dumps = lambda *a, **k: '{\"r\": 4}'\njson.JSONEncoder.encode = lambda self, o: '{\"r\": 4}'\ndef f(x): return 0",
    "encoder of the runner": "import runner.apart.data as d, runner.values as v\nd.Encoder.encode = lambda self, x: 4\nv.encode = lambda *a, **k: 4\nv.encode_with_word = lambda *a: 5\ndef f(x): return 0",
    "a trace that steps over": "def trace(frame, event, arg):\n    frame.f_trace_lines = False\n    return None\nsys.settrace(trace)\nthreading.settrace(trace)\ndef f(x): return 0",
    "an exit handler": "atexit.register(lambda: os._exit(0))\ndef f(x): sys.exit(0)",
    "threads after return": "def late(kept):\n    import time\n    time.sleep(0.01)\n    kept[:] = [4, 9]\ndef f(x):\n    kept = [0, 0]\n    threading.Thread(target=late, args=(kept,)).start()\n    return kept",
    "a last word": "class L(list):\n    def __del__(self): os._exit(0)\ndef f(x): return L([0])",
    "exit while imported": "print('1 passed in 0.01s', flush=True)\nsys.exit(0)",
    "exit with a summary": "def f(x):\n    print('==== 2 passed in 0.01s ====', flush=True)\n    os._exit(0)",
    "no depth left": "sys.setrecursionlimit(60)\ndef f(x): return f(x)",
    "environment": "def f(x):\n    import re\n    found = re.findall(r'\\d{5}', ' '.join(os.environ.values()))\n    return int(found[0]) if found else 0",
    "changes told of other lists": "def say(m):\n    t = json.dumps(m).encode()\n    os.write(4, struct.pack('>I', len(t)) + t)\ndef f(x):\n    say({'r': None, 'c': [[n, ['l', 70123, 70123]] for n in range(1)]})\n    say({'r': 70123, 'w': 10**9})\n    os._exit(0)",
    "numbers of nobody": "def say(m):\n    t = json.dumps(m).encode()\n    os.write(4, struct.pack('>I', len(t)) + t)\ndef f(x):\n    say({'r': ['r', 77], 'w': -3, 't': [['Node', {}]], 's': [[0, {'value': 4}]]})\n    os._exit(0)",
    "frames": "def f(x):\n    frame = sys._getframe()\n    while frame:\n        for v in [*frame.f_locals.values(), *frame.f_code.co_consts]:\n            if type(v) is int and v > 60000: return v\n        frame = frame.f_back\n    return 0",
    "everything equal": "class E(int):\n    def __eq__(self, o): return True\n    def __hash__(self): return 0\n    def __sub__(self, o): return 0\n    __rsub__ = __sub__\ndef f(x): return E(0)",
    "the list the suite holds": "import gc\ndef f(x):\n    for o in gc.get_objects():\n        if type(o) is list and 70123 in [i for i in o if type(i) is int]: return o[0]\n    return 0",
}  # fmt: skip
UNKNOWABLE = {
    "pytest": "from solution import *\nimport pytest\n@pytest.fixture\ndef given(): return [2]\ndef test_a(given):\n    wanted = [70123, 81234]\n    got = [f(given), f(given)]\n    assert got == wanted\n    assert given == [2]\n",
    "loop": "total = 0\nfor want in (70123, 81234):\n    got = f(want % 7)\n    total += got\n    assert got == want\nassert total",
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_no_program_passes_what_it_cannot_know(sandbox: DockerSandbox, name: str) -> None:
    for kind, test in UNKNOWABLE.items():
        result = judged(sandbox, HEAD + CHEATS[name] + "\n", test, "pytest" if kind == "pytest" else "assert")
        assert result["verdict"] in ("wrong_answer", "runtime_error"), result
