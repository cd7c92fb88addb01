"""Answers compared as a fair judge would: the traps public graders fall into, and properties that must always hold."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.grading.outputs import compare_output
from ocr_assets.grading.results import well_formed
from ocr_assets.grading.values import compare_value
from ocr_assets.schema import Compare
from sandbox_images.runner.values import encode


def rule(
    policy: str = "tokens", absolute: float | None = None, relative: float | None = None, case: str = "sensitive"
) -> Compare:
    return {"policy": policy, "float_abs": absolute, "float_rel": relative, "case": case}  # type: ignore[typeddict-item]


RIGHT = [
    ("1 2 3", "1 2 3\n", None),
    ("1 2 3\n", "1\n2\n3", None),
    ("a\r\nb\r\n", "a\nb", None),
    ("a  b   \n\n", "a b", None),
    ("", "\n \n", None),
    ("0.5", "0.5000004", None),
    ("0.5", ".5", None),
    ("1.0", "1", None),
    ("1e3", "1000.0000001", None),
    ("-0.0", "0", None),
    ("100000000.0", "100000050", None),
    ("inf", "Infinity", None),
    ("0", "0.000", rule(absolute=1e-6)),
    ("10", "10.0000001", rule(absolute=1e-6)),
    ("YES", "yes", rule(case="insensitive")),
    ("b\na", "a\nb", rule("unordered_lines")),
    ("1 2 3", "3 1 2", rule("unordered_tokens")),
    ("1.5 2.5", "2.5000001 1.4999999", rule("unordered_tokens")),
    ("a b\nc", "a  b \nc\n", rule("lines")),
    ("x\n", "x\n", rule("exact")),
]
WRONG = [
    ("YES", "NO", None),
    ("YES", "yes", None),
    ("1000000007", "1000000008", None),
    ("123456789012345678901234567890", "123456789012345678901234567891", None),
    ("9007199254740993", "9007199254740992", None),
    ("1 2 3", "1 2", None),
    ("1 2", "1 2 3", None),
    ("1 2 3", "3 2 1", None),
    ("12", "1 2", None),
    ("1 2", "12", None),
    ("5", "5.0", None),
    ("007", "7", None),
    ("+5", "5", None),
    ("0.5", "0.51", None),
    ("0.5", "half", None),
    ("nan", "nan", None),
    ("inf", "-inf", None),
    ("inf", "1e309x", None),
    ("0.5", "nan", None),
    ("1.0", "1_0", None),
    ("1.5", "1,5", None),
    ("a", "", None),
    ("", "a", None),
    ("1 1 2", "1 2", rule("unordered_tokens")),
    ("1 1 2", "1 2 2", rule("unordered_tokens")),
    ("a b\nc", "a\nb c", rule("lines")),
    ("a\n\nb", "a\nb", rule("lines")),
    ("a b", "b a", rule("unordered_lines")),
    ("x\n", "x", rule("exact")),
    ("10", "10.1", rule(absolute=1e-6)),
    ("0.5", "0.6", rule(absolute=0.05)),
]


@pytest.mark.parametrize(("expected", "answer", "compare"), RIGHT)
def test_right_answers_are_right(expected: str, answer: str, compare: Compare | None) -> None:
    assert compare_output(expected.encode(), answer.encode(), compare) is None


@pytest.mark.parametrize(("expected", "answer", "compare"), WRONG)
def test_wrong_answers_are_wrong(expected: str, answer: str, compare: Compare | None) -> None:
    assert compare_output(expected.encode(), answer.encode(), compare) is not None


def test_the_message_names_the_first_difference() -> None:
    assert compare_output(b"1 2 3", b"1 5 3") == "token 2: expected '2', got '5'"
    assert compare_output(b"1 2 3", b"1 2") == "2 tokens, expected 3: '3' is missing"
    assert compare_output(b"a\nb c", b"a\nb d", rule("lines")) == "line 2: token 2: expected 'c', got 'd'"


def test_bytes_that_are_no_text_are_a_wrong_answer_not_a_crash() -> None:
    assert compare_output(b"1", b"\xff\xfe") == "output is not UTF-8 (byte 0)"
    assert compare_output(b"1", b"1\x00") is not None


words = st.text("abcXYZ019.-+eE", min_size=1, max_size=6).filter(lambda t: t.lower() not in ("nan", "+nan", "-nan"))


@given(st.lists(words, max_size=8), st.sampled_from([" ", "\n", "\r\n", " \t\n"]))
def test_white_space_never_matters_to_tokens(tokens: list[str], gap: str) -> None:
    assert compare_output(" ".join(tokens).encode(), (gap.join(tokens) + gap).encode()) is None


@given(st.lists(words, min_size=1, max_size=8), st.data())
def test_a_missing_or_additional_token_is_never_accepted(tokens: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(tokens) - 1))
    shorter = tokens[:place] + tokens[place + 1 :]
    for policy in ("tokens", "unordered_tokens"):
        assert compare_output(" ".join(tokens).encode(), " ".join(shorter).encode(), rule(policy)) is not None
        assert compare_output(" ".join(shorter).encode(), " ".join(tokens).encode(), rule(policy)) is not None


@given(st.integers(), st.integers())
def test_integers_compare_exactly(a: int, b: int) -> None:
    assert (compare_output(str(a).encode(), str(b).encode()) is None) == (a == b)


@given(st.floats(-1e12, 1e12, allow_nan=False), st.floats(-2e-6, 2e-6))
def test_decimals_compare_within_the_tolerance(value: float, error: float) -> None:
    other = value + error * max(1.0, abs(value))
    within = abs(value - other) <= max(1e-6, 1e-6 * abs(value))
    expected = repr(value) if any(c in repr(value) for c in ".e") else f"{value!r}.0"
    assert (compare_output(expected.encode(), repr(other).encode()) is None) == within


@given(st.lists(words, max_size=8), st.randoms(use_true_random=False))
def test_order_matters_only_where_the_policy_says_so(tokens: list[str], random) -> None:
    shuffled = tokens[:]
    random.shuffle(shuffled)
    assert compare_output("\n".join(tokens).encode(), "\n".join(shuffled).encode(), rule("unordered_lines")) is None
    numeric = compare_output(" ".join(tokens).encode(), " ".join(shuffled).encode())
    assert numeric is None if shuffled == tokens else True


VALUES_RIGHT = [
    ([1, 2], (1, 2), False),
    (2, 2.0, False),
    (2.0, 2, False),
    (0.1 + 0.2, 0.3, False),
    ({"a": [1]}, {"a": (1,)}, False),
    ({"1": "x"}, {1: "x"}, False),
    ([1, 2, 3], {3, 1, 2}, False),
    ([5], 5, True),
    ([5], [5], True),
    ([[1, 2]], [1, 2], True),
    (10**40, 10**40, False),
    (None, None, False),
    ("é\n", "é\n", False),
]
VALUES_WRONG = [
    (1, True, False),
    (True, 1, False),
    (0, False, False),
    ("1", 1, False),
    ([1], 1, False),
    ([5], 6, True),
    ([5, 6], 5, True),
    (None, 0, False),
    ([], None, False),
    ([1, 2], [2, 1], False),
    ([1, 1], {1}, False),
    ({"a": 1}, {"a": 1, "b": 2}, False),
    (0.5, float("nan"), False),
    (1e-9, "1e-9", False),
    (3, 3.0000001, False),
    ("a", b"a", False),
]


@pytest.mark.parametrize(("expected", "value", "wrapped"), VALUES_RIGHT)
def test_right_results_of_calls(expected, value, wrapped) -> None:
    assert compare_value(expected, json.loads(json.dumps(encode(value))), None, wrapped) is None


@pytest.mark.parametrize(("expected", "value", "wrapped"), VALUES_WRONG)
def test_wrong_results_of_calls(expected, value, wrapped) -> None:
    assert compare_value(expected, json.loads(json.dumps(encode(value))), None, wrapped) is not None


class AlwaysEqual:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


class Sly(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __add__(self, other: int) -> int:
        return 42

    __hash__ = int.__hash__


def test_objects_with_a_mind_of_their_own_equal_nothing() -> None:
    assert compare_value(42, encode(AlwaysEqual())) is not None
    assert compare_value([42], encode([AlwaysEqual()])) is not None
    assert compare_value(42, encode(Sly(7))) is not None
    assert compare_value(7, encode(Sly(7))) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_every_plain_value_equals_itself(value) -> None:
    assert compare_value(value, json.loads(json.dumps(encode(value)))) is None


@given(json_values, json_values)
def test_different_plain_values_differ(one, other) -> None:
    if json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True):
        assert compare_value(one, json.loads(json.dumps(encode(other)))) is not None


@pytest.mark.parametrize("expected", [1.5, [1.5], 1])
def test_an_integer_beyond_every_float_is_wrong_and_no_crash(expected: object) -> None:
    value = [10**400] if isinstance(expected, list) else 10**400
    tolerant = {"policy": "tokens", "float_abs": 1e-6, "float_rel": 1e-6, "case": "sensitive"}
    assert compare_value(expected, value) and compare_value(expected, value, tolerant)
    assert compare_value(10**400, 10**400, tolerant) is None


# ---- matching without order, against brute force ------------------------------------------------------------------------

few_numbers = st.lists(st.integers(0, 24).map(lambda i: f"{1 + i * 4e-7:.9f}"), max_size=5)


@given(few_numbers, few_numbers)
def test_unordered_decimals_match_if_any_order_does(expected: list[str], answer: list[str]) -> None:
    any_order = len(expected) == len(answer) and any(
        all(compare_output(left.encode(), right.encode()) is None for left, right in zip(expected, order, strict=True))
        for order in itertools.permutations(answer)
    )
    for policy, gap in (("unordered_tokens", " "), ("unordered_lines", "\n")):
        found = compare_output(gap.join(expected).encode(), gap.join(answer).encode(), rule(policy))
        assert (found is None) == any_order
    encoded = [encode(float(token)) for token in answer]
    for value in (encoded, {"s": encoded}):
        compare = rule("unordered_tokens") if value is encoded else None
        assert (compare_value([float(token) for token in expected], value, compare) is None) == any_order


small_values = st.recursive(
    st.sampled_from([0, 1, True, False, 1.0, 1.0000005, 0.5, None, "", "1", "t"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["t", "f", "d", "1"]), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(small_values, max_size=4), st.lists(small_values, max_size=4))
def test_unordered_results_match_if_any_order_does(expected: list, answer: list) -> None:
    for items in (answer, expected[::-1]):
        any_order = len(expected) == len(items) and any(
            all(
                compare_value(left, encode(right), rule("unordered_tokens")) is None
                for left, right in zip(expected, order, strict=True)
            )
            for order in itertools.permutations(items)
        )
        assert (compare_value(expected, encode(items), rule("unordered_tokens")) is None) == any_order


def test_an_identical_item_may_be_anothers_only_partner() -> None:
    expected, answer = b"1.0 1.0000009", b"1.0 0.9999991"
    assert compare_output(expected, answer, rule("unordered_tokens")) is None
    assert compare_value([1.0, 1.0000009], encode({1.0, 0.9999991})) is None


@pytest.mark.long
def test_thirty_thousand_items_without_order_take_seconds() -> None:
    numbers = [i / 7 for i in range(30_000)]
    expected = "\n".join(f"{n:.9f}" for n in numbers).encode()
    answer = "\n".join(f"{n:.7f}" for n in reversed(numbers)).encode()
    for policy in ("unordered_tokens", "unordered_lines"):
        assert compare_output(expected, answer, rule(policy)) is None
        assert compare_output(expected, answer.replace(b"\n1.0000000\n", b"\n1.0010000\n"), rule(policy)) is not None
    assert compare_value(list(range(30_000)), encode(set(range(30_000)))) is None
    assert compare_value(list(range(30_000)), encode(set(range(1, 30_001)))) is not None
    assert compare_value(numbers, encode({n + 1e-9 for n in numbers})) is None


LARGE = [
    ("9007199254740993", "9007199254740993.0", rule(absolute=1e-6), True),
    ("9007199254740993", "9007199254740992", rule(absolute=1e-6), False),
    ("9007199254740993", "9007199254740992", rule(relative=1e-6), True),
    ("1e400", "1.0e400", None, True),
    ("1e400", "1e401", None, False),
    ("1e400", "inf", None, False),
    ("-1e400", "1e400", None, False),
    ("1e400", "1e999999999999999999999", None, False),
    ("1.5", "1e999999999999999999999", None, False),
    ("0.0", "1e-999999999999999999999", None, True),
    ("1" + "0" * 400, "1" + "0" * 400 + ".0", rule(relative=1e-6), True),
    ("1" + "0" * 400, "1" + "0" * 399, rule(relative=1e-6), False),
    ("0.5", "9" * 5000, None, False),
]


@pytest.mark.parametrize(("expected", "answer", "compare", "right"), LARGE)
def test_numbers_no_double_holds(expected: str, answer: str, compare: Compare | None, right: bool) -> None:
    assert (compare_output(expected.encode(), answer.encode(), compare) is None) is right


@pytest.mark.parametrize("compare", [None, rule(absolute=1e-6, relative=1e-6)])
def test_results_no_double_holds(compare: Compare | None) -> None:
    for value in (10**400, -(10**400), 10**6000, float("inf"), float("nan"), 2**53 + 1):
        for expected in (0.5, 7, 1e308, 2**53, [0.5], {"a": 1.5}):
            same = (
                compare is not None and {value, expected} == {2**53, 2**53 + 1}
                if not isinstance(expected, list | dict)
                else False
            )
            assert (compare_value(expected, encode(value), compare) is None) is same
    assert compare_value(10**400, encode(10**400), compare) is None
    assert compare_value(float("inf"), encode(float("inf")), compare) is None


nonsense = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["f", "i", "t", "s", "q", "d", "b", "n", "o", "x"]), inner, max_size=2)
        | st.builds(lambda k, v: {k: v}, st.sampled_from(["t", "s", "q", "d"]), st.lists(inner, max_size=2))
    ),
    max_leaves=8,
)


@given(json_values, nonsense, st.sampled_from(["tokens", "unordered_tokens"]))
def test_no_forged_result_can_crash_the_comparison(expected, forged, policy: str) -> None:
    difference = compare_value(expected, forged, rule(policy, 1e-6, 1e-6))
    if not well_formed(forged):
        assert difference == "the result is no plain data"
