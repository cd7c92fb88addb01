"""Mutants: one small fault each, the same ones each time."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.programs.mutants import mutants

PYTHON = """
import sys

def count(values, limit):
    total = 0
    for value in values:
        if value < limit and value != 3:
            total += value * 2
    return max(total, 0)

values = list(map(int, input().split()))
values.sort()
print(count(values, 10))
"""
CPP = """
#include <bits/stdc++.h>
#define rep(i, n) for (int i = 0; i < (n); i++)
using namespace std;
int main() {
    vector<int> v(3);
    rep(i, 3) cin >> v[i];
    long long sum = 0;
    for (int x : v) { if (x >= 2 && x < 9) sum += x; }
    sort(v.begin(), v.end());
    cout << min(sum, 1000LL) << endl;
}
"""


def test_each_has_one_fault_and_says_which() -> None:
    found = {mutant.mutation for mutant in mutants(PYTHON, "python", 100)}
    assert {
        "line 7: < → <=", "line 7: and → or", "line 7: != → ==", "line 7: 3 → 4", "line 8: += → -=", "line 8: * → +",
        "line 8: total += value * 2 → pass", "line 9: max → min", "line 12: values.sort() → pass", "line 13: 10 → 11",
    } <= found  # fmt: skip
    assert not any("import" in mutation or "print(" in mutation or "input" in mutation for mutation in found)


def test_cpp_templates_streams_and_includes_are_left_alone() -> None:
    found = {mutant.mutation for mutant in mutants(CPP, "cpp", 100)}
    assert {"line 9: >= → >", "line 9: && → ||", "line 9: sum += x; → ;", "line 10: sort(v.begin(), v.end()); → ;"} <= found
    assert {"line 11: min → max"} <= found
    for mutant in mutants(CPP, "cpp", 100):
        assert "#include <bits/stdc++.h>" in mutant.code
        assert "vector<int>" in mutant.code
        assert "cin >> v[i]" in mutant.code


@given(st.integers(0, 30), st.sampled_from([(PYTHON, "python"), (CPP, "cpp")]))
def test_fewer_are_the_first_of_more(count: int, program: tuple[str, str]) -> None:
    code, language = program
    some = mutants(code, language, count)
    assert some == mutants(code, language, 100)[: len(some)]
    assert len(some) <= count
    assert len({mutant.code for mutant in some} | {code}) == len(some) + 1


def test_python_mutants_parse() -> None:
    for mutant in mutants(PYTHON, "python", 100):
        ast.parse(mutant.code)


@given(st.text(max_size=200), st.sampled_from(["python", "cpp"]))
def test_any_text_will_do(text: str, language: str) -> None:
    for mutant in mutants(text, language, 5):  # type: ignore[arg-type]
        assert mutant.code != text


@pytest.mark.parametrize("code", ["", "print('é', 1 < 2)", "x = '<'  # <"])
def test_strings_and_comments_are_left_alone(code: str) -> None:
    for mutant in mutants(code, "python", 9):
        assert "'é'" in mutant.code or "é" not in code
        assert "'<'  # <" in mutant.code or "#" not in code
