"""Groups of things joined by pairs: union-find, whatever the order of the pairs. Which pairs join is their caller's matter."""

from __future__ import annotations

from collections.abc import Iterable


def joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Member → its group, named by the group's smallest member. Things joined by any chain of pairs are one group; what stands
    in no pair is left out."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {key: root(key) for key in parent}
