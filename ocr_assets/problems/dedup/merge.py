"""Merging: what the members of one cluster of duplicates become. Which rows form a cluster is found in ``duplicates.py``.

Exactly one canonical member stays: one with a checker before one without (without it right answers would be called wrong),
then the one with most tests, then the fullest metadata, then the smallest id; so neither the order of input nor how it was
split into runs matters. The others' tests, tags, limits and origins are merged into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, cast

from ocr_assets.problems.normalize import problem_id
from ocr_assets.schema import (
    DuplicateLayer,
    Limits,
    Problem,
    RawProblem,
    ReferenceSolution,
    Test,
    TestConflict,
    content_id,
    suite_id,
)
from resources.lake import Edge

VERSION = "2"  # of the rules below; another version merges every cluster again
EXACT = "exact statement match"
REASONS: dict[DuplicateLayer, str] = {
    "near": "near duplicate: shared wording",
    "semantic": "semantic duplicate: similar embedding",
}


@dataclass(frozen=True)
class Merged:
    """One problem, the lineage of its members, and the tests in which they contradict each other."""

    problem: Problem
    edges: list[Edge]
    conflicts: list[TestConflict]


def key_of(raw: Mapping[str, Any], exact: bool = True) -> str:
    """The key of a row's statement; with the exact layer off, every row is a statement of its own."""
    key = problem_id(raw["statement"])
    return key if exact else content_id("prob", key, raw["raw_id"])


def merge_groups(
    sorted_rows: Iterable[tuple[str, str, RawProblem]], layers: Mapping[str, DuplicateLayer] | None = None, rule: str = ""
) -> Iterator[Merged]:
    """(cluster, statement key, row) sorted by cluster in, one merged problem a cluster out, one cluster in memory at a time.

    ``layers``: for statements that are in a cluster by likeness, the layer that put them there. ``rule``: noted as merge_rule.
    """
    for _, group in groupby(sorted_rows, key=lambda row: row[0]):
        yield merge([(key, raw) for _, key, raw in group], layers or {}, rule)


def merge(members: Sequence[tuple[str, RawProblem]], layers: Mapping[str, DuplicateLayer], rule: str) -> Merged:
    """What ``members`` (statement key, row; in any order) of one cluster become."""
    keys = {raw["raw_id"]: key for key, raw in members}
    ranked = sorted((raw for _, raw in members), key=_rank)
    canonical = ranked[0]
    own_key = keys[canonical["raw_id"]]
    same_text = {raw["raw_id"] for raw in ranked if keys[raw["raw_id"]] == own_key}
    tests, conflicts, left_out = _merge_tests(own_key, ranked, same_text)
    checker = next((m["checker"] for m in ranked if m["checker"]), None) if canonical["entry_point"] is None else None
    fields: dict[str, Any] = {name: canonical[name] for name in Problem.__annotations__ if name in canonical}  # type: ignore[literal-required]
    fields |= {
        "problem_id": own_key,
        "raw_ids": [member["raw_id"] for member in ranked],
        "origins": [member["origin"] for member in ranked],
        "tests": tests,
        "test_conflicts": len(conflicts),
        "tests_left_out": left_out,
        "merge_rule": rule,
        "tags": sorted({tag for member in ranked for tag in member["tags"]}),
        "checker": checker,
        "multiple_answers_hint": None if checker else canonical["multiple_answers_hint"],
        "limits": _merge_limits([member["limits"] for member in ranked]),
        "reference_solutions": _merge_references(ranked),
        "title": _first(ranked, "title"),
        "url": _first(ranked, "url"),
        "difficulty": _first(ranked, "difficulty"),
    }
    fields["suite_id"] = suite_id(fields)
    edges: list[Edge] = [{"child": own_key, "parent": canonical["raw_id"], "relation": "derived", "reason": "canonical"}]
    for member in ranked[1:]:
        # The canonical statement is in the cluster by the same likeness as a member that has no layer of its own.
        layer = layers.get(keys[member["raw_id"]]) or layers.get(own_key)
        reason = EXACT if member["raw_id"] in same_text or layer is None else REASONS[layer]
        edges.append({"child": own_key, "parent": member["raw_id"], "relation": "merged_into", "reason": reason})
    return Merged(cast("Problem", fields), edges, conflicts)


