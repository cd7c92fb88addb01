"""Answers of an annotator, taken apart and found again in the reasoning; the tests of correct against incorrect responses."""

import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.analysis.reasoning.aligning import LEAST_LIKENESS, Reasoning, _find
from ocr_assets.analysis.reasoning.comparing import statistics
from ocr_assets.analysis.reasoning.spans import aligned, final_spans, initial_spans, marked
from ocr_assets.analysis.reasoning.tags import Tagged, pattern_of, read_annotations

TEXT = "First, restate it. Then try sums; wait, no. Let me check: 1 + 1 = 2. Let me check: 2 + 2 = 4. 所以答案是四。 Done."
ROW = {"annotation_id": "ann_x", "solution_id": "sol_x", "stage": "initial", "initial_id": None}


def tag(pattern: str, text: str) -> str:
    return f'<annotation pattern="{pattern}">\n{text}\n</annotation>'


def spans_of(answer: str, text: str = TEXT) -> tuple[list[Any], list[tuple[int, int]]]:
    return initial_spans(read_annotations(answer, "stop")[1], text)


@pytest.mark.parametrize(
    ("answer", "finish", "status", "count"),
    [
        (None, "stop", "no_answer", 0),
        ("", "length", "truncated", 0),
        ("no", "stop", "no_annotation", 0),
        (tag("other", "a"), "length", "truncated", 1),
        (tag("other", "a"), "stop", "ok", 1),
        ("<annotation pattern='other'>a</annotation>", "stop", "ok", 1),
        ("<ANNOTATION pattern=other>a</ANNOTATION >", "stop", "ok", 1),
        ('<annotation pattern="other">a', "stop", "no_annotation", 0),
        (f'<annotation pattern="other">a {tag("backtracking", "b")} c</annotation>', "stop", "ok", 2),
        ("<annotation" * 5_000, "stop", "no_annotation", 0),
    ],
)
def test_tags_are_read_however_they_stand(answer: str | None, finish: str, status: str, count: int) -> None:
    found = read_annotations(answer, finish)
    assert (found[0], len(found[1])) == (status, count)


def test_tags_within_tags_are_both_and_too_deep_ones_cost_no_square() -> None:
    _, (outer, inner) = read_annotations(f'<annotation pattern="other">a {tag("backtracking", "b")} c</annotation>', "stop")
    assert (outer.text.split(), inner.text, outer.depth, inner.depth) == (["a", "b", "c"], "b", 0, 1)
    deep = read_annotations('<annotation pattern="other">a ' * 4_000 + "</annotation>" * 4_000, "stop")[1]
    assert 0 < len(deep) < 20


def test_names_are_the_pattern_that_was_meant() -> None:
    assert pattern_of("Verification") == pattern_of("self-evaluation") == pattern_of(" Self Evaluation ") == "self_evaluation"
    assert pattern_of("New Approach") == "new_approach" and pattern_of("Solving a simpler problem first") == "simpler_problem"
    assert pattern_of("") is None and pattern_of("daydream") is None


@pytest.mark.parametrize(
    ("quote", "found", "there"),
    [
        ("Then try sums; wait, no.", "exact", "Then try sums; wait, no."),
        ("then try sums -- WAIT no", "words", "Then try sums; wait, no"),
        ("then we try the sums, wait, no! Let me check", "alike", "Then try sums; wait, no. Let me check"),
        ("所以答案是四", "exact", "所以答案是四"),
        ("所以 答案 是 四", "words", "所以答案是四"),
        ("nothing of this stands anywhere", None, None),
        ("", None, None),
        ("++ --", None, None),
    ],
)
def test_a_quote_is_found_as_it_stands_by_its_words_or_alike(quote: str, found: str | None, there: str | None) -> None:
    place = Reasoning(TEXT).place_of(quote)
    assert (place and place.found, place and TEXT[place.start : place.end]) == (found, there)
    assert place is None or place.likeness >= LEAST_LIKENESS


