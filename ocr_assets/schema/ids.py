"""Ids and canonical JSON: one rule for every content hash.

An id is a prefix that names the noun (``raw_``, ``prob_``, ``resp_`` …) and a hash of content, so the same input has the same id
on every machine and an id alone tells which table to look in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

# Fields that were renamed: ids are hashed under their first names, so that they outlive the renaming.
_FIRST_NAMES = {"entry_point": "entry", "expected_may_be_nested": "wrapped", "multiple_answers_hint": "checker_needed"}
_LATER = ("files",)  # fields that came later: ids that were made without them stay
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def content_id(prefix: str, *parts: object) -> str:
    """``prefix_`` and 20 hex digits (80 bits) of the BLAKE2b hash of ``parts``, each serialised as canonical JSON."""
    payload = _CANONICAL.encode(parts)
    return f"{prefix}_{hashlib.blake2b(payload.encode('utf-8', 'surrogatepass'), digest_size=10).hexdigest()}"


def json_text(value: object) -> str:
    """Compact JSON that keeps non-ASCII text readable."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def raw_id(fields: Mapping[str, Any], *, named: bool = True) -> str:
    """The id of a raw problem: the hash of all that was read of it, with its suite, dataset and split.

    ``named``: the source gives the row a name (``index``), which counts as well. Where it gives none, ``index`` and ``origin``
    say the line, which does not count: a row is the same row wherever it stands. Of several such rows with equal content,
    ``nth_raw_id`` tells one from the other.
    """
    named_fields = {
        name: value
        for name, value in fields.items()
        if (name not in _LATER or value is not None) and (named or name not in ("index", "origin"))
    }
    return content_id("raw", {**_first_named(named_fields), "tests": [_first_named(test) for test in fields["tests"]]})


def nth_raw_id(first: str, nth: int) -> str:
    """The id of a nameless row before which ``nth`` rows with the same content, whose id is ``first``, were read."""
    return content_id("raw", first, nth) if nth else first


def suite_id(suite: Mapping[str, Any]) -> str:
    """The id of a test suite: the hash of what a verdict depends on (tests, comparison, checker, interactor, limits, files)."""
    rules = [suite[name] for name in ("compare", "checker", "interactor", "limits")]
    later = [suite[name] for name in _LATER if suite.get(name) is not None]
    return content_id("suite", [_first_named(test) for test in suite["tests"]], *rules, *later)


def _first_named(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {_FIRST_NAMES.get(name, name): value for name, value in fields.items()}
