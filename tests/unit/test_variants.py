"""Versions of a problem: which statements are told apart however alike they are."""

import pytest

from ocr_assets.problems.dedup.variants import Version, told_apart


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("n up to 2*10^5 and a up to 10^9", {200_000, 10**9}),
        ("answer modulo 10^9 + 7", {1_000_000_007}),
        ("answer modulo 1000000007", {1_000_000_007}),
        ("1e5 items of 2 kinds", {100_000}),
        ("x10 is a name and 3.14 no whole number", set()),
        ("between 12 and 99.", {12, 99}),
    ],
)
def test_numbers_are_read_in_their_spellings(text: str, numbers: set[int]) -> None:
    assert Version(text).numbers == numbers


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("between 10 and 20", "more than 10", False),
        ("between 10 and 20", "between 10 and 30", True),
        ("the largest sum", "the smallest sum", True),
        ("the largest sum", "the maximum sum", False),
        ("the largest of the smallest", "the largest", False),
        ("count odd values", "count even values", True),
        ("a non-decreasing row", "a non-increasing row", True),
        ("the maximum of odd values", "the even values", True),
        ("the maximum of all", "the odd values", False),
    ],
)
def test_versions_are_told_apart_by_numbers_and_opposites(one: str, other: str, apart: bool) -> None:
    assert told_apart(Version(one), Version(other)) == told_apart(Version(other), Version(one)) == apart
