"""What a suite's process may believe: notes of whatever lets a test pass although it proves little.

A verdict is trusted where the suite's own code decided it, on plain data that came from calls. So it is noted where the
program's word decided instead (``untrusted``), where the suite may depend on sharing a process (``odd``), where assertions were
not executed or built upon the program's own values, and what is to be looked at once more (``doubts.py``). ``suite.py`` carries
the calls and tells of what it meets.
"""

import collections.abc
import types

from runner.apart import data, evidence, names, standins

# Methods of strings, sets, numbers, arrays that answer yes or no.
_TRUTHS = {name for kind in (str, float, set) for name in dir(kind) if name.startswith("is")}
_TRUTHS |= {"startswith", "endswith", "equals", "all", "any"}
_BROAD = ("AssertionError", "Exception", "BaseException")


class Beliefs:
    """Notes on one run of a suite whose source is ``source``."""

    def __init__(self, source):
        self.code = names.SuiteCode(source)
        self.marks = evidence.Marks()
        self.untrusted = self._odd = None
        self.called = set()  # classes that the suite itself calls
        self.makes_objects = False  # whether the suite itself calls classes of the program's
        self.in_place = self.not_a_number = False  # whether the program changed what it was given; whether it answered NaN
        self.searched = set()  # handles of iterators that were drawn from until an item fitted
        self.given = []  # functions and objects of the suite's that the program was given
        self._values = {}

    def compiled(self, path):
        """The suite's code with marks in it. Raises what the compiler raises where it is no program."""
        if not self.code.tree.body:
            return compile(self.code.source, path, "exec", dont_inherit=True)
        self.marks.put_into(self.code.tree)
        return compile(self.code.tree, path, "exec", dont_inherit=True)

    # ---- notes --------------------------------------------------------------------------------------------------------

    @property
    def odd(self):
        """What the suite does that may behave otherwise than in one process: the first thing that was met. Nothing that the
        program does alone, or it could choose where it is judged."""
        return self._odd

    @odd.setter
    def odd(self, reason):
        self._odd = self._odd or reason

    def distrust(self, reason):
        """Note why a test that passed proves little."""
        self.untrusted = self.untrusted or reason

    def uses_attributes(self):
        """Note that attributes of an object are used: a list in one of them, changed here, does not change there."""
        if self.makes_objects:
            self.odd = "the suite uses attributes of objects of the program's classes"

    def taken_for_plain(self, value, name, own):
        """Note an object of the program's class ``name``, a subclass of ``value``'s, which came as ``value``. ``own``: names that
        the class defines. What it says of its own is not heard here."""
        base = type(value)
        if any(one.startswith("__") or hasattr(base, one) for one in own):
            self.distrust(f"{name}, a subclass of {base.__name__} with rules of its own, was taken for the {base.__name__} in it")
        elif not self.code.used.isdisjoint((*own, name, "type", "__class__")):
            self.distrust(f"the suite may look at more of {name} than the {base.__name__} in it")
        elif data.is_mutable(value):
            self.distrust(f"what the program does later to {name}, a subclass of {base.__name__}, is not seen")

    def doubts(self, standin, name):
        """Note where a method that says what is true of a string, set or number (``startswith``) is an object's own, unless
        the suite knows its class and made it."""
        cls = type(standin)
        known = cls in self.called and cls.__name__ in self.code.used and cls.__name__[:1].isupper()
        if name in _TRUTHS and not known:
            self.distrust(f"{cls.__name__}'s own {name} was asked")

    def passed_over(self, standin, error):
        """Note that a context manager of the program's has kept an error from the suite, and so perhaps skipped assertions."""
        if not names.raised_by_itself(self.code.source, error):
            self.distrust(f"{type(standin).__name__}'s own __exit__ kept back an error")

    def raised(self, error):
        """Note an error of a class of the program's that is of several kinds at once, whichever the suite waits for."""
        kinds = [base for base in type(error).__mro__ if issubclass(base, BaseException) and not isinstance(base, standins.Meta)]
        if isinstance(type(error), standins.Meta) and any(not issubclass(kinds[0], kind) for kind in kinds):
            self.distrust(f"{type(error).__name__} is an error of several kinds")

    # ---- names of the program's that the suite uses ---------------------------------------------------------------------

    def loaded(self, values):
        """Note names of the program's that mean something else than the suite takes them for. ``values``: by name, those that
        the suite uses."""
        self._values = values
        for name, value in values.items():
            kinds = value if isinstance(value, tuple) else (value,)
            if name not in _BROAD and any(isinstance(kind, type) and kind.__name__ in _BROAD for kind in kinds):
                self.distrust(f"{name} is an error of the program's that any failed assertion is")
            elif name.startswith("assert") and name in self.code.read - self.code.imported - self.code.bound:
                self.distrust(f"the program's own {name} is what asserts")

    def exported(self, public):
        """What ``from solution import *`` binds: ``public`` names that the suite uses, but no hooks of pytest's."""
        exported = [name for name in public if name in self.code.used and not name.startswith("pytest_") and name != "pytestmark"]
        bound = self.code.bound_before()
        for name in exported:
            value = self._values.get(name)
            if name in bound and (bound[name] is None or value is not bound[name]):
                self.distrust(f"the program's own {name} replaces the suite's")
            elif name in names.USUAL and name in self.code.read and not names.is_usual(name, value):
                self.distrust(f"the program's own {name} stands in for the usual one in the suite")
            elif name in self.code.imported and getattr(value, "__module__", "") == "solution":
                self.distrust(f"the program's own {name} stands in for one that the suite imports")
        return exported

    def shared(self):
        """The same for assertions, which run where all the program's names are known."""
        for name in (names.USUAL & set(self._values) & self.code.read) - self.code.imported:
            if not name.startswith("__") and not names.is_usual(name, self._values[name]):
                self.distrust(f"the program's own {name} stands in for the usual one in the suite")

    # ---- at the end -----------------------------------------------------------------------------------------------------

    def conclude(self, excused):
        """Of a suite that passed: note what its assertions do not prove; what is to be looked at once more, for ``doubts.py``.
        ``excused``: names of tests that it skips or expects to fail itself."""
        constants = {name for name, value in self._values.items() if _is_constant(name, value)} - self.code.bound
        given = {(function.__name__, function.__code__.co_firstlineno) for function in map(_function, self.given) if function}
        line = self.marks.unreached(given, excused)
        if not self.marks.any_reached:
            self.distrust("no assertion of the suite was executed")
        elif line is not None:
            self.distrust(f"the assertion in line {line} was never executed")
        elif self.searched:
            self.distrust("an answer without a known end was searched")
        elif self.not_a_number and "nan" not in self.code.source.lower():
            self.distrust("the program answered NaN, which is neither less nor more than anything")
        elif (name := evidence.constants_used(self.code.tree, constants)) is not None:
            self.distrust(f"the suite builds upon the program's own {name}")
        steered = evidence.steered(self.code.tree, self._values) if self.code.loops else ()
        return {"steered": sorted(steered), "in_place": self.in_place}


def _is_constant(name, value):
    return not name.startswith("__") and value is not None and (type(value) in data.SCALARS or data.is_plain(value))


def _function(value):
    function = getattr(value, "__func__", value)
    return function if isinstance(function, types.FunctionType) else None


def emptied(value):
    """What a cheat would answer in place of ``value``: nothing of the same kind."""
    kind = type(value)
    if kind in (int, float, complex, str, bytes, list, tuple, dict, set, frozenset, bytearray) or data.is_plain(value):
        return _empty_of(kind, value)
    return iter(()) if isinstance(value, collections.abc.Iterator) else value


def _empty_of(kind, value):
    if kind is range:
        return range(0)
    try:
        return kind()
    except TypeError:  # a date, a view of a dictionary
        return value
