"""Running a test suite in this process: pytest or plain assertions, and what counts as passed.

The suite may share the process with the solution (``child.py``) or see stand-ins of it (``apart/suite.py``).
"""

import ast
import pathlib
import sys
import threading
import types

UNITTEST_MARKS = ("__unittest_skip__", "__unittest_expecting_failure__")  # what unittest's decorators leave
PYTEST_OPTIONS = ("-q", "-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null", "--rootdir", ".", "--confcutdir", ".")
# Where the program is in another process, ``apart/names.py`` compiles the suite, and plugins that change no verdict are left
# out.
_LEFT_OUT = ("doctest", "faulthandler", "junitxml", "pastebin", "setupplan", "stepwise", "threadexception", "unraisableexception")
_OPTIONS_APART = (
    *PYTEST_OPTIONS,
    "--assert=plain",
    "--capture=sys",
    *(part for name in _LEFT_OUT for part in ("-p", f"no:{name}")),
)
# Plugins that are asked at every test, and words of which a suite has one that has a use for them.
_USED_BY = {
    "logging-plugin": (b"log",), "logging": (b"log",), "warnings": (b"warn",),
    "skipping": (b"skip", b"xfail", b"unittest", b"testcase"),  # an expected failure of unittest's is pytest's xfail
    "unittest": (b"unittest", b"testcase"), "setuponly": (), "assertion": (),
}  # fmt: skip
_prepared = []  # pytest's configuration, made by a zygote for all suites apart


def prepare():
    """Make pytest's configuration, which is the same for all suites, before a process is forked for one of them; and have its
    plugins looked through only once. The insides of pytest that this needs are those of versions 7 and 8."""
    import pytest

    if pytest.version_tuple >= (9,):
        return
    from _pytest.config import _prepareconfig

    _remember_plugins()
    config = _prepareconfig([*_OPTIONS_APART, "test_solution.py"], [])
    config.pluginmanager.getplugin("capturemanager").stop_global_capturing()  # its files are each process's own
    _prepared.append(config)


def _remember_plugins():
    """The parameters of hooks and the fixtures of plugins, which pytest looks for anew in every session."""
    import pluggy._hooks
    from _pytest.fixtures import FixtureManager, getfixturemarker

    varnames, of_hooks = pluggy._hooks.varnames, {}

    def known_varnames(function):
        key = getattr(function, "__func__", function), hasattr(function, "__func__")
        if key not in of_hooks:
            of_hooks[key] = varnames(function)
        return of_hooks[key]

    parsefactories, of_plugins = FixtureManager.parsefactories, {}

    class Fixtures(types.SimpleNamespace):
        __hash__ = object.__hash__

        def __dir__(self):
            return list(vars(self))

    def known_fixtures(self, holder, *args, **kwargs):
        if not args and "nodeid" not in kwargs:  # no plugin, but a module or class of the suite's
            return parsefactories(self, holder, *args, **kwargs)
        plugin = holder if isinstance(holder, types.ModuleType) else type(holder)
        if (getattr(plugin, "__module__", None) or plugin.__name__).startswith(("_pytest.", "runner.")):
            if plugin not in of_plugins:
                fixtures = {name: value for name, value in vars(plugin).items() if getfixturemarker(value) is not None}
                of_plugins[plugin] = (Fixtures(**fixtures) if plugin is holder else holder) if fixtures else None
            if of_plugins[plugin] is None:
                return None
            holder = of_plugins[plugin]
        return parsefactories(self, holder, *args, **kwargs)

    pluggy._hooks.varnames, FixtureManager.parsefactories = known_varnames, known_fixtures


def _main_apart(watch, tests):
    """``pytest.main`` with what is prepared, less what the suite ``tests`` has no use for."""
    import pytest

    if not _prepared:
        return pytest.main([*_OPTIONS_APART, "test_solution.py"], plugins=[watch])
    config, here = _prepared[0], pathlib.Path.cwd()
    config._rootpath = config.pluginmanager._confcutdir = here
    object.__setattr__(config.invocation_params, "dir", here)
    capture = config.pluginmanager.getplugin("capturemanager")
    capture.start_global_capturing()
    capture.suspend_global_capture()
    text = tests.lower()
    for name, words in _USED_BY.items():
        if not any(word in text for word in words) and (plugin := config.pluginmanager.getplugin(name)) is not None:
            config.pluginmanager.unregister(plugin)
    config.pluginmanager.register(watch)
    try:
        return config.hook.pytest_cmdline_main(config=config)
    finally:
        config._ensure_unconfigure()


def forbid_tracing():
    """A trace function can step over an assertion; none is set where a test shares the process."""
    sys.settrace = sys.setprofile = threading.settrace = threading.setprofile = lambda function: None


