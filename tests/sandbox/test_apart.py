"""Test suites in a process of their own: what crosses to the program and back, what is not trusted, and what no longer helps."""

from collections.abc import Iterator

import pytest

from ocr_assets.grading.grade import grade
from ocr_assets.programs.suites import SHARES_PROCESS, suite_from_json
from resources.sandbox.api import Program, Run, RunLimits
from resources.sandbox.docker_pool import DockerSandbox
from tests.support.suites_apart import IMPORT, judged


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox(workers=1) as pool:
        yield pool
        assert pool.faults == 0, "a program broke a sandbox"


# ---- what crosses: name, program, suite ---------------------------------------------------------------------------------

CROSSES = [
    ("plain data", "def f(x): return x", IMPORT + """
VALUES = [1, -10**400, 1.5, float('inf'), True, None, 'ä\\ud800', b'\\xff', (1, [2]), [1, (2,)], {1: {2: 3}, 'a': None, (1, 2): 3},
    {1, 2}, frozenset({1}), 2 + 3j, range(3), slice(1, 2), ..., bytearray(b'x'), {1: 2}.keys(), [], {}, set(), ()]
def test_a():
    for value in VALUES:
        got = f(value)
        assert got == value and type(got) is type(value)
    got = f(float('nan'))
    assert got != got
"""),
    ("plain data of the standard library", "import collections\ndef f(x): return x", IMPORT + """
import collections, datetime, decimal, fractions, array, pathlib
VALUES = [decimal.Decimal('1.10'), fractions.Fraction(1, 3), collections.deque([1, 2], 5), collections.Counter('aab'),
    collections.OrderedDict(a=1), collections.defaultdict(list, {1: [2]}), datetime.date(2020, 1, 2), datetime.timedelta(1, 2, 3),
    datetime.datetime(2020, 1, 2, 3, 4, tzinfo=datetime.timezone.utc), datetime.time(1, 2), array.array('i', [1, 2]), pathlib.Path('a/b')]
def test_a():
    for value in VALUES:
        got = f(value)
        assert got == value and type(got) is type(value)
    assert f(VALUES[2]).maxlen == 5 and f(VALUES[5])['new'] == []
"""),
    ("changed in place", "def f(x):\n    x.append(1)\n    x.sort()\n    return x\ndef g(d, s):\n    d['k'] = [d]\n    s.clear()\n    del d['old']", IMPORT + """
def test_a():
    x = [3, 2]
    assert f(x) is x and x == [1, 2, 3]
    d, s = {'old': 1}, {1}
    g(d, s)
    assert d['k'][0] is d and len(d) == 1 and s == set()
"""),
    ("shared structure", "def f(x):\n    x[0].append(1)\n    return [x[0], x[0]]", IMPORT + """
def test_a():
    inner = []
    x = [inner, inner]
    y = f(x)
    assert x[0] is x[1] is inner and y[0] is y[1] is inner and inner == [1]
"""),
    ("generators are lazy", "log = []\ndef f():\n    n = 0\n    while True:\n        log.append(n)\n        yield n\n        n += 1", IMPORT + """
import inspect, itertools, solution
def test_a():
    g = f()
    assert inspect.isgenerator(g) and solution.log == []
    assert next(g) == 0 and list(itertools.islice(g, 3)) == [1, 2, 3] and solution.log == [0, 1, 2, 3]
    g.close()
    with pytest.raises(StopIteration): next(g)
"""),
    ("generator that is sent values", "def f():\n    x = yield 1\n    try:\n        yield x * 2\n    except ValueError:\n        yield 'caught'\n    return 7", IMPORT + """
def test_a():
    g = f()
    assert next(g) == 1 and g.send(4) == 8 and g.throw(ValueError) == 'caught'
    with pytest.raises(StopIteration) as stop: next(g)
    assert stop.value.value == 7
"""),
    ("iterators", "def f(): return map(abs, [-1, -2])\ndef g(): return zip([1], [2])\ndef total(items): return sum(items)", IMPORT + """
def test_a():
    assert list(f()) == [1, 2] and dict(g()) == {1: 2} and total(x for x in [1, 2]) == 3 and total(iter([4])) == 4
"""),
    ("classes and objects", '''
class Stack:
    """A stack."""
    made = 0
    def __init__(self, *items):
        self.items = list(items)
        Stack.made += 1
    def push(self, x):
        """Put on top."""
        self.items.append(x)
        return self
    def __len__(self): return len(self.items)
    def __iter__(self): return iter(self.items)
    def __getitem__(self, i): return self.items[i]
    def __enter__(self): return self
    def __exit__(self, *error):
        self.items.clear()
        return True
    def __call__(self, x): return x + 1
    def __str__(self): return 'S' + str(self.items)
    @property
    def top(self): return self.items[-1]
    @classmethod
    def of(cls, n): return cls(*range(n))
    @staticmethod
    def twice(x): return 2 * x
class Child(Stack):
    def push(self, x): return super().push(-x)
''', IMPORT + """
def test_a():
    s = Stack(1)
    assert s.push(2) is s and len(s) == 2 and list(s) == [1, 2] and s[0] == 1 and s.top == 2 and s(1) == 2 and str(s) == 'S[1, 2]'
    assert Stack.made == 1 and s.made == 1 and Stack.of(3).items == [0, 1, 2] and Stack.twice(4) == 8 and s.twice(2) == 4
    assert isinstance(s, Stack) and isinstance(Child(), Stack) and issubclass(Child, Stack) and type(s) is Stack and not isinstance(s, Child)
    assert Stack.__doc__ == 'A stack.' and Stack.push.__doc__ == 'Put on top.' and Stack.__name__ == 'Stack'
    assert Child().push(3).items == [-3]
    s.items = [9]
    assert s.top == 9 and hasattr(s, 'top') and not hasattr(s, 'bottom')
    with pytest.raises(AttributeError): s.bottom
    with s as t:
        assert t is s
        raise KeyError
    assert len(s) == 0 and {s: 1}[s] == 1
    with pytest.raises(TypeError): s.push()
"""),
    ("functions", 'def f(x, y=2, *, z=3):\n    """Doc."""\n    return x + y + z\ndef make(n):\n    def inner(x): return x + n\n    return inner\nasync def later(x): return x * 2\n', IMPORT + """
import asyncio, inspect, types
def test_a():
    assert f.__doc__ == 'Doc.' and f.__name__ == 'f' and callable(f) and isinstance(f, types.FunctionType)
    assert list(inspect.signature(f).parameters) == ['x', 'y', 'z'] and f(1) == 6 and f(1, 1, z=1) == 3
    assert make(3)(4) == 7 and asyncio.run(later(4)) == 8 and inspect.iscoroutinefunction(later)
    assert list(map(f, [1, 2])) == [6, 7]
"""),
    ("errors", "class Own(ValueError):\n    def __init__(self, code):\n        super().__init__(f'code {code}')\n        self.code = code\ndef f(x):\n    if x == 1: raise Own(7)\n    if x == 2: {}['k']\n    if x == 3: raise SystemExit(3)\n    try:\n        1 / 0\n    except ZeroDivisionError as error:\n        raise RuntimeError('wrapped', x) from error", IMPORT + """
def test_a():
    with pytest.raises(Own, match='code 7') as e: f(1)
    assert e.value.code == 7 and str(e.value) == 'code 7' and isinstance(e.value, ValueError) and type(e.value) is Own
    with pytest.raises(ValueError): f(1)
    with pytest.raises(KeyError) as e: f(2)
    assert e.value.args == ('k',)
    with pytest.raises(SystemExit) as e: f(3)
    assert e.value.code == 3
    with pytest.raises(RuntimeError) as e: f(4)
    assert e.value.args == ('wrapped', 4) and isinstance(e.value.__cause__, ZeroDivisionError)
"""),
    ("prints", "import sys\ndef f(x):\n    print('out', x)\n    print('err', file=sys.stderr)", IMPORT + """
import contextlib, io
from unittest.mock import patch
def test_a(capsys):
    f(1)
    got = capsys.readouterr()
    assert got.out == 'out 1\\n' and got.err == 'err\\n'
def test_b():
    with contextlib.redirect_stdout(io.StringIO()) as out: f(2)
    assert out.getvalue() == 'out 2\\n'
def test_c():
    with patch('sys.stdout', new_callable=io.StringIO) as out: f(3)
    assert out.getvalue() == 'out 3\\n'
"""),
    ("input", "def f(): return input('? ') + input()", IMPORT + """
import io
from unittest.mock import patch
def test_a(monkeypatch):
    answers = iter(['a', 'b'])
    monkeypatch.setattr('builtins.input', lambda prompt='': next(answers))
    assert f() == 'ab'
def test_b(monkeypatch, capsys):
    monkeypatch.setattr('sys.stdin', io.StringIO('c\\nd\\n'))
    assert f() == 'cd'
@patch('builtins.input', side_effect=['e', 'f'])
def test_c(mocked):
    assert f() == 'ef' and mocked.call_count == 2
def test_d():
    with pytest.raises(OSError): f()
"""),
    ("names replaced", "import random, time\nLIMIT = 3\ndef helper(x): return x\ndef f(x):\n    time.sleep(1000)\n    return helper(x) + LIMIT + random.randint(1, 6)", IMPORT + """
import solution
from unittest.mock import patch, Mock
def test_a(monkeypatch):
    monkeypatch.setattr('time.sleep', lambda seconds: None)
    monkeypatch.setattr(solution, 'LIMIT', 10)
    with patch('solution.random.randint', return_value=100), patch('solution.helper', Mock(return_value=1000)) as helper:
        assert f(5) == 1110
    helper.assert_called_once_with(5)
def test_b(monkeypatch):
    monkeypatch.setattr('time.sleep', lambda seconds: None)
    assert solution.LIMIT == 3 and 9 <= f(5) <= 14
"""),
    ("open replaced", "def f(name):\n    try:\n        with open(name) as file:\n            return file.read()\n    except FileNotFoundError:\n        return 'none'", IMPORT + """
from unittest.mock import mock_open, patch
def test_a():
    with patch('builtins.open', mock_open(read_data='data')): assert f('x') == 'data'
    with patch('builtins.open', side_effect=FileNotFoundError): assert f('x') == 'none'
    with patch('builtins.open', side_effect=PermissionError('no')):
        with pytest.raises(PermissionError, match='no'): f('x')
"""),
    ("random is seeded", "import random\ndef f(): return [random.random() for _ in range(3)]", IMPORT + """
import random
def test_a():
    random.seed(5)
    first = f()
    random.seed(5)
    assert f() == first and first[0] == random.Random(5).random()
"""),
    ("the suite's functions", "def f(g, items):\n    try:\n        return [g(x) for x in items]\n    except LookupError as error:\n        return type(error).__name__\ndef again(g): g(1)", IMPORT + """
class Own(Exception): pass
def test_a():
    seen = []
    assert f(lambda x: x * 2, [1, 2]) == [2, 4] and f(str.upper, ['a']) == ['A'] and f(len, ['ab']) == [2]
    f(seen.append, [1, 2])
    assert seen == [1, 2]
    def bad(x): raise KeyError(x)
    assert f(bad, [1]) == 'KeyError'
    def own(x): raise Own('mine')
    with pytest.raises(Own, match='mine'): again(own)
"""),
    ("linked lists", "def reverse(head):\n    last = None\n    while head:\n        head.next, last, head = last, head, head.next\n    return last\ndef cyclic(head):\n    slow = fast = head\n    while fast and fast.next:\n        slow, fast = slow.next, fast.next.next\n        if slow is fast: return True\n    return False", IMPORT + """
class ListNode:
    def __init__(self, val, next=None): self.val, self.next = val, next
def test_a():
    head = None
    for n in range(3000): head = ListNode(n, head)
    last = reverse(head)
    values = []
    while last:
        values.append(last.val)
        assert isinstance(last, ListNode)
        last = last.next
    assert values == list(range(3000)) and head.next is None
def test_b():
    a = ListNode(1, ListNode(2))
    assert not cyclic(a)
    a.next.next = a
    assert cyclic(a)
"""),
    ("the program's own nodes", "class TreeNode:\n    def __init__(self, val, left=None, right=None): self.val, self.left, self.right = val, left, right\ndef invert(t):\n    if t: t.left, t.right = invert(t.right), invert(t.left)\n    return t", IMPORT + """
def test_a():
    t = TreeNode(1, TreeNode(2), TreeNode(3, TreeNode(4)))
    s = invert(t)
    assert s is t and s.left.val == 3 and s.left.right.val == 4 and s.right.val == 2 and s.right.left is None
"""),
    ("names passed on", "import math\nfrom collections import deque, Counter\nfrom typing import List, Optional\nimport itertools as it\ndef f(x): return Counter(x)", "from solution import *\n" """
def g(x: List[int]) -> Optional[int]: return x[0]
def test_a():
    assert math.sqrt(4) == 2 and deque([1])[0] == 1 and f('aab') == Counter('aab') and list(it.chain([1], [2])) == [1, 2]
"""),
    ("enumerations", "import enum\nclass Color(enum.Enum):\n    RED = 1\n    BLUE = 'b'\ndef f(x): return Color.RED if x else Color.BLUE", IMPORT + """
def test_a():
    assert f(1) == Color.RED and f(0) is Color.BLUE and f(1) != Color.BLUE and f(0).value == 'b' and f(1).name == 'RED'
    assert [c.name for c in Color] == ['RED', 'BLUE'] and Color['RED'] is Color.RED and Color('b') is Color.BLUE
"""),
    ("named tuples", "from collections import namedtuple\nPoint = namedtuple('Point', 'x y')\ndef f(): return Point(1, 2)", IMPORT + """
def test_a():
    assert f() == (1, 2) and f().y == 2 and tuple(f()) == (1, 2) and f()._replace(x=3) == (3, 2)
"""),
    ("numpy", "import numpy as np\ndef f(n): return np.arange(n) * 1.5\ndef g(a):\n    a[0] = 7\n    return a.sum()", IMPORT + """
import numpy as np
def test_a():
    assert np.allclose(f(3), [0, 1.5, 3]) and f(3).dtype == float and f(4).reshape(2, 2).shape == (2, 2) and g(np.array([1, 2])) == 9
"""),
    ("tests the suite skips", "def f(x): return x", IMPORT + """
import unittest
@pytest.mark.skip(reason='later')
def test_a(): assert f(1) == 2
@pytest.mark.skipif(True, reason='here')
def test_b(): assert f(1) == 2
@pytest.mark.xfail
def test_c(): assert f(1) == 2
class TestD(unittest.TestCase):
    @unittest.skip('later')
    def test_d(self): self.assertEqual(f(1), 2)
    def test_e(self): self.assertEqual(f(1), 1)
    @unittest.expectedFailure
    def test_f(self): self.assertEqual(f(1), 2)
"""),
    ("unittest and fixtures", "class Account:\n    def __init__(self): self.balance = 0\n    def put(self, n):\n        if n <= 0: raise ValueError('amount must be positive')\n        self.balance += n\n        return self.balance", IMPORT + """
import unittest
class TestAccount(unittest.TestCase):
    def setUp(self): self.account = Account()
    def test_a(self):
        self.assertEqual(self.account.put(5), 5)
        self.assertEqual(self.account.balance, 5)
        with self.assertRaises(ValueError) as e: self.account.put(0)
        self.assertEqual(e.exception.args[0], 'amount must be positive')
        self.assertRaises(ValueError, self.account.put, -1)
        self.assertIsInstance(self.account, Account)
@pytest.fixture
def account(): return Account()
@pytest.mark.parametrize('n', [1, 2])
def test_b(account, n): assert account.put(n) == n
"""),
    ("tracebacks and deep recursion", "def f(n): return 0 if n == 0 else 1 + f(n - 1)", IMPORT + "def test_a():\n    assert f(800) == 800\n    with pytest.raises(RecursionError): f(10**6)\n"),
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(("code", "test"), [case[1:] for case in CROSSES], ids=[case[0] for case in CROSSES])
def test_what_crosses_is_accepted_and_trusted(sandbox: DockerSandbox, code: str, test: str) -> None:
    result = judged(sandbox, code, test)
    assert (result["verdict"], result["untrusted_reason"]) == ("accepted", None), result


@pytest.mark.parametrize(("code", "test"), [case[1:] for case in CROSSES], ids=[case[0] for case in CROSSES])
def test_what_crosses_is_what_pytest_itself_accepts(sandbox: DockerSandbox, code: str, test: str) -> None:
    program = Program("python", code, [Run("pytest", code=test, apart=False)], RunLimits(cpu_s=10, wall_s=60, memory_mb=512))
    (run,) = sandbox.execute(program).runs
    assert run.status == "ok" and not run.apart, (run.error, run.stdout.decode())


POINT = "class P:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return isinstance(o, P) and o.x == self.x\n    def __bool__(self): return self.x > 0\n    def __lt__(self, o): return self.x < o.x\n    def __sub__(self, o): return self.x - o\n    def __contains__(self, x): return x == self.x\ndef f(x): return P(x)\ndef g(x): return x\n"
UNTRUSTED = [
    ("equality of its own", "def test_a(): assert f(2) == P(2)"),
    ("inequality of its own", "def test_a(): assert f(2) != P(3)"),
    ("truth of its own", "def test_a(): assert f(2)"),
    ("order of its own", "def test_a(): assert sorted([f(2), f(1)])[0].x == 1"),
    ("membership of its own", "def test_a(): assert 2 in f(2)"),
    ("membership in a list", "def test_a(): assert f(2) in [P(2)]"),
    ("arithmetic of its own", "def test_a(): assert abs(f(2) - 2) < 1"),
    ("identity by ==", "def test_a():\n    p = P(1)\n    assert [p] == [p] and p == p"),
    ("a class derived in the suite", "class Q(P):\n    pass\ndef test_a(): assert Q(2).x == 2"),
    ("the module loaded again", "import importlib, solution\ndef test_a():\n    importlib.reload(solution)\n    assert solution.g(2) == 2"),
    ("an enumeration of the suite's", "import enum\nclass E(enum.Enum):\n    A = 1\ndef test_a(): assert g(E.A) is E.A"),
    ("a subclass of the suite's", "class L(list):\n    pass\ndef test_a(): assert g(L([1])) == [1]"),
]  # fmt: skip


@pytest.mark.parametrize("test", [case[1] for case in UNTRUSTED], ids=[case[0] for case in UNTRUSTED])
def test_what_the_program_decides_is_accepted_and_not_trusted(sandbox: DockerSandbox, test: str) -> None:
    result = judged(sandbox, POINT, IMPORT + test + "\n")
    assert result["verdict"] == "accepted" and result["untrusted_reason"], result


def test_a_program_of_no_own_making_cannot_choose_to_share_a_process(sandbox: DockerSandbox) -> None:
    code = "import sys\nclass E:\n    def __getattr__(self, name): return 4\ndef f(x):\n    open('note', 'w').write('x')\n    frame = sys._getframe()\n    while frame:\n        if 'wanted' in frame.f_locals: return frame.f_locals['wanted']\n        frame = frame.f_back\n    return E()"
    result = judged(sandbox, code, IMPORT + "def test_a():\n    wanted = 4\n    assert f(2).bit_length() == 3\n")
    assert result["verdict"] in ("wrong_answer", "runtime_error"), result


# ---- cheats ---------------------------------------------------------------------------------------------------------------

TWO = (
    IMPORT
    + "def test_two():\n    wanted = 4\n    got = f(2)\n    assert got == wanted\ndef test_three():\n    wanted = 9\n    got = f(3)\n    assert got == wanted\n"
)
CHECK = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(3) == 9\ncheck(f)\n"
WIRE = "import json, os, struct\ndef say(message):\n    text = json.dumps(message).encode()\n    os.write(4, struct.pack('>I', len(text)) + text)\n"
REPLY = {"c": [], "s": [], "t": []}


def wire(*messages: object) -> str:
    return WIRE + f"def f(x):\n    for message in {messages!r}: say(message)\n    os._exit(0)\n"


ALWAYS = "class E:\n    def __eq__(self, o): return {}\n    def __ne__(self, o): return False\n"
CHEATS = {
    "always equal, but not to a lie by '?'": ALWAYS.format("not str(o).endswith('?')") + "def f(x): return E()",
    "always equal, but only to small numbers": ALWAYS.format("type(o) is int and o < 10**6") + "def f(x): return E()",
    "equal while a frame has no _met": "import sys\n" + ALWAYS.format("'_met' not in sys._getframe(1).f_globals and '_altered' not in sys._getframe(1).f_globals") + "def f(x): return E()",
    "frames for the wanted value": "import sys\ndef f(x):\n    frame = sys._getframe(1)\n    while frame:\n        if 'wanted' in frame.f_locals: return frame.f_locals['wanted']\n        frame = frame.f_back",
    "frames of every thread": "import sys\ndef f(x):\n    for frame in sys._current_frames().values():\n        while frame:\n            for v in frame.f_locals.values():\n                if type(v) is int and v in (4, 9): return v\n            frame = frame.f_back",
    "gc for constants": "import gc, types\ndef f(x):\n    for o in gc.get_objects():\n        if isinstance(o, types.FunctionType) and o.__name__.startswith('test_') and 'f' in o.__code__.co_names:\n            return [c for c in o.__code__.co_consts if type(c) is int][-1]",
    "gc for dictionaries": "import gc\ndef f(x):\n    for o in gc.get_objects():\n        if isinstance(o, dict) and 'wanted' in o: return o['wanted']",
    "the suite's file by every path": "import glob, os, re\ndef f(x):\n    for root in ('/tmp', '/run', '/dev/shm', '/opt', '.', '/proc/1/root', '/proc/self/cwd'):\n        for folder, _, names in os.walk(root):\n            for name in names:\n                try: text = open(os.path.join(folder, name)).read()\n                except (OSError, UnicodeError): continue\n                found = re.findall(r'wanted = (\\d+)', text)\n                if found: return int(found[x - 2])",
    "the suite's memory": "import os, re\ndef f(x):\n    for pid in os.listdir('/proc'):\n        try: text = open(f'/proc/{pid}/mem', 'rb')\n        except OSError: continue\n        if pid.isdigit() and pid != str(os.getpid()): return [4, 9][x - 2]",
    "the suite's descriptors": "import os\ndef f(x):\n    for fd in range(3, 256):\n        try:\n            os.lseek(fd, 0, 0)\n            text = os.read(fd, 10**6)\n        except OSError: continue\n        if b'wanted' in text: return [4, 9][x - 2]",
    "a result on every descriptor": "import json, os\ndef f(x):\n    text = json.dumps({'passed': ['test_solution.py::test_two', 'test_solution.py::test_three'], 'failed': None, 'wrong': False, 'cannot': None, 'odd': None, 'untrusted': None, 'ended': None}).encode()\n    for fd in range(3, 256):\n        try: os.write(fd, text)\n        except OSError: pass\n    os._exit(0)",
    "the suite's process killed": "import os, signal\ndef f(x):\n    for pid in os.listdir('/proc'):\n        if pid.isdigit() and int(pid) != os.getpid():\n            try: os.kill(int(pid), signal.SIGKILL)\n            except OSError: pass\n    os._exit(0)",
    "builtins patched": "import builtins\nbuiltins.len = builtins.all = builtins.abs = builtins.isinstance = lambda *a: True\nbuiltins.AssertionError = type('A', (Exception,), {})\ndef f(x): return 0",
    "pytest patched": "import sys\ntry:\n    import pytest, _pytest.python, _pytest.runner\n    pytest.raises = lambda *a, **k: __import__('contextlib').suppress(BaseException)\n    _pytest.python.Function.runtest = lambda self: None\n    _pytest.runner.call_runtest_hook = lambda *a, **k: None\nexcept ImportError: pass\ndef f(x): return 0",
    "pytest's hooks among the names": "def pytest_runtest_call(item): item.obj = lambda: None\ndef pytest_collection_modifyitems(items): items.clear()\npytest_plugins = []\npytestmark = []\ndef f(x): return 0",
    "skip by unittest": "import unittest\ndef f(x): raise unittest.SkipTest('no')",
    "skip by pytest": "def f(x):\n    import pytest\n    pytest.skip('no')",
    "xfail by pytest": "def f(x):\n    import pytest\n    pytest.xfail('no')",
    "exit by pytest": "def f(x):\n    import pytest\n    pytest.exit('no', 0)",
    "interrupt": "def f(x): raise KeyboardInterrupt",
    "system exit": "def f(x): raise SystemExit(0)",
    "generator exit": "def f(x): raise GeneratorExit",
    "skip at import": "import unittest\nraise unittest.SkipTest('no')",
    "exit at import": "raise SystemExit(0)",
    "left at import": "import os\nos._exit(0)",
    "mock.ANY": "from unittest.mock import ANY\ndef f(x): return ANY",
    "mock.ANY in a list": "from unittest.mock import ANY\nclass L(list):\n    __eq__ = lambda s, o: True\ndef f(x): return L([ANY])",
    "always equal, as a subclass of int": "class I(int):\n    def __eq__(self, o): return True\n    def __hash__(self): return 1\ndef f(x): return I(0)",
    "always equal, as a named tuple": "from collections import namedtuple\nclass T(namedtuple('T', 'x')):\n    def __eq__(self, o): return True\ndef f(x): return T(1)",
    "always equal, by its metaclass": "class M(type):\n    def __eq__(c, o): return True\n    def __hash__(c): return 1\nclass C(metaclass=M): pass\ndef f(x): return C",
    "a module that says its name": "import sys, types\nm = types.ModuleType('gc')\nsys.modules['unittest.mock'] = m\ndef f(x): return m",
    "wire: two answers at once": wire({"r": 4, **REPLY}, {"r": 9, **REPLY})[:0] + WIRE + "def f(x):\n    say({'r': 0, 'c': [], 's': [], 't': []})\n    return 0",
    "wire: nothing": wire({}),
    "wire: a list": wire([]),
    "wire: a name": wire({"r": ["g", "unittest.mock", "ANY"], **REPLY}),
    "wire: eval": wire({"r": ["g", "builtins", "eval"], **REPLY}),
    "wire: pytest's skip": wire({"x": {"c": ["g", "_pytest.outcomes", "Skipped"], "a": [], "s": "", "f": {}}, **REPLY}),
    "wire: unittest's skip": wire({"x": {"c": ["g", "unittest.case", "SkipTest"], "a": [], "s": "", "f": {}}, **REPLY}),
    "wire: no such handle": wire({"r": ["h", 10**6], **REPLY}),
    "wire: no such container": wire({"r": ["r", 5], **REPLY}),
    "wire: change nothing that was given": wire({"r": 0, "c": [[0, ["l", 1]]], "s": [], "t": []}),
    "wire: call back": wire({"o": "call", "n": 0, "m": None, "a": [], "k": {}, "t": []}),
    "wire: call back with a name": wire({"o": "get", "n": 0, "m": "__globals__", "a": [], "k": {}, "t": []}),
    "wire: cannot": wire({"x": {"cannot": "let us share a process"}, **REPLY}),
    "wire: an array of objects": wire({"r": ["np", "|O", [1], "x"], **REPLY}),
    "wire: no JSON": "import os, struct\ndef f(x):\n    os.write(4, struct.pack('>I', 3) + b'xyz')\n    os._exit(0)",
    "wire: a gigabyte": "import os, struct\ndef f(x):\n    os.write(4, struct.pack('>I', 2**31))\n    os._exit(0)",
    "wire: nested": wire({"r": "x", **REPLY})[:0] + "import os, struct\ndef f(x):\n    text = b'{\"r\": ' + b'[' * 10**5 + b']' * 10**5 + b'}'\n    os.write(4, struct.pack('>I', len(text)) + text)\n    os._exit(0)",
    "wire: closed": "import os\ndef f(x):\n    os.close(4)\n    return 4",
}  # fmt: skip
REFUSED = ("wrong_answer", "runtime_error", "idle_limit", "compile_error", "suspect")


@pytest.mark.parametrize("name", CHEATS)
def test_cheats_on_pytest_are_not_accepted(sandbox: DockerSandbox, name: str) -> None:
    result = judged(sandbox, CHEATS[name], TWO)
    assert result["verdict"] in REFUSED or (
        name.startswith(("always equal, but", "equal while")) and result["untrusted_reason"]
    ), result


@pytest.mark.parametrize("name", CHEATS)
def test_cheats_on_assertions_are_not_accepted(sandbox: DockerSandbox, name: str) -> None:
    result = judged(sandbox, CHEATS[name], CHECK, "assert")
    assert result["verdict"] in REFUSED or (
        name.startswith(("always equal, but", "equal while")) and result["untrusted_reason"]
    ), result


SPECIFIC = [
    ("near to everything", "class E:\n    def __sub__(self, o): return 0\n    __rsub__ = __sub__\n    def __abs__(self): return 0\ndef f(x): return E()", "def test_a():\n    assert abs(f(2) - 4) < 1e-6\n    assert abs(9 - f(3)) < 1e-6\n"),
    ("near to everything, by approx", "class E:\n    def __rsub__(self, o): return 0.0\n    def __sub__(self, o): return 0.0\n    def __abs__(self): return 0.0\ndef f(x): return E()", "def test_a():\n    assert f(2) == pytest.approx(4)\n"),
    ("almost equal to everything", "class D:\n    def __abs__(self): return 0.0\nclass E:\n    def __sub__(self, o): return D()\n    __rsub__ = __sub__\ndef f(x): return E()", "import unittest\nclass TestA(unittest.TestCase):\n    def test_a(self): self.assertAlmostEqual(f(2), 4)\n"),
    ("isclose of its own by a star import", "def isclose(a, b, **k): return True\ndef f(x): return 0", "def test_a():\n    assert isclose(f(2), 4)\n"),
    ("all of its own by a star import", "def all(x): return True\ndef f(x): return 0", "def test_a():\n    assert all(f(x) == x * x for x in range(2, 5))\n"),
    ("pytest of its own by a star import", "import contextlib\nclass pytest:\n    raises = staticmethod(lambda *a, **k: contextlib.suppress(BaseException))\ndef f(x): return 0", "def test_a():\n    with pytest.raises(ValueError): f(-1)\n"),
    ("contains everything", "class E:\n    def __contains__(self, x): return True\ndef f(x): return E()", "def test_a():\n    assert 4 in f(2)\n"),
    ("true and never equal", "class E:\n    def __bool__(self): return True\n    def __ne__(self, o): return True\ndef f(x): return E()", "def test_a():\n    assert f(2) and f(2) != 5\n"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "test"), [case[1:] for case in SPECIFIC], ids=[case[0] for case in SPECIFIC])
def test_words_of_the_programs_own_are_never_trusted(sandbox: DockerSandbox, code: str, test: str) -> None:
    result = judged(sandbox, code, "import pytest\nfrom solution import *\n" + test)
    assert result["verdict"] in REFUSED or result["untrusted_reason"], result


def test_a_skip_of_the_programs_is_a_failure_and_one_of_the_suites_is_none(sandbox: DockerSandbox) -> None:
    only = IMPORT + "@pytest.mark.skip\ndef test_a(): assert f(1) == 1\n"
    assert judged(sandbox, "def f(x): return 1", only)["verdict"] == "runtime_error"  # nothing has passed
    assert judged(sandbox, "def f(x): return 1", only + "def test_b(): assert f(1) == 1\n")["verdict"] == "accepted"


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("def f(x):\n    while True: pass", "time_limit"),
        ("def f(x):\n    l = []\n    while True: l.append(bytearray(10**6))", "memory_limit"),
        ("def f(x):\n    while True: print('x' * 10**6)", "output_limit"),
        ("import time\ndef f(x): time.sleep(10**6)", "idle_limit"),
        ("import os\ndef f(x): os.kill(os.getpid(), 11)", "runtime_error"),
        ("import ctypes\ndef f(x): ctypes.string_at(0)", "runtime_error"),
        ("import os\ndef f(x):\n    while True: os.fork()", "runtime_error"),
    ],
)
def test_limits_hold_for_the_program_behind_a_suite(sandbox: DockerSandbox, code: str, verdict: str) -> None:
    result = judged(sandbox, code, TWO, wall_s=3 if verdict == "idle_limit" else 30, cpu_s=1 if verdict == "time_limit" else 3)
    also = ("time_limit", "idle_limit", "memory_limit") if "fork" in code else ()
    assert result["verdict"] in (verdict, *also), result


