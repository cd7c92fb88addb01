"""Versions of a problem: which statements are told apart however alike they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.problems.versions import _OPPOSITES, Version, told_apart


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


VOCABULARY = ("10", "^", "5", "6", "10^5", "10^", "2*10", "*", "+", "7", "1e6", "12.", "a12", "largest", "smallest,", "max", "non-odd",
              "odd", "even", "of", "minimums", "(lowest)")  # fmt: skip
TEXT = st.lists(st.sampled_from(VOCABULARY), max_size=8).map(" ".join)


@given(TEXT, TEXT)
def test_looking_at_differing_words_first_changes_nothing(one: str, other: str) -> None:
    a, b = Version(one), Version(other)
    numbers = bool(a.numbers - b.numbers and b.numbers - a.numbers)
    mine, theirs = a.sides - b.sides, b.sides - a.sides
    sides = any({x, y} <= {*mine, *theirs} and ({x, y} & mine and {x, y} & theirs) for x, y in _OPPOSITES)
    assert told_apart(a, b) == (numbers or bool(sides))
