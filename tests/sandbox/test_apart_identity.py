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
