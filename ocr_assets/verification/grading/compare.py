"""Comparing an answer with the expected one. Pure functions over bytes and plain data; docs/grading.md, §3 is the rule.

Default: tokens split on whitespace, in order and complete; integers and words exactly, whatever their size; a number within
1e-6 (absolute or relative) where the *expected* token is written as a decimal. Nothing is lower-cased, sorted, joined or
made a set unless the problem's policy says so. Running programs and choosing verdicts are in ``grade.py``.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from typing import Any, TypeVar

from ocr_assets.programs.suites import DEFAULT_TOLERANCE
from ocr_assets.schema import Compare
from ocr_assets.verification.grading.results import brief, well_formed

_T = TypeVar("_T")
_Number = TypeVar("_Number", float, Decimal)
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
_DECIMAL = re.compile(rb"[+-]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][+-]?\d+)?\Z")
_SPECIAL = re.compile(rb"[+-]?(nan|inf|infinity)\Z", re.IGNORECASE)
_EXACT = 2.0**53  # above it doubles cannot tell neighbouring integers apart
_WIDE = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
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

    def pair() -> int | None:
        return unmatched(
            left, right, lambda item, other: _sequences(item, other, rule, "token") is None, _candidates(right, rule)
        )

    alone = pair()
    if alone is not None and (tolerant := [i for i in common.elements() if any(_tolerant(token, rule) for token in i)]):
        left, right = left + tolerant, right + tolerant  # an identical one may be another's only partner
        alone = pair()
    return None if alone is None else f"{noun} {_show(b' '.join(left[alone]))} is missing"


def _candidates(right: Sequence[tuple[bytes, ...]], rule: Compare) -> Callable[[tuple[bytes, ...]], Iterable[int]]:
    """For an expected item that stays after the exact matches: which of ``right`` are near in its first number with a
    tolerance. Comparing all with all would take hours on outputs of a hundred thousand lines."""
    indexes: dict[int, _ByNumber] = {}

    def near(item: tuple[bytes, ...]) -> Iterable[int]:
        place = next((i for i, token in enumerate(item) if _tolerant(token, rule)), None)
        if place is None:
            return ()
        if place not in indexes:
            indexes[place] = _ByNumber([_number_at(other, place) for other in right])
        return indexes[place].within(float(item[place]), rule)

    return near


def _number_at(item: tuple[bytes, ...], place: int) -> float | None:
    return float(item[place]) if len(item) > place and _NUMBER.match(item[place]) else None


class _ByNumber:
    """Positions of numbers, found by value."""

    def __init__(self, numbers: Sequence[float | None]) -> None:
        self._order = sorted((number, position) for position, number in enumerate(numbers) if number is not None)
        self._numbers = [number for number, _ in self._order]

    def within(self, wanted: float, rule: Compare) -> list[int]:
        """Positions of the numbers that may be within tolerance of ``wanted`` (some are not quite)."""
        absolute, relative = _tolerances(rule)
        reach = max(absolute, relative * abs(wanted)) * 1.001 + abs(wanted) * 1e-15
        low, high = bisect_left(self._numbers, wanted - reach), bisect_right(self._numbers, wanted + reach)
        return [position for _, position in self._order[low:high]]


def unmatched(
    left: Sequence[_T],
    right: Sequence[_T],
    equal: Callable[[_T, _T], bool],
    near: Callable[[_T], Iterable[int]] | None = None,
) -> int | None:
    """An index of ``left`` that stays without a partner when as many as possible are paired with equal ones of ``right``;
    None if all are paired. Tolerances are not transitive, so taking the first equal one may take another's only partner
    (augmenting paths, Kuhn 1955). ``near`` narrows down which of ``right`` can equal an item at all."""
    edges: list[list[int]] = []
    for item in left:
        edges.append([column for column in (range(len(right)) if near is None else near(item)) if equal(item, right[column])])
        if not edges[-1]:
            return len(edges) - 1
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
    if _SPECIAL.match(expected):
        left, right = float(expected), _float(answer)
        return right is not None and left == right  # infinities equal only themselves, NaN nothing
    if expected == answer:
        return True
    if not _tolerant(expected, rule) or not _NUMBER.match(answer):
        return False
    left, right = float(expected), float(answer)
    if max(abs(left), abs(right)) < _EXACT:
        return _close(left, right, rule)
    with localcontext(_WIDE):
        return _close(Decimal(expected.decode()), Decimal(answer.decode()), rule)


def _tolerant(expected: bytes, rule: Compare) -> bool:
    """Whether a number near ``expected`` is as good."""
    return bool(_DECIMAL.match(expected) or (_stated(rule) and _NUMBER.match(expected)))


def _stated(rule: Compare) -> bool:
    return rule["float_abs"] is not None or rule["float_rel"] is not None


def _tolerances(rule: Compare) -> tuple[float, float]:
    """Absolute and relative; one that is not stated is none where the other is."""
    return (rule["float_abs"] or 0.0, rule["float_rel"] or 0.0) if _stated(rule) else (DEFAULT_TOLERANCE, DEFAULT_TOLERANCE)


def _float(token: bytes) -> float | None:
    return float(token) if _NUMBER.match(token) or _SPECIAL.match(token) else None


def _close(expected: _Number, answer: _Number, rule: Compare) -> bool:
    """Finite numbers, both of one type."""
    absolute, relative = _tolerances(rule)
    difference = abs(expected - answer)
    return difference <= type(expected)(absolute) or difference <= type(expected)(relative) * abs(expected)


def _values_close(expected: float, answer: float, rule: Compare) -> bool:
    """Numbers of a call: integers of any size, doubles of any kind."""
    if any(isinstance(number, float) and not math.isfinite(number) for number in (expected, answer)):
        return expected == answer
    if max(abs(expected), abs(answer)) < _EXACT:
        return _close(float(expected), float(answer), rule)
    if any(isinstance(number, int) and number.bit_length() > 20_000 for number in (expected, answer)):
        return False  # beyond all that JSON can expect, and slow to convert
    with localcontext(_WIDE):
        return _close(Decimal(expected), Decimal(answer), rule)


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
    return (isinstance(expected, float) or _stated(rule)) and _values_close(expected, number, rule)


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
        index = _ByNumber([_finite(number) for number in numbers]) if None not in numbers else None

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


def _show(token: bytes, limit: int = 60) -> str:
    text = token[: limit + 1].decode("utf-8", "replace")
    return repr(text if len(text) <= limit else text[:limit] + "…")


def _first_byte(expected: bytes, answer: bytes) -> str:
    shared = min(len(expected), len(answer))
    place = next((i for i in range(shared) if expected[i] != answer[i]), shared)
    return f"byte {place + 1}: expected {_show(expected[place:])}, got {_show(answer[place:])}"
