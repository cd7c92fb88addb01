"""Reasoning that ends in a loop, held against the definition taken literally."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.analysis import loops
from ocr_assets.analysis.loops import LEAST, TIMES, Tail, repeated_tail

STORY = "First the input is read; then, for each query, the answer is looked up in a table of sums. "
WAIT = "Wait, but what if n is zero? Then the loop never runs, and the answer is zero. Hmm, let me think again.\n"


def literally(text: str, times: int, least: int) -> Tail | None:
    """Every tail with every period, each character compared."""
    text = text.rstrip()
    tails = [
        Tail(length, period)
        for length in range(max(least, times, 1), len(text) + 1)
        for period in range(1, length // times + 1)
        if all(text[-i] == text[-i - period] for i in range(1, length - period + 1))
    ]
    return min(tails, key=lambda tail: (-tail.length, tail.period), default=None)


@given(
    st.text("ab ", max_size=24), st.text("ab", min_size=1, max_size=4), st.integers(1, 8), st.text("ab", max_size=2), st.data()
)
def test_the_tail_is_the_longest_that_repeats(head: str, body: str, often: int, rest: str, data: st.DataObject) -> None:
    text = head + body * often + rest
    times, least = data.draw(st.integers(2, 4)), data.draw(st.integers(0, 12))
    for few in (0, 1, 2, loops._FEW):
        with patch.object(loops, "_FEW", few):
            assert repeated_tail(text, times, least) == literally(text, times, least)


def test_a_loop_that_was_cut_off_is_one() -> None:
    tail = repeated_tail(STORY + WAIT * 5 + WAIT[:40])
    assert tail is not None and tail.period == len(WAIT)
    assert 0 <= tail.length - len((WAIT * 5 + WAIT[:40]).rstrip()) <= 2, "a character before it may fit by chance"


def test_what_is_no_loop() -> None:
    for text in (
        "",
        " \n",
        STORY,
        STORY + "ok\n" * 20,
        STORY + WAIT * (TIMES - 1),
        WAIT * 10 + "So the answer is the sum of both ends.",
    ):
        assert repeated_tail(text) is None, text[-50:]
    assert repeated_tail("=" * LEAST) == Tail(LEAST, 1)
    assert repeated_tail("=" * (LEAST - 1)) is None


def test_a_loop_of_lines_that_end_in_a_rule_is_not_taken_for_the_rule() -> None:
    body = "Let me trace that once more, step by step, for n = 3.\n" + "-" * 250 + "\n|"
    tail = repeated_tail("Ok. " + body * 4)
    assert tail is not None and (tail.length, tail.period) == (4 * len(body), len(body))


def test_surrogates_and_other_odd_characters_are_characters() -> None:
    assert repeated_tail("\ud800\U0001f600\0" * 100) == Tail(300, 3)


def test_long_texts_take_time_in_proportion() -> None:
    """The definition taken literally would need 10^11 comparisons, and never end."""
    for text, period in (("a" * 400_000, 1), (("ab" * 300 + "c") * 700, 601), ("a" * 200_000 + "b" + "a" * 200_000, 1)):
        tail = repeated_tail(text)
        assert tail is not None and tail.period == period
