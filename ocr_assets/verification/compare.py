"""Comparing an answer with the expected one. Pure functions over bytes and plain data; grading.md, §3 is the rule.

Default: tokens split on whitespace, in order and complete; integers and words exactly, whatever their size; a number within
1e-6 (absolute or relative) where the *expected* token is written as a decimal. Nothing is lower-cased, sorted, joined or
made a set unless the problem's policy says so. Running programs and choosing verdicts are in ``grade.py``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ocr_assets.records import Compare

TOLERANCE = 1e-6
_T = TypeVar("_T")
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
_DECIMAL = re.compile(rb"[+-]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][+-]?\d+)?\Z")
_SPECIAL = re.compile(rb"[+-]?(nan|inf|infinity)\Z", re.IGNORECASE)
DEFAULT: Compare = {"policy": "tokens", "float_abs": None, "float_rel": None, "case": "sensitive"}


def compare_output(expected: bytes, answer: bytes, compare: Compare | None = None) -> str | None:
    """None if ``answer`` is right, else the first differing place as a message."""
    rule = compare or DEFAULT
    if rule["policy"] == "exact":
        return None if expected == answer else _first_byte(expected, answer)
    try:
        answer.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"output is not UTF-8 (byte {error.start})"
    if rule["case"] == "insensitive":
        expected, answer = (text.decode("utf-8", "surrogateescape").casefold().encode("utf-8", "surrogateescape")
                            for text in (expected, answer))  # fmt: skip
    if expected == answer and not _has_nan(expected):
        return None
    if rule["policy"] == "tokens":
        return _sequences(expected.split(), answer.split(), rule, "token")
    if rule["policy"] == "unordered_tokens":
        return _multisets([(token,) for token in expected.split()], [(token,) for token in answer.split()], rule, "token")
    wanted, got = _lines(expected), _lines(answer)
    if rule["policy"] == "unordered_lines":
        return _multisets(wanted, got, rule, "line")
    if len(wanted) != len(got):
        return f"{len(got)} lines, expected {len(wanted)}"
    for number, (left, right) in enumerate(zip(wanted, got, strict=True)):
        difference = _sequences(left, right, rule, "token")
        if difference:
            return f"line {number + 1}: {difference}"
    return None


def _has_nan(text: bytes) -> bool:
    return b"nan" in text.lower() and any(_SPECIAL.match(t) and b"n" in t.lower()[-1:] for t in text.split())


def _lines(text: bytes) -> list[tuple[bytes, ...]]:
    """Lines as token tuples: line ends of any platform, blanks at a line's end and blank lines at the end ignored."""
    lines = [tuple(line.split()) for line in text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _sequences(wanted: Sequence[bytes], got: Sequence[bytes], rule: Compare, noun: str) -> str | None:
    for number, (left, right) in enumerate(zip(wanted, got, strict=False)):
        if not tokens_equal(left, right, rule):
            return f"{noun} {number + 1}: expected {_show(left)}, got {_show(right)}"
    if len(wanted) > len(got):
        return f"{len(got)} {noun}s, expected {len(wanted)}: {_show(wanted[len(got)])} is missing"
    if len(got) > len(wanted):
        return f"{len(got)} {noun}s, expected {len(wanted)}: {_show(got[len(wanted)])} is too many"
    return None


def _multisets(wanted: Sequence[tuple[bytes, ...]], got: Sequence[tuple[bytes, ...]], rule: Compare, noun: str) -> str | None:
    """Equal but for order. Exact matches are counted; what is left (floats) is paired so that all find a partner, if they can."""
    if len(wanted) != len(got):
        return f"{len(got)} {noun}s, expected {len(wanted)}"
    missing, extra = Counter(wanted), Counter(got)
    common = missing & extra
    if any(_has_nan(b" ".join(item)) for item in common):
        common = Counter({item: n for item, n in common.items() if not _has_nan(b" ".join(item))})
    left, right = list((missing - common).elements()), list((extra - common).elements())
    alone = unmatched(left, right, lambda item, other: _sequences(item, other, rule, "token") is None)
    return None if alone is None else f"{noun} {_show(b' '.join(left[alone]))} is missing"


def unmatched(left: Sequence[_T], right: Sequence[_T], equal: Callable[[_T, _T], bool]) -> int | None:
    """An index of ``left`` that stays without a partner when as many as possible are paired with equal ones of ``right``;
    None if all are paired. Tolerances are not transitive, so taking the first equal one may take another's only partner
    (augmenting paths, Kuhn 1955)."""
    edges = [[column for column, other in enumerate(right) if equal(item, other)] for item in left]
    partner: dict[int, int] = {}
    for start in range(len(left)):
        trail: list[tuple[int, Iterator[int]]] = [(start, iter(edges[start]))]
        chosen: list[int] = []
        seen: set[int] = set()
        while trail:
            column = next((c for c in trail[-1][1] if c not in seen), None)
            if column is None:
                trail.pop()
                if chosen:
                    chosen.pop()
                continue
            seen.add(column)
            chosen.append(column)
            if column not in partner:
                for (row, _), own in zip(trail, chosen, strict=True):
                    partner[own] = row
                break
            trail.append((partner[column], iter(edges[partner[column]])))
        else:
            return start
    return None


def tokens_equal(expected: bytes, answer: bytes, rule: Compare) -> bool:
    """One token against one: exactly, or as numbers where the rule allows a tolerance."""
    stated = rule["float_abs"] is not None or rule["float_rel"] is not None
    if _SPECIAL.match(expected):
        left, right = float(expected), _float(answer)
        return right is not None and left == right  # infinities equal only themselves, NaN nothing
    if not _DECIMAL.match(expected) and not (stated and _NUMBER.match(expected)):
        return expected == answer
    if expected == answer:
        return True
    if not _NUMBER.match(answer):
        return False
    return _close(float(expected), float(answer), rule)


def _float(token: bytes) -> float | None:
    return float(token) if _NUMBER.match(token) or _SPECIAL.match(token) else None


def _close(expected: float, answer: float, rule: Compare) -> bool:
    if math.isinf(expected) or math.isinf(answer):  # beyond what a double holds
        return expected == answer
    stated = rule["float_abs"] is not None or rule["float_rel"] is not None
    absolute = rule["float_abs"] if stated else TOLERANCE
    relative = rule["float_rel"] if stated else TOLERANCE
    difference = abs(expected - answer)
    return difference <= (absolute or 0.0) or difference <= (relative or 0.0) * abs(expected)


def compare_value(expected: Any, value: Any, compare: Compare | None = None, wrapped: bool = False) -> str | None:
    """None if a call's result is right, else a message.

    ``expected``: JSON data; ``value``: the result as the sandbox encodes it (sandbox_images/runner/values.py).
    ``wrapped``: ``expected`` may be a list around the true value (APPS, TACO); either form is right.
    """
    rule = compare or DEFAULT
    difference = _value(expected, value, rule, "result")
    if difference and wrapped and isinstance(expected, list) and len(expected) == 1:
        return None if _value(expected[0], value, rule, "result") is None else difference
    return difference


def _value(expected: Any, value: Any, rule: Compare, place: str) -> str | None:
    if isinstance(value, dict) and "o" in value:
        return f"{place}: a {value['o']} is not plain data"
    if isinstance(expected, bool) or expected is None:
        return None if value is expected else _unequal(place, expected, value)
    if isinstance(expected, float):
        number = float(value["f"]) if isinstance(value, dict) and "f" in value else value
        if isinstance(number, bool) or not isinstance(number, int | float):
            return _unequal(place, expected, value)
        if math.isnan(expected) or math.isnan(number) or math.isinf(expected) or math.isinf(number):
            return None if expected == number else _unequal(place, expected, value)
        return None if _close(expected, float(number), rule) else _unequal(place, expected, value)
    if isinstance(expected, int):
        stated = rule["float_abs"] is not None or rule["float_rel"] is not None
        if isinstance(value, int) and not isinstance(value, bool):
            same = value == expected or (stated and _close(float(expected), float(value), rule))
        elif isinstance(value, dict) and "f" in value:  # 2.0 for 2: equal in Python and on every judge
            number = float(value["f"])
            same = number == expected or (stated and not math.isnan(number) and _close(float(expected), number, rule))
        else:
            same = False
        return None if same else _unequal(place, expected, value)
    if isinstance(expected, str):
        if isinstance(value, str) and rule["case"] == "insensitive":
            return None if value.casefold() == expected.casefold() else _unequal(place, expected, value)
        return None if isinstance(value, str) and value == expected else _unequal(place, expected, value)
    if isinstance(expected, dict):
        return _mapping(expected, value, rule, place)
    return _list(expected, value, rule, place)


def _list(expected: list[Any], value: Any, rule: Compare, place: str) -> str | None:
    unordered = isinstance(value, dict) and "s" in value
    items = _items(value)
    if not isinstance(items, list):
        return _unequal(place, expected, value)
    if len(items) != len(expected):
        return f"{place}: {len(items)} items, expected {len(expected)}"
    if unordered or rule["policy"] in ("unordered_lines", "unordered_tokens"):
        alone = unmatched(expected, items, lambda item, other: _value(item, other, rule, place) is None)
        return None if alone is None else f"{place}: {_brief(expected[alone])} is missing"
    for index, (wanted, got) in enumerate(zip(expected, items, strict=True)):
        difference = _value(wanted, got, rule, f"{place}[{index}]")
        if difference:
            return difference
    return None


def _items(value: Any) -> Any:
    """The items of an encoded list, tuple, set or deque; JSON has one sequence, so these are alike to a call test."""
    if isinstance(value, dict):
        return next((value[key] for key in ("t", "s", "q") if key in value), None)
    return value


def _mapping(expected: dict[str, Any], value: Any, rule: Compare, place: str) -> str | None:
    """Keys in JSON are strings; a dict keyed by numbers or booleans means the same entry."""
    if not (isinstance(value, dict) and "d" in value):
        return _unequal(place, expected, value)
    entries = {_key(key): item for key, item in value["d"]}
    if len(entries) != len(value["d"]) or entries.keys() != expected.keys():
        return f"{place}: keys {_brief(sorted(entries))}, expected {_brief(sorted(expected))}"
    for key, wanted in expected.items():
        difference = _value(wanted, entries[key], rule, f"{place}[{key!r}]")
        if difference:
            return difference
    return None


def _key(key: Any) -> str:
    if isinstance(key, dict) and "f" in key:
        return str(key["f"])
    return key if isinstance(key, str) else {True: "true", False: "false", None: "null"}.get(key, str(key)) if (
        isinstance(key, bool) or key is None
    ) else str(key)  # fmt: skip


def _unequal(place: str, expected: Any, value: Any) -> str:
    return f"{place}: expected {_brief(expected)}, got {_brief(_readable(value))}"


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        if "f" in value:
            return float(value["f"])
        if "n" in value:
            return value["n"][1]
        if "s" in value:
            return {"set": [_readable(item) for item in value["s"]]}
        if (items := _items(value)) is not None:
            return [_readable(item) for item in items]
        if "d" in value:
            return {str(_readable(k)): _readable(v) for k, v in value["d"]}
    return [_readable(item) for item in value] if isinstance(value, list) else value


def _brief(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _show(token: bytes, limit: int = 60) -> str:
    text = token[: limit + 1].decode("utf-8", "replace")
    return repr(text if len(text) <= limit else text[:limit] + "…")


def _first_byte(expected: bytes, answer: bytes) -> str:
    shared = min(len(expected), len(answer))
    place = next((i for i in range(shared) if expected[i] != answer[i]), shared)
    return f"byte {place + 1}: expected {_show(expected[place:])}, got {_show(answer[place:])}"
