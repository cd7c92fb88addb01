"""Ids and canonical JSON: one rule for every content hash.

An id is a prefix that names the noun (``raw_``, ``prob_``, ``resp_`` …) and a hash of content, so the same input has the same id
on every machine and an id alone tells which table to look in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def content_id(prefix: str, *parts: object) -> str:
    """``prefix_`` and 20 hex digits (80 bits) of the BLAKE2b hash of ``parts``, each serialised as canonical JSON."""
    payload = _CANONICAL.encode(parts)
    return f"{prefix}_{hashlib.blake2b(payload.encode('utf-8', 'surrogatepass'), digest_size=10).hexdigest()}"


def json_text(value: object) -> str:
    """Compact JSON that keeps non-ASCII text readable."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def suite_id(problem: Mapping[str, Any]) -> str:
    """Hash of what a verdict depends on: tests, comparison, checker, interactor, limits."""
    return content_id("suite", *(problem[name] for name in ("tests", "compare", "checker", "interactor", "limits")))
