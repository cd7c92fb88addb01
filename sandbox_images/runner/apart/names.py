"""Which names a suite uses, and how it comes to those of the program: the import of ``solution`` in the suite's process."""

import ast
import builtins
import collections
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys

from runner.apart import evidence, standins

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


class SuiteCode:
    """What a suite's source says of names, from one walk over its syntax tree.

    ``used``: names it reads, binds or imports, attributes among them, at any depth; ``read``: those it reads as variables;
    ``imported``: those it binds by imports, but for those of the solution; ``rebound``: those it assigns to; ``bound``: these and
    all that it defines. All empty where it is no program. ``tree``: the syntax tree; ``loops``: whether it has any loop, or a
    call that goes through items.
    """

    def __init__(self, source):
        self.source = source
        self.used, self.read, self.imported, self.bound, self.rebound = set(), set(), set(), set(), set()
        self.loops = False
        self._star = 0  # the last line on which it imports from the solution
        try:
            self.tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.tree = ast.Module([], [])
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name):
                self.used.add(node.id)
                (self.read if isinstance(node.ctx, ast.Load) else self.rebound).add(node.id)
                self.loops = self.loops or node.id in evidence.DRAWS
            elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                self.bound.add(node.name)
            elif isinstance(node, evidence.LOOPS):
                self.loops = True
            elif isinstance(node, ast.arg):
                self.bound.add(node.arg)
            elif isinstance(node, ast.Attribute):
                self.used.add(node.attr)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        self.bound |= self.rebound

    def _import(self, node):
        is_solution = isinstance(node, ast.ImportFrom) and node.module == "solution"
        if is_solution:
            self._star = max(self._star, node.lineno)
        for alias in node.names:
            self.used.update((*alias.name.split("."), alias.asname or alias.name))
            if not is_solution:
                self.imported.add((alias.asname or alias.name).partition(".")[0])

    def bound_before(self):
        """Names that the suite binds before it imports everything from the solution, which may bind them anew: the objects
        that imports bind, None for all others."""
        bound = {}
        for statement in self.tree.body:
            if statement.lineno >= self._star:
                break
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bound[statement.name] = None
                continue
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    bound[node.id] = None
                elif isinstance(node, ast.Import):
                    for alias in node.names:
                        name = alias.name if alias.asname else alias.name.partition(".")[0]
                        bound[alias.asname or name] = sys.modules.get(name)
                elif isinstance(node, ast.ImportFrom) and node.module != "solution":
                    for alias in node.names:
                        bound[alias.asname or alias.name] = getattr(sys.modules.get(node.module), alias.name, None)
        return bound


def is_usual(name, value):
    """Whether a value that comes from the program is what a suite means by a usual name."""
    if name in vars(builtins):
        return value is vars(builtins)[name]
    if isinstance(value, standins.StandIn) or getattr(value, "__module__", "") == "solution":
        return False
    return getattr(value, "__name__", None) in (name, {"np": "numpy", "mock": "unittest.mock"}.get(name))


def raised_by_itself(code, error):
    """Whether the suite raises an error on purpose, without a word of the program's: by a ``raise`` that stands in the body of
    a ``with``, or a statement there without any name (``1 / 0``)."""
    trace = error.__traceback__
    if trace is None or isinstance(error, AssertionError) or "_ocr_raised" in vars(error):
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    if os.path.basename(trace.tb_frame.f_code.co_filename) not in ("test_solution.py", "test.py"):
        return False
    bodies = [node.body for node in ast.walk(ast.parse(code)) if isinstance(node, ast.With | ast.AsyncWith)]
    here = [node for body in bodies for node in body if node.lineno == trace.tb_lineno]
    used = {node.id for statement in here for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return bool(here) and (isinstance(here[-1], ast.Raise) or used <= set(dir(builtins)))


class SuiteLoader(importlib.machinery.SourceFileLoader):
    """Loads a suite's module with the marks that ``evidence.py`` puts into it."""

    def __init__(self, suite, name, path):
        super().__init__(name, path)
        self._suite = suite

    def get_code(self, fullname):
        return self._suite.compiled(self.path)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the stand-in of the module ``solution`` to whoever imports it, and to pytest the suite."""

    def __init__(self, suite):
        self._suite, self._loaded = suite, False

    def find_spec(self, name, path, target=None):
        if name == "test_solution":
            path = os.path.abspath("test_solution.py")
            return importlib.util.spec_from_file_location(name, path, loader=SuiteLoader(self._suite, name, path))
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
