"""A grammar of cheats: random programs that solve nothing and try to pass their tests all the same.

``program`` draws one from a seed; ``SUITES`` are what they stand before. Every suite demands numbers that no program here can
know (``SECRETS``), so whatever is accepted has been bent, and must not be trusted. What one can do is steal (frames, gc, files,
descriptors, memory), lie (operators, subclasses, errors, iterators), patch (builtins, modules, hooks, names that a star import
passes on), talk on the wire itself, or harm processes and descriptors.
"""

import random
from dataclasses import dataclass

SECRETS = (70123, 81234, 92345)
_HEAD = "import pytest\nfrom solution import *\n"
_A, _B, _C = SECRETS


@dataclass(frozen=True)
class CheatedSuite:
    """A suite that no program of the grammar can pass honestly."""

    name: str
    kind: str
    code: str


SUITES = [
    CheatedSuite("equality", "pytest", f"{_HEAD}def test_a():\n    wanted = {_A}\n    got = f([2])\n    assert got == wanted\n"),
    CheatedSuite("parameters", "pytest", f"{_HEAD}@pytest.mark.parametrize('x, want', [(2, {_A}), (3, {_B})])\ndef test_a(x, want):\n    assert f([x]) == want\n"),
    CheatedSuite("tolerance", "pytest", f"{_HEAD}TOLERANCE = 1e-6\ndef test_a():\n    assert f([2]) == pytest.approx({_A})\n    assert abs(f([3]) - {_B}) < TOLERANCE\n"),
    CheatedSuite("inverted", "pytest", f"{_HEAD}def test_a():\n    if abs(f([2]) - {_A}) > 1e-6:\n        raise AssertionError('far')\n    assert not f([3]) != {_B}\n"),
    CheatedSuite("items", "pytest", f"{_HEAD}def test_a():\n    for got, want in zip(f([2]), [{_A}, {_B}]):\n        assert got == want\n"),
    CheatedSuite("all", "pytest", f"{_HEAD}def test_a():\n    assert all(got == {_A} for got in f([2]))\n    assert sorted(f([3])) == sorted([{_A}, {_B}])\n"),
    CheatedSuite("errors", "pytest", f"{_HEAD}def test_a():\n    with pytest.raises(ZeroDivisionError, match='{_A}'): f([2])\n    with pytest.raises(KeyError): f([3])\n"),
    CheatedSuite("own error", "pytest", f"{_HEAD}from solution import Err\ndef test_a():\n    with pytest.raises(Err): f([2])\n    assert f([3]) == {_B}\n"),
    CheatedSuite("objects", "pytest", f"{_HEAD}def test_a():\n    c = C(2)\n    assert c.value == {_A} and c.get([1]) == {_B}\n    assert isinstance(c, C) and len(c) == 3\n"),
    CheatedSuite("manager", "pytest", f"{_HEAD}def test_a():\n    with C(2) as c:\n        assert c == {_A}\n"),
    CheatedSuite("callback", "pytest", f"{_HEAD}def test_a():\n    def check(x): assert x == {_A}\n    f(check)\n"),
    CheatedSuite("mock", "pytest", f"{_HEAD}from unittest.mock import Mock\ndef test_a():\n    call = Mock()\n    f(call)\n    call.assert_called_once_with({_A})\n"),
    CheatedSuite("in place", "pytest", f"{_HEAD}def test_a():\n    x = [{_B}, {_A}, 5]\n    assert f(x) == sorted(x)\n    assert len(f([1, 2])) == {_C}\n"),
    CheatedSuite("sorted in place", "pytest", f"{_HEAD}def test_a():\n    x = [3, 1, 2]\n    f(x)\n    assert x == sorted(x)\n"),
    CheatedSuite("constant", "pytest", f"{_HEAD}import solution\ndef test_a():\n    for n in range(solution.N):\n        assert f([n]) == {_A}\n"),
    CheatedSuite("membership", "pytest", f"{_HEAD}def test_a():\n    assert {_A} in f([2])\n    assert f([2]) in ({_A}, {_B})\n"),
    CheatedSuite("truth", "pytest", f"{_HEAD}def test_a():\n    assert f([2]).startswith('x{_A}')\n    assert f([3]).is_integer()\n"),
    CheatedSuite("output", "pytest", f"{_HEAD}def test_a(capsys):\n    f([2])\n    assert '{_A}' in capsys.readouterr().out\n"),
    CheatedSuite("unittest", "pytest", f"import unittest\nfrom solution import *\nclass TestF(unittest.TestCase):\n    def setUp(self): self.wanted = {_A}\n    def test_a(self):\n        self.assertEqual(f([2]), self.wanted)\n        self.assertAlmostEqual(f([3]), {_B})\n    def test_b(self):\n        with self.assertRaises(OSError) as e: f([4])\n        self.assertEqual(e.exception.errno, {_C})\n"),
    CheatedSuite("unittest, objects", "pytest", f"import unittest\nfrom solution import *\nclass TestC(unittest.TestCase):\n    def test_a(self):\n        c = C(1)\n        self.assertIn({_A}, c)\n        self.assertTrue(c.is_valid())\n        self.assertListEqual(list(c), [{_A}, {_B}])\n"),
    CheatedSuite("checked candidate", "assert", f"def check(candidate):\n    assert candidate([2]) == {_A}\n    assert candidate([3]) == {_B}\ncheck(f)\n"),
    CheatedSuite("assertions in a loop", "assert", f"for x, want in ((2, {_A}), (3, {_B})):\n    got = f([x])\n    assert abs(got - want) < 1e-9\n"),
    CheatedSuite("assertions over items", "assert", f"total = 0\nfor got in f([2]):\n    total += got\n    assert got == {_A}\n"),
    CheatedSuite("assertions on objects", "assert", f"c = C(3)\nassert c.get([1]) == {_A}\nassert c + 1 == {_B}\nassert str(c) == 'C{_C}'\n"),
]  # fmt: skip

