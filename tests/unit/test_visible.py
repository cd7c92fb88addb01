"""Untrusted text is shown so that nobody is misled by what cannot be seen."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.platform.lineage.report import table
from ocr_assets.platform.visible import visible


def test_escape_sequences_and_marks_of_direction_are_written_out() -> None:
    assert visible("\x1b[2Kaccepted\r") == "\\x1b[2Kaccepted\\r"
    assert visible("a\u202e) == b") == "a\\u202e) == b"
    assert visible("zero\u200bwidth\ufeff\U000e0041") == "zero\\u200bwidth\\ufeff\\U000e0041"
    assert visible("x = 1\r\n\ty = 'é 漢 🙂'\n") == "x = 1\n\ty = 'é 漢 🙂'\n"


@given(st.text(st.characters()))
def test_nothing_unseen_is_left(text: str) -> None:
    shown = visible(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"]
    assert visible(shown) == shown


def test_the_terminal_is_not_steered_by_what_is_in_the_lake() -> None:
    assert "\x1b" not in table([{"reason": "\x1b]0;owned\x07 wrong_answer"}])
