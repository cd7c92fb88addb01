"""Plain data out of a judged process: a closed set of types, none of the solution's own methods called.

Encoding (JSON): null, true/false, integers as numbers, strings; lists as arrays; all else as an object with one key:
``f`` a float by its repr (also nan, inf), ``i`` an integer of thousands of digits (hex), ``t`` a tuple, ``s`` a set or the
keys of a dict, ``q`` a deque (arrays), ``d`` a dict ([[key, value], …]), ``b`` bytes (hex), ``n`` another number
([``Fraction`` | ``Decimal`` | ``complex``, text]), ``a`` an array or a truth value of numpy's (what its ``tolist`` gives),
``o`` the type's name of anything else, which equals nothing. A whole result may be ``p``: None was returned, and this is what
a judge shows in its place.
"""

import collections
import decimal
import fractions

_DEPTH = 100
_JSON_BITS = 13_000  # Python neither writes nor reads decimal integers of more than 4,300 digits
_KEYS = (type({}.keys()), type(collections.OrderedDict().keys()))
_PLAIN = {
    list, tuple, dict, set, frozenset, int, float, str, bytes, collections.deque, collections.OrderedDict, collections.Counter,
    collections.defaultdict, fractions.Fraction, decimal.Decimal, complex, *_KEYS,
}  # fmt: skip
# What decides how a value compares, is counted, looked through and worked with.
_RULES = {
    "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__len__", "__bool__", "__iter__", "__contains__",
    "__getitem__", "__sub__", "__rsub__", "__abs__", "__round__", "__float__", "__index__", "__getattribute__",
}  # fmt: skip


def encode(value, depth=0, rules=False):
    """``value`` as JSON-ready data. Subclasses count as their plain base (Counter as dict, named tuple as list). ``rules``: but
    what has rules of its own for how it compares and counts is ``o``."""
    if depth > _DEPTH:
        return {"o": "nested too deeply"}
    kind = type(value)
    if kind is int:
        return value if value.bit_length() <= _JSON_BITS else {"i": hex(value)}
    if value is None or kind is bool or kind is str:
        return value
    if kind is float:
        return {"f": float.__repr__(value)}
    mro = kind.__mro__
    if rules and kind not in _PLAIN and _has_rules(mro):
        return {"o": kind.__qualname__}
    if list in mro:
        return [encode(item, depth + 1, rules) for item in list.__iter__(value)]
    if tuple in mro:
        return {"t": [encode(item, depth + 1, rules) for item in tuple.__iter__(value)]}
    if dict in mro:
        return {"d": [[encode(k, depth + 1, rules), encode(v, depth + 1, rules)] for k, v in dict.items(value)]}
    if set in mro or frozenset in mro:
        base = set if set in mro else frozenset
        return {"s": [encode(item, depth + 1, rules) for item in base.__iter__(value)]}
    if kind in _KEYS:  # Python's == takes them for a set
        return {"s": [encode(item, depth + 1, rules) for item in value]}
    if collections.deque in mro:
        return {"q": [encode(item, depth + 1, rules) for item in collections.deque.__iter__(value)]}
    if kind is bytes or kind is bytearray:
        return {"b": bytes(value).hex()}
    if kind is fractions.Fraction or kind is decimal.Decimal or kind is complex:
        return {"n": [kind.__name__, kind.__str__(value)]}
    if int in mro:
        return encode(int.__add__(value, 0), depth, rules)
    if float in mro:
        return {"f": float.__repr__(float.__add__(value, 0.0))}
    if str in mro:
        return str.__str__(value) if type(str.__str__(value)) is str else str.__getitem__(value, slice(None))
    return _numpy(value, kind, depth)


def _has_rules(mro):
    for kind in mro:
        if kind in _PLAIN or kind is object:
            return False
        if kind is bytearray or kind.__module__ == "numpy" or not _RULES.isdisjoint(vars(kind)):
            return True
    return False


def _numpy(value, kind, depth):
    if kind.__module__ == "numpy" and hasattr(kind, "tolist"):
        plain = encode(kind.tolist(value), depth + 1)
        return {"a": plain} if type(plain) in (list, bool) else plain
    return {"o": kind.__qualname__}