def test_a_program_in_the_next_run_finds_nothing_of_the_one_before(sandbox: DockerSandbox) -> None:
    code = "import os\ndef f(x):\n    seen = [p for p in ('note', '/tmp/note', '/dev/shm/note') if os.path.exists(p)]\n    for p in ('note', '/tmp/note', '/dev/shm/note'): open(p, 'w').write('x')\n    return seen"
    test = {"kind": "assert", "code": "g = f\nassert g(1) == []\n"}
    result = grade(sandbox, "python", code, suite_from_json({"tests": [test, test, test]}))
    assert (result["verdict"], result["tests_passed"]) == ("accepted", 3), result


def test_sets_have_one_order_in_all_runs() -> None:
    code = "print(*{'one', 'two', 'three', 'four', 'five', 'six'})"
    orders = set()
    for _ in range(2):  # a fresh container each
        with DockerSandbox(workers=1) as pool:
            orders.add(pool.execute(Program("python", code, [Run()])).runs[0].stdout)
    assert len(orders) == 1


@pytest.mark.parametrize(("wanted", "verdict"), [("a", "accepted"), ("b", "wrong_answer")])
def test_a_module_of_the_programs_stays_in_its_process(wanted: str, verdict: str, sandbox: DockerSandbox) -> None:
    """An answer that names one was once taken for forged: a wrong program had a run-time error, and a right one was not trusted."""
    suite = f"import csv\nfrom solution import f\nimport tempfile\n\ndef test_a():\n    assert f('a' + tempfile.gettempdir()[:0]) == '{wanted}'\n"
    graded = grade(
        sandbox, "python", "import csv\ndef f(x): return x\n", suite_from_json({"tests": [{"kind": "pytest", "code": suite}]})
    )
    assert (graded["verdict"], graded["untrusted_reason"]) == (verdict, None), graded["message"]


def test_a_suite_may_ask_for_one_process(sandbox: DockerSandbox) -> None:
    code = "import random\ndef draw(): return random.random()\n"
    suite = "from solution import draw\nimport random\n\ndef test_a():\n    random.seed(1)\n    first = draw()\n    random.seed(1)\n    assert draw() == first\n"
    shared = grade(sandbox, "python", code, suite_from_json({"tests": [{"kind": "pytest", "code": SHARES_PROCESS + suite}]}))
    assert shared["verdict"] == "accepted" and shared["untrusted_reason"] == "the caller wants them in one process"


def test_who_bends_a_suite_in_its_own_process_is_found(sandbox: DockerSandbox) -> None:
    suite = f"{SHARES_PROCESS}from solution import f\nimport unittest\nclass TestCases(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(f(2), 4)\n"
    cheat = "import unittest\nunittest.TestCase.assertEqual = lambda *given, **named: None\ndef f(x): return 0\n"
    verdicts = [
        grade(sandbox, "python", code, suite_from_json({"tests": [{"kind": "pytest", "code": suite}]}))["verdict"]
        for code in (cheat, "def f(x): return 2 * x\n", "def f(x): return 0\n")
    ]
    assert verdicts == ["suspect", "accepted", "wrong_answer"]
