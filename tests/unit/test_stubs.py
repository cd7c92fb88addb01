"""Programs that do nothing of what is asked, made from a solution."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.programs.stubs import PLAIN, constant, expected_values, stub

CODE = '''
import functools

LIMIT = 3

@functools.lru_cache
def double(x: int) -> int:
    """Twice x."""
    def inner():
        return x
    return inner() + x

class Stack:
    size = 0

    def __init__(self, items):
        self.items = items

    @property
    def top(self):
        return self.items[-1]
'''


def test_a_stub_keeps_names_and_does_nothing() -> None:
    names: dict[str, object] = {}
    exec(stub(CODE) or "", names)
    assert names["LIMIT"] == 3
    assert names["double"](4) is None  # type: ignore[operator]
    assert names["Stack"]([1]).top is None  # type: ignore[operator]


def test_a_constant_program_answers_it_everywhere_and_sets_objects_up() -> None:
    names: dict[str, object] = {}
    exec(constant(CODE, [1, "a"]) or "", names)
    stack = names["Stack"]([7])  # type: ignore[operator]
    assert names["double"](4) == stack.top == [1, "a"]  # type: ignore[operator]
    assert stack.items == [7]


@pytest.mark.parametrize("code", ["", "x = 1", "def f(:", "f = lambda x: x"])
def test_where_there_is_nothing_to_empty_there_is_no_stub(code: str) -> None:
    assert stub(code) is None and constant(code, 0) is None


@pytest.mark.parametrize(
    ("suite", "values"),
    [
        ("def test_a():\n    assert f(1) == 2\n    assert f(2) == 2\n    assert f(3) == [4]\n", [2, [4]]),
        ("def test_a():\n    assert f(1) is True\n    assert f(1)\n    assert not f(2)\n", [True, False]),
        ("def test_a():\n    assert f(1) == g(2)\n", PLAIN[:2]),
        ("def test_a(:", PLAIN[:2]),
    ],
)
def test_constants_are_what_a_suite_expects_most_often(suite: str, values: list[object]) -> None:
    assert expected_values(suite, 2) == values


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False), st.lists, max_leaves=4))
def test_any_plain_value_can_be_the_constant(value: object) -> None:
    if "inf" in repr(value):
        return
    code = constant("def f(x):\n    return x", value)
    assert code is not None and ast.literal_eval(ast.parse(code).body[0].body[0].value) == value  # type: ignore[attr-defined]
