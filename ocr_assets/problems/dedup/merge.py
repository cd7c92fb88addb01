"""Merging: what the members of one cluster of duplicates become. Which rows form a cluster is decided in ``clusters.py``.

Exactly one member is the representative, whose statement stands for all: one with a checker before one without (without it
right answers would be called wrong), then the one with most tests, then the fullest metadata, then the smallest id; so
neither the order of input nor how it was split into runs matters. The others' tests, tags, limits and origins are merged into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, cast

from ocr_assets.programs.suites import suite_row
from ocr_assets.schema import (
    DuplicateLayer,
    Limits,
    Problem,
    ReferenceSolution,
    Test,
    TestConflict,
    TestSuite,
    content_id,
)
from resources.lake import Edge

VERSION = "2"  # of the rules below; another version merges every cluster again
EXACT = "exact statement match"
REPRESENTATIVE = "representative"
REASONS: dict[DuplicateLayer, str] = {
    "near": "near duplicate: shared wording",
    "semantic": "semantic duplicate: similar embedding",
}
Member = Mapping[str, Any]  # a row of raw_problems with the fields of its suite


@dataclass(frozen=True)
class Merged:
    """One problem, its suite, the lineage of its members, and the tests in which they contradict each other."""

    problem: Problem
    suite: TestSuite
    edges: list[Edge]
    conflicts: list[TestConflict]


def merge_groups(
    sorted_rows: Iterable[tuple[str, str, Member]], layers: Mapping[str, DuplicateLayer] | None = None, rule: str = ""
) -> Iterator[Merged]:
    """(cluster, statement key, row) sorted by cluster in, one merged problem a cluster out, one cluster in memory at a time.

    ``layers``: for statements that are in a cluster by likeness, the layer that put them there. ``rule``: noted as merge_rule.
    """
    for _, group in groupby(sorted_rows, key=lambda row: row[0]):
        yield merge([(key, raw) for _, key, raw in group], layers or {}, rule)


def merge(members: Sequence[tuple[str, Member]], layers: Mapping[str, DuplicateLayer], rule: str) -> Merged:
    """What ``members`` (statement key, row; in any order) of one cluster become."""
    keys = {raw["raw_id"]: key for key, raw in members}
    ranked = sorted((raw for _, raw in members), key=_rank)
    representative = ranked[0]
    own_key = keys[representative["raw_id"]]
    same_text = {raw["raw_id"] for raw in ranked if keys[raw["raw_id"]] == own_key}
    merged = _merge_tests(own_key, ranked, same_text)
    reads_stdin = representative["entry_point"] is None
    checker = _first(ranked, "checker") if reads_stdin else None
    suite = suite_row(
        {
            "tests": merged.tests,
            "compare": representative["compare"],
            "checker": checker,
            "interactor": representative["interactor"],
            "limits": _merge_limits([member["limits"] for member in ranked]),
            "files": _first(ranked, "files") if reads_stdin else None,
        }
    )
    problem: Problem = {
        "problem_id": own_key,
        "raw_id": representative["raw_id"],
        "raw_ids": [member["raw_id"] for member in ranked],
        "origins": [member["origin"] for member in ranked],
        "suite_id": suite["suite_id"],
        "title": _first(ranked, "title"),
        "url": _first(ranked, "url"),
        "difficulty": _first(ranked, "difficulty"),
        "tags": sorted({tag for member in ranked for tag in member["tags"]}),
        "multiple_answers_hint": None if checker else representative["multiple_answers_hint"],
        "reference_solutions": _merge_references(ranked),
        "test_conflicts": len(merged.conflicts),
        "tests_left_out": merged.left_out,
        "merge_rule": rule,
    }
    edges: list[Edge] = [{"child": own_key, "parent": ranked[0]["raw_id"], "relation": "derived", "reason": REPRESENTATIVE}]
    for member in ranked[1:]:
        # The representative's statement is in the cluster by the same likeness as a member that has no layer of its own.
        layer = layers.get(keys[member["raw_id"]]) or layers.get(own_key)
        reason = EXACT if member["raw_id"] in same_text or layer is None else REASONS[layer]
        edges.append({"child": own_key, "parent": member["raw_id"], "relation": "merged_into", "reason": reason})
    return Merged(problem, suite, edges, list(merged.conflicts.values()))


def _rank(raw: Member) -> tuple[bool, int, int, str]:
    filled = sum(
        bool(raw[name]) for name in ("title", "url", "difficulty", "tags", "starter_code", "checker", "reference_solutions")
    )
    return (not raw["checker"], -len(raw["tests"]), -filled, raw["raw_id"])


def input_key(test: Test) -> str:
    """The key of what a test asks, white space folded: two tests with equal keys must expect the same."""
    return f"{test['kind']} {test['entry_point']} {' '.join(test['input'].split())} {test['code'] or ''}"


def expected_of(test: Test) -> str:
    """What a test expects, white space folded."""
    return " ".join(test["output"].split())


@dataclass
class _MergedTests:
    """Tests by input key with the origin that brought them, conflicts by id, and the number of tests left out."""

    tests: list[Test] = field(default_factory=list)
    expected: dict[str, tuple[str, str]] = field(default_factory=dict)  # input key → (expected, origin)
    conflicts: dict[str, TestConflict] = field(default_factory=dict)
    left_out: int = 0

    def disagrees(self, test: Test) -> bool:
        """Whether another test with the same input expects something else."""
        before = self.expected.get(input_key(test))
        return before is not None and before[0] != expected_of(test)

    def add(self, test: Test, origin: str) -> None:
        """Add a test unless there is one with its input."""
        key = input_key(test)
        if key not in self.expected:
            self.expected[key] = (expected_of(test), origin)
            self.tests.append({**test, "id": str(len(self.tests))})

    def note_conflict(self, problem: str, member: Member, test: Test) -> None:
        """Note that ``test`` contradicts one that is there already."""
        expected, origin = self.expected[input_key(test)]
        conflict: TestConflict = {
            "conflict_id": content_id("conf", problem, member["raw_id"], input_key(test), expected_of(test)),
            "problem_id": problem,
            "raw_id": member["raw_id"],
            "origin": member["origin"],
            "representative_origin": origin,
            "kind": test["kind"],
            "input": test["input"] or test["code"] or "",
            "kept": expected,
            "left_out": test["output"],
        }
        self.conflicts[conflict["conflict_id"]] = conflict


def _merge_tests(problem: str, ranked: Sequence[Member], same_text: set[str]) -> _MergedTests:
    """Tests of the members that are called the same way as the representative, which is the first.

    Where members disagree about an input, the earlier one's expectation is kept and the conflict noted: it betrays a false
    match or a broken test. A member of another wording that disagrees anywhere may be another problem: it brings no tests.
    """
    merged = _MergedTests()
    for member in ranked:
        if member["entry_point"] != ranked[0]["entry_point"]:
            merged.left_out += len(member["tests"])
            continue
        disagreeing = [test for test in member["tests"] if merged.disagrees(test)]
        if disagreeing and member["raw_id"] not in same_text:
            merged.left_out += len(member["tests"])
            for test in disagreeing:
                merged.note_conflict(problem, member, test)
            continue
        for test in member["tests"]:
            if merged.disagrees(test):  # asked again: a row can contradict itself
                merged.note_conflict(problem, member, test)
            else:
                merged.add(test, member["origin"])
    return merged


def _merge_limits(all_limits: Sequence[Limits]) -> Limits:
    merged = {name: next((item[name] for item in all_limits if item[name] is not None), None) for name in Limits.__annotations__}  # type: ignore[literal-required]
    return cast("Limits", merged)


def _merge_references(ranked: Sequence[Member]) -> list[ReferenceSolution]:
    callable_alike = [member for member in ranked if member["entry_point"] == ranked[0]["entry_point"]]
    unique: dict[tuple[str, str], ReferenceSolution] = {}
    for member in callable_alike:
        for solution in member["reference_solutions"]:
            unique.setdefault((solution["language"], solution["code"]), solution)
    return list(unique.values())


def _first(ranked: Sequence[Member], name: str) -> Any:
    return next((member[name] for member in ranked if member[name]), None)
