"""Plain data between a suite and a program: a closed set of types as JSON, rebuilt from data on the other side.

None, booleans, integers, floats and strings stand for themselves; all else is a list whose first item is a tag. Mutable
containers are numbered in the order they are met, on both sides alike (``shared.py``), so that shared and cyclic structure
survives and a container changed in place can be named. Instances of plain node classes (linked lists, trees) travel in a table
of their own, so that a list of ten thousand nodes is no deep nesting.

What is no plain data is the peer's matter (``foreign`` and ``native``): objects by handle, functions to be called back.
"""

import array
import collections
import datetime
import decimal
import fractions
import importlib
import pathlib
import sys

from runner.apart.shared import SCALARS, Table

DEPTH = 120  # levels of containers in containers
BIG = 1 << 13_000  # Python neither writes nor reads decimal integers of more than 4,300 digits
_FACTORIES = {factory.__name__: factory for factory in (list, int, dict, set, str, float, tuple, bool)} | {"": None}
_FACTORY_NAMES = {value: name for name, value in _FACTORIES.items()}


def is_plain(value):
    """Whether a value is plain data that is no scalar."""
    return type(value) in _ENCODERS


def is_mutable(value):
    """Whether it is a container that can be changed in place."""
    return type(value) in _TAGS


def empty_like(container):
    """An empty container of the same type as a mutable one."""
    kind = type(container)
    if kind is collections.deque:
        return collections.deque(maxlen=container.maxlen)
    if kind is collections.defaultdict:
        return collections.defaultdict(container.default_factory)
    if kind is array.array:
        return array.array(container.typecode)
    return container.copy() if kind.__module__ == "numpy" else kind()


def clear(container):
    """Empty a mutable container."""
    if type(container) is array.array:
        del container[:]
    elif type(container).__module__ == "numpy":
        container[...] = container.dtype.type()
    else:
        container.clear()


class Cannot(Exception):
    """This cannot be carried from one process into the other; the text says what."""


class Malformed(Exception):
    """What came is no encoding: the program has written on the socket itself."""


class Encoder:
    """Values to JSON-ready data. ``table`` holds the numbered containers, and the nodes, instances that go by structure."""

    def __init__(self, foreign, is_node=None, table=None):
        self._foreign, self._is_node = foreign, is_node
        self.table = Table() if table is None else table
        self._depth = 0

    def encode(self, value):
        kind = type(value)
        if kind in SCALARS:
            return ["i", hex(value)] if kind is int and not -BIG < value < BIG else value
        encode = _ENCODERS.get(kind)
        if encode is None:
            if self._is_node is not None and self._is_node(value):
                return ["n", self.node(value)]
            if (key := _zone_key(value)) is not None:
                return ["Z", key]
            return self._foreign(value, self)
        number = self.table.numbers.get(id(value))
        if number is not None:
            return ["r", number]
        self._depth += 1
        if self._depth > DEPTH:
            raise Cannot("data nested too deeply")
        try:
            return encode(self, value)
        finally:
            self._depth -= 1

    def node(self, value):
        """The number of a node."""
        number = self.table.node_numbers.get(id(value))
        return self.table.add_node(value) if number is None else number

    def node_table(self, start):
        """[class name, {attribute: value}] of each node from number ``start`` on; those met on the way are appended."""
        found, number = [], start
        while number < self.table.next_node:
            node = self.table.nodes[number]
            found.append([type(node).__name__, self.attributes(node)])
            number += 1
        return found

    def attributes(self, node):
        """What a node holds."""
        return {name: self.encode(value) for name, value in vars(node).items()}

    def items(self, values):
        """The encoded items of a sequence."""
        if set(map(type, values)) <= _FAST:
            return list(values)
        return [self.encode(value) for value in values]

    def pairs(self, mapping):
        """Keys and values in turn."""
        flat = []
        for key, value in type(mapping).items(mapping):  # an OrderedDict has an order of its own
            flat += (self.encode(key), self.encode(value))
        return flat

    def content(self, value):
        """What a numbered container holds, without its number: to be put into the same container on the other side."""
        return _ENCODERS[type(value)](self, value, numbered=False)


_FAST = SCALARS - {int}  # an integer may be too long for JSON


def _container(tag, items):
    def encode(encoder, value, numbered=True):
        if numbered:
            encoder.table.add(value)
        return [tag, *items(encoder, value)]

    return encode


def _plain(tag, items):
    return lambda encoder, value: [tag, *items(encoder, value)]


