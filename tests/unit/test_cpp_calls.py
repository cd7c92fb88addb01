"""Call tests for C++ before anything is compiled: which function, which arguments, and what cannot be asked."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.grading.cpp_calls import CppCalls, Undecidable, encoded, untypeable
from ocr_assets.programs.cpp_functions import classes, functions
from ocr_assets.programs.suites import suite_from_json
from resources.sandbox.api import Outcome

ADD = "class Solution {\npublic:\n    int add(int a, int b) { return a + b; }\n};\n"


def calls(code: str, entry: str = "Solution.add", *tests: dict[str, Any]) -> CppCalls:
    given_tests = tests or ({"args": [1, 2], "expected": 3},)
    return CppCalls(code, suite_from_json({"tests": [{"kind": "call", "entry": entry, **test} for test in given_tests]})["tests"])


def last_line(found: CppCalls) -> str:
    return found.text("").splitlines()[-1]


# ---- signatures --------------------------------------------------------------------------------------------------


def test_functions_with_their_parameters() -> None:
    code = """
    // int f(int commented);
    template <class T> T f(T a) { return a; }
    int f(std::vector<std::vector<int>>& grid, const std::string &s, int k = 3, char *p = nullptr);
    int f(std::vector<std::vector<int>>& grid, const std::string &s, int k, char *p) { auto f = [](int x) { return x; }; return 0; }
    struct S { TreeNode* f(TreeNode* root); void g(void) const; };
    TreeNode* S::f(TreeNode* root) { return root; }
    """
    template, free, method = functions(code, "f")
    assert template.template and [parameter.type for parameter in template.parameters] == ["T"]
    assert (free.owner, [parameter.name for parameter in free.parameters]) == (None, ["grid", "s", "k", "p"])
    assert [parameter.type.replace(" ", "") for parameter in free.parameters] == [
        "std::vector<std::vector<int>>&", "conststd::string&", "int", "char*",
    ]  # fmt: skip
    assert [free.takes(count) for count in range(6)] == [False, False, True, True, True, False]
    assert (method.owner, method.name, len(method.parameters)) == ("S", "f", 1)
    (nothing,) = functions(code, "g")
    assert nothing.parameters == () and classes(code) == {"S"}


@pytest.mark.parametrize(
    ("code", "entry", "line"),
    [
        (ADD, "Solution.add", "ocr_call::entry(&Solution::add);"),
        (ADD, "add", "ocr_call::entry(&Solution::add);"),
        ("int add(int a, int b) { return a + b; }", "Solution.add", "ocr_call::entry(&::add);"),
        ("int add(int a, int b) { return a + b; }", "add", "ocr_call::entry(&::add);"),
        ("#define FUNCTION int add(int a, int b)\nFUNCTION { return a + b; }", "add", "ocr_call::entry(&::add);"),
        ("", "Solution.add", "ocr_call::entry(&Solution::add);"),
    ],
)
def test_which_function_is_called(code: str, entry: str, line: str) -> None:
    assert line in last_line(calls(code, entry))


def test_of_several_functions_that_with_as_many_parameters() -> None:
    code = "int add(int a) { return a; }\nint add(long a, const int& b) { return a; }\n"
    assert "with_types<ocr_call_t0, ocr_call_t1>" in last_line(calls(code, "add"))
    assert "using ocr_call_t0 = long" in last_line(calls(code, "add"))


@pytest.mark.parametrize(
    ("code", "tests", "reason"),
    [
        ("int add(int a, int b);\nint add(long a, long b);", [{"args": [1, 2], "expected": 3}], "several functions"),
        ("template <class T> T add(T a, T b) { return a + b; }", [{"args": [1, 2], "expected": 3}], "template"),
        ("int add(int a, int b = 0);", [{"args": [1], "expected": 1}, {"args": [1, 2], "expected": 3}], "different numbers"),
    ],
)
def test_what_only_a_guess_could_decide_is_not_decided(code: str, tests: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(Undecidable, match=reason):
        calls(code, "add", *tests).text("")


def test_named_arguments_come_in_the_order_of_the_parameters() -> None:
    test = {"kwargs": {"b": 2, "a": 1}, "expected": 3}
    found = calls(ADD, "Solution.add", test)
    assert found.data(found.tests[0]) == b"l2:i1;i2;"
    other = calls(ADD, "Solution.add", {"kwargs": {"x": 2, "y": 1}, "expected": 3})
    with pytest.raises(Undecidable, match="names arguments x, y"):
        other.data(other.tests[0])


def test_arguments_nested_too_deeply_are_undecided_and_no_error_of_ours() -> None:
    found = calls(ADD, "Solution.add", {"args": [json.loads("[" * 900 + "]" * 900), 2], "expected": 3})
    with pytest.raises(Undecidable, match="nested too deeply"):
        found.data(found.tests[0])


def test_the_last_line_has_a_name_that_the_code_cannot_hold() -> None:
    first = last_line(calls(ADD)).split("(")[0]
    assert first == last_line(calls(ADD)).split("(")[0], "the same code is compiled once"
    assert first != last_line(calls(ADD + f"{first}() {{}}")).split("(")[0]


def test_nodes_are_there_unless_the_code_brings_its_own() -> None:
    own = "struct ListNode { int val; ListNode* next; };\n"
    assert calls(ADD).text("").count("struct ListNode {") == 1
    assert calls(own + ADD).text("").count("struct ListNode {") == 1
    assert calls("// struct ListNode { int val; };\n" + ADD).text("").count("struct ListNode {") == 2


def complaint(*lines: str) -> Outcome:
    return Outcome(False, "runtime_error: " + "\n".join(lines), [], "", "", 1.0)


def test_only_a_type_that_is_not_carried_is_undecided() -> None:
    found = calls(ADD)
    ours = f"call.h:1: error: static assertion failed: {found._mark}no argument can be given to this type"
    where = "call.h: In instantiation of ‘struct ocr_call::reader<std::any, void>’:"
    with pytest.raises(Undecidable, match=r"no argument can be given to this type \(std::any\)"):
        found._insist_on_types(complaint(where, ours))
    found._insist_on_types(complaint(ours, "main.cpp:3:1: error: expected ';'"))
    found._insist_on_types(complaint("main.cpp:1: error: static assertion failed: no argument can be given to this type"))


# ---- arguments ---------------------------------------------------------------------------------------------------

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


def decoded(data: bytes) -> Any:
    """``encoded`` undone, read as call.h reads it."""
    at = 0

    def until(end: bytes) -> bytes:
        nonlocal at
        found = data.index(end, at)
        text, at = data[at:found], found + 1
        return text

    def value() -> Any:
        nonlocal at
        kind, at = data[at : at + 1], at + 1
        if kind in b"ntf":
            return {b"n": None, b"t": True, b"f": False}[kind]
        if kind in b"id":
            return (int if kind == b"i" else float)(until(b";"))
        count = int(until(b":"))
        if kind == b"s":
            text, at = data[at : at + count], at + count
            return text.decode()
        return [value() for _ in range(count)] if kind == b"l" else {value(): value() for _ in range(count)}

    found = value()
    assert at == len(data)
    return found


@given(PLAIN)
def test_arguments_arrive_as_they_are(value: Any) -> None:
    assert decoded(encoded(value)) == value


@given(PLAIN)
def test_only_nulls_and_lists_of_several_kinds_have_no_type(value: Any) -> None:
    def kind(item: Any) -> type:
        return float if type(item) is int else type(item)

    def several(item: Any) -> bool:
        members = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []
        return item is None or len(set(map(kind, members))) > 1 or any(map(several, members))

    assert untypeable(value) == several(value)


def test_half_a_character_is_a_byte() -> None:
    assert encoded(json.loads('"\\udcff"')) == b"s1:\xff"
    assert encoded(math.inf) == b"dinf;" and encoded(10**30) == b"i1" + b"0" * 30 + b";"