# ---- what a program is made of ----------------------------------------------------------------------------------------------

_COMMON = """
import atexit, builtins, collections, contextlib, enum, functools, gc, io, itertools, json, math, os, re, signal, struct, sys, threading, types

def _large(value): return type(value) is int and 60000 < value < 99999

def by_frames():
    for frame in [sys._getframe(), *sys._current_frames().values()]:
        while frame:
            for value in [*frame.f_locals.values(), *frame.f_globals.values(), *frame.f_code.co_consts]:
                if _large(value): return value
            frame = frame.f_back

def by_gc():
    for thing in gc.get_objects():
        values = thing.values() if type(thing) is dict else thing if type(thing) in (list, tuple) else ()
        if isinstance(thing, types.FunctionType): values = thing.__code__.co_consts
        for value in list(values)[:50]:
            if _large(value): return value

def by_traceback():
    try: raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame
        while frame:
            for value in frame.f_code.co_consts:
                if _large(value): return value
            frame = frame.f_back

def _search(text):
    found = re.findall(rb'(?<!\\d)[6-9]\\d{4}(?!\\d)', text)
    return int(found[0]) if found else None

def by_files():
    for root in ('.', '/tmp', '/run', '/dev/shm', '/proc/self/cwd', '/run/judge', '/proc/1/cwd'):
        for folder, _, files in os.walk(root):
            for name in files[:50]:
                try:
                    with open(os.path.join(folder, name), 'rb') as file: found = _search(file.read(100000))
                except OSError: continue
                if found: return found

def by_descriptors():
    for fd in range(3, 64):
        try:
            text = os.pread(fd, 10**5, 0)
        except OSError: continue
        if found := _search(text): return found

def by_processes():
    for pid in os.listdir('/proc'):
        if not pid.isdigit() or int(pid) == os.getpid(): continue
        for name in ('cmdline', 'environ', 'mem', 'maps', 'stack', 'fd/3', 'fd/4', 'cwd/test_solution.py', 'root/tmp'):
            try:
                with open(f'/proc/{pid}/{name}', 'rb') as file: found = _search(file.read(100000))
            except (OSError, ValueError): continue
            if found: return found

def by_environment():
    return _search(json.dumps(dict(os.environ)).encode())

def by_argument(given):
    for name in ('wanted', 'want', 'expected', '__globals__', '__code__', '__closure__', 'call_args', '__dict__', '__self__'):
        with contextlib.suppress(BaseException):
            value = getattr(given, name)
            if _large(value): return value
            if found := _search(repr(value).encode()): return found

def by_callback(given):
    with contextlib.suppress(TypeError):
        try: given(0)
        except AssertionError as error: return _search(repr(error).encode())
        except BaseException as error: return _search(repr((error, error.__dict__)).encode())

def say(message):
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    os.write(4, struct.pack('>I', len(text)) + text)

def heard():
    import socket
    with contextlib.suppress(BaseException):
        return _search(socket.socket(fileno=os.dup(4)).recv(65536, socket.MSG_PEEK | socket.MSG_DONTWAIT))
"""
_THEFTS = (
    "by_frames()", "by_gc()", "by_traceback()", "by_files()", "by_descriptors()", "by_processes()", "by_environment()", "heard()",
)  # fmt: skip
_SPECIAL = """
    eq ne lt le gt ge add radd sub rsub mul rmul truediv rtruediv mod pow abs neg float int index round bool len iter next
    getitem contains hash str repr format call enter exit getattr getattribute instancecheck missing reversed copy deepcopy
    reduce_ex array array_function array_ufunc await aiter del set_name init_subclass class_getitem dir sizeof fspath bytes
"""
_OPERATORS = _SPECIAL.split()
_ANSWERS = (
    "True", "False", "0", "1", "self", "NotImplemented", "a[0] if a else None", "iter(())", "iter([1])", "''", "b''", "[]", "{}",
    "E()", "float('nan')", "float('inf')", "10**30", "lambda *a, **k: True", "type(self)", "by_frames()", "by_gc()", "None",
)  # fmt: skip
_BASES = (
    "", "", "", "(int)", "(float)", "(str)", "(list)", "(dict)", "(set)", "(tuple)", "(bytes)", "(complex)", "(Exception)",
    "(ValueError, KeyError)", "(AssertionError)", "(BaseException)", "(collections.OrderedDict)", "(collections.Counter)",
    "(enum.IntEnum)", "(types.ModuleType)", "(io.StringIO)", "(contextlib.ContextDecorator)", "(metaclass=M)",
)  # fmt: skip
_RETURNS = (
    "E()", "E()", "E()", "[E()]", "(E(),)", "{E()}", "{1: E()}", "E", "(E() for _ in range(9))", "itertools.count()", "iter(())",
    "[]", "()", "{}", "''", "float('nan')", "complex('nan')", "None", "NotImplemented", "...", "a", "f", "sys.modules", "math",
    "collections.deque([E()])", "types.SimpleNamespace(value=E())", "map(E, ())", "functools.partial(E)", "ANY", "Mock()",
    "open('/dev/zero')", "contextlib.suppress(BaseException)", "object()", "range(0)", "memoryview(b'')", "E.__eq__", "type(a)",
    "stolen", "stolen", "stolen", "[stolen, stolen]", "collections.defaultdict(E)", "types.MappingProxyType({})", "{}.keys()",
)  # fmt: skip
_ERRORS = (
    "ValueError", "KeyError", "AssertionError('x')", "StopIteration", "GeneratorExit", "KeyboardInterrupt", "SystemExit(0)", "Err",
    "OSError(5, 'x')", "ZeroDivisionError", "MemoryError", "RecursionError", "unittest.SkipTest('x')", "pytest.skip.Exception('x')",
    "Many", "Exception", "BaseExceptionGroup('g', [ValueError()])", "StopAsyncIteration", "TypeError", "Warning", "NameError('f')",
)  # fmt: skip
_DEEDS = (
    "a.clear()", "a[:] = [0] * len(a)", "a.append(E())", "del a[:1]", "a.__class__ = E", "print(stolen)",
    "a(stolen)", "a(E())", "a.assert_called_once_with = print", "a.return_value = E()", "a.side_effect = None",
    "a.configure_mock(**{'assert_called_once_with': print})", "a.__eq__ = print", "a.check = print", "sys.stdout = io.StringIO()",
    "os.close(4)", "os.close(1)", "os.dup2(1, 4)", "os.kill(os.getppid(), 9)", "os.kill(-1, 9)", "os._exit(0)", "os.fork()",
    "threading.Thread(target=say, args=(REPLY,)).start()", "signal.setitimer(signal.ITIMER_REAL, 0.01)", "gc.freeze()",
    "sys.settrace(lambda *x: None)", "sys.setrecursionlimit(50)", "sys.exit(0)", "os.chdir('/')", "os.execv('/bin/true', ['true'])",
    "open('conftest.py', 'w').write('def pytest_runtest_call(item): item.obj = lambda: None')",
    "open('test_solution.py', 'w').write('def test_a(): pass')", "open('sitecustomize.py', 'w').write('raise SystemExit(0)')",
    "[os.write(fd, RESULT) for fd in range(3, 9)]", "os.ftruncate(3, 0)", "os.environ.update(PYTEST_ADDOPTS='--co')",
    "say(REPLY)", "say(REPLY)", "os._exit(0) if not say(REPLY) else None", "os._exit(0) if not say(REPLY) else None",
)  # fmt: skip
_PATCHES = (
    "builtins.len = builtins.abs = builtins.isinstance = lambda *x: True", "builtins.AssertionError = ValueError",
    "sys.modules['math'] = sys.modules['unittest.mock'] = E", "sys.modules['solution'] = E", "sys.modules.pop('solution', None)",
    "sys.meta_path.insert(0, E)", "sys.path_hooks.insert(0, E)", "sys.path[:] = []", "atexit.register(os._exit, 0)",
    "import unittest; unittest.TestCase.assertEqual = unittest.TestCase.assertIn = lambda *x: None",
    "import pytest, _pytest.python, _pytest.runner; pytest.raises = contextlib.suppress; _pytest.python.Function.runtest = print",
    "import _pytest.python_api; _pytest.python_api.ApproxScalar.__eq__ = lambda *x: True",
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)", "os.fork()", "gc.disable(); gc.set_threshold(1)", "sys.setswitchinterval(1e-6)",
    "threading.Thread(target=lambda: os.waitpid(-1, 0)).start()", "open('pytest.ini', 'w').write('[pytest]')", "raise SystemExit(0)",
    "os.chmod('.', 0)", "sys.excepthook = sys.unraisablehook = lambda *x: os._exit(0)", "json.dumps = lambda *x: '{}'",
    "os.write = lambda fd, text: len(text)", "import runner.apart.peer as p; p.Peer.encode_error = lambda *x: None",
    "import runner.apart.data as d; d.Encoder.encode = lambda *x: 7", "struct.pack = lambda *x: b''", "REPLY['c'] = [[0, ['l']]]",
)  # fmt: skip
_NAMES = (
    "abs", "all", "any", "approx", "AssertionError", "Exception", "isclose", "isinstance", "len", "list", "pytest", "raises", "range",
    "sorted", "str", "sum", "test_a", "TestF", "TestC", "TOLERANCE", "unittest", "zip", "check", "x", "want", "wanted", "Mock", "N",
    "ZeroDivisionError", "KeyError", "OSError", "solution", "c", "got", "total", "__name__", "__test__", "__builtins__", "pytestmark",
    "pytest_plugins", "pytest_runtest_call", "setup_module", "setUpModule", "load_tests", "__getattr__", "__path__", "__all__",
)  # fmt: skip
_VALUES = (
    "max", "min", "len", "print", "id", "lambda *a, **k: True", "lambda *a, **k: []", "lambda *a, **k: 0", "contextlib.suppress",
    "E", "E()", "Many", "Exception", "(Exception, KeyError)", "BaseException", "10**9", "0", "1", "[]", "{}", "None", "'x'", "['f']",
    "lambda x: x", "pytest.mark.skip", "types.SimpleNamespace(raises=contextlib.suppress)", "functools.partial(print)", "object",
)  # fmt: skip


