"""Calls between two processes on a socket pair: what a suite and a program have in common as callers and as called.

A request names an operation, a target and arguments; the answer brings a result or an exception. Both bring what has changed
in lists and the like that both sides hold (``shared.py``). Either side may call back while it is asked.
 What the operations are stands in ``suite.py`` and
``program.py``; how values are encoded in ``data.py``.
"""

import importlib
import json
import os
import struct
import sys
import threading

from runner.apart import data, shared, standard

CHUNK = 1 << 20
LARGEST = 256 * 1024 * 1024  # bytes of a message
_OF_WHAT_IS_SHARED = {"c", "s", "t", "w"}  # fields of a message
MOST = 4_000_000  # containers in a message
# Of these modules exceptions mean the same in both processes.
EXCEPTION_MODULES = {
    "json.decoder", "subprocess", "socket", "asyncio.exceptions", "concurrent.futures._base", "zipfile", "configparser", "csv",
    "_csv", "sqlite3", "_queue", "urllib.error", "http.client", "ssl", "xml.etree.ElementTree", "pickle", "_pickle", "zlib",
    "lzma", "_lzma", "tarfile", "graphlib", "tokenize", "ipaddress", "locale", "shutil", "select", "multiprocessing.context",
}  # fmt: skip
# Modules a star import may pass on: the suite gets its own.
OPEN_MODULES = {"numpy", "os", "sys", "posixpath", "pytest", "unittest", "logging", "threading", "asyncio", "pathlib"}
KNOWN_MODULES = standard.SAFE_MODULES | OPEN_MODULES  # that a program's answer may name, and the suite's process then imports


class Gone(BaseException):
    """The other process has ended."""


class Link:
    """Frames of JSON on a stream socket: 4 bytes length, then the text. ``constant``: makes the values NaN and infinity."""

    def __init__(self, fd, constant=float):
        self._fd, self._buffer = fd, b""
        self._encode = json.JSONEncoder(check_circular=False).encode  # lists in themselves are numbered
        self._decode = json.JSONDecoder(parse_constant=constant).decode

    def framed(self, message):
        """A message as bytes. Raises ``Cannot``."""
        try:
            text = self._encode(message).encode()
        except (RecursionError, ValueError) as error:
            raise data.Cannot("data that JSON cannot hold") from error
        if len(text) > LARGEST:
            raise data.Cannot(f"a message of {len(text)} bytes")
        return struct.pack(">I", len(text)) + text

    def send(self, frame):
        view = memoryview(frame)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise Gone from error

    def receive(self):
        size = struct.unpack(">I", self._exactly(4))[0]
        if size > LARGEST:
            raise data.Malformed(f"a message of {size} bytes")
        try:
            message = self._decode(self._exactly(size).decode())
        except (ValueError, RecursionError) as error:
            raise data.Malformed("no JSON") from error
        if type(message) is not dict:
            raise data.Malformed("no message")
        return message

    def _exactly(self, size):
        if len(self._buffer) < size:
            chunks, length = [self._buffer], len(self._buffer)
            while length < size:
                try:
                    chunk = os.read(self._fd, CHUNK)
                except OSError as error:
                    raise Gone from error
                if not chunk:
                    raise Gone
                chunks.append(chunk)
                length += len(chunk)
            self._buffer = b"".join(chunks)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


