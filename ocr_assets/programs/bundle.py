"""A C++ program of several files in one text: a contestant's function with the grader that calls it, as at the IOI.

The first line says which files follow the program's own text, and how long each is, so nothing that the program holds is
taken for one of them. Python programs and those without such a line are one file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_HEAD = "//! files "
_NAME = re.compile(r"(?!main\.)[A-Za-z0-9_][A-Za-z0-9_.-]{0,60}\.(cpp|cc|h|hpp)\Z")


def bundled(code: str, files: Mapping[str, str]) -> str:
    """``code`` with ``files`` beside it, by name: headers it may include, sources that are compiled and linked with it. Raises
    ``ValueError`` for a name that no file beside ``main.cpp`` may have."""
    for name in files:
        if not _NAME.match(name):
            raise ValueError(f"{name!r} cannot be the name of a C++ file beside main.cpp")
    head = json.dumps({name: len(text) for name, text in files.items()})
    return f"{_HEAD}{head}\n{code}{''.join(files.values())}"


def unbundled(text: str) -> tuple[str, dict[str, str]]:
    """The program's own text, and the files beside it. What is no bundle is a program of one file."""
    if not text.startswith(_HEAD):
        return text, {}
    head, _, rest = text[len(_HEAD) :].partition("\n")
    try:
        sizes = json.loads(head)
    except (ValueError, RecursionError):
        return text, {}
    whole = isinstance(sizes, dict) and all(_NAME.match(name) and type(size) is int and size >= 0 for name, size in sizes.items())
    if not whole or sum(sizes.values()) > len(rest):
        return text, {}
    files: dict[str, str] = {}
    end = len(rest)
    for name, size in reversed(sizes.items()):
        files[name] = rest[end - size : end]
        end -= size
    return rest[:end], dict(reversed(files.items()))
