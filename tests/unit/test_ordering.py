"""Released rows in order, though only a part of them is in memory at a time."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.exports.ordering import MOST_RANGES, RANGE_ROWS, ordered, ranges

KEYS = st.text("abé\U0001f600~", min_size=1, max_size=4)
ROWS = st.lists(st.tuples(st.sampled_from(["train", "validation", "c++_train"]), KEYS), unique_by=lambda row: row[1])


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sets(KEYS, max_size=4), st.integers(1, 5))
def test_rows_are_those_of_a_sort_by_bytes(rows: list[tuple[str, str]], edges: set[str], size: int) -> None:
    schema = pa.schema([("split", pa.string()), ("id", pa.large_string()), ("n", pa.int64())])
    table = pa.table({"split": [s for s, _ in rows], "id": [k for _, k in rows], "n": [*range(len(rows))]}, schema=schema)
    starts = sorted(edges, key=str.encode)
    with TemporaryDirectory() as folder:
        got = [row for batch in ordered(table.to_batches(size), "split", "id", starts, Path(folder)) for row in batch.to_pylist()]
        assert not any(Path(folder).iterdir())
    assert got == sorted(table.to_pylist(), key=lambda row: (row["split"].encode(), row["id"].encode()))


@pytest.mark.parametrize(("rows", "parts"), [(0, 1), (1, 1), (RANGE_ROWS, 1), (RANGE_ROWS + 1, 2), (10**9, MOST_RANGES)])
def test_a_range_fits_in_memory(rows: int, parts: int) -> None:
    assert ranges(rows) == parts
