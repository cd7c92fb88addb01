"""A suite that was read on the host, as a list of calls with literal arguments: they are made in order, in one process with the
program, and their results told as plain data. What they should be is not known here (docs/grading.md, §3.3).

``calls``: [name, number of the call whose result has that attribute, or null for a name of the program's; repr((args, kwargs)),
or null for the attribute itself]. Nothing tells which result matters or which call should fail: the program may look. The result:
one item a call, the encoded value or ``raised``, names of built-in classes that the error is of. ``imported``: names that the
program must have, ``usual``: those that it must not have bound anew; else this ends with an error, and the suite has to run.
"""

import ast
import builtins
import sys

from runner import values


def results(namespace, script):
    """The results of all calls. ``namespace``: the loaded program's; ``script``: as above."""
    for name in script["imported"]:
        _named(namespace, name)
    for name in script["usual"]:
        if name in namespace and all(
            namespace[name] is not usual for usual in (getattr(builtins, name, None), sys.modules.get(name))
        ):
            raise SystemExit(f"{name} is the program's own")
    found, told = [], []
    for name, on, arguments in script["calls"]:
        try:
            asked = _named(namespace, name) if on is None else getattr(found[on], name)
            value = asked if arguments is None else _call(asked, arguments)
        except Exception as error:
            found.append(None)
            told.append({"raised": _kinds(error)})
        else:
            found.append(value)
            told.append(values.encode(value))
    return told


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
