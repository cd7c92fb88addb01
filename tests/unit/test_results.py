"""Results of calls: what the sandbox encodes is told from what a program may claim in its place."""

import json
import math
import sys
from collections import Counter, deque
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.grading.results import well_formed
from resources.sandbox.images import CONTEXT

sys.path.insert(0, str(CONTEXT))
from sandbox_images.runner import values

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.complex_numbers()
)
HASHABLE = st.recursive(SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
DATA = st.recursive(
    HASHABLE,
    lambda inner: st.lists(inner) | st.dictionaries(HASHABLE, inner) | st.tuples(inner) | st.lists(inner).map(deque),
    max_leaves=20,
)


def nested(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.slow
@given(DATA)
def test_what_is_encoded_is_never_taken_for_forged(value: object) -> None:
    assert well_formed(json.loads(json.dumps(values.encode(value))))


@pytest.mark.parametrize(
    "value", [Counter("aab"), object(), nested(199), nested(5000), math.nan, Decimal("NaN"), Fraction(1, 3), 1e22]
)
def test_odd_honest_values_too(value: object) -> None:
    assert well_formed(json.loads(json.dumps(values.encode(value))))


@pytest.mark.parametrize(
    "claim",
    [
        1.5, {}, {"f": "x"}, {"f": 1.0}, {"f": "1_0"}, {"x": 1}, {"f": "1", "t": []}, {"t": 3}, {"s": "ab"}, {"d": [[1]]}, {"d": [1]},
        {"b": "0"}, {"b": "zz"}, {"n": ["Fraction", "1/0"]}, {"n": ["Fraction", "1e999999999"]}, {"n": ["eval", "1"]}, {"n": ["Decimal"]},
        {"o": []}, [1, {"t": [{"f": "?"}]}], nested(300), {"d": [[nested(300), 1]]},
    ],
    ids=lambda claim: json.dumps(claim)[:30],
)  # fmt: skip
def test_claims_that_encode_cannot_make_are_forged(claim: object) -> None:
    assert not well_formed(claim)