class Peer:
    """One side. A subclass says what its operations are and how its own objects are carried."""

    def __init__(self, fd):
        self._link = Link(fd, self.constant)
        self._lock = threading.RLock()
        self._table = shared.Table()
        self._sending, self._receiving = False, 0

    # ---- of a subclass ----------------------------------------------------------------------------------------------

    def perform(self, message, args, kwargs):
        """Do what a request asks; its result."""
        raise NotImplementedError

    def foreign(self, value, encoder):
        """The encoding of a value that is no plain data."""
        raise NotImplementedError

    def native(self, tag, encoded, decoder):
        """The value of such an encoding."""
        raise NotImplementedError

    def is_node(self, value):
        """Whether an object travels by structure."""
        return False

    def make_node(self, name):
        """An empty object for a structure from the other side."""
        raise data.Malformed("a node")

    def constant(self, name):
        """The value of ``NaN`` or an infinity that came."""
        return float(name)

    def before(self):
        """Fields to send along with a request."""
        return {}

    def after(self):
        """Fields to send along with an answer."""
        return {}

    def note(self, message):
        """Take such fields from the other side."""

    def encode_error(self, error, encoder):
        """An exception as data."""
        raise NotImplementedError

    def decode_error(self, encoded, decoder):
        """The exception of such data."""
        raise NotImplementedError

    # ---- asking -----------------------------------------------------------------------------------------------------

    def request(self, operation, target=None, name=None, args=(), kwargs=None):
        """Ask the other side and wait for its answer; while it works on it, it may ask back."""
        with self._lock:

            def fields(encoder):
                return {
                    "o": operation, "n": target, "m": name,
                    "a": [encoder.encode(value) for value in args],
                    "k": {name: encoder.encode(value) for name, value in kwargs.items()} if kwargs else {},
                }  # fmt: skip

            self._send(fields, {**self.unheld(), **self.before()})
            while "o" in (answer := self._link.receive()):
                self._answer(answer)
            self.note(answer)
            return self._result(answer, args, kwargs or {})

    def _send(self, fields, besides):
        """Send a message: what changed in what both sides hold, ``fields(encoder)``, new nodes, and ``besides``. Raises
        ``Cannot``, and then nothing was sent."""
        if self._sending:
            raise RuntimeError("asked while an answer was written")
        table, self._sending = self._table, True
        encoder, first, first_node = data.Encoder(self.foreign, self.is_node, table), table.next, table.next_node
        try:
            containers, nodes = table.changes() if table.containers or table.nodes else ((), ())
            message = (
                {"c": [[number, _content(encoder, table.containers[number])] for number in containers]} if containers else {}
            )
            message.update(fields(encoder))
            if nodes:
                message["s"] = [[number, encoder.attributes(table.nodes[number])] for number in nodes]
            if table.next_node > first_node:
                message["t"] = encoder.node_table(first_node)
            if table.next > first:
                message["w"] = table.next - first
            frame = self._link.framed({**message, **besides})
        except BaseException:
            table.back_to(first, first_node)
            raise
        finally:
            self._sending = False
        if containers or nodes or table.is_ahead:
            table.told(containers, nodes)
        self._link.send(frame)

    def _received(self, message, decode, args=(), kwargs=()):
        """Carry out what a message says of what both sides hold; what ``decode(decoder)`` makes of the rest. ``args`` and
        ``kwargs`` are those of the call that it answers."""
        table = self._table
        decoder, first, first_node = data.Decoder(self.native, self.make_node, table), table.next, table.next_node
        if _OF_WHAT_IS_SHARED.isdisjoint(message):
            return decode(decoder)
        new, containers, nodes = message.get("t", ()), message.get("c", ()), message.get("s", ())
        count = message.get("w", 0)
        if type(count) is not int or not 0 <= count <= MOST:
            raise data.Malformed("a number of containers")
        self._receiving += 1
        try:
            decoder.reserve(count)
            last, last_node = table.next, first_node + len(new)
            decoder.nodes_from(new)
            if containers or nodes:
                given = [*map(id, args), *map(id, kwargs.values())] if kwargs else [*map(id, args)]
                self.changing(table, [number for number, _ in containers], [number for number, _ in nodes], given)
            for number, content in containers:
                _refill(decoder, table.containers[number], content)
            found = decode(decoder)
            for number, attributes in nodes:
                fields = vars(table.nodes[number])
                attributes = decoder.attributes(attributes)
                for name in fields.keys() - attributes.keys():
                    del fields[name]
                fields.update(attributes)
            decoder.fill_nodes(new, first_node)
        finally:
            self._receiving -= 1
        table.told(
            [*(number for number, _ in containers), *range(first, last)],
            [*(number for number, _ in nodes), *range(first_node, last_node)],
        )
        return found

    def _result(self, answer, args, kwargs):
        def decoded(decoder):
            if "x" in answer:
                return None, self.decode_error(answer["x"], decoder)
            return decoder.decode(answer["r"]), None

        try:
            result, error = self._received(answer, decoded, args, kwargs)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as problem:
            raise data.Malformed(f"{type(problem).__name__}: {problem}") from problem
        self.changed([number for number, _ in answer.get("c", ())], [number for number, _ in answer.get("s", ())])
        if error is not None:
            raise error
        return result

    def changing(self, table, containers, nodes, given):
        """Containers and nodes of these numbers are about to be changed, as the other side has changed them; they may be
        replaced here. ``given``: identities of the arguments of the call that did it."""

    def changed(self, containers, nodes):
        """They have been."""

    def unheld(self):
        """Fields of a request that say what both sides may forget."""
        return {}

    # ---- being asked ------------------------------------------------------------------------------------------------

    def serve(self):
        """Answer requests until the other side is gone."""
        while True:
            self._answer(self._link.receive())

    def _answer(self, message):
        self.note(message)

        def decoded(decoder):
            args = [decoder.decode(value) for value in message["a"]]
            return args, {name: decoder.decode(value) for name, value in message["k"].items()}

        args, kwargs = self._received(message, decoded)
        error = result = None
        try:
            result = self.perform(message, args, kwargs)
        except (Gone, data.Malformed):
            raise
        except BaseException as raised:
            error = raised
        try:
            if error is None:
                self._send(lambda encoder: {"r": encoder.encode(result)}, self.after())
            else:
                self._send(lambda encoder: {"x": self.encode_error(error, encoder)}, self.after())
        except data.Cannot as problem:
            reason = problem  # the other name is gone when this is called
            self._send(lambda encoder: {"x": self.encode_error(reason, encoder)}, self.after())


