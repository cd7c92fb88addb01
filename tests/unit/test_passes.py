"""pass@k, and the difficulty that a sequence of attempts tells."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.generation.sampling import SampleCounts
from ocr_assets.statistics import pass_at
from ocr_assets.synthesis.passes import by_subset, within
from ocr_assets.synthesis.settings import AttemptSettings
from ocr_assets.synthesis.triplets import difficulty


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_the_estimate_is_the_share_of_all_draws_that_hold_one_that_passed(numbers: tuple[int, int, int]) -> None:
    tried, passed, depth = numbers
    draws = list(itertools.combinations([1] * passed + [0] * (tried - passed), depth))
    assert pass_at(tried, passed, depth) == pytest.approx(sum(any(draw) for draw in draws) / len(draws))


@pytest.mark.parametrize(("tried", "passed", "depth"), [(3, 4, 1), (3, 0, 4), (0, 0, 1), (3, 1, 0)])
def test_what_was_not_tried_has_no_estimate(tried: int, passed: int, depth: int) -> None:
    with pytest.raises(ValueError, match="pass@"):
        pass_at(tried, passed, depth)


@pytest.mark.parametrize(
    ("sequence", "depth", "value"),
    [
        ([1], 5, 1.0), ([0, 0, 1], 1, 0.0), ([0, 0, 1], 5, 1.0), ([0, 0], 5, None), ([0, 0], 1, 0.0), ([1, 0, 1, 0], 1, 0.5),
        ([1, 1], 5, None), ([0] * 9 + [1], 1, 0.1), ([0] * 9 + [1], 5, 0.5),
    ],
)  # fmt: skip
def test_attempts_that_ended_with_the_first_that_passed_count_by_their_order(
    sequence: list[int], depth: int, value: float | None
) -> None:
    assert within(sequence, depth, longest=10) == pytest.approx(value)


def test_where_all_passed_at_once_there_is_nothing_to_estimate() -> None:
    assert [row["pass@10"] for row in by_subset([{"subset": "a", "pass_sequence": [1]}] * 2)] == [100.0, 100.0]


def test_each_subset_has_a_row_and_all_together_the_last() -> None:
    rows = [
        {"subset": "b", "pass_sequence": [1]},
        {"subset": "a", "pass_sequence": [0, 1]},
        {"subset": "a", "pass_sequence": [0] * 10},
    ]
    assert by_subset(rows) == [
        {"subset": "a", "questions": 2, "pass@1": 0.0, "pass@5": 50.0, "pass@10": 50.0},
        {"subset": "b", "questions": 1, "pass@1": 100.0, "pass@5": 100.0, "pass@10": 100.0},
        {"subset": "all", "questions": 3, "pass@1": 33.3, "pass@5": 66.7, "pass@10": 66.7},
    ]


@pytest.mark.parametrize(
    ("share", "name"), [(1.0, "easy"), (2 / 3, "easy"), (0.66, "medium"), (1 / 3, "medium"), (0.33, "hard"), (0.1, "hard"), (0.0, "fail")]
)  # fmt: skip
def test_difficulty_has_the_papers_bounds(share: float, name: str) -> None:
    assert difficulty(share) == name


def test_the_policies_are_the_papers() -> None:
    """Up to ten until one verifies; or ten for every question, to compare subsets."""
    until, fixed = AttemptSettings().wanted, AttemptSettings(policy="fixed").wanted
    assert [until.wanted(SampleCounts(tried, 0, 0)) for tried in (0, 1, 9, 10)] == [1, 2, 10, 10]
    assert until.wanted(SampleCounts(3, 1, 0)) == 3
    assert until.wanted(SampleCounts(3, 0, 1)) == 3, "one that waits for its verdict may pass"
    assert fixed.wanted(SampleCounts(1, 1, 0)) == 10
