"""Tests that passed and may not have looked: run once more with what the program said spoiled on its way to the suite.

A test proves something only if it can fail. Where the program's answers decide how much is asserted, or lists that it changed
in place are compared with each other, the suite runs again, and the suite's process does to each answer what a cheat would:

* ``empty``: lists, strings and iterators come without items, numbers as 0;
* ``copies``: what the program changed in place stays as it was, only what it returned is changed;
* ``cleared``: what the program changed in place is emptied.

The program cannot see any of this: it happens after its answer. Standard library only.
"""

EMPTY, COPIES, CLEARED = "empty", "copies", "cleared"


def unlooked(doubts, passed, run):
    """Why a suite that passed proves little after all, or None. ``doubts``: ``steered`` (names of test functions, "" for the
    suite as a whole) and ``in_place``; ``passed``: ids of the tests that passed (none for assertions); ``run``: runs the suite
    in one of the ways above; (whether it passed as a whole, ids of tests that passed)."""
    tests = _Passed(True, passed)
    if doubts["steered"]:
        left = _Passed(*run(EMPTY))
        for name in tests.functions():
            if (name in doubts["steered"] or "" in doubts["steered"]) and left.all_of(tests, name):
                return f"{name or 'the suite'} passes as well when the program's answers are emptied"
    if doubts["in_place"]:
        left = _Passed(*run(COPIES))
        unsure = [name for name in tests.functions() if not left.all_of(tests, name)]
        left = _Passed(*run(CLEARED)) if unsure else left
        for name in unsure:
            if left.all_of(tests, name):
                return f"{name or 'the suite'} compares what the program changed in place with nothing else"
    return None


class _Passed:
    """The tests that passed in a run, by function."""

    def __init__(self, whole, ids):
        self._whole, self._ids = whole, set(ids)

    def functions(self):
        """Names of the test functions; [""] for assertions, which are one test."""
        return sorted({_function(name) for name in self._ids}) or [""]

    def all_of(self, before, name):
        """Whether all tests of a function that passed before have passed here."""
        if name == "":
            return self._whole
        return {test for test in before._ids if _function(test) == name} <= self._ids


def _function(test):
    return test.partition("[")[0].rpartition("::")[2]