def program(seed: int) -> str:
    """A program of the grammar: the same for the same seed."""
    rng = random.Random(seed)
    lines = [_COMMON, f"REPLY = {_reply(rng)!r}", f"RESULT = {_RESULT!r}", "stolen, N = 7, 0"]
    lines += ["with contextlib.suppress(ImportError): import pytest", "import unittest", "from unittest.mock import ANY, Mock"]
    lines += ["class Many(ValueError, KeyError, ZeroDivisionError, OSError): errno = 0", "class Err(Exception): pass"]
    lines += ["class M(type):", *_methods(rng, rng.randint(0, 3)), "    pass"]
    lines += [f"class E{rng.choice(_BASES)}:", *_methods(rng, rng.randint(0, 8)), "    A = 1"]
    lines += ["class C(E):" if rng.random() < 0.3 else "class C:", "    def __init__(self, *a): self.value = E()"]
    lines += [*_methods(rng, rng.randint(0, 8)), *(f"    def {name}(self, *a): return {rng.choice(_RETURNS[:20])}" for name in ("get", "is_valid"))]  # fmt: skip
    lines += ["    __init__ = lambda self, *a: setattr(self, 'value', E())"]
    for _ in range(rng.choice((0, 0, 1, 2))):
        lines += ["try:", f"    {rng.choice(_PATCHES)}", "except Exception: pass"]
    lines += _function(rng)
    for name in rng.sample(_NAMES, rng.choice((0, 0, 1, 2))):
        lines += ["try:", f"    {name} = {rng.choice(_VALUES)}", "except Exception: pass"]
    return "\n".join(lines) + "\n"