def test_of_several_places_the_next_one_counts() -> None:
    spans, _ = spans_of(tag("verification", "Let me check:") + tag("verification", "Let me check:"))
    assert [TEXT[: span["start"]].count("Let me check:") for span in spans] == [0, 1]
    spans, _ = spans_of(f'<annotation pattern="other">Let me check: {tag("backtracking", "1 + 1 = 2.")}</annotation>')
    assert TEXT[spans[1]["start"] : spans[1]["end"]] == "1 + 1 = 2."


def test_a_text_with_several_patterns_counts_for_none_and_one_that_touches_another_stays() -> None:
    first, second = "First, restate it. Then try sums;", "Then try sums; wait, no. Let me check: 1 + 1 = 2."
    spans, _ = spans_of(tag("other", first) + tag("backtracking", second))
    assert [span["status"] for span in spans] == ["kept", "kept"]
    spans, parts = spans_of(tag("other", first) + tag("backtracking", first) + tag("verification", "Done."))
    assert [span["status"] for span in spans] == ["several_patterns", "several_patterns", "kept"]
    assert not any(TEXT[start:end].startswith("First") for start, end in parts), (
        "it was annotated, if not well: it is not asked again"
    )
    spans, _ = spans_of(tag("verification", "Let me check: 1 + 1 = 2.") + tag("self evaluation", "1 + 1 = 2."))
    assert [span["status"] for span in spans] == ["kept", "repeated"]


def test_parts_that_were_left_out_are_named_by_their_numbers() -> None:
    _, parts = spans_of(tag("other", "First, restate it.") + tag("other", "Done."))
    shown = marked(TEXT, parts)
    assert re.sub(r'<unannotated number="\d+">|</unannotated>', "", shown) == TEXT
    assert [TEXT[start:end] for start, end in parts] == [TEXT[19:-6]]
    answer = [Tagged("backtracking", 1, "gives up"), Tagged("other", 2, "?"), Tagged("other", None, "?"), Tagged("odd", 1, "")]
    final = final_spans(answer, parts, TEXT)
    assert [span["status"] for span in final] == ["kept", "no_such_part", "no_such_part", "unknown_pattern"]
    assert final[0]["note"] == "gives up" and (final[0]["start"], final[0]["end"]) == parts[0]
    contradiction = final_spans([Tagged("other", 1, ""), Tagged("backtracking", 1, "")], parts, TEXT)
    assert {span["status"] for span in contradiction} == {"several_patterns"}


def test_paraphrased_quotes_of_a_long_text_are_found_where_they_were_taken_from() -> None:
    """A tenth of the words left out, a twentieth replaced: nine spans in ten are found, at their places."""
    chance = random.Random(5)
    words = [chance.choice([f"w{n}" for n in range(800)]) for _ in range(3_000)]
    text, answer, true, place = " ".join(words), "", [], 0
    while place < len(words):
        taken = words[place : place + chance.randint(15, 60)]
        start = len(" ".join(words[:place])) + (place > 0)
        true.append((start, start + len(" ".join(taken))))
        place += len(taken)
        said = ["zzz" if chance.random() < 0.05 else word for word in taken if chance.random() > 0.1]
        answer += tag(chance.choice(["other", "backtracking", "verification"]), " ".join(said))
    spans, _ = spans_of(answer, text)
    kept = [(span, place) for span, place in zip(spans, true, strict=True) if span["status"] == "kept"]
    assert len(kept) >= 0.9 * len(true)
    off = [abs(span["start"] - start) + abs(span["end"] - end) for span, (start, end) in kept]
    assert sum(value <= 40 for value in off) >= 0.9 * len(kept)


_PIECES = st.sampled_from(
    ["Let me check", "1 + 1", " ", "wait", "四", "</annotation>", '<annotation pattern="other">', "\n", "\x00", "x"]
)