# ---- what both sides carry alike ------------------------------------------------------------------------------------


def _content(encoder, container):
    """What stands in a numbered container now."""
    return _array(container) if type(container).__module__ == "numpy" else encoder.content(container)


def _refill(decoder, container, content):
    if type(container).__module__ != "numpy":
        decoder.refill(container, content)
    elif content[1:3] != [container.dtype.str, list(container.shape)]:
        raise data.Cannot("an array whose shape was changed")
    else:
        container[...] = decode_array(content)


def _array(value):
    return ["np", value.dtype.str, list(value.shape), value.tobytes().decode("latin-1")]


def encode_array(value, encoder):
    """A NumPy array or scalar of numbers or text as data; None where it is neither."""
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value).__module__ not in ("numpy", "numpy.core.records"):
        return None
    if type(value) is numpy.ndarray and value.dtype.kind in "biufcUS":
        number = encoder.table.numbers.get(id(value))
        if number is not None:
            return ["r", number]
        encoder.table.add(value)
        return _array(value)
    if isinstance(value, numpy.generic) and value.dtype.kind in "biufcUS":
        return ["np", value.dtype.str, None, value.tobytes().decode("latin-1")]
    return None


def numbered_array(encoded, decoder):
    """The array or scalar again."""
    value = decode_array(encoded)
    if encoded[2] is not None:
        decoder.add(value)
    return value


def decode_array(encoded):
    """The same without a number."""
    numpy = importlib.import_module("numpy")
    dtype = numpy.dtype(str(encoded[1]))
    if dtype.kind not in "biufcUS":
        raise data.Malformed("an array of objects")
    flat = numpy.frombuffer(encoded[3].encode("latin-1"), dtype)
    return flat[0] if encoded[2] is None else flat.reshape(encoded[2]).copy()


def decode_global(encoded):
    """A function, class or module of the standard library by its name."""
    if encoded[0] == "m":
        if encoded[1] not in KNOWN_MODULES:
            raise data.Malformed("a module")
        return importlib.import_module(encoded[1])
    _, module, name = encoded
    if not standard.is_safe(module, name):
        raise data.Malformed("a name")
    return getattr(importlib.import_module(module), name)


def exception_name(cls):
    """["g", module, name] of an exception class that means the same in both processes, else None."""
    module, name = cls.__module__, cls.__qualname__
    known = sys.modules.get(module)
    if known is None or getattr(known, name, None) is not cls:
        return None
    return ["g", module, name] if module in EXCEPTION_MODULES or standard.is_safe(module, name) else None


def exception_class(encoded):
    """That class."""
    _, module, name = encoded
    if module not in EXCEPTION_MODULES and not standard.is_safe(module, name):
        raise data.Malformed("an exception")
    cls = getattr(importlib.import_module(module), name)
    if not (isinstance(cls, type) and issubclass(cls, BaseException)):
        raise data.Malformed("no exception")
    return cls