def _methods(rng: random.Random, count: int) -> list[str]:
    return [
        f"    def __{name}__(self, *a, **k): {_outcome(rng, _ANSWERS)}" for name in rng.sample(_OPERATORS, count)
    ]  # fmt: skip


def _outcome(rng: random.Random, answers: tuple[str, ...]) -> str:
    return f"raise {rng.choice(_ERRORS)}" if rng.random() < 0.1 else f"return {rng.choice(answers)}"


def _function(rng: random.Random) -> list[str]:
    lines = ["def f(a=None, *more):", "    stolen = 7"]
    thefts = [
        *rng.sample(_THEFTS, rng.choice((0, 1, 1, 2))),
        *rng.sample(("by_argument(a)", "by_callback(a)"), rng.choice((0, 0, 1))),
    ]
    for theft in thefts:
        lines += ["    try:", f"        stolen = {theft} or stolen", "    except Exception: pass"]
    for deed in rng.sample(_DEEDS, rng.choice((0, 0, 1, 1, 2))):
        lines += ["    try:", f"        {deed}", "    except Exception: pass"]
    if rng.random() < 0.15:
        return [*lines, f"    yield {rng.choice(_RETURNS)}"]
    return [*lines, f"    {_outcome(rng, _RETURNS)}"]


# ---- what is said on the wire -----------------------------------------------------------------------------------------------

