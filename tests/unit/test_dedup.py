"""Exact duplicates become one, whatever the order; tests and origins are merged, disagreements counted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.problems.dedup import merge as dedup
from ocr_assets.problems.dedup.merge import merge_groups
from ocr_assets.programs.published import limits
from ocr_assets.schema import DEDUPED_PROBLEMS, TEST_CONFLICTS, TEST_SUITES, suite_id
from ocr_assets.texts.normalize import normalize, problem_id
from tests.support.rows import raw_problem as raw


def key_of(row: dict[str, Any]) -> str:
    """The key of the row's statement."""
    return problem_id(row["statement"])


def merge(members: list[Any], layers: dict[str, Any] | None = None) -> dedup.Merged:
    return dedup.merge([(key_of(member), member) for member in members], layers or {}, "rule")


LONG = "Ada has n boxes in a row, each with some apples, and wants to know how many apples lie in the boxes from the l-th to the r-th, for many such questions."

SAME = [
    ("for 1 <= n <= 10", "for $1 \\le n \\le 10$"),
    ("for 1 ≤ n", "for $$$1 \\leq n$$$"),
    ("a  b\r\nc", "a b c"),
    ("**Input**\nn", "Input n"),
    ("## Input\nn", "Input n"),
    ("up to 10^5", "up to 10⁵"),
    ("up to 10^{5}", "up to 10^5"),
    ("a “word” — here…", 'a "word" - here...'),
    ("Print YES", "print yes"),
    ("n &le; 5 and a&nbsp;b", "n <= 5 and a b"),
    ("n<sup>2</sup> and a<sub>i</sub><br>next", "n^2 and a_{i}\nnext"),
    (r"$\frac{n}{2}$ is $\text{odd}$ and $\min(a, b)$", "n/2 is odd and min(a, b)"),
    ("up to 200,000 items", "up to 200000 items"),
    ("-----Input-----\nn\n-----Output-----\nm", "Input Format:\nn\nOutput\nm"),
    ("time limit per test\n2 seconds\nmemory limit per test: 256 megabytes\ninput\nstandard input\nDo it.", "Input\nDo it."),
    (LONG + "\n\nExamples\nInput\n3\nOutput\n5\n\nNote\nSee there.", LONG + "\n\n-----Note-----\nSee there."),
    (LONG + "\nSample Input 1:\n3 4\nSample Output 1:\n7\n", LONG + "\nSample Input 1:\n5 9\nSample Output 1:\n14\n"),
]
OTHER = [
    ("up to 10^5", "up to 105"),
    ("a < b", "a <= b"),
    ("print the minimum", "print the maximum"),
    ("n numbers", "m numbers"),
    ("x_1 y", "x1 y"),
    ("a * b", "a b"),
    ("3.5", "35"),
    ("points (1,100)", "points (1100)"),
    ("if a <b and c> d", "if a d"),
    (r"write \min of them", "write max of them"),
    ("Read it.\nExamples\nInput\n3\nOutput\n5", "Read it.\nExamples\nInput\n3\nOutput\n6"),
    (LONG + "\nNote\nOne.", LONG + "\nNote\nTwo."),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spelling_is_folded(one: str, other: str) -> None:
    assert normalize(one) == normalize(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_meaning_is_not(one: str, other: str) -> None:
    assert normalize(one) != normalize(other)


@given(st.text())
def test_normalizing_twice_changes_nothing_more_in_plain_text(text: str) -> None:
    assert isinstance(normalize(text), str)


def test_the_member_with_most_tests_stays_and_gets_the_others() -> None:
    small = raw("a", tests=(("1 1", "2"),), tags=["math"], title="Sum", limits=limits(2.0))
    large = raw("b", tests=(("1 2", "3"), ("5 5", "10")), tags=["easy"])
    merged = merge([small, large])
    problem, edges = merged.problem, merged.edges
    assert problem["raw_id"] == "raw_b"
    assert problem["origins"] == ["taco/train/b", "taco/train/a"]
    assert [test["input"] for test in merged.suite["tests"]] == ["1 2", "5 5", "1 1"]
    assert merged.suite["suite_id"] == problem["suite_id"] == suite_id(merged.suite)
    assert (problem["tags"], problem["title"], merged.suite["limits"]["cpu_s"]) == (["easy", "math"], "Sum", 2.0)
    assert [(e["parent"], e["relation"]) for e in edges] == [("raw_b", "derived"), ("raw_a", "merged_into")]
    DEDUPED_PROBLEMS.batch([problem])
    TEST_SUITES.batch([merged.suite])


def test_disagreement_is_counted_and_the_representative_kept() -> None:
    one = raw("a", tests=(("1 2", "3"), ("2 2", "4")))
    other = raw("b", tests=(("1 2", "4"),))
    merged = merge([other, one])
    assert merged.problem["test_conflicts"] == 1
    assert [test["output"] for test in merged.suite["tests"]] == ["3", "4"]
    (conflict,) = merged.conflicts
    assert (conflict["raw_id"], conflict["input"], conflict["kept"], conflict["left_out"]) == ("raw_b", "1 2", "3", "4")
    assert (conflict["origin"], conflict["representative_origin"]) == ("taco/train/b", "taco/train/a")
    TEST_CONFLICTS.batch(merged.conflicts)


def test_a_row_that_contradicts_itself_is_a_conflict() -> None:
    merged = merge([raw("a", tests=(("1", "2"), ("1", "3")))])
    assert [test["output"] for test in merged.suite["tests"]] == ["2"]
    assert [(c["kept"], c["left_out"]) for c in merged.conflicts] == [("2", "3")]


def test_a_member_of_another_wording_that_disagrees_brings_no_tests() -> None:
    one = raw("a", "Add the two given numbers.", tests=(("1 2", "3"), ("2 2", "4"), ("0 0", "0")))
    other = raw("b", "Sum up two numbers.", tests=(("1 2", "-1"), ("9 9", "0")))
    agreeing = raw("c", "Sum both numbers.", tests=(("1 2", "3"), ("7 7", "14")))
    layers = {key_of(one): "near", key_of(other): "near", key_of(agreeing): "semantic"}
    merged = merge([one, other, agreeing], layers)
    assert merged.problem["problem_id"] == key_of(one)
    assert [test["input"] for test in merged.suite["tests"]] == ["1 2", "2 2", "0 0", "7 7"]
    assert (merged.problem["tests_left_out"], merged.problem["test_conflicts"]) == (2, 1)
    assert {edge["parent"]: edge["reason"] for edge in merged.edges} == {
        "raw_a": dedup.REPRESENTATIVE, "raw_b": dedup.REASONS["near"], "raw_c": dedup.REASONS["semantic"]
    }  # fmt: skip


def test_tests_that_ask_in_another_way_are_left_out() -> None:
    called = raw("b", entry_point="add", tests=(("{}", "3"),))
    merged = merge([raw("a", tests=(("1 2", "3"), ("2 2", "4"))), called])
    assert (merged.suite["test_count"], merged.problem["tests_left_out"]) == (2, 1)


def test_a_checker_outranks_more_tests() -> None:
    checker = {"language": "python", "source": "print(1)", "protocol": "open_r1"}
    merged = merge([raw("a", tests=(("1", "2"), ("2", "3"))), raw("b", tests=(("1", "9"),), checker=checker)])
    assert merged.problem["raw_id"] == "raw_b" and merged.suite["checker"] == checker
    assert merged.problem["multiple_answers_hint"] is None


members = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"),
        st.sampled_from(["Add two numbers.", "Add  TWO numbers.", "Subtract."]),
        st.lists(st.tuples(st.sampled_from("123"), st.sampled_from("xy")), max_size=3),
        st.booleans(),
    ),
    min_size=1, max_size=8, unique_by=lambda m: m[0],
)  # fmt: skip


@settings(max_examples=60)
@given(members, st.randoms(use_true_random=False))
def test_order_never_matters_and_every_row_has_one_place(rows, random) -> None:
    raws = [raw(n, s, tuple(t), title="T" if full else None) for n, s, t, full in rows]
    shuffled = raws[:]
    random.shuffle(shuffled)

    def grouped(some):
        return list(merge_groups(sorted(((key_of(r), key_of(r), r) for r in some), key=lambda row: row[0])))

    one, other = grouped(raws), grouped(shuffled)
    assert one == other
    placed = [edge["parent"] for merged in one for edge in merged.edges]
    assert sorted(placed) == sorted(r["raw_id"] for r in raws)
    assert len({merged.problem["problem_id"] for merged in one}) == len(one)
    assert all(sum(edge["relation"] == "derived" for edge in merged.edges) == 1 for merged in one)


@given(st.text("aB. \t\n\r\x0b\x0c\x1c\x1f\u00a0\u2009\u2028", max_size=40))
def test_a_normalized_statement_is_one_line_of_words_one_space_apart(statement: str) -> None:
    normalized = normalize(statement)
    assert normalized == " ".join(normalized.split())
