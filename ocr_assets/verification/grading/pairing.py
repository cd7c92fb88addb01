"""Items that are equal in any order: each expected one paired with an answer that is near enough."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from ocr_assets.schema import Compare
from ocr_assets.verification.grading.numbers import tolerances

_T = TypeVar("_T")


class ByNumber:
    """Positions of numbers, found by value."""

    def __init__(self, numbers: Sequence[float | None]) -> None:
        self._order = sorted((number, position) for position, number in enumerate(numbers) if number is not None)
        self._numbers = [number for number, _ in self._order]

    def within(self, wanted: float, rule: Compare) -> list[int]:
        """Positions of the numbers that may be within tolerance of ``wanted`` (some are not quite)."""
        absolute, relative = tolerances(rule)
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
