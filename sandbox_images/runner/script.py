"""A suite that was read on the host, as calls with literal arguments: they are made in order, in one process with the program,
and their results told as plain data. What they should be is not known here (docs/grading.md, §3.3).

A call is [name, number of the call whose result has that attribute, or null for a name of the program's; repr((args, kwargs)),
or null for the attribute itself]. It arrives when the one before has been answered, and nothing tells which result matters or
which call should fail: the program may look at all that is here. A result is the encoded value, or ``raised``: names of built-in
classes that the error is of. Of the suite besides: ``imported``, names that the program must have, and ``usual``, those that it
must not have bound anew; else this ends with an error, and the suite itself has to run.
"""

import ast
import builtins
import sys

from runner import values


class Calls:
    """The calls of one suite. ``namespace``: the loaded program's; ``suite``: what is said of the suite besides."""

    def __init__(self, namespace, suite):
        self._namespace, self._found = namespace, []
        for name in suite["imported"]:
            _named(namespace, name)
        for name in suite["usual"]:
            usual = (getattr(builtins, name, None), sys.modules.get(name))
            if name in namespace and all(namespace[name] is not one for one in usual):
                raise SystemExit(f"{name} is the program's own")

    def result(self, name, on, arguments):
        """Make the next call; its result."""
        try:
            asked = _named(self._namespace, name) if on is None else getattr(self._found[on], name)
            value = asked if arguments is None else _call(asked, arguments)
        except Exception as error:
            self._found.append(None)
            return {"raised": _kinds(error)}
        self._found.append(value)
        return values.encode(value)


def _named(namespace, name):
    if name not in namespace:
        raise NameError(f"name {name!r} is not defined")
    return namespace[name]


def _call(function, arguments):
    args, kwargs = ast.literal_eval(arguments)
    return function(*args, **kwargs)


def _kinds(error):
    kinds = [kind for kind in type(error).__mro__ if kind.__module__ == "builtins" and kind is not object]
    return [kind.__name__ for kind in kinds]
