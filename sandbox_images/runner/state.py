"""Whether a call left its program as it found it, so that the next call may follow in the same process.

What a program can keep from one call to the next lies in its module: globals, what they hold, defaults, cells and attributes of
functions, classes and instances. All that is noted down once the module is loaded and compared after each call, by identity and
without calling a line of the program's. What is not known to be harmless (iterators, arrays, instances with slots) counts as
changed; so does too much to compare. A program that hides what it keeps is the caller's matter (README.md, "Calls").
"""

import abc
import collections
import dataclasses
import decimal
import enum
import fractions
import functools
import operator
import re
import struct
import sys
import types
import typing

ANSWER = struct.Struct("=?q")  # after a call: the program is as it was; the process's highest memory in KB
ENTRY = 4096  # bytes of an entry point's name at most
ITEMS = 20_000  # that are compared after each call, in tenths of a millisecond
_SCALARS = {int, float, complex, str, bytes, bool, type(None), range, fractions.Fraction, decimal.Decimal}
_LEAVES = _SCALARS | {
    type(...), type(NotImplemented), types.ModuleType, types.CodeType, types.BuiltinFunctionType, types.WrapperDescriptorType,
    types.MethodDescriptorType, types.ClassMethodDescriptorType, types.MemberDescriptorType, types.GetSetDescriptorType,
    types.MethodWrapperType, types.MappingProxyType, types.GenericAlias, types.UnionType, re.Pattern, struct.Struct,
    operator.itemgetter, operator.attrgetter, operator.methodcaller, dataclasses.Field, dataclasses._DataclassParams,
    type(dataclasses.MISSING),
    type(collections.namedtuple("N", "a").a), type(property.__get__), enum.property,
    *(kind for kind in vars(typing).values() if type(kind) is type and kind.__module__ == "typing"),
    *(type(kind) for kind in vars(typing).values() if type(kind).__module__ == "typing"),
}  # fmt: skip
_ABC_DATA = "_abc_data"  # what isinstance() keeps of abstract classes
_CACHE = functools._lru_cache_wrapper


def _of_function(function):
    cells = [_in_cell(cell) for cell in function.__closure__ or ()]
    return (function.__code__, function.__defaults__, function.__kwdefaults__, function.__dict__, *cells)


def _attributes(found):
    try:
        return _of_dict(object.__getattribute__(found, "__dict__"))
    except AttributeError:
        return ()


def _in_cell(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _of_dict(found):
    return (*dict.keys(found), *dict.values(found))


_HOLDS = {
    list: tuple, tuple: tuple, set: tuple, frozenset: tuple, collections.deque: tuple,
    bytearray: lambda found: (bytes(found),),
    dict: _of_dict, collections.OrderedDict: _of_dict, collections.Counter: _of_dict,
    collections.defaultdict: lambda found: (found.default_factory, *_of_dict(found)),
    types.FunctionType: _of_function,
    types.MethodType: lambda found: (found.__func__, found.__self__),
    staticmethod: lambda found: (found.__func__,), classmethod: lambda found: (found.__func__,),
    property: lambda found: (found.fget, found.fset, found.fdel),
    functools.partial: lambda found: (found.func, found.args, found.keywords),
    functools.cached_property: lambda found: (found.func,),
}  # fmt: skip
# What classes of the program may derive from, with what gives their content past methods of their own.
_BASES = {
    dict: _of_dict,
    **{
        kind: lambda found, content=kind.__iter__: tuple(content(found))
        for kind in (list, tuple, set, frozenset, collections.deque)
    },
    enum.Enum: lambda found: (),
}
_ABSTRACT = (abc.ABC, typing.Generic, typing.Protocol)
_METACLASSES = {type, abc.ABCMeta, enum.EnumMeta}


class Kept:
    """What a module keeps, as it was when this was made. ``ours``: objects in it that are not the program's."""

    def __init__(self, namespace, ours=()):
        self._name = namespace["__name__"]
        self._recursion = sys.getrecursionlimit()
        self._parts, self._caches = [], []
        self._ours = ours
        self._known = self._note(namespace)

    def unchanged(self):
        """Whether the next call finds the module as this one did. Caches of functions are emptied and the recursion limit is
        put back where that makes it so."""
        if not self._known:
            return False
        if sys.getrecursionlimit() != self._recursion:
            sys.setrecursionlimit(self._recursion)
        for cache in self._caches:
            _CACHE.cache_clear(cache)
        return all(_same(holds(found), held) for holds, found, held in self._parts)

    def _note(self, namespace):
        """Walk through all that is reachable; False where something is not known, or there is too much of it."""
        seen, found, left = {id(one) for one in self._ours}, [namespace], ITEMS
        while found:
            one = found.pop()
            if type(one) in _LEAVES or id(one) in seen:
                continue
            seen.add(id(one))
            if type(one) is _CACHE:
                if any(_CACHE.cache_info(one)[:2]) or _CACHE.cache_info(one)[3]:
                    return False  # filled while the module was loaded: it cannot be put back
                self._caches.append(one)
                found += (one.__wrapped__, one.__dict__)
                continue
            holds = self._reader(one)
            if holds is None:
                continue
            if holds is False:
                return False
            held = holds(one)
            left -= len(held)
            if left < 0:
                return False
            self._parts.append((holds, one, held))
            found += held
        return True

    def _reader(self, one):
        """What gives all that an object holds; None for nothing that can change, False for an unknown kind."""
        kind = type(one)
        if kind in _HOLDS:
            return _HOLDS[kind]
        if type in kind.__mro__:
            if kind not in _METACLASSES:
                return False
            if one.__module__ != self._name:
                return None  # imported
            return lambda found: tuple(value for value in vars(found).values() if type(value).__name__ != _ABC_DATA)
        if kind.__module__ != self._name or "__slots__" in vars(kind):
            return False
        above = [base for base in kind.__mro__ if base.__module__ != self._name and base not in (object, *_ABSTRACT)]
        base = next((base for base in _BASES if base in above), None)
        if above and base is None:
            return False  # of some kind that is not known here
        content = _BASES.get(base, lambda found: ())
        return lambda found: (*content(found), *_attributes(found))


def _same(now, before):
    if len(now) != len(before):
        return False
    if all(map(operator.is_, now, before)):
        return True
    return all(a is b or (type(a) is type(b) and type(a) in _SCALARS and a == b) for a, b in zip(now, before, strict=True))
