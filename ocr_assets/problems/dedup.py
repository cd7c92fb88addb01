"""Exact deduplication: problems with the same normalized statement become one (OCR, step 2), whatever their sources.

Exactly one canonical member stays: the one with most tests, then the fullest metadata, then the smallest id; so neither the
order of input nor how it was split into runs matters. The others' tests, tags, limits and origins are merged into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, cast

from ocr_assets.problems.normalize import problem_id
from ocr_assets.records import Limits, Problem, RawProblem, ReferenceSolution, Test, suite_id
from resources.lake import Edge

MERGED = "exact statement match"


def key_of(raw: RawProblem) -> str:
    """The id all members of a group share."""
    return problem_id(raw["statement"])


def merge_groups(sorted_rows: Iterable[tuple[str, RawProblem]]) -> Iterator[tuple[Problem, list[Edge]]]:
    """(key, row) pairs sorted by key in, one problem a key out. Only one group is in memory at a time."""
    for _, group in groupby(sorted_rows, key=lambda pair: pair[0]):
        yield merge([raw for _, raw in group])


def merge(members: Sequence[RawProblem]) -> tuple[Problem, list[Edge]]:
    """The problem that ``members`` (same statement, any order) become, and the lineage of each."""
    ranked = sorted(members, key=_rank)
    canonical = ranked[0]
    tests, conflicts, left_out = _merge_tests(canonical, ranked[1:])
    checker = next((m["checker"] for m in ranked if m["checker"]), None) if canonical["entry"] is None else None
    fields: dict[str, Any] = {name: canonical[name] for name in Problem.__annotations__ if name in canonical}  # type: ignore[literal-required]
    fields |= {
        "problem_id": key_of(canonical),
        "raw_ids": [member["raw_id"] for member in ranked],
        "origins": [member["origin"] for member in ranked],
        "tests": tests,
        "test_conflicts": conflicts,
        "tests_left_out": left_out,
        "tags": sorted({tag for member in ranked for tag in member["tags"]}),
        "checker": checker,
        "checker_needed": None if checker else canonical["checker_needed"],
        "limits": _merge_limits([member["limits"] for member in ranked]),
        "reference_solutions": _merge_references(ranked),
        "title": _first(ranked, "title"),
        "url": _first(ranked, "url"),
        "difficulty": _first(ranked, "difficulty"),
    }
    fields["suite_id"] = suite_id(fields)
    problem = cast("Problem", fields)
    edges: list[Edge] = [
        {"child": problem["problem_id"], "parent": canonical["raw_id"], "relation": "derived", "reason": "canonical"}
    ]
    edges += [
        {"child": problem["problem_id"], "parent": member["raw_id"], "relation": "merged_into", "reason": MERGED}
        for member in ranked[1:]
    ]
    return problem, edges


def _rank(raw: RawProblem) -> tuple[int, int, int, str]:
    filled = sum(
        bool(raw[name]) for name in ("title", "url", "difficulty", "tags", "starter_code", "checker", "reference_solutions")
    )
    # A checker outranks everything: without it right answers would be called wrong.
    return (-bool(raw["checker"]), -len(raw["tests"]), -filled, raw["raw_id"])


def _merge_tests(canonical: RawProblem, others: Sequence[RawProblem]) -> tuple[list[Test], int, int]:
    """Tests of all members that ask the same way as the canonical one. Where members disagree about an input, the canonical
    one's expectation is kept and the conflict counted: it betrays a false match or a broken test."""
    tests: list[Test] = []
    expected: dict[str, str] = {}
    conflicts = left_out = 0
    for member in (canonical, *others):
        for test in member["tests"]:
            if member["entry"] != canonical["entry"]:
                left_out += 1
                continue
            key = f"{test['kind']} {test['entry']} {' '.join(test['input'].split())} {test['code'] or ''}"
            if key in expected:
                conflicts += expected[key] != " ".join(test["output"].split())
                continue
            expected[key] = " ".join(test["output"].split())
            tests.append({**test, "id": str(len(tests))})
    return tests, conflicts, left_out


def _merge_limits(all_limits: Sequence[Limits]) -> Limits:
    merged = {name: next((item[name] for item in all_limits if item[name] is not None), None) for name in Limits.__annotations__}  # type: ignore[literal-required]
    return cast("Limits", merged)


def _merge_references(members: Sequence[RawProblem]) -> list[ReferenceSolution]:
    kept: dict[tuple[str, str], ReferenceSolution] = {}
    for member in members:
        if member["entry"] == members[0]["entry"]:
            for solution in member["reference_solutions"]:
                kept.setdefault((solution["language"], solution["code"]), solution)
    return list(kept.values())


def _first(members: Sequence[RawProblem], name: str) -> Any:
    return next((member[name] for member in members if member[name]), None)  # type: ignore[literal-required]
