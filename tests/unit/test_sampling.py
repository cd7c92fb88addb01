"""Policies of how many samples a problem is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.generation.sampling import Fixed, SampleCounts, UntilPassing

standings = st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)).map(
    lambda given: SampleCounts(sum(given), given[0], given[1])
)


@given(st.integers(0, 40), standings)
def test_fixed_never_asks_for_fewer_than_there_are(samples: int, standing: SampleCounts) -> None:
    assert Fixed(samples).wanted(standing) == max(samples, standing.tried)


@given(st.integers(1, 5), st.integers(5, 30), st.integers(1, 5), st.integers(1, 4), standings)
def test_until_passing_grows_by_steps_and_stops(passing: int, limit: int, first: int, step: int, standing: SampleCounts) -> None:
    wanted = UntilPassing(passing, limit, first, step).wanted(standing)
    assert wanted >= standing.tried or standing.tried < first
    assert wanted <= max(limit, standing.tried)
    more = wanted - standing.tried
    if standing.tried >= first:
        assert more <= step
        assert (more > 0) == (not standing.pending and standing.passed < passing and standing.tried < limit)


def test_kodcodes_attempts() -> None:
    policy = UntilPassing(passing=1, limit=10)
    tried = 0
    while (wanted := policy.wanted(SampleCounts(tried, 0, 0))) > tried:
        tried = wanted
    assert tried == 10
    assert policy.wanted(SampleCounts(3, 1, 0)) == 3


@pytest.mark.parametrize("bounds", [(0, 3), (4, 3), (1, 3, 0), (1, 3, 4), (1, 3, 1, 0)])
def test_bounds_that_contradict_are_refused(bounds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must hold"):
        UntilPassing(*bounds)
