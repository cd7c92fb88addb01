"""Descriptions of the program's functions, classes and objects, from which the suite's process makes stand-ins.

Runs in the program's process, calls nothing of the program's, and is believed no more than anything else from there.
"""

import collections
import enum
import types

from runner.apart import peer, standard

# What a class may define that the suite's interpreter looks up on a type.
_SPECIAL_NAMES = """
    len length_hint getitem setitem delitem missing iter next reversed contains call enter exit aenter aexit aiter anext await str
    repr bytes format bool hash int float complex index round trunc floor ceil abs neg pos invert eq ne lt le gt ge add sub mul
    matmul truediv floordiv mod divmod pow lshift rshift and xor or radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod rpow
    rlshift rrshift rand rxor ror iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift iand ixor ior copy deepcopy
    dir fspath
"""
SPECIAL = frozenset(f"__{name}__" for name in _SPECIAL_NAMES.split())
# Types whose objects are plain data, and those of their subclasses at heart.
PLAIN_BASES = (str, bytes, bool, int, float, complex, list, tuple, dict, set, frozenset, collections.deque, bytearray)
# How plain data compares is the same for a subclass that says nothing of it.
OF_CONTENT = {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__", "__len__"}
# What each class has, and what each named tuple has.
_OF_CLASSES = {
    "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__slots__", "__annotations__", "__init__", "__new__",
    "__firstlineno__", "__static_attributes__", "__orig_bases__", "__parameters__", "__init_subclass__", "__class_getitem__",
}  # fmt: skip
OF_NAMED_TUPLES = {
    "_make",
    "_replace",
    "_asdict",
    "_fields",
    "_field_defaults",
    "__match_args__",
    "__getnewargs__",
    "__replace__",
}
_ITERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def description(program, value, encoder):
    """What the suite's process needs to make a stand-in of ``value``; ``k`` says of what kind."""
    kind = type(value)
    if issubclass(kind, type):
        return _class(program, value, encoder)
    if kind in _FUNCTIONS and not (kind is types.FunctionType and set(vars(value)) - {"__wrapped__"}):
        return {"k": "f", **_function(value)}
    if kind in _ITERATORS:
        return {"k": {"generator": "g", "coroutine": "co", "async_generator": "ag"}[kind.__name__], "name": value.__name__}
    if hasattr(kind, "__next__") and kind.__module__ in ("builtins", "itertools"):
        return {"k": "it", "name": kind.__name__}
    if issubclass(kind, enum.Enum):
        return {"k": "e", "c": program.foreign(kind, encoder), "name": value._name_, "value": encoder.encode(value._value_)}
    return {
        "k": "o",
        "c": program.handle(kind, encoder) if standard.global_name(kind) is None else _class(program, kind, encoder),
    }


def own_names(cls, base):
    """What a subclass of the plain type ``base`` says anew, or in its own way."""
    found = set()
    for kind in type.mro(cls):
        if kind is base:
            break
        found |= {name for name, value in vars(kind).items() if not (name == "__repr__" and _is_of_named_tuples(value))}
    return found - _OF_CLASSES


def _is_of_named_tuples(function):
    return type(function) is types.FunctionType and function.__module__ == "collections"


def has_methods(cls):
    """Whether a subclass of a plain type has methods or operators of its own, so that it is more than the data in it."""
    kinds = (types.FunctionType, property, classmethod, staticmethod)
    usual = SPECIAL & {"__repr__", "__str__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__"}
    return any(
        isinstance(value, kinds) and (not name.startswith("_") or name in SPECIAL - usual)
        for base in type.mro(cls)
        if base.__module__ == "solution"
        for name, value in vars(base).items()
    )


def _class(program, cls, encoder):
    mro = [base for base in type.mro(cls) if base is not object]
    is_error = issubclass(cls, BaseException)
    names = {}
    for base in reversed(mro):
        if not (is_error and peer.exception_name(base) is not None):
            names.update(vars(base))
    plain = issubclass(cls, PLAIN_BASES) and not is_error and not issubclass(cls, enum.Enum)
    own = {name for base in mro if base.__module__ not in ("builtins", "collections") for name in vars(base)}
    members = None
    if issubclass(cls, enum.Enum):
        members = {name: program.foreign(member, encoder) for name, member in cls.__members__.items()}
    return {
        "k": "c",
        "name": cls.__name__, "qual": cls.__qualname__, "doc": cls.__doc__ if type(cls.__doc__) is str else None,
        "bases": [program.foreign(base, encoder) for base in cls.__bases__ if base is not object],
        "special": sorted(name for name in names if name in SPECIAL and names[name] is not None),
        "unhashable": "__hash__" in names and names["__hash__"] is None,
        "methods": {name: _function(value) for name, value in names.items()
                    if isinstance(value, types.FunctionType) and name not in SPECIAL},
        "error": is_error, "members": members, "mixed": members is not None and issubclass(cls, int | str | float),
        "content": sorted(OF_CONTENT - own) if plain else [],
        "fields": [str(name) for name in names.get("__dataclass_fields__", ())],
    }  # fmt: skip


def _function(value):
    """Name, docstring and parameters of a function, as far as they can be told without calling anything."""
    function = getattr(value, "__func__", value)
    code = getattr(function, "__code__", None)
    name, bound = str(getattr(value, "__name__", "function")), type(value) is types.MethodType
    facts = {"name": name, "doc": None, "flags": 0, "bound": bound}
    if type(getattr(function, "__doc__", None)) is str:
        facts["doc"] = function.__doc__
    if type(code) is types.CodeType:
        facts["flags"] = code.co_flags & (0x20 | 0x80 | 0x200)  # generator, coroutine, asynchronous generator
        count, star, double = code.co_argcount + code.co_kwonlyargcount, bool(code.co_flags & 4), bool(code.co_flags & 8)
        facts["parameters"] = list(code.co_varnames[: count + star + double])
        facts["counts"] = [code.co_posonlyargcount, code.co_argcount, code.co_kwonlyargcount, star, double]
        facts["defaults"] = len(function.__defaults__ or ())
        facts["notes"] = {str(name): _note(note) for name, note in (function.__annotations__ or {}).items()}
    return facts


def _note(note):
    if isinstance(note, str):
        return note
    return note.__name__ if type(note) is type else "typing.Any"
