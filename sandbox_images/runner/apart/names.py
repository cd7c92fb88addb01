"""Which names a suite uses, and how it comes to those of the program: the import of ``solution`` in the suite's process."""

import ast
import builtins
import collections
import importlib.abc
import importlib.machinery
import os
import re
import types

from runner.apart import standins

# A suite that does these may depend on sharing a process with the program. Such a suite is run once more in one process
# where it fails; what it passes apart it has passed.
ODD = re.compile(
    r"caplog|recwarn|\bwarns\b|assertWarns|assertLogs|catch_warnings|\blogging\b|subprocess|runpy|solution\.py|importlib|getsource|"
    r"threading|concurrent|multiprocessing|tmp_path|tmpdir|tempfile|\bopen\(|\bos\.|sys\.modules|__import__|monkeypatch|patch|[mM]ock|"
    r"inspect|weakref|\bgc\b|getrefcount|timeit|\basync|await|signature|__dict__|__code__|__annotations__|settrace|\bglobal\b|"
    r"globals\(\)|locals\(\)|\bid\(|pickle|typing|__class__|\btype\(|dataclass|\bexec\(|\beval\("
)
# What a suite means by these names is not the program's, unless it imports that by name.
USUAL = frozenset(dir(builtins)) | {
    "pytest", "approx", "raises", "unittest", "math", "isclose", "sqrt", "np", "numpy", "allclose", "array_equal", "json", "re",
    "random", "itertools", "functools", "collections", "copy", "deepcopy", "mock", "patch", "TestCase", "isfinite", "isnan",
}  # fmt: skip


def used(code):
    """Names that a suite's code reads, binds or imports, at any depth; none where it does not compile."""
    try:
        waiting = [compile(code, "test.py", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = set()
    while waiting:
        part = waiting.pop()
        names.update(part.co_names)
        waiting += [constant for constant in part.co_consts if isinstance(constant, types.CodeType)]
    return names


def imported(code):
    """Names that a suite's code binds by imports, but for those of the solution."""
    statements = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    own = [node for node in statements if isinstance(node, ast.Import) or node.module != "solution"]
    return {(alias.asname or alias.name).partition(".")[0] for node in own for alias in node.names}


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the stand-in of the module ``solution`` to whoever imports it."""

    def __init__(self, suite):
        self._suite, self._loaded = suite, False

    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "solution" else None

    def create_module(self, spec):
        module = standins.Module("solution")
        module.__dict__["_ocr_suite"] = self._suite
        return module

    def exec_module(self, module):
        if self._loaded:
            self._suite.abandon("the suite loads the program's module again")
        module.__dict__["__doc__"] = self._suite.load()
        module.__dict__["__file__"] = os.path.abspath("solution.py")
        self._loaded = True


_named_tuples = {}


def named_tuple(name, fields):
    """The named tuple class of a name and fields, one for all its tuples."""
    if (name, fields) not in _named_tuples:
        _named_tuples[name, fields] = collections.namedtuple(str(name), [str(field) for field in fields])
    return _named_tuples[name, fields]
