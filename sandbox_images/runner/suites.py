"""Running a test suite in this process: pytest or plain assertions, and what counts as passed.

The suite may share the process with the solution (``child.py``) or see stand-ins of it (``apart/suite.py``).
"""

import ast
import sys
import threading

UNITTEST_MARKS = ("__unittest_skip__", "__unittest_expecting_failure__")  # what unittest's decorators leave
PYTEST_OPTIONS = ("-q", "-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null", "--rootdir", ".", "--confcutdir", ".")


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
            self.failures.append((call.excinfo.typename, call.excinfo.exconly()))


def run_pytest(tests, beliefs=None):
    """Run the suite ``tests``, which lies in the working folder as well: {"passed": ids, "failed": null or why,
    "wrong": whether assertions failed and nothing else, "excused": test functions that are skipped or expected to fail}."""
    import pytest

    watch = Watch(beliefs)
    if beliefs is not None:
        _mark_assertions(beliefs.marks)
    status = pytest.main([*PYTEST_OPTIONS, "test_solution.py"], plugins=[watch])
    left_out = certain_tests(tests) - {name.partition("[")[0].partition("::")[2] for name in watch.collected}
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


def _mark_assertions(marks):
    """Have pytest put marks into the suite before it rewrites the suite's assertions."""
    from _pytest.assertion import rewrite

    rewrite_asserts = rewrite.rewrite_asserts

    def marked(tree, *args):
        marks.put_into(tree)
        rewrite_asserts(tree, *args)

    rewrite.rewrite_asserts = marked


def run_assertions(code, namespace, beliefs=None):
    """Run assertions in ``namespace``: a result as above, or what they raise if it is no failed assertion of theirs."""
    tree = ast.parse(code, "test.py")
    if beliefs is not None:
        beliefs.marks.put_into(tree)
    test = compile(tree, "test.py", "exec")
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


def certain_tests(source):
    """Tests that pytest finds in ``source`` for certain (``name`` or ``Class::name``), so that a program which has some of
    them left out is noticed. What is decorated (but for marks), bound twice or conditional is not certain."""
    try:
        tree = ast.parse(source)
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
    rebound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
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