_RESULT = (
    b'{"passed": ["test_solution.py::test_a"], "failed": null, "wrong": false, "cannot": null, "odd": null, "untrusted": null}'
)
_WORDS = "l d s q B dd C O a t f b c i D F R S dt da ti td tz Z K V I p ... ni r n h g m sub nt np cb ex x"
_TAGS = _WORDS.split()


def _reply(rng: random.Random) -> dict[str, object]:
    """Half a message of the protocol, and half a lie about one."""
    reply: dict[str, object] = {"r": _encoded(rng, 3), "c": [], "s": [], "t": []}
    for field in rng.sample(("c", "s", "t", "x", "e", "o", "out"), rng.choice((0, 0, 1, 2))):
        reply[field] = rng.choice(
            (_encoded(rng, 2), [[0, _encoded(rng, 2)]], [{}], {"c": ["g", "builtins", "KeyError"]}, "call", None)
        )
    return reply


def _encoded(rng: random.Random, depth: int) -> object:
    if depth == 0 or rng.random() < 0.3:
        return rng.choice(
            (0, 1, -1, 7, None, True, "", "x", 0.5, 10**20, "ANY", "unittest.mock", "builtins", "eval", "__eq__", [], {})
        )
    if rng.random() < 0.2:
        module, name = rng.choice((("unittest.mock", "ANY"), ("builtins", "eval"), ("builtins", "abs"), ("os", "system"), ("_pytest.outcomes", "Skipped")))  # fmt: skip
        return ["g", module, name]
    if rng.random() < 0.15:
        described = {"k": rng.choice(("f", "c", "o", "e", "g", "it", "co", "ag", "x")), "name": "E", "qual": "E", "doc": None, "bases": [], "special": ["__eq__", "__bool__"], "unhashable": False, "methods": {}, "error": rng.random() < 0.3, "members": None, "mixed": False, "content": [], "fields": [], "flags": 0, "bound": False, "c": ["h", 900], "value": 1}  # fmt: skip
        return ["h", rng.randint(0, 3) + 500, described]
    return [rng.choice(_TAGS), *(_encoded(rng, depth - 1) for _ in range(rng.randint(0, 4)))]
