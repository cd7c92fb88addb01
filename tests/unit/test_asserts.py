"""Which assertions become calls, and that the host then decides as Python's own operators would."""

import collections
import decimal
import fractions
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.grading.asserts import as_call
from ocr_assets.grading.results import decode, well_formed
from sandbox_images.runner.values import encode


def returned(value: object) -> object:
    """A result as it arrives on the host."""
    return json.loads(json.dumps(encode(value)))


def holds(code: str, value: object) -> bool:
    call = as_call(code)
    assert call is not None, code
    return call.difference(returned(value)) is None


CALLS = [
    ("assert f(2) == 4", "f", "([2], {})"),
    ("  assert f(2) == 4, 'message'  ", "f", "([2], {})"),
    ("assert 4 == f(2)", "f", "([2], {})"),
    ("assert f(-1, [1, (2, 'a')], {'k': {1, 2}}, x=None) != 'no'", "f", "([-1, [1, (2, 'a')], {'k': {1, 2}}], {'x': None})"),
    ("assert f() is None", "f", "([], {})"),
    ("assert f('a') is not True", "f", "(['a'], {})"),
    ("assert abs(f(2) - 4.5) < 1e-6", "f", "([2], {})"),
    ("assert abs(4.5 - f(2)) <= 0.001", "f", "([2], {})"),
    ("assert 1e-6 > abs(f(2) - 4.5)", "f", "([2], {})"),
    ("assert round(f(2), 2) == 4.5", "f", "([2], {})"),
    ("assert math.isclose(f(2), 4.5, rel_tol=1e-9)", "f", "([2], {})"),
    ("assert isclose(4.5, f(2), abs_tol=0.1)", "f", "([2], {})"),
    ("assert Solution().f(2) == 4", "Solution.f", "([2], {})"),
    ("assert f(b'x', 1j, True) >= 3", "f", "([b'x', 1j, True], {})"),
]
NO_CALLS = [
    "f(2)",
    "assert f(2)",
    "assert not f(2)",
    "assert True",
    "assert 4 == 4",
    "assert f(2) == 4 == 4",
    "assert f(2) == 4 and f(3) == 9",
    "assert f(2) == 4; assert f(3) == 9",
    "assert f(x) == 4",
    "assert f(2) == y",
    "assert f(2) == g(2)",
    "assert f(2) == f(2)",
    "assert f(*[2]) == 4",
    "assert f(**{'x': 2}) == 4",
    "assert f(g(2)) == 4",
    "assert f(2)(3) == 4",
    "assert f(2)[0] == 4",
    "assert f(2).value == 4",
    "assert m.f(2) == 4",
    "assert Solution(1).f(2) == 4",
    "assert f(2) is 4",
    "assert f(2) in [4]",
    "assert len(f(2)) == 4",
    "assert sorted(f(2)) == [4]",
    "assert abs(f(2) - g(2)) < 1",
    "assert abs(f(2) + 4) < 1",
    "assert abs(-4) == 4",
    "assert round(f(2), g(1)) == 4",
    "assert math.isclose(f(2), 4, rel_tol=x)",
    "assert f(1e999) == 4",
    "assert f(...) == 4",
    "assert f(float('nan')) == 4",
    "assert f(lambda: 1) == 4",
    "assert f(f'{2}') == '4'",
    "assert f(2) == 4 if True else False",
    "assert (y := f(2)) == 4",
    "assert f(2 == 4",
    "assert f(2) ==\x00 4",
    "",
    "assert " + "(" * 300 + "f(2)" + ")" * 300 + " == 4",
]


@pytest.mark.parametrize(("code", "entry", "literals"), CALLS)
def test_what_becomes_a_call(code: str, entry: str, literals: str) -> None:
    call = as_call(code)
    assert call is not None
    assert (call.run.kind, call.run.entry, call.run.literals) == ("call", entry, literals)


@pytest.mark.parametrize("code", NO_CALLS)
def test_what_stays_an_assertion(code: str) -> None:
    assert as_call(code) is None


