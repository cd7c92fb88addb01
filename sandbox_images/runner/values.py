"""Plain data out of a judged process: a closed set of types, none of the solution's own methods called.

Encoding (JSON): null, true/false, integers as numbers, strings; lists as arrays; all else as an object with one key:
``f`` a float by its repr (also nan, inf), ``t`` a tuple, ``s`` a set, ``q`` a deque (arrays), ``d`` a dict
([[key, value], …]), ``b`` bytes (hex), ``n`` another number ([``Fraction`` | ``Decimal`` | ``complex``, text]),
``o`` the type's name of anything else, which equals nothing.
"""

import collections
import decimal
import fractions
import re

_DEPTH = 200  # whoever reads it descends by recursion, some calls a level
_NUMBERS = {
    "Fraction": re.compile(r"-?\d{1,4300}(/0*[1-9]\d{0,4299})?"),
    "Decimal": re.compile(r"-?(\d{1,4300}(\.\d{1,4300})?(E[+-]?\d{1,18})?|s?NaN\d{0,99}|Infinity)"),
    "complex": re.compile(r"[-+0-9.einfaj()]{1,99}"),
}
_FLOAT = re.compile(r"-?(\d{1,400}(\.\d{1,400})?(e[+-]?\d{1,4})?|inf|nan)")


def encode(value, depth=0):
    """``value`` as JSON-ready data. Subclasses count as their plain base (Counter as dict, named tuple as list)."""
    if depth > _DEPTH:
        return {"o": "nested too deeply"}
    kind = type(value)
    if value is None or kind is bool or kind is int or kind is str:
        return value
    if kind is float:
        return {"f": float.__repr__(value)}
    mro = kind.__mro__
    if list in mro:
        return [encode(item, depth + 1) for item in list.__iter__(value)]
    if tuple in mro:
        return {"t": [encode(item, depth + 1) for item in tuple.__iter__(value)]}
    if dict in mro:
        return {"d": [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in dict.items(value)]}
    if set in mro or frozenset in mro:
        base = set if set in mro else frozenset
        return {"s": [encode(item, depth + 1) for item in base.__iter__(value)]}
    if collections.deque in mro:
        return {"q": [encode(item, depth + 1) for item in collections.deque.__iter__(value)]}
    if kind is bytes or kind is bytearray:
        return {"b": bytes(value).hex()}
    if kind is fractions.Fraction or kind is decimal.Decimal or kind is complex:
        return {"n": [kind.__name__, kind.__str__(value)]}
    if int in mro:
        return int.__add__(value, 0)
    if float in mro:
        return {"f": float.__repr__(float.__add__(value, 0.0))}
    if str in mro:
        return str.__str__(value) if type(str.__str__(value)) is str else str.__getitem__(value, slice(None))
    return _numpy(value, kind, depth)


def _numpy(value, kind, depth):
    if kind.__module__ == "numpy" and hasattr(kind, "tolist"):
        return encode(kind.tolist(value), depth + 1)
    return {"o": kind.__qualname__}


def forged(found):
    """Whether JSON data is not what ``encode`` makes. A result is its process's claim, and a process can write anything."""
    level = [found]
    for _ in range(_DEPTH + 2):
        inner = []
        for value in level:
            if type(value) is list:
                inner += value
            elif type(value) is dict:
                if len(value) != 1:
                    return True
                ((kind, content),) = value.items()
                if kind in ("t", "s", "q") and type(content) is list:
                    inner += content
                elif kind == "d" and type(content) is list:
                    if not all(type(pair) is list and len(pair) == 2 for pair in content):
                        return True
                    for pair in content:
                        inner += pair
                elif not _is_scalar(kind, content):
                    return True
            elif type(value) is float:
                return True
        level = inner
        if not level:
            return False
    return True


def _is_scalar(kind, content):
    if kind == "n":
        names = type(content) is list and len(content) == 2 and all(type(part) is str for part in content)
        return names and content[0] in _NUMBERS and _NUMBERS[content[0]].fullmatch(content[1]) is not None
    if type(content) is not str:
        return False
    if kind == "f":
        return _FLOAT.fullmatch(content) is not None
    return kind == "o" or (kind == "b" and re.fullmatch(r"(?:[0-9a-f]{2})*", content) is not None)