@settings(max_examples=150, deadline=None)
@given(text=st.lists(_PIECES, min_size=1, max_size=30).map("".join), answer=st.lists(_PIECES, max_size=30).map("".join))
def test_whatever_is_answered_spans_lie_within_and_parts_never_overlap_them(text: str, answer: str) -> None:
    status, tagged = read_annotations(answer, "stop")
    spans, parts = initial_spans(tagged, text)
    assert len(spans) == len(tagged)
    for span in spans:
        assert (span["start"] is None) == (span["end"] is None)
        assert span["start"] is None or 0 <= span["start"] < span["end"] <= len(text)
        if span["status"] in ("kept", "several_patterns", "repeated"):
            assert span["pattern"] is not None and span["start"] is not None
            assert all(span["end"] <= start or end <= span["start"] for start, end in parts)
    assert parts == sorted(parts) and all(0 <= start < end <= len(text) for start, end in parts)
    row = aligned(ROW, status, spans, parts, text)
    assert 0 <= row["covered"] <= row["characters"]


def sums(grouping: str = "all", **values: Any) -> dict[str, Any]:
    return {
        "grouping": grouping, "value": "all", "measure": "other", "responses": 40, "mean": 0.5, "correct": 20, "incorrect": 20,
        "mean_correct": 0.6, "mean_incorrect": 0.5, "variance_correct": 0.01, "variance_incorrect": 0.02, "problems": 10, "more": 9,
        "less": 1, "problem_difference": 0.1, **values,
    }  # fmt: skip


def test_tests_and_effects_are_those_of_the_textbooks() -> None:
    (row,) = statistics([sums()])
    assert row["t"] == pytest.approx(0.1 / (0.03 / 20) ** 0.5) and row["degrees"] == pytest.approx(34.2, abs=0.1)
    assert row["effect"] == pytest.approx(0.1 / 0.015**0.5 * (1 - 3 / 151))
    assert row["low"] < 0.1 < row["high"] and row["low"] > 0 and row["t_p"] == row["t_q"] == pytest.approx(0.0142, abs=2e-4)
    assert row["sign_p"] == pytest.approx(2 * 11 / 1024) and row["sign_effect"] == 0.9


@pytest.mark.parametrize(
    "lacking",
    [
        {"correct": 0, "mean_correct": None, "variance_correct": None},
        {"incorrect": 1, "variance_incorrect": None},
        {"variance_correct": 0.0, "variance_incorrect": 0.0},
    ],
)
def test_what_cannot_be_tested_is_null(lacking: dict[str, Any]) -> None:
    row, other = statistics([sums(more=0, less=0, **lacking), sums()])
    assert row["t_p"] is row["t_q"] is row["effect"] is row["low"] is row["sign_p"] is row["sign_q"] is row["sign_effect"] is None
    assert other["t_q"] == other["t_p"], "and is no test among those corrected for"


def test_tests_are_corrected_for_within_their_grouping() -> None:
    rows = list(statistics([sums(mean_correct=0.5 + step / 100) for step in range(1, 9)] + [sums("level")]))
    assert all(row["t_q"] >= row["t_p"] for row in rows) and rows[0]["t_q"] == rows[0]["t_p"]
    assert rows[-1]["t_q"] == rows[-1]["t_p"], "the only test of its grouping"
    assert rows[-2]["t_q"] > rows[-2]["t_p"]


@given(st.text("ab ", max_size=30), st.text("ab ", min_size=1, max_size=6), st.integers(0, 30))
def test_a_place_is_the_next_one_else_the_last(text: str, wanted: str, begin: int) -> None:
    found = text.find(wanted, begin)
    assert _find(text, wanted, begin) == (found if found >= 0 else text.rfind(wanted))


@pytest.mark.slow
def test_a_quote_as_long_as_the_loop_that_it_misquotes_costs_no_square() -> None:
    assert Reasoning("So. " + "wait " * 400_000).place_of("xait" + " wait" * 200_000, 10) is None  # minutes, were it one