class Watch:
    """A plugin that notes which tests there are, which passed, and which the suite declares skipped or expected to fail.

    ``beliefs``: null, or (where the program is in another process) what takes notes of doubts. There only the suite can have
    skipped a test, even if it asked the program whether to; else only one that is marked counts as declared so.
    """

    def __init__(self, beliefs):
        self._beliefs, self._marked = beliefs, set()
        self.passed, self.collected, self.declared, self.failures = set(), set(), set(), []

    def pytest_collection_modifyitems(self, items):
        for item in items:
            self.collected.add(item.nodeid)
            marked = any(item.get_closest_marker(name) is not None for name in ("skip", "skipif", "xfail"))
            for declared_on in (item.obj, getattr(item, "cls", None)):
                marked = marked or any(getattr(declared_on, name, False) is True for name in UNITTEST_MARKS)
            if marked:
                self._marked.add(item.nodeid)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.outcome == "passed":
            self.passed.add(report.nodeid)
        if report.outcome == "skipped" and (self._beliefs or report.nodeid in self._marked):
            self.declared.add(report.nodeid)
            if self._beliefs and report.nodeid not in self._marked:
                self._beliefs.distrust("a test was skipped while it ran")

    def pytest_exception_interact(self, call):
        if call.excinfo is not None:
            text = call.excinfo.exconly()
            if text == "AssertionError":
                text += f": {str(call.excinfo.traceback[-1].statement).strip()}"
            self.failures.append((call.excinfo.typename, text))


def run_pytest(tests, beliefs=None):
    """Run the suite ``tests``, which lies in the working folder as well: {"passed": ids, "failed": null or why,
    "wrong": whether assertions failed and nothing else, "excused": test functions that are skipped or expected to fail}."""
    import pytest

    watch = Watch(beliefs)
    status = (
        _main_apart(watch, tests) if beliefs is not None else pytest.main([*PYTEST_OPTIONS, "test_solution.py"], plugins=[watch])
    )
    left_out = certain_tests(tests, beliefs and beliefs.code) - {
        name.partition("[")[0].partition("::")[2] for name in watch.collected
    }
    excused = sorted({name.partition("[")[0].rpartition("::")[2] for name in watch.declared})
    result = {"passed": sorted(watch.passed)[:1000], "failed": None, "wrong": False, "excused": excused}
    done = watch.passed | watch.declared == watch.collected and not (watch.failures and status != 0)
    if status == 0 and watch.passed and done and not left_out:
        return result
    # Failed is what pytest.raises gives where nothing was raised.
    result["wrong"] = bool(watch.failures) and all(name in ("AssertionError", "Failed") for name, _ in watch.failures)
    reason = f"tests were left out: {', '.join(sorted(left_out))}" if left_out else "no test passed"
    result["failed"] = str(watch.failures[0][1] if watch.failures else reason)[:1000]
    return result


def run_assertions(code, namespace, beliefs=None):
    """Run assertions in ``namespace``: a result as above, or what they raise if it is no failed assertion of theirs."""
    test = compile(code, "test.py", "exec") if beliefs is None else beliefs.compiled("test.py")
    result = {"passed": [], "failed": None, "wrong": False}
    try:
        exec(test, namespace)
    except AssertionError as error:
        trace = error.__traceback__
        while trace.tb_next is not None:
            trace = trace.tb_next
        if trace.tb_frame.f_code.co_filename != "test.py":
            raise  # the solution's own assertion
        text = f"AssertionError: {error}" if error.args else "AssertionError"
        result = {"passed": [], "failed": text[:1000], "wrong": True}
    return result


def certain_tests(source, code=None):
    """Tests that pytest finds in ``source`` for certain (``name`` or ``Class::name``), so that a program which has some of
    them left out is noticed. What is decorated (but for marks), bound twice or conditional is not certain. ``code``: what has
    been read of it (``apart/names.py``), if anything has."""
    try:
        tree = ast.parse(source) if code is None else code.tree
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    if b"__test__" in source:
        return set()
    found = _test_names(tree.body)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test") and not (node.bases or node.decorator_list):
            names = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
            if not names & {"__init__", "__new__"}:
                found |= {f"{node.name}::{name}" for name in _test_names(node.body)}
    rebound = code.rebound if code is not None else {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }  # fmt: skip
    return {name for name in found if name.partition("::")[0] not in rebound}


def _test_names(body):
    names = [node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return {
        node.name
        for node in body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test")
        and names.count(node.name) == 1
        and all(ast.unparse(mark).startswith("pytest.mark.") for mark in node.decorator_list)
    }
