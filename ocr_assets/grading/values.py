"""What a call returned against the expected value: compared by type and structure, as plain data (docs/grading.md, §3).

The result is the encoding that the sandbox sends (``results.py`` decodes it for asserts); no code of the solution's runs here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from ocr_assets.grading.cost import Budget
from ocr_assets.grading.pairing import unpaired, unpaired_number
from ocr_assets.grading.results import brief, well_formed
from ocr_assets.grading.tolerance import DEFAULT, stated, values_close
from ocr_assets.schema import Compare

_T = TypeVar("_T")
_ORDERED_BY = 16  # values of a container that its sort key looks at


def compare_value(expected: Any, value: Any, compare: Compare | None = None, may_be_nested: bool = False) -> str | None:
    """None if a call's result is right, else a message.

    ``expected``: JSON data; ``value``: the result as the sandbox encodes it (sandbox_images/runner/values.py).
    ``may_be_nested``: ``expected`` may be a list around the true value (APPS, TACO); either form is right.
    Takes time linear in both sizes (n log n in any order). Raises ``TooCostly`` where that cannot be kept.
    """
    if not well_formed(value):
        return "the result is no plain data"
    comparison = _Comparison(compare or DEFAULT, Budget(_size(value) + _size(expected)))
    difference = comparison.value(expected, value, "result")
    if difference and may_be_nested and isinstance(expected, list) and len(expected) == 1:
        return None if comparison.value(expected[0], value, "result") is None else difference
    return difference


def _size(value: Any) -> int:
    """How many values there are, containers and what they hold."""
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


@dataclass(frozen=True)
class _Comparison:
    """One comparison by one rule, paid from one budget. ``place`` names in messages where in the result a value lies."""

    rule: Compare
    budget: Budget

    def value(self, expected: Any, value: Any, place: str) -> str | None:
        """None if equal, else the first difference."""
        if isinstance(value, dict) and "a" in value:
            value = value["a"]
        if isinstance(value, dict) and "o" in value:
            return f"{place}: a {value['o']} is not plain data"
        if isinstance(expected, dict):
            return self._mapping(expected, value, place)
        if isinstance(expected, list):
            return self._list(expected, value, place)
        return None if self._scalars_equal(expected, value) else _unequal(place, expected, value)

    def _scalars_equal(self, expected: Any, value: Any) -> bool:
        if isinstance(expected, bool) or expected is None:
            return value is expected
        if isinstance(expected, int | float):
            return _numbers_equal(expected, _as_number(value), self.rule)
        if not isinstance(value, str):
            return False
        return value == expected or (self.rule["case"] == "insensitive" and value.casefold() == expected.casefold())

    def _mapping(self, expected: dict[str, Any], value: Any, place: str) -> str | None:
        """Keys in JSON are strings; a dict keyed by numbers or booleans means the same entry."""
        if not (isinstance(value, dict) and "d" in value):
            return _unequal(place, expected, value)
        entries = {_key(key): item for key, item in value["d"]}
        if len(entries) != len(value["d"]) or entries.keys() != expected.keys():
            return f"{place}: keys {brief(sorted(entries))}, expected {brief(sorted(expected))}"
        for key, wanted in expected.items():
            difference = self.value(wanted, entries[key], f"{place}[{key!r}]")
            if difference:
                return difference
        return None

    def _list(self, expected: list[Any], value: Any, place: str) -> str | None:
        unordered = isinstance(value, dict) and "s" in value
        items = _items(value)
        if not isinstance(items, list):
            return _unequal(place, expected, value)
        if len(items) != len(expected):
            return f"{place}: {len(items)} items, expected {len(expected)}"
        if unordered or self.rule["policy"] in ("unordered_lines", "unordered_tokens"):
            return self._in_any_order(expected, items, place)
        for index, (wanted, got) in enumerate(zip(expected, items, strict=True)):
            difference = self.value(wanted, got, f"{place}[{index}]")
            if difference:
                return difference
        return None

    def _in_any_order(self, expected: list[Any], items: list[Any], place: str) -> str | None:
        """Equal but for order: numbers are paired with numbers, containers with containers, all else has to be identical."""
        for unpaired_of in (self._unpaired_others, self._unpaired_numbers, self._unpaired_containers):
            alone = unpaired_of(expected, items)
            if alone:
                return f"{place}: {brief(alone[0])} is missing"
        return None

    def _unpaired_others(self, expected: list[Any], items: list[Any]) -> list[Any]:
        """Strings, booleans and nulls; of equal numbers on both sides, as both lists are of one length."""
        extra = Counter(self._same(item) for item in items if not isinstance(item, dict | list) and _as_number(item) is None)
        for wanted in expected:
            if not isinstance(wanted, dict | list | float | int) or isinstance(wanted, bool):
                if not extra[self._same(wanted)]:
                    return [wanted]
                extra[self._same(wanted)] -= 1
        return []

    def _same(self, value: Any) -> tuple[type, Any]:
        folded = isinstance(value, str) and self.rule["case"] == "insensitive"
        return type(value), value.casefold() if folded else value

    def _unpaired_numbers(self, expected: list[Any], items: list[Any]) -> list[Any]:
        wanted = [item for item in expected if isinstance(item, int | float) and not isinstance(item, bool)]
        answers = [number for number in map(_as_number, items) if number is not None]
        endless = Counter(number for number in answers if not _is_finite(number))
        for number in wanted:
            if not _is_finite(number):
                if math.isnan(number) or not endless[number]:
                    return [number]
                endless[number] -= 1
        finite = [number for number in wanted if _is_finite(number)]
        alone = unpaired_number(finite, list(filter(_is_finite, answers)), lambda number: number, self._close)
        return [] if alone is None else [finite[alone]]

    def _close(self, expected: float, answer: float) -> bool:
        self.budget.read(answer.bit_length() // 8 if isinstance(answer, int) else 8)
        return _numbers_equal(expected, answer, self.rule)

    def _unpaired_containers(self, expected: list[Any], items: list[Any]) -> list[Any]:
        wanted = [item for item in expected if isinstance(item, dict | list)]
        answers = [item for item in items if isinstance(item, dict | list) and _as_number(item) is None]
        if len(answers) < len(wanted):
            return wanted[len(answers) :]
        forms, others = [_canonical(item) for item in wanted], [_canonical_result(item) for item in answers]
        common = Counter(forms) & Counter(others)
        left, right = _without(wanted, forms, common), _without(answers, others, common)
        if self._equal_when_sorted(left, right) or self._equal_when_sorted(wanted, answers):
            return []

        def neighbours(index: int) -> Iterator[int]:
            for position, answer in enumerate(answers):
                self.budget.spend(1 + sizes[position])
                if self.value(wanted[index], answer, "") is None:
                    yield position

        sizes = [_size(answer) for answer in answers]
        alone = unpaired(len(wanted), len(answers), neighbours, self.budget)
        return [] if alone is None else [wanted[alone]]

    def _equal_when_sorted(self, wanted: Sequence[Any], answers: Sequence[Any]) -> bool:
        """Whether both are equal one by one when sorted by their first values, as those of a right answer mostly are."""
        if len(wanted) != len(answers):
            return False
        in_order = sorted(wanted, key=partial(_order, encoded=False)), sorted(answers, key=partial(_order, encoded=True))
        pairs = zip(*in_order, strict=True)
        return all(self.value(left, right, "") is None for left, right in pairs)


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


def _without(items: Sequence[_T], forms: Sequence[str], gone: Counter[str]) -> list[_T]:
    """``items`` but for as many of each form as ``gone`` counts."""
    gone, rest = gone.copy(), []
    for item, form in zip(items, forms, strict=True):
        if gone[form] > 0:
            gone[form] -= 1
        else:
            rest.append(item)
    return rest


def _is_finite(number: float) -> bool:
    return isinstance(number, int) or math.isfinite(number)


def _order(value: Any, *, encoded: bool) -> list[tuple[str, float, str]]:
    """A sort key for containers, expected or encoded: their first values, by kind."""
    key: list[tuple[str, float, str]] = []
    waiting = [value]
    while waiting and len(key) < _ORDERED_BY:
        item = waiting.pop()
        number = item if isinstance(item, float) else None if isinstance(item, dict) and not encoded else _as_number(item)
        inner = _items(item) if encoded or isinstance(item, list) else None
        if number is not None:
            key.append(("number", _double(number), ""))
        elif isinstance(inner, list):
            waiting += reversed(inner)
        else:
            key.append((type(item).__name__, 0.0, item if isinstance(item, str) else ""))
    return key


def _double(number: float) -> float:
    try:
        return 0.0 if math.isnan(number) else float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


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
            if key == "a":
                return reduced(inner)
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
        return next((value[key] for key in ("t", "s", "q", "a") if key in value), None)
    return value


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
