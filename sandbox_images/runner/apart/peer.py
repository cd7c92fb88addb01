"""Calls between two processes on a socket pair: what a suite and a program have in common as callers and as called.

A request names an operation, a target and arguments; the answer brings a result or an exception, and what has changed in
place in the arguments. Either side may call back while it is asked. What the operations are stands in ``suite.py`` and
``program.py``; how values are encoded in ``data.py``.
"""

import importlib
import json
import os
import struct
import sys
import threading

from runner.apart import data

CHUNK = 1 << 20
LARGEST = 256 * 1024 * 1024  # bytes of a message
# Of these modules exceptions mean the same in both processes.
EXCEPTION_MODULES = {
    "json.decoder", "subprocess", "socket", "asyncio.exceptions", "concurrent.futures._base", "zipfile", "configparser", "csv",
    "_csv", "sqlite3", "_queue", "urllib.error", "http.client", "ssl", "xml.etree.ElementTree", "pickle", "_pickle", "zlib",
    "lzma", "_lzma", "tarfile", "graphlib", "tokenize", "ipaddress", "locale", "shutil", "select", "multiprocessing.context",
}  # fmt: skip
# Modules a star import may pass on: the suite gets its own.
OPEN_MODULES = {"numpy", "os", "sys", "posixpath", "pytest", "unittest", "logging", "threading", "asyncio", "pathlib"}
KNOWN_MODULES = data.SAFE_MODULES | OPEN_MODULES  # that a program's answer may name, and the suite's process then imports


class Gone(BaseException):
    """The other process has ended."""