def _rank(raw: RawProblem) -> tuple[bool, int, int, str]:
    filled = sum(
        bool(raw[name]) for name in ("title", "url", "difficulty", "tags", "starter_code", "checker", "reference_solutions")
    )
    return (not raw["checker"], -len(raw["tests"]), -filled, raw["raw_id"])


def place_of(test: Test) -> str:
    """What a test asks: two tests at one place must expect the same."""
    return f"{test['kind']} {test['entry_point']} {' '.join(test['input'].split())} {test['code'] or ''}"


def expected_of(test: Test) -> str:
    """What a test expects, white space folded."""
    return " ".join(test["output"].split())


def _merge_tests(problem: str, ranked: Sequence[RawProblem], same_text: set[str]) -> tuple[list[Test], list[TestConflict], int]:
    """(tests, conflicts, tests left out) of members that ask the same way as the canonical one, the first.

    Where members disagree about an input, the earlier one's expectation is kept and the conflict noted: it betrays a false
    match or a broken test. A member of another wording that disagrees anywhere may be another problem: it brings no tests.
    """
    canonical = ranked[0]
    tests: list[Test] = []
    kept: dict[str, tuple[str, str]] = {}
    conflicts: list[TestConflict] = []
    left_out = 0
    for member in ranked:
        if member["entry_point"] != canonical["entry_point"]:
            left_out += len(member["tests"])
            continue
        disagreeing = [test for test in member["tests"] if _disagrees(kept, test)]
        if disagreeing and member["raw_id"] not in same_text:
            conflicts += [_conflict(problem, member, test, kept) for test in disagreeing]
            left_out += len(member["tests"])
            continue
        for test in member["tests"]:
            if _disagrees(kept, test):
                conflicts.append(_conflict(problem, member, test, kept))
            elif place_of(test) not in kept:
                kept[place_of(test)] = (expected_of(test), member["origin"])
                tests.append({**test, "id": str(len(tests))})
    return tests, list({conflict["conflict_id"]: conflict for conflict in conflicts}.values()), left_out


def _disagrees(kept: Mapping[str, tuple[str, str]], test: Test) -> bool:
    found = kept.get(place_of(test))
    return found is not None and found[0] != expected_of(test)


def _conflict(problem: str, member: RawProblem, test: Test, kept: Mapping[str, tuple[str, str]]) -> TestConflict:
    expected, canonical_origin = kept[place_of(test)]
    return {
        "conflict_id": content_id("conf", problem, member["raw_id"], place_of(test), expected_of(test)),
        "problem_id": problem,
        "raw_id": member["raw_id"],
        "origin": member["origin"],
        "canonical_origin": canonical_origin,
        "kind": test["kind"],
        "input": test["input"] or test["code"] or "",
        "kept": expected,
        "left_out": test["output"],
    }


def _merge_limits(all_limits: Sequence[Limits]) -> Limits:
    merged = {name: next((item[name] for item in all_limits if item[name] is not None), None) for name in Limits.__annotations__}  # type: ignore[literal-required]
    return cast("Limits", merged)


def _merge_references(members: Sequence[RawProblem]) -> list[ReferenceSolution]:
    kept: dict[tuple[str, str], ReferenceSolution] = {}
    for member in members:
        if member["entry_point"] == members[0]["entry_point"]:
            for solution in member["reference_solutions"]:
                kept.setdefault((solution["language"], solution["code"]), solution)
    return list(kept.values())


def _first(members: Sequence[RawProblem], name: str) -> Any:
    return next((member[name] for member in members if member[name]), None)  # type: ignore[literal-required]
