"""Plain data out of a judged process: a closed set of types, none of the solution's own methods called.

Encoding (JSON): null, true/false, integers as numbers, strings; lists as arrays; all else as an object with one key:
``f`` a float by its repr (also nan, inf), ``i`` an integer of thousands of digits (hex), ``t`` a tuple, ``s`` a set or the
keys of a dict, ``q`` a deque (arrays), ``d`` a dict ([[key, value], …]), ``b`` bytes (hex), ``n`` another number
([``Fraction`` | ``Decimal`` | ``complex``, text]), ``a`` an array or a truth value of numpy's (what its ``tolist`` gives),
``o`` the type's name of anything else, which equals nothing. A whole result may be ``p``: None was returned, and this is what
a judge shows in its place; or ``w``: this is the data in it, but its class, or that of something in it, has rules of its own.
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


def encode(value, rules=False, above=()):
    """``value`` as JSON-ready data. Subclasses count as their plain base (Counter as dict, named tuple as list). ``rules``: but
    what has rules of its own for how it compares and counts is ``o``. ``above``: identities of the containers it is in."""
    kind = type(value)
    if kind is int:
        return value if value.bit_length() <= _JSON_BITS else {"i": hex(value)}
    if value is None or kind is bool or kind is str:
        return value
    if kind is float:
        return {"f": float.__repr__(value)}
    if len(above) > _DEPTH or id(value) in above:
        return {"o": "nested too deeply"}
    above = (*above, id(value))
    mro = kind.__mro__
    if rules and kind not in _PLAIN and _has_rules(mro):
        return {"o": kind.__qualname__}
    if list in mro:
        return [encode(item, rules, above) for item in list.__iter__(value)]
    if tuple in mro:
        return {"t": [encode(item, rules, above) for item in tuple.__iter__(value)]}
    if dict in mro:
        return {"d": [[encode(k, rules, above), encode(v, rules, above)] for k, v in dict.items(value)]}
    if set in mro or frozenset in mro:
        base = set if set in mro else frozenset
        return {"s": [encode(item, rules, above) for item in base.__iter__(value)]}
    if kind in _KEYS:  # Python's == takes them for a set
        return {"s": [encode(item, rules, above) for item in value]}
    if collections.deque in mro:
        return {"q": [encode(item, rules, above) for item in collections.deque.__iter__(value)]}
    if kind is bytes or kind is bytearray:
        return {"b": bytes(value).hex()}
    if kind is fractions.Fraction or kind is decimal.Decimal or kind is complex:
        return {"n": [kind.__name__, kind.__str__(value)]}
    if int in mro:
        return encode(int.__add__(value, 0))
    if float in mro:
        return {"f": float.__repr__(float.__add__(value, 0.0))}
    if str in mro:
        return str.__str__(value) if type(str.__str__(value)) is str else str.__getitem__(value, slice(None))
    return _numpy(value, kind, above)


def encode_with_word(value):
    """``value`` as ``encode`` has it, marked as ``w`` where a class has rules of its own for how it compares and counts."""
    plain = encode(value)
    return plain if value is None or type(value) in _SCALARS or not _of_own(value) else {"w": plain}


def _of_own(value, above=()):
    """Whether ``value``, or something in it, is of a subclass of a plain type with rules of its own."""
    mro = type(value).__mro__
    if mro[0] in _SCALARS or len(above) > _DEPTH or id(value) in above:
        return False
    if mro[0] not in _PLAIN and not _PLAIN.isdisjoint(mro) and mro[0].__module__ != "numpy" and _has_rules(mro):
        return True
    above = (*above, id(value))
    if dict in mro:
        return any(_of_own(key, above) or _of_own(item, above) for key, item in dict.items(value))
    base = next((base for base in _ITERATED if base in mro), None)
    return base is not None and any(_of_own(item, above) for item in base.__iter__(value))


_SCALARS = {int, float, str, bool, bytes, type(None)}
_ITERATED = (list, tuple, set, frozenset, collections.deque)


def _has_rules(mro):
    for kind in mro:
        if kind in _PLAIN or kind is object:
            return False
        if kind is bytearray or kind.__module__ == "numpy" or not _RULES.isdisjoint(vars(kind)):
            return True
    return False


def _numpy(value, kind, above):
    if kind.__module__ == "numpy" and hasattr(kind, "tolist"):
        plain = encode(kind.tolist(value), False, above)
        return {"a": plain} if type(plain) in (list, bool) else plain
    return {"o": kind.__qualname__}
