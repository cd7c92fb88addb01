"""Variants of a problem: which statements ask for something else however alike they are."""

import pytest

from ocr_assets.texts.variants import VariantMarks, are_variants


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
    assert VariantMarks(text).numbers == numbers


@pytest.mark.parametrize(
    ("one", "other", "variants"),
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
def test_variants_differ_in_numbers_or_opposites(one: str, other: str, variants: bool) -> None:
    assert (
        are_variants(VariantMarks(one), VariantMarks(other)) == are_variants(VariantMarks(other), VariantMarks(one)) == variants
    )