def _list_items(encoder, value):
    kinds = set(map(type, value))
    if kinds <= _FAST or (kinds <= SCALARS and all(type(item) is not int or -BIG < item < BIG for item in value)):
        return value
    return [encoder.encode(item) for item in value]


def _default_dict(encoder, value):
    name = _FACTORY_NAMES.get(value.default_factory) if isinstance(value.default_factory, type | None) else None
    factory = encoder.encode(value.default_factory) if name is None else name  # a function is called where it is from
    return [factory, *encoder.pairs(value)]


def _deque(encoder, value):
    return [value.maxlen, *[encoder.encode(item) for item in value]]


def _instant(encoder, value):
    zone = value.tzinfo
    if zone is None or type(zone) is datetime.timezone:
        return [value.isoformat(), value.fold, None]
    if (key := _zone_key(zone)) is None:
        raise Cannot("a time with a time zone of its own")
    return [value.replace(tzinfo=None).isoformat(), value.fold, key]


def _delta(value):
    return [value.days, value.seconds, value.microseconds]


def _zone_key(zone):
    zoneinfo = sys.modules.get("zoneinfo")
    return zone.key if zoneinfo is not None and type(zone) is zoneinfo.ZoneInfo else None


def _zoned(value, fold, key):
    value = value.replace(fold=fold)
    return value if key is None else value.replace(tzinfo=_zone(key))


def _zone(key):
    return importlib.import_module("zoneinfo").ZoneInfo(key)


_ENCODERS = {
    list: _container("l", _list_items),
    dict: _container("d", Encoder.pairs),
    set: _container("s", Encoder.items),
    collections.deque: _container("q", _deque),
    bytearray: _container("B", lambda encoder, value: [value.decode("latin-1")]),
    collections.defaultdict: _container("dd", _default_dict),
    collections.Counter: _container("C", Encoder.pairs),
    collections.OrderedDict: _container("O", Encoder.pairs),
    array.array: _container("a", lambda encoder, value: [value.typecode, value.tobytes().decode("latin-1")]),
    tuple: _plain("t", Encoder.items),
    frozenset: _plain("f", Encoder.items),
    bytes: _plain("b", lambda encoder, value: [value.decode("latin-1")]),
    complex: _plain("c", lambda encoder, value: [value.real, value.imag]),
    decimal.Decimal: _plain("D", lambda encoder, value: [str(value)]),
    fractions.Fraction: _plain("F", lambda encoder, value: [hex(value.numerator), hex(value.denominator)]),
    range: _plain("R", lambda encoder, value: [encoder.encode(part) for part in (value.start, value.stop, value.step)]),
    slice: _plain("S", lambda encoder, value: [encoder.encode(part) for part in (value.start, value.stop, value.step)]),
    datetime.datetime: _plain("dt", _instant),
    datetime.date: _plain("da", lambda encoder, value: [value.isoformat()]),
    datetime.time: _plain("ti", _instant),
    datetime.timezone: _plain("tz", lambda encoder, value: _delta(value.utcoffset(None))),
    datetime.timedelta: _plain("td", lambda encoder, value: _delta(value)),
    type({}.keys()): _plain("K", lambda encoder, value: [encoder.encode(item) for item in value]),
    type({}.values()): _plain("V", lambda encoder, value: [encoder.encode(item) for item in value]),
    type({}.items()): _plain("I", lambda encoder, value: [encoder.encode(item) for pair in value for item in pair]),
    pathlib.PosixPath: _plain("p", lambda encoder, value: [str(value)]),
    type(...): lambda encoder, value: ["..."],
    type(NotImplemented): lambda encoder, value: ["ni"],
}  # fmt: skip


class Decoder:
    """JSON data to values. ``native``: a peer's own tags; ``make_node``: an empty instance for a class name."""

    def __init__(self, native, make_node=None, table=None):
        self._native, self._make_node = native, make_node
        self.table = Table() if table is None else table
        self._number = self._end = self.table.next

    def reserve(self, count):
        """Keep the next numbers for the containers of this message: while they are made, objects may be asked for their hash, and
        messages go to and fro."""
        self.table.next += count
        self._end = self.table.next

    def add(self, container):
        """Give a container its number."""
        if self._number == self._end:
            self.reserve(1)
        self.table.put(self._number, container)
        self._number += 1

    def nodes_from(self, described):
        """Make the empty nodes of a message; ``fill_nodes`` comes after the values that stand before them."""
        for name, _ in described:
            self.table.add_node(self._make_node(name))

    def fill_nodes(self, described, start):
        """Give nodes their attributes."""
        for number, (_, attributes) in enumerate(described, start):
            for name, value in self.attributes(attributes).items():
                object.__setattr__(self.table.nodes[number], name, value)

    def attributes(self, encoded):
        """What a node is to hold."""
        return {name: self.decode(value) for name, value in encoded.items()}

    def decode(self, data):
        if type(data) is not list:
            if type(data) is dict:
                raise Malformed("an object in place of a value")
            return data
        tag = data[0]
        if tag == "r":
            return self.table.containers[data[1]]
        if tag == "n":
            return self.table.nodes[data[1]]
        make = _MAKERS.get(tag)
        if make is None:
            return self._native(tag, data, self)
        if tag in _EMPTY:
            value = _EMPTY[tag](data)
            self.add(value)
            make(self, value, data)
            return value
        return make(self, data)

    def refill(self, value, data):
        """Put ``data``, a container's content, in place of what ``value`` holds."""
        if _TAGS.get(type(value)) != data[0]:
            raise Malformed("a container of another kind")
        clear(value)
        _MAKERS[data[0]](self, value, data)


