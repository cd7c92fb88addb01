"""A suite that was read on the host, as calls with literal arguments: they are made in order, in one process with the program,
and their results told as plain data. What they should be is not known here (docs/grading.md, §3.3).

A call is [name, number of the call whose result has that attribute, or null for a name of the program's; repr((args, kwargs)),
or null for the attribute itself]; without a name the result of that number is called. It arrives when the one before has been
answered, and nothing tells which result matters or which call should fail: the program may look at all that is here. A result is
the encoded value, or ``raised``: names of built-in classes that the error is of.

Of the suite besides: ``pytest``, whether it is a module of its own; ``star``, whether it has all of the program's names;
``imported``, names that the program must have, and ``usual``, those that it must not have bound anew. Where these are not as they
have to be, this ends with an error, and the suite itself has to run.
"""

import ast
import builtins
import sys

from runner import values


class Calls:
    """The calls of one suite. ``namespace``: the loaded program's; ``suite``: what is said of the suite besides."""

    def __init__(self, namespace, suite):
        # What a test module imports stays what it was; assertions stand in the program's module.
        self._namespace, self._found = (dict(namespace) if suite["pytest"] else namespace), []
        self._usual = suite["usual"]
        for name in suite["imported"]:
            _named(namespace, name)
        if suite["pytest"]:
            if suite["star"] and "__all__" in namespace:
                raise SystemExit("the program says which of its names are passed on")
            for name, value in namespace.items():
                if (suite["star"] and not name.startswith("_")) or name in suite["imported"]:
                    _insist_on_no_test(name, value)
        self._insist_on_usual()

    def _insist_on_usual(self):
        for name in self._usual:
            usual = (getattr(builtins, name, _NONE), sys.modules.get(name, _NONE))
            if name in self._namespace and all(self._namespace[name] is not one for one in usual):
                raise SystemExit(f"{name} is the program's own")

    def result(self, name, on, arguments):
        """Make the next call; its result."""
        self._insist_on_usual()
        try:
            if on is None:
                asked = _named(self._namespace, name)
            else:
                asked = self._found[on] if name is None else getattr(self._found[on], name)
            value = asked if arguments is None else _call(asked, arguments)
        except Exception as error:
            self._found.append(None)
            return {"raised": _kinds(error)}
        self._found.append(value)
        return values.encode(value, rules=True)


_NONE = object()
_HOOKS = ("test", "pytest_", "pytestmark", "setup", "teardown", "collect_")  # what pytest looks for, in small letters


def _insist_on_no_test(name, value):
    """In the test module that name would be a test, or say something to pytest."""
    if isinstance(value, type) and any(kind.__module__ == "unittest.case" for kind in value.__mro__):
        raise SystemExit(f"{name} holds tests of the program's own")
    if type(value).__module__.startswith("_pytest") or "_pytestfixturefunction" in getattr(value, "__dict__", ()):
        raise SystemExit(f"{name} is a fixture of the program's own")
    if name.lower().startswith(_HOOKS) and (callable(value) or not name.lower().startswith("test")):
        raise SystemExit(f"{name} means something to pytest")


def _named(namespace, name):
    if name not in namespace:
        raise NameError(f"name {name!r} is not defined")
    return namespace[name]


def _call(function, arguments):
    args, kwargs = ast.literal_eval(arguments)
    return function(*args, **kwargs)


def _kinds(error):
    kinds = [kind for kind in type(error).__mro__ if kind is not object]
    return [kind.__name__ for kind in kinds if getattr(builtins, kind.__name__, None) is kind]
