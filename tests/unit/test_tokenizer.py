"""Real Qwen tokens."""

from hypothesis import given
from hypothesis import strategies as st

from resources.tokenizer import QwenTokenizer

TOKENIZER = QwenTokenizer()


def test_known_counts() -> None:
    # Digits stand alone in Qwen's vocabulary, and words carry their leading blank.
    assert TOKENIZER.count(["", "Hello world", "12345", "Hello world" * 2]) == [0, 2, 5, 4]


def test_special_markers_are_plain_text() -> None:
    assert TOKENIZER.count(["<|endoftext|>"])[0] > 1


@given(st.lists(st.text(max_size=50), max_size=5))
def test_each_text_has_its_own_count(texts: list[str]) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in texts]
    counts = TOKENIZER.count(clean)
    assert counts == [TOKENIZER.count([text])[0] for text in clean]
    assert all((count == 0) == (text == "") for count, text in zip(counts, clean, strict=True))


def test_a_long_run_without_a_break_is_counted_in_pieces() -> None:
    assert TOKENIZER.count(["a" * 1_000_000])[0] > 100_000
