"""Functions, classes and modules of the standard library that mean the same in both processes, so that a name stands for them."""

import sys
import types

# Modules whose public functions and classes mean the same in both processes, so that a name is enough. None of them holds
# anything that equals everything, skips a test or reaches into the process.
SAFE_MODULES = {
    "math", "cmath", "collections", "collections.abc", "typing", "itertools", "functools", "heapq", "bisect", "string", "re",
    "datetime", "operator", "decimal", "fractions", "statistics", "numbers", "abc", "enum", "copy", "dataclasses", "json",
    "random", "time", "array", "textwrap", "calendar", "hashlib", "struct", "uuid", "types", "io", "contextlib", "queue",
    "zoneinfo", "base64", "binascii", "secrets", "unicodedata", "pprint", "_io",
}  # fmt: skip
SAFE_BUILTINS = {
    "abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr", "classmethod", "complex", "dict",
    "divmod", "enumerate", "filter", "float", "format", "frozenset", "hash", "hex", "int", "isinstance", "issubclass", "iter",
    "len", "list", "map", "max", "memoryview", "min", "next", "object", "oct", "ord", "pow", "print", "property", "range",
    "repr", "reversed", "round", "set", "slice", "sorted", "staticmethod", "str", "sum", "tuple", "type", "zip",
}  # fmt: skip


_NAMED = (
    types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
)  # fmt: skip


def global_name(value):
    """["g", module, name] of a public function or class of the standard library, ["m", name] of a module; else None. No
    attribute of an object of the program's is asked for: it may have a ``__getattr__`` of its own."""
    kind = type(value)
    if kind is types.ModuleType:
        return ["m", value.__name__] if sys.modules.get(value.__name__) is value else None
    if kind in _NAMED:
        module, name = value.__module__ if kind in _NAMED[:2] else None, value.__qualname__
    elif issubclass(kind, type):
        module, name = type.__dict__["__module__"].__get__(value), type.__dict__["__qualname__"].__get__(value)
    elif kind.__module__ == "typing":
        module, name = "typing", getattr(value, "_name", None) or getattr(value, "__name__", None)  # List, Optional …
    else:
        return None
    module = module or "builtins"
    if not (isinstance(module, str) and isinstance(name, str)):
        return None
    for place in (module, module.lstrip("_")):  # heapq.heappush says it is of _heapq
        if is_safe(place, name) and getattr(sys.modules.get(place), name, None) is value:
            return ["g", place, name]
    return None


def is_safe(module, name):
    """Whether a name of the standard library may stand for itself in the suite's process."""
    if module == "builtins":
        return name in SAFE_BUILTINS or _is_exception(name)
    return module in SAFE_MODULES and not name.startswith("_")


def _is_exception(name):
    value = getattr(sys.modules["builtins"], name, None)
    return isinstance(value, type) and issubclass(value, BaseException)