Point = collections.namedtuple("Point", "x y")
VERDICTS = [
    ("assert f() == 1", True, True),
    ("assert f() == True", 1, True),
    ("assert f() == 1", 1.0, True),
    ("assert f() == [1, 2]", (1, 2), False),
    ("assert f() == (1, 2)", [1, 2], False),
    ("assert f() == (1, 2)", Point(1, 2), True),
    ("assert f() == {1, 2}", frozenset({2, 1}), True),
    ("assert f() == {1, 2}", {1: "a", 2: "b"}.keys(), True),
    ("assert f() == [1, 2]", {1: "a", 2: "b"}.keys(), False),
    ("assert f() == [0, 1]", range(2), False),
    ("assert f() == {'a': 1}", collections.Counter("a"), True),
    ("assert f() == {'a': 1}", collections.OrderedDict(a=1), True),
    ("assert f() == [1]", collections.deque([1]), False),
    ("assert f() == b'a'", bytearray(b"a"), True),
    ("assert f() == 'a'", b"a", False),
    ("assert f() == 0.5", fractions.Fraction(1, 2), True),
    ("assert f() == 0.5", decimal.Decimal("0.5"), True),
    ("assert f() == 1", 1 + 0j, True),
    ("assert f() == 0.3", 0.1 + 0.2, False),
    ("assert f() == 0.0", -0.0, True),
    ("assert f() == 1", float("nan"), False),
    ("assert f() != 1", float("nan"), True),
    ("assert f() == None", None, True),
    ("assert f() is True", 1, False),
    ("assert f() is True", True, True),
    ("assert f() is not None", re.match("a", "a"), True),
    ("assert f() is None", 0, False),
    ("assert f() < 3", 2, True),
    ("assert f() < 3", 3, False),
    ("assert f() < 3", "2", False),
    ("assert 3 <= f()", 3, True),
    ("assert abs(f() - 4.5) < 1e-6", 4.5000001, True),
    ("assert abs(f() - 4.5) < 1e-6", 4.50001, False),
    ("assert abs(f() - 4.5) < 1e-6", "4.5", False),
    ("assert abs(f() - 4.5) < 1e-6", None, False),
    ("assert abs(f() - 4.5) < 1e-6", float("nan"), False),
    ("assert abs(f()) == 2", -2, True),
    ("assert round(f(), 1) == 4.5", 4.46, True),
    ("assert math.isclose(f(), 4.5)", 4.5000000001, True),
    ("assert math.isclose(f(), 4.5)", 4.501, False),
    ("assert f() == 5", 10**5000, False),
    ("assert f() != 5", 10**5000, True),
    ("assert f() == 'x'", object(), False),
    ("assert f() == {(1, 2): [3]}", {(1, 2): [3]}, True),
    ("assert f() == {'k': {1}}", {"k": {1}}, True),
]


@pytest.mark.parametrize(("code", "value", "right"), VERDICTS, ids=lambda value: type(value).__name__)
def test_the_host_decides_as_python_does(code: str, value: object, right: bool) -> None:
    assert holds(code, value) is right


literals = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.sets(st.integers(0, 3) | st.booleans() | st.text(max_size=1), max_size=3)
        | st.dictionaries(st.integers(0, 3) | st.text(max_size=1) | st.booleans(), inner, max_size=3)
    ),
    max_leaves=8,
)
near = st.sampled_from([0, 1, True, False, 1.0, 0.0, "", "1", [], (), [1], (1,), [True], {1}, {True}, {1: 1}, {True: 1.0}, None])


@given(literals | near, literals | near)
def test_equality_is_pythons_for_any_two_values(one: object, other: object) -> None:
    for expected, value in ((one, other), (one, one)):
        assert holds(f"assert f() == {expected!r}", value) is (value == expected)
        assert holds(f"assert {expected!r} != f()", value) is (value != expected)


@given(literals)
def test_values_survive_the_way_to_the_host(value: object) -> None:
    encoded = returned(value)
    assert well_formed(encoded)
    assert decode(encoded) == value
    assert type(decode(encoded)) is type(value)


class Liar:
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return True

    def __sub__(self, other: object) -> int:
        return 0

    def __lt__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


class SlyFloat(float):
    def __sub__(self, other: float) -> float:
        return 0.0

    def __repr__(self) -> str:
        return "4.5"


@pytest.mark.parametrize("code", ["assert f() == 4", "assert f() < 4", "assert abs(f() - 4) < 1", "assert round(f()) == 4"])
@pytest.mark.parametrize("value", [Liar(), [Liar()], SlyFloat(9.0)])
def test_objects_of_the_solution_have_no_say(code: str, value: object) -> None:
    assert not holds(code, value)


FORGED = [
    {"f": "abc"}, {"f": 1}, {"f": []}, {"f": "1" * 9, "t": []}, {"i": "12"}, {"i": "0x1 "}, {"t": 5}, {"s": {"a": 1}}, {"d": [1]},
    {"d": [[1]]}, {"d": [[1, 2, 3]]}, {"d": {}}, {"b": "0"}, {"b": "zz"}, {"n": ["Evil", "1"]}, {"n": ["Fraction", "1/0"]},
    {"n": ["Fraction", "1e999999999"]}, {"n": ["Decimal", "sNaN"]}, {"n": ["complex", "()"]}, {"n": [[], "1"]}, {"n": "x"}, {}, {"x": "y"},
    {"a": 1, "b": 2}, 1.5, float("inf"), {"o": 5}, [[{"f": None}]], {"t": [{"d": [[{"f": "x"}, 1]]}]},
]  # fmt: skip


@pytest.mark.parametrize("encoded", FORGED, ids=lambda value: repr(value)[:40])
def test_a_forged_result_is_wrong_and_harms_nobody(encoded: object) -> None:
    assert not well_formed(encoded)
    call = as_call("assert f() != 4")
    assert call is not None and call.difference(encoded) == "the result is no plain data"


def test_results_nested_without_end_are_no_plain_data() -> None:
    deep: object = []
    for _ in range(500):
        deep = [deep]
    assert not well_formed(deep)
    call = as_call("assert f() == 4")
    assert call is not None and call.difference(returned(deep)) is not None


def test_messages_say_what_was_wrong() -> None:
    messages = {
        "assert f() == [4]": "expected [4], got 'x'",
        "assert f() != 'x'": "not f() != 'x', got 'x'",
        "assert abs(f() - 1) < 2": "TypeError in abs(f() - 1) < 2, got 'x'",
    }
    for code, message in messages.items():
        call = as_call(code)
        assert call is not None and call.difference("x") == message
