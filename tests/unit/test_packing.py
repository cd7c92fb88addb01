"""Packing: no row is lost, doubled or cut, and equal input gives equal bins."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.training import packed
from ocr_assets.training.bins import pack
from ocr_assets.training.chat import Tokens
from ocr_assets.training.packed import NO_LOSS, Examples, shuffled, write_packed
from ocr_assets.training.tokenized import Tokenized, tokenize

LENGTHS = st.lists(st.integers(0, 40), max_size=80).map(lambda found: np.array(found, np.int64))


@given(LENGTHS, st.integers(1, 32), st.integers(0, 3), st.booleans())
def test_every_row_that_fits_is_in_one_bin(lengths: Any, limit: int, seed: int, together: bool) -> None:
    packing = pack(lengths, limit, seed, together=together)
    fits = (lengths > 0) & (lengths <= limit)
    assert ((packing.bin >= 0) == fits).all(), "longer ones are in none; they are not cut"
    for number in range(packing.bins):
        held = np.flatnonzero(packing.bin == number)
        assert 0 < lengths[held].sum() <= limit and sorted(packing.place[held]) == list(range(len(held)))
        assert together or len(held) == 1
    assert sorted(packing.members()) == np.flatnonzero(fits).tolist()
    again = pack(lengths, limit, seed, together=together)
    assert (again.bin == packing.bin).all() and (again.place == packing.place).all()


@given(LENGTHS)
def test_no_two_bins_could_be_one(lengths: Any) -> None:
    packing = pack(lengths, 32, 0)
    sums = sorted(int(lengths[packing.bin == number].sum()) for number in range(packing.bins))
    assert len(sums) < 2 or sums[0] + sums[1] > 32


def test_the_seed_orders_the_bins() -> None:
    lengths = np.arange(1, 60)
    assert (pack(lengths, 64, 1).bin != pack(lengths, 64, 2).bin).any()
    first = [int(lengths[pack(lengths, 64, seed).bin == 0].max()) for seed in range(8)]
    assert len(set(first)) > 1, "long rows do not all come first"


def example(number: int, prompt: int, answer: int) -> Tokens:
    return Tokens([1000 * number + i for i in range(prompt)], [1000 * number + 500 + i for i in range(answer)])


def numbered(rows: Iterable[int]) -> list[Any]:
    return [SimpleNamespace(row=row) for row in rows]


def tokenized(folder: Path, rows: list[Tokens], files: int = 2) -> Tokenized:
    parts = [partial(numbered, range(number, len(rows), files)) for number in range(files)]
    return tokenize(folder, parts, lambda batch: [rows[each.row] for each in batch], len(rows))


@pytest.fixture
def examples(tmp_path: Path) -> Examples:
    rows = [example(number, 3 + number % 4, 2 + number % 9) for number in range(50)]
    rows[7] = Tokens(rows[7].prompt, rows[7].answer, "its text holds the token that ends a turn")
    numbers = np.arange(50)[::-1].copy()
    return Examples(tokenized(tmp_path / "tokens", rows), numbers, numbers)


def test_packed_files_hold_every_token_and_the_loss_is_on_answers_only(tmp_path: Path, examples: Examples) -> None:
    packing = pack(examples.lengths, 24, 3)
    write_packed(tmp_path / "out", examples, packing)
    bins = pq.read_table(tmp_path / "out").to_pylist()
    assert len(bins) == packing.bins
    seen = 0
    for number, row in enumerate(bins):
        assert sum(row["seq_lengths"]) == len(row["input_ids"]) == len(row["labels"]) <= 24
        members = [int(member) for member in packing.members() if packing.bin[member] == number]
        at = 0
        for member, length in zip(members, row["seq_lengths"], strict=True):
            source = int(examples.prompts[member])
            whole = example(source, 3 + source % 4, 2 + source % 9)
            assert row["input_ids"][at : at + length] == [*whole.prompt, *whole.answer]
            assert row["labels"][at : at + length] == [NO_LOSS] * len(whole.prompt) + list(whole.answer)
            at, seen = at + length, seen + 1
    assert seen == 49 and examples.fault(int(np.flatnonzero(packing.bin < 0)[0])) == "its text holds the token that ends a turn"


def test_the_version_is_the_content(tmp_path: Path, examples: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    packing = pack(examples.lengths, 24, 3)
    version = write_packed(tmp_path / "out", examples, packing)
    monkeypatch.setattr(packed, "GROUP_TOKENS", 30)
    monkeypatch.setattr(packed, "FILE_TOKENS", 100)
    assert write_packed(tmp_path / "small_groups", examples, packing) == version
    assert len(list((tmp_path / "small_groups").iterdir())) > 2
    assert pq.read_table(tmp_path / "small_groups").equals(pq.read_table(tmp_path / "out"))
    assert write_packed(tmp_path / "other", examples, pack(examples.lengths, 24, 4)) != version
    assert write_packed(tmp_path / "apart", examples, pack(examples.lengths, 24, 3, together=False)) != version


def test_shuffled_answers_are_anothers(tmp_path: Path, examples: Examples) -> None:
    control = Examples(examples.tokens, examples.prompts, shuffled(examples.prompts))
    assert (control.prompts != control.answers).all() and sorted(control.answers) == sorted(control.prompts)
    packing = pack(control.lengths, 64, 0)
    write_packed(tmp_path / "out", control, packing)
    row = pq.read_table(tmp_path / "out").to_pylist()[0]
    first = row["input_ids"][: row["seq_lengths"][0]]
    assert len({token // 1000 for token in first}) == 2


def test_tokenizing_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    rows = [example(number, 3, 4) for number in range(20)]
    asked: list[int] = []

    class Killed(BaseException):
        pass

    def tokens(batch: Any) -> list[Tokens]:
        asked.extend(each.row for each in batch)
        if 1 in asked and len(asked) == 20 and dies:
            raise Killed
        return [rows[each.row] for each in batch]

    parts = [partial(numbered, range(0, 20, 2)), partial(numbered, range(1, 20, 2))]
    dies = True
    with pytest.raises(Killed):
        tokenize(tmp_path, parts, tokens, 20)
    dies = False
    asked.clear()
    found = tokenize(tmp_path, parts, tokens, 20)
    assert asked == list(range(1, 20, 2)), "the file that was whole is not read again"
    assert all(
        found.prompt_of(row).tolist() == rows[row].prompt and found.answer_of(row).tolist() == rows[row].answer
        for row in range(20)
    )


def test_rows_that_left_the_release_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"1 rows of the mix are in no file .* materialize training_mix first"):
        tokenize(tmp_path, [partial(numbered, [0])], lambda batch: [example(0, 1, 1)], 2)
