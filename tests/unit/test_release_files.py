"""A release's files: the same rows are the same bytes, one huge row does no harm, and no text on a card is more than a text."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.exports.card import card_text, cell, not_compared, size_category, undecided_warning, warning
from ocr_assets.exports.facts import Facts
from ocr_assets.exports.settings import ChatSettings
from ocr_assets.exports.writer import SPLIT, Sizes, row_bytes, write_release
from ocr_assets.schema import MESSAGES

SCHEMA = pa.schema([("id", pa.string()), ("turns", pa.list_(pa.struct([("text", pa.string())]))), ("tokens", pa.int64())])
ROWS = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
        st.lists(st.none() | st.text("ab", max_size=40), max_size=3),
    ),
    max_size=30,
)


def batch(rows: Sequence[tuple[str, list[str | None]]], split: str = "train") -> pa.RecordBatch:
    listed = [{"id": name, "turns": [{"text": text} for text in texts], "tokens": 1, SPLIT: split} for name, texts in rows]
    return pa.RecordBatch.from_pylist(listed, schema=SCHEMA.append(pa.field(SPLIT, pa.string())))


def write(folder: Path, batches: Any, sizes: Sizes | None = None, **more: Any) -> dict[str, str]:
    write_release(folder, batches, SCHEMA, {"version": "v"}, lambda whole: "card", sizes, **more)
    return dict(json.loads((folder / "manifest.json").read_text())["files"])


@given(ROWS, st.data(), st.integers(1, 9), st.integers(1, 200), st.integers(1, 12), st.integers(1, 400))
@settings(max_examples=40)
def test_the_same_rows_are_the_same_bytes_however_they_arrive(
    tmp_path_factory: pytest.TempPathFactory,
    rows: Any,
    data: Any,
    group_rows: int,
    group_bytes: int,
    shard_rows: int,
    shard_bytes: int,
) -> None:
    sizes = Sizes(group_rows, group_bytes, shard_rows, shard_bytes)
    folder = tmp_path_factory.mktemp("bytes")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    parts = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    whole = write(folder / "a", [batch(rows)], sizes)
    assert whole == write(folder / "b", [batch(part) for part in parts], sizes)
    back = [row for file in sorted(whole) for row in pq.read_table(folder / "a" / file).to_pylist()]
    assert [(row["id"], [turn["text"] for turn in row["turns"]]) for row in back] == rows
    for file in whole:
        shard = pq.ParquetFile(folder / "a" / file)
        assert 1 <= shard.metadata.num_rows <= shard_rows
        for number in range(shard.num_row_groups):
            group = shard.read_row_group(number)
            assert group.num_rows <= group_rows
            assert group.num_rows == 1 or int(row_bytes(group.combine_chunks().to_batches()[0]).sum()) <= group_bytes


@given(ROWS)
def test_a_rows_size_is_that_of_its_texts(rows: Any) -> None:
    expected = [len(name.encode()) + sum(len(text) for text in texts if text) + 8 for name, texts in rows]
    found = batch(rows).select(SCHEMA.names)
    assert row_bytes(found).tolist() == expected
    assert row_bytes(found.slice(len(rows) // 2)).tolist() == expected[len(rows) // 2 :]


@pytest.mark.slow
def test_rows_of_many_megabytes_are_written_one_by_one(tmp_path: Path) -> None:
    def huge() -> Iterator[pa.RecordBatch]:
        for number in range(6):
            yield batch([(f"{number}" * (50 << 20), ["x"]), (f"small {number}", [])])

    before = pa.total_allocated_bytes()
    files = write(tmp_path / "out", huge())
    assert pa.total_allocated_bytes() - before < 60 << 20
    (shard,) = files
    groups = pq.ParquetFile(tmp_path / "out" / shard)
    assert groups.num_row_groups >= 6 and groups.metadata.num_rows == 12
    assert len(groups.read_row_group(0).column("id")[0].as_py()) == 50 << 20


HOSTILE = [
    "MIT | 1 |\n| forged", "<script>alert(1)</script>", "![pixel](http://example.org/a.png)", "`code` [link](javascript:x)",
    "\x1b[31mred", "a\u202eb", "---\nlicense: mit\n---", "$$\\input{x}$$", "{{ 7 * 7 }}", "x" * 10_000, "", "😀" * 3,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_of_somebodys_is_one_cell_of_a_table(text: str) -> None:
    shown = cell(text)
    assert "\n" not in shown and not set(shown) & set("|<>`[]\x1b\u202e$") and "!" not in shown
    assert "49" not in shown, "a template is filled in once"
    assert shown.count("&#") <= 200 and len(shown) < 1500


def card(facts: Facts, name: str, **manifest: Any) -> str:
    whole = {
        "dataset": "mine", "number": 1, "version": "v", "run_id": "r", "created_at": "now", "rows": {"train": 5}, "files": {},
        "filters": ChatSettings(licenses=[name]).model_dump(), "benchmarks": [{"benchmark": name, "version": name, "items": 3}],
        "warning": None, **manifest,
    }  # fmt: skip
    return card_text(
        whole, columns=MESSAGES.columns, funnel=[{"stage": "s", "outcome": "o", "reason": name, "rows": 1}],
        labels=[{"label": name, "rows": 1}], licenses=[{"license": name, "rows": 1}], settings=ChatSettings, label="verdict",
        about="About.", example="x", facts=facts,
    )  # fmt: skip


@pytest.mark.slow
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(HOSTILE))
@settings(max_examples=30)
def test_no_text_adds_a_line_to_a_card(name: str) -> None:
    facts = Facts(counts={"Sources": [{"source": name, "rows": 2}]}, versions={"teacher": name})
    lines, plain = (
        card(facts, name).split("\n"),
        card(Facts(counts={"Sources": [{"source": "a", "rows": 2}]}, versions={"teacher": "a"}), "a").split("\n"),
    )
    assert len(lines) == len(plain) and lines[: lines.index("# mine")] == plain[: plain.index("# mine")]
    for line, other in zip(lines, plain, strict=True):
        assert line.count("|") == other.count("|")


def test_the_card_says_what_was_not_compared() -> None:
    some = [{"benchmark": "HumanEval", "version": "", "items": 164}, {"benchmark": "MBPP (sanitized)", "version": "", "items": 9}]
    assert not_compared(some) == ["BigCodeBench", "LiveCodeBench", "CodeContests"]
    assert (
        not_compared(
            [
                {"benchmark": name, "version": "", "items": 1}
                for name in ("humaneval", "mbpp", "bigcodebench", "livecodebench v5", "code_contests")
            ]
        )
        == []
    )
    assert not_compared([{"benchmark": "HumanEval", "version": "", "items": 0}])[0] == "HumanEval"
    text = card(Facts(undecided=0.02), "x", benchmarks=some, warning=None)
    assert (
        "> Not compared with: BigCodeBench, LiveCodeBench, CodeContests." in text
        and "**Undecided.** 2.0% of the problems" in text
    )
    assert "Undecided." not in card(Facts(undecided=0.005), "x") and undecided_warning(Facts()) is None


def test_a_long_warning_stands_whole() -> None:
    said = warning([{"benchmark": "toy" * 90, "version": "", "items": 1}], {"toy" * 90})
    assert said and said.split(".")[-2].strip() in card(Facts(), "x", warning=said)


def test_sizes_are_the_hubs_words() -> None:
    assert [size_category(n) for n in (0, 999, 1000, 736_712, 10**8)] == ["n<1K", "n<1K", "1K<n<10K", "100K<n<1M", "n>10M"]