class Link:
    """Frames of JSON on a stream socket: 4 bytes length, then the text. ``constant``: makes the values NaN and infinity."""

    def __init__(self, fd, constant=float):
        self._fd, self._buffer = fd, b""
        self._encode = json.JSONEncoder(check_circular=False).encode  # lists in themselves are numbered
        self._decode = json.JSONDecoder(parse_constant=constant).decode

    def send(self, message):
        try:
            text = self._encode(message).encode()
        except (RecursionError, ValueError) as error:
            raise data.Cannot("data that JSON cannot hold") from error
        if len(text) > LARGEST:
            raise data.Cannot(f"a message of {len(text)} bytes")
        view = memoryview(struct.pack(">I", len(text)) + text)
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
        encoder = data.Encoder(self.foreign, self.is_node)
        with self._lock:
            message = {"o": operation, "n": target, "m": name, **self._arguments(encoder, args, kwargs or {}), **self.before()}
            self._link.send(message)
            while "o" in (answer := self._link.receive()):
                self._answer(answer)
            self.note(answer)
            return self._result(answer, encoder, message)

    @staticmethod
    def _arguments(encoder, args, kwargs):
        return {
            "a": [encoder.encode(value) for value in args],
            "k": {name: encoder.encode(value) for name, value in kwargs.items()},
            "t": encoder.node_table(),
        }

    def _result(self, answer, encoder, message):
        decoder = data.Decoder(self.native, self.make_node)
        decoder.table, decoder.nodes = list(encoder.keep), list(encoder.nodes)
        known = len(decoder.nodes)
        try:
            decoder.nodes_from(answer["t"])
            self.changing(decoder, known, answer, message)
            for number, content in answer["c"]:
                decoder.refill(decoder.table[number], content)
            result = decoder.decode(answer["r"]) if "r" in answer else None
            for node, attributes in zip(decoder.nodes[:known], answer["s"], strict=False):
                self._change(node, {name: decoder.decode(value) for name, value in attributes.items()})
            decoder.fill_nodes(answer["t"], known)
            error = self.decode_error(answer["x"], decoder) if "x" in answer else None
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as problem:
            raise data.Malformed(f"{type(problem).__name__}: {problem}") from problem
        self.changed(encoder, answer)
        if error is not None:
            raise error
        return result

    def changing(self, decoder, known, answer, message):
        """What was sent is about to be changed in place, as the other side has changed it: the containers of the decoder's
        table and the first ``known`` of its nodes, which may be replaced here."""

    def changed(self, encoder, answer):
        """It has been."""

    @staticmethod
    def _change(node, attributes):
        fields = vars(node)
        for name in set(fields) - set(attributes):
            del fields[name]
        fields.update(attributes)

    # ---- being asked ------------------------------------------------------------------------------------------------

    def serve(self):
        """Answer requests until the other side is gone."""
        while True:
            self._answer(self._link.receive())

    def _answer(self, message):
        self.note(message)
        decoder = data.Decoder(self.native, self.make_node)
        decoder.nodes_from(message["t"])
        args = [decoder.decode(value) for value in message["a"]]
        kwargs = {name: decoder.decode(value) for name, value in message["k"].items()}
        decoder.fill_nodes(message["t"])
        error = result = None
        try:
            result = self.perform(message, args, kwargs)
        except (Gone, data.Malformed):
            raise
        except BaseException as raised:
            error = raised
        encoder = data.Encoder(self.foreign, self.is_node)
        try:
            answer = self._answer_of(message, decoder, encoder, args, kwargs, result, error)
        except data.Cannot as problem:
            answer = {"x": self.encode_error(problem, data.Encoder(self.foreign)), "c": [], "s": [], "t": []}
        self._link.send({**answer, **self.after()})

    def _answer_of(self, message, decoder, encoder, args, kwargs, result, error):
        answer = {"c": [], "s": []}
        encoder.seed(decoder.table, decoder.nodes)
        known = len(decoder.nodes)
        if (decoder.table or decoder.nodes) and self._changed(message, args, kwargs):
            answer["c"] = [[number, encoder.content(value)] for number, value in enumerate(decoder.table)]
        if error is None:
            answer["r"] = encoder.encode(result)
        else:
            answer["x"] = None  # encoded last, as it is decoded
        if answer["c"] or known:
            answer["s"] = [{name: encoder.encode(value) for name, value in vars(node).items()} for node in decoder.nodes]
        answer["t"] = encoder.node_table(known)
        if error is not None:
            answer["x"] = self.encode_error(error, encoder)
        return answer

    def _changed(self, message, args, kwargs):
        """Whether the arguments are not any more what they were; structure that is shared counts as well."""
        again = self._arguments(data.Encoder(self.foreign, self.is_node), args, kwargs)
        return json.dumps([again["a"], again["k"], again["t"]]) != json.dumps([message["a"], message["k"], message["t"]])


# ---- what both sides carry alike ------------------------------------------------------------------------------------


def encode_array(value):
    """A NumPy array or scalar of numbers or text as data; None where it is neither."""
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value).__module__ not in ("numpy", "numpy.core.records"):
        return None
    if type(value) is numpy.ndarray and value.dtype.kind in "biufcUS":
        return ["np", value.dtype.str, list(value.shape), value.tobytes().decode("latin-1")]
    if isinstance(value, numpy.generic) and value.dtype.kind in "biufcUS":
        return ["np", value.dtype.str, None, value.tobytes().decode("latin-1")]
    return None


def decode_array(encoded):
    """The array or scalar again."""
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
    if not data.is_safe(module, name):
        raise data.Malformed("a name")
    return getattr(importlib.import_module(module), name)


def exception_name(cls):
    """["g", module, name] of an exception class that means the same in both processes, else None."""
    module, name = cls.__module__, cls.__qualname__
    known = sys.modules.get(module)
    if known is None or getattr(known, name, None) is not cls:
        return None
    return ["g", module, name] if module in EXCEPTION_MODULES or data.is_safe(module, name) else None


def exception_class(encoded):
    """That class."""
    _, module, name = encoded
    if module not in EXCEPTION_MODULES and not data.is_safe(module, name):
        raise data.Malformed("an exception")
    cls = getattr(importlib.import_module(module), name)
    if not (isinstance(cls, type) and issubclass(cls, BaseException)):
        raise data.Malformed("no exception")
    return cls
