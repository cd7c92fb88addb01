"""Items that are equal in any order: each expected one paired with an answer that is near enough.

Tolerances are not transitive, so taking the first near answer may take another's only partner; both functions here find a
complete pairing wherever there is one. Every comparison is paid from a budget (``cost.py``).
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ocr_assets.grading.cost import Budget

_T = TypeVar("_T")
_U = TypeVar("_U")
_FREE = -1


def unpaired_number(
    expected: Sequence[_T], answers: Sequence[_U], number: Callable[[Any], Any], close: Callable[[_T, _U], bool]
) -> int | None:
    """An index of ``expected`` that stays without a partner, or None; ``number`` gives the value of either kind of item.

    What is close to a number is an interval around it, so in the order of their values each expected number can have a
    contiguous range of answers; giving every answer to the range that ends first pairs as many as can be (Glover 1967).
    Takes n log n comparisons.
    """
    ordered = sorted(answers, key=number)
    values = [number(answer) for answer in ordered]
    ranges: list[tuple[int, int, int]] = []  # first answer, one after the last, index of the expected item
    for index, item in enumerate(expected):
        place = bisect_left(values, number(item))
        first = bisect_left(range(place), True, key=lambda i, item=item: close(item, ordered[i]))  # type: ignore[misc]
        end = bisect_left(range(place, len(ordered)), True, key=lambda i, item=item: not close(item, ordered[i]))  # type: ignore[misc]
        if first == place + end:
            return index
        ranges.append((first, place + end, index))
    ranges.sort(reverse=True)
    open_ranges: list[tuple[int, int]] = []
    for position in range(len(ordered)):
        while ranges and ranges[-1][0] <= position:
            _, end, index = ranges.pop()
            heapq.heappush(open_ranges, (end, index))
        if open_ranges:
            end, index = heapq.heappop(open_ranges)
            if end <= position:
                return index
    return open_ranges[0][1] if open_ranges else None


def unpaired(count: int, answers: int, neighbours: Callable[[int], Iterable[int]], budget: Budget) -> int | None:
    """An index below ``count`` that stays without a partner among ``answers``, or None; ``neighbours`` gives the answers an item
    may be paired with, and pays for finding them.

    Shortest augmenting paths in phases (Hopcroft and Karp 1973); each edge that is looked at is a step.
    """
    edges: list[list[int]] = []
    for item in range(count):
        edges.append(list(neighbours(item)))
        if not edges[-1]:
            return item
    owner = [_FREE] * answers
    partner = [_FREE] * count
    while free := [item for item in range(count) if partner[item] == _FREE]:
        layer = _layers(free, edges, owner, budget)
        unread = [iter(row) for row in edges]
        augmented = [item for item in free if _augment(item, unread, owner, partner, layer, budget)]
        if not augmented:
            return free[0]
    return None


def _layers(free: Sequence[int], edges: Sequence[Sequence[int]], owner: Sequence[int], budget: Budget) -> list[int]:
    """How many steps of an alternating path each item is away from one without a partner; -1: not to be reached."""
    layer = [-1] * len(edges)
    for item in free:
        layer[item] = 0
    queue = list(free)
    for item in queue:
        for answer in edges[item]:
            budget.spend()
            following = owner[answer]
            if following != _FREE and layer[following] < 0:
                layer[following] = layer[item] + 1
                queue.append(following)
    return layer


def _augment(start: int, unread: Sequence[Any], owner: list[int], partner: list[int], layer: list[int], budget: Budget) -> bool:
    """Give ``start`` a partner along a shortest alternating path, if there is one."""
    path: list[tuple[int, int]] = []  # items with the answers they would take
    item = start
    while True:
        for answer in unread[item]:
            budget.spend()
            following = owner[answer]
            if following == _FREE:
                for taker, taken in [*path, (item, answer)]:
                    partner[taker], owner[taken] = taken, taker
                return True
            if layer[following] == layer[item] + 1:
                path.append((item, answer))
                item = following
                break
        else:
            layer[item] = -1  # a dead end
            if not path:
                return False
            item, _ = path.pop()
