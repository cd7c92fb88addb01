"""An answer read as a question, strictly, with a reason code for everything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.synthesis.reading import read_answer
from ocr_assets.synthesis.subsets.definition import METHODS, Keep, Subset, load_subsets

SUBSETS = load_subsets()
TAGGED, PREFILL, FILTER = SUBSETS["evol"], SUBSETS["prefill"], SUBSETS["filter"]
LONG = "Write a function f(x) that returns x."


def reading(subset: Subset, answer: str | None, given: str = "", finish: str = "stop") -> tuple[str, str, str | None]:
    found = read_answer(subset, given, answer, finish)
    return found.status, found.reason.partition(":")[0], found.question


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (f"<question>\n{LONG}\n</question>", ("kept", "ok", LONG)),
        (f"<analysis>It is.</analysis>\n<Question>{LONG}</QUESTION> Done.", ("kept", "ok", LONG)),
        (f"<question>{LONG} if a <b and c> d</question>", ("kept", "ok", f"{LONG} if a <b and c> d")),
        ("<too_poor> Only\n names. </too_poor>", ("refused", "too_poor", None)),
        ("Here is one: " + LONG, ("malformed", "no_tags", None)),
        ("", ("malformed", "no_tags", None)),
        (f"<question>{LONG}", ("malformed", "tag_not_closed", None)),
        (f"{LONG}</question>", ("malformed", "tag_not_opened", None)),
        (f"<question>{LONG}</question><question>{LONG}</question>", ("malformed", "several_tags", None)),
        (f"<question>{LONG}</question><too_poor>or not</too_poor>", ("malformed", "both_tags", None)),
        (f"<question>{LONG}</too_poor>", ("malformed", "both_tags", None)),
        (f"</question>{LONG}<question>", ("malformed", "tags_out_of_order", None)),
        ("<question> \n </question>", ("malformed", "empty", None)),
        (None, ("malformed", "no_answer", None)),
        ("<question>f(x)?</question>", ("filtered", "too_short", "f(x)?")),
    ],
)
def test_a_question_stands_between_one_pair_of_tags(answer: str | None, wanted: tuple[str, str, str | None]) -> None:
    assert reading(TAGGED, answer) == wanted


def test_what_the_token_limit_cut_is_told_apart() -> None:
    assert reading(TAGGED, "<question>Write", finish="length")[:2] == ("malformed", "truncated")
    assert reading(TAGGED, "Let me", finish="length")[:2] == ("malformed", "truncated")
    assert reading(TAGGED, f"<question>{LONG}</question> And so", finish="length")[0] == "kept", "the question was whole"


@given(st.text(max_size=200), st.sampled_from(["stop", "length"]))
def test_any_answer_is_read_as_something_with_a_reason(answer: str, finish: str) -> None:
    for subset in (TAGGED, PREFILL, FILTER):
        found = read_answer(subset, LONG, answer, finish)
        assert (found.status == "kept") == (found.reason == "ok")
        assert found.status != "kept" or found.question


@given(st.text(min_size=20, max_size=200).filter(lambda text: "<" not in text and len(text.strip()) >= 20))
def test_whatever_stands_between_the_tags_is_the_question(text: str) -> None:
    assert reading(TAGGED, f"x<question>{text}</question>y") == ("kept", "ok", text.strip())


@pytest.mark.parametrize(
    ("answer", "finish", "wanted"),
    [
        (" adds two numbers.", "stop", ("kept", "ok", "Write a function that adds two numbers.")),
        ("adds two numbers.\nSecond line", "length", ("kept", "ok", "Write a function that adds two numbers.")),
        (", given two numbers, adds them", "stop", ("kept", "ok", "Write a function that, given two numbers, adds them")),
        (" adds two", "length", ("malformed", "truncated", None)),
        ("", "stop", ("malformed", "empty", None)),
        ("\n\n", "stop", ("malformed", "empty", None)),
    ],
)
def test_a_begun_turn_is_continued_to_the_end_of_its_line(answer: str, finish: str, wanted: tuple[str, str, str | None]) -> None:
    assert reading(PREFILL, answer, "Write a function that", finish) == wanted


GOOD = {"quality": "good", "category": "coding", "form": "function"}


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (json.dumps(GOOD), ("kept", "ok")),
        (f"```json\n{json.dumps(GOOD)}\n```", ("kept", "ok")),
        (json.dumps({**GOOD, "quality": "poor"}), ("filtered", "quality")),
        (json.dumps({**GOOD, "category": "explanation"}), ("filtered", "category")),
        (json.dumps({**GOOD, "form": "other"}), ("filtered", "form")),
        (json.dumps({**GOOD, "quality": "superb"}), ("malformed", "unknown_quality")),
        (json.dumps({**GOOD, "form": ["function"]}), ("malformed", "unknown_form")),
        (json.dumps({**GOOD, "more": 1}), ("malformed", "other_keys")),
        (json.dumps([GOOD]), ("malformed", "other_keys")),
        ("It is good. " + json.dumps(GOOD), ("malformed", "no_json")),
    ],
)
def test_an_instruction_is_kept_by_its_tags(answer: str, wanted: tuple[str, str]) -> None:
    found = read_answer(FILTER, LONG, answer, "stop")
    assert (found.status, found.reason.partition(":")[0]) == wanted
    assert found.question == (None if found.status == "malformed" else LONG)


def test_what_is_kept_is_the_definitions_matter() -> None:
    strict = FILTER.model_copy(update={"keep": Keep(quality=("excellent",))})
    assert read_answer(strict, LONG, json.dumps(GOOD), "stop").reason == "quality: good"
    short = TAGGED.model_copy(update={"keep": Keep(most_characters=30)})
    assert read_answer(short, "", f"<question>{LONG}</question>", "stop").status == "filtered"


def test_every_parser_belongs_to_a_method() -> None:
    assert {usual.parser for usual in METHODS.values()} == {"first_line", "tagged", "tags"}
