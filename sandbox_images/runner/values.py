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


def encode(value, depth=0):
    """``value`` as JSON-ready data. Subclasses count as their plain base (Counter as dict, named tuple as list)."""
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
    if list in mro:
        return [encode(item, depth + 1) for item in list.__iter__(value)]
    if tuple in mro:
        return {"t": [encode(item, depth + 1) for item in tuple.__iter__(value)]}
    if dict in mro:
        return {"d": [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in dict.items(value)]}
    if set in mro or frozenset in mro:
        base = set if set in mro else frozenset
        return {"s": [encode(item, depth + 1) for item in base.__iter__(value)]}
    if kind in _KEYS:  # Python's == takes them for a set
        return {"s": [encode(item, depth + 1) for item in value]}
    if collections.deque in mro:
        return {"q": [encode(item, depth + 1) for item in collections.deque.__iter__(value)]}
    if kind is bytes or kind is bytearray:
        return {"b": bytes(value).hex()}
    if kind is fractions.Fraction or kind is decimal.Decimal or kind is complex:
        return {"n": [kind.__name__, kind.__str__(value)]}
    if int in mro:
        return encode(int.__add__(value, 0), depth)
    if float in mro:
        return {"f": float.__repr__(float.__add__(value, 0.0))}
    if str in mro:
        return str.__str__(value) if type(str.__str__(value)) is str else str.__getitem__(value, slice(None))
    return _numpy(value, kind, depth)


def _numpy(value, kind, depth):
    if kind.__module__ == "numpy" and hasattr(kind, "tolist"):
        plain = encode(kind.tolist(value), depth + 1)
        return {"a": plain} if type(plain) in (list, bool) else plain
    return {"o": kind.__qualname__}
