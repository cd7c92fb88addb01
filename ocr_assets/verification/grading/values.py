"""What a call returned against the expected value: compared by type and structure, as plain data (docs/grading.md, §3).

The result is the encoding that the sandbox sends (``results.py`` decodes it for asserts); no code of the solution's runs here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from ocr_assets.schema import Compare
from ocr_assets.verification.grading.numbers import DEFAULT, stated, values_close
from ocr_assets.verification.grading.pairing import ByNumber, unmatched
from ocr_assets.verification.grading.results import brief, well_formed

_T = TypeVar("_T")


def compare_value(expected: Any, value: Any, compare: Compare | None = None, may_be_nested: bool = False) -> str | None:
    """None if a call's result is right, else a message.

    ``expected``: JSON data; ``value``: the result as the sandbox encodes it (sandbox_images/runner/values.py).
    ``may_be_nested``: ``expected`` may be a list around the true value (APPS, TACO); either form is right.
    """
    rule = compare or DEFAULT
    if not well_formed(value):
        return "the result is no plain data"
    difference = _value(expected, value, rule, "result")
    if difference and may_be_nested and isinstance(expected, list) and len(expected) == 1:
        return None if _value(expected[0], value, rule, "result") is None else difference
    return difference


def _value(expected: Any, value: Any, rule: Compare, place: str) -> str | None:
    if isinstance(value, dict) and "o" in value:
        return f"{place}: a {value['o']} is not plain data"
    if isinstance(expected, bool) or expected is None:
        return None if value is expected else _unequal(place, expected, value)
    if isinstance(expected, int | float):
        return None if _numbers_equal(expected, _as_number(value), rule) else _unequal(place, expected, value)
    if isinstance(expected, str):
        if isinstance(value, str) and rule["case"] == "insensitive":
            return None if value.casefold() == expected.casefold() else _unequal(place, expected, value)
        return None if isinstance(value, str) and value == expected else _unequal(place, expected, value)
    if isinstance(expected, dict):
        return _mapping(expected, value, rule, place)
    return _list(expected, value, rule, place)


def _numbers_equal(expected: float, number: float | None, rule: Compare) -> bool:
    """2.0 for 2 is equal in Python and on every judge."""
    if number is None or expected == number:
        return number is not None
    return (isinstance(expected, float) or stated(rule)) and values_close(expected, number, rule)


def _as_number(value: Any) -> float | None:
    if isinstance(value, dict) and "f" in value:
        return float(value["f"])
    if isinstance(value, dict) and "i" in value:
        return int(value["i"], 16)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _list(expected: list[Any], value: Any, rule: Compare, place: str) -> str | None:
    unordered = isinstance(value, dict) and "s" in value
    items = _items(value)
    if not isinstance(items, list):
        return _unequal(place, expected, value)
    if len(items) != len(expected):
        return f"{place}: {len(items)} items, expected {len(expected)}"
    if unordered or rule["policy"] in ("unordered_lines", "unordered_tokens"):
        return _unordered(expected, items, rule, place)
    for index, (wanted, got) in enumerate(zip(expected, items, strict=True)):
        difference = _value(wanted, got, rule, f"{place}[{index}]")
        if difference:
            return difference
    return None


def _unordered(expected: list[Any], items: list[Any], rule: Compare, place: str) -> str | None:
    """Equal but for order: identical ones go off against each other first, the rest is paired."""
    forms, extra = [_canonical(item) for item in expected], Counter(_canonical_result(item) for item in items)
    common = Counter(forms) & extra
    left, right = _without(expected, forms, common), _without(items, [_canonical_result(item) for item in items], common)

    def pair(left: list[Any], right: list[Any]) -> int | None:
        numbers = [_as_number(item) for item in right]
        index = ByNumber([_finite(number) for number in numbers]) if None not in numbers else None

        def near(item: Any) -> Iterable[int]:
            number = item if isinstance(item, int | float) and not isinstance(item, bool) else None
            if index is None:
                return range(len(right))
            return () if (wanted := _finite(number)) is None else index.within(wanted, rule)

        return unmatched(left, right, lambda item, other: _value(item, other, rule, place) is None, near)

    alone = pair(left, right)
    if alone is not None and any('"f"' in form for form in common):
        left, right = expected, items  # an identical one may be another's only partner
        alone = pair(left, right)
    return None if alone is None else f"{place}: {brief(left[alone])} is missing"


def _without(items: Sequence[_T], forms: Sequence[str], gone: Counter[str]) -> list[_T]:
    """``items`` but for as many of each form as ``gone`` counts."""
    gone, kept = gone.copy(), []
    for item, form in zip(items, forms, strict=True):
        if gone[form] > 0:
            gone[form] -= 1
        else:
            kept.append(item)
    return kept


def _finite(number: float | None) -> float | None:
    """As a double; None for what none can hold."""
    try:
        found = math.nan if number is None else float(number)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def _canonical(expected: Any) -> str:
    """A text that equals ``_canonical_result`` of a result only if the two are equal."""

    def reduced(value: Any) -> Any:
        if isinstance(value, list):
            return [reduced(item) for item in value]
        if isinstance(value, dict):
            return {"d": {key: reduced(item) for key, item in value.items()}}
        return {"f": repr(value)} if isinstance(value, float) and not math.isnan(value) else value

    return json.dumps(reduced(expected), sort_keys=True)


def _canonical_result(encoded: Any) -> str:
    def reduced(value: Any) -> Any:
        if isinstance(value, dict):
            ((key, inner),) = value.items()
            if key in ("t", "q"):
                return [reduced(item) for item in inner]
            if key == "d":
                pairs = {_key(name): reduced(item) for name, item in inner}
                return {"d" if len(pairs) == len(inner) else "clash": pairs}
            return {key: inner}
        return [reduced(item) for item in value] if isinstance(value, list) else value

    return json.dumps(reduced(encoded), sort_keys=True)


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
        return f"{place}: keys {brief(sorted(entries))}, expected {brief(sorted(expected))}"
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
    return f"{place}: expected {brief(expected)}, got {brief(_readable(value))}"


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        if "f" in value or "i" in value:
            return _as_number(value)
        if "n" in value:
            return value["n"][1]
        if "s" in value:
            return {"set": [_readable(item) for item in value["s"]]}
        if (items := _items(value)) is not None:
            return [_readable(item) for item in items]
        if "d" in value:
            return {str(_readable(k)): _readable(v) for k, v in value["d"]}
    return [_readable(item) for item in value] if isinstance(value, list) else value
