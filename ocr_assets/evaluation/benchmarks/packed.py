"""LiveCodeBench's packed tests: base64 of zlib of a pickle of plain data, opened without unpickling.

Unpickling runs whatever a file says, and a small file can unpack to any size. So what is unpacked is bounded, and the
pickle's opcodes are read one by one: those that make plain data (texts, numbers, lists, dictionaries) are carried out here,
any other one is refused, and no object, function or class is ever looked up.
"""

from __future__ import annotations

import base64
import binascii
import pickletools
import zlib
from typing import Any

LARGEST = 512 << 20  # bytes that packed tests may unpack to; the largest published ones take about 100 MB
_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset({
    "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "BINBYTES",
    "BINBYTES8", "SHORT_BINBYTES",
})  # fmt: skip


class NotPlain(ValueError):
    """Packed data that cannot be opened: damaged, too large, or more than plain data."""


def unpacked(text: str, largest: int = LARGEST) -> Any:
    """What ``text`` holds. Raises ``NotPlain``."""
    try:
        packed = base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotPlain(f"neither JSON nor base64 ({error})") from error
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed, largest)
    except zlib.error as error:
        raise NotPlain(f"no zlib data ({error})") from error
    if stream.unconsumed_tail or not stream.eof:
        size = f"more than {largest:,} bytes" if stream.unconsumed_tail or len(data) >= largest else "less than it should be"
        raise NotPlain(f"it unpacks to {size}")
    return plain_data(data)


def plain_data(data: bytes) -> Any:
    """The value of a pickle that holds nothing but plain data. Raises ``NotPlain``.

    What a pickle refers to a second time has to be a text or a number, so values are trees, and as large as they look.
    """
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    try:
        for opcode, argument, _ in pickletools.genops(data):
            name = opcode.name
            if name == "STOP":
                break
            if name in _VALUES:
                stack.append(argument)
            elif name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
                memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
            elif name in ("BINGET", "LONG_BINGET"):
                if not isinstance(memo[argument], str | bytes | int | float):
                    raise NotPlain("it refers to one list in two places")
                stack.append(memo[argument])
            elif name not in ("PROTO", "FRAME"):
                _build(name, stack)
    except (ValueError, LookupError, TypeError, OverflowError, MemoryError) as error:
        raise error if isinstance(error, NotPlain) else NotPlain(f"no pickle of plain data ({error})") from error
    if len(stack) != 1 or stack[0] is _MARK:
        raise NotPlain("no pickle of one value")
    return stack[0]


def _build(name: str, stack: list[Any]) -> None:
    """Carry out an opcode that makes or fills a container."""
    if name == "MARK":
        stack.append(_MARK)
    elif name in ("EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE"):
        stack.append({"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}[name]())
    elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
        items = [stack.pop() for _ in range(int(name[-1]))]
        stack.append(tuple(reversed(items)))
    elif name == "TUPLE":
        stack.append(tuple(_to_mark(stack)))
    elif name in ("APPEND", "APPENDS"):
        items = [stack.pop()] if name == "APPEND" else _to_mark(stack)
        _container(stack, list).extend(items)
    elif name in ("SETITEM", "SETITEMS"):
        items = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else _to_mark(stack)
        _container(stack, dict).update(zip(items[::2], items[1::2], strict=True))
    else:
        raise NotPlain(f"it holds more than plain data ({name})")


def _to_mark(stack: list[Any]) -> list[Any]:
    items = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]


def _container(stack: list[Any], kind: type) -> Any:
    if type(stack[-1]) is not kind:
        raise NotPlain(f"it fills what is no {kind.__name__}")
    return stack[-1]