def _fill_list(decoder, value, data):
    items = data[1:]
    value += items if list not in set(map(type, items)) else map(decoder.decode, items)


def _fill_dict(decoder, value, data, start=1):
    decode = decoder.decode
    for position in range(start, len(data), 2):
        key = decode(data[position])
        value[key] = decode(data[position + 1])


def _fill_default_dict(decoder, value, data):
    value.default_factory = _FACTORIES[data[1]] if type(data[1]) is str else decoder.decode(data[1])
    _fill_dict(decoder, value, data, 2)


def _views(view):
    def make(decoder, data):
        return view(decoder, [decoder.decode(item) for item in data[1:]])

    return make


_EMPTY = {
    "l": lambda data: [],
    "d": lambda data: {},
    "s": lambda data: set(),
    "q": lambda data: collections.deque(maxlen=data[1]),
    "B": lambda data: bytearray(),
    "dd": lambda data: collections.defaultdict(),
    "C": lambda data: collections.Counter(),
    "O": lambda data: collections.OrderedDict(),
    "a": lambda data: array.array(data[1]),
}
_TAGS = {
    list: "l", dict: "d", set: "s", collections.deque: "q", bytearray: "B", collections.defaultdict: "dd",
    collections.Counter: "C", collections.OrderedDict: "O", array.array: "a",
}  # fmt: skip
_MAKERS = {
    "l": _fill_list,
    "d": _fill_dict,
    "s": lambda decoder, value, data: value.update(map(decoder.decode, data[1:])),
    "q": lambda decoder, value, data: value.extend(map(decoder.decode, data[2:])),
    "B": lambda decoder, value, data: value.extend(data[1].encode("latin-1")),
    "dd": lambda decoder, value, data: _fill_default_dict(decoder, value, data),
    "C": _fill_dict,
    "O": _fill_dict,
    "a": lambda decoder, value, data: value.frombytes(data[2].encode("latin-1")),
    "t": lambda decoder, data: tuple(map(decoder.decode, data[1:])),
    "f": lambda decoder, data: frozenset(map(decoder.decode, data[1:])),
    "b": lambda decoder, data: data[1].encode("latin-1"),
    "c": lambda decoder, data: complex(data[1], data[2]),
    "i": lambda decoder, data: int(data[1], 16),
    "D": lambda decoder, data: decimal.Decimal(data[1]),
    "F": lambda decoder, data: fractions.Fraction(int(data[1], 16), int(data[2], 16)),
    "R": lambda decoder, data: range(*map(decoder.decode, data[1:])),
    "S": lambda decoder, data: slice(*map(decoder.decode, data[1:])),
    "dt": lambda decoder, data: _zoned(datetime.datetime.fromisoformat(data[1]), *data[2:]),
    "da": lambda decoder, data: datetime.date.fromisoformat(data[1]),
    "ti": lambda decoder, data: _zoned(datetime.time.fromisoformat(data[1]), *data[2:]),
    "tz": lambda decoder, data: datetime.timezone(datetime.timedelta(*data[1:4])),
    "Z": lambda decoder, data: _zone(data[1]),
    "td": lambda decoder, data: datetime.timedelta(*data[1:4]),
    "K": _views(lambda decoder, items: dict.fromkeys(items).keys()),
    "V": _views(lambda decoder, items: dict(enumerate(items)).values()),
    "I": _views(lambda decoder, items: dict(zip(items[::2], items[1::2], strict=True)).items()),
    "p": lambda decoder, data: pathlib.PosixPath(data[1]),
    "...": lambda decoder, data: ...,
    "ni": lambda decoder, data: NotImplemented,
}
