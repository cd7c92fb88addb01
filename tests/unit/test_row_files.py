"""Rows of files: read and written as a stream; every fault names the file, the row and what to do."""

import gzip
import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.platform import row_files
from ocr_assets.platform.row_files import BadInput, encoded, read_jsonl, read_rows, write_rows

LINES = b'{"a": 1}\n\n  \r\n{"b": "\xc3\xa9"}\r\n{"c": null}'
OBJECTS = [(1, {"a": 1}), (4, {"b": "é"}), (5, {"c": None})]


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.jsonl.zst"])
def test_plain_or_packed_blank_lines_left_out_and_lines_counted(tmp_path: Path, name: str) -> None:
    pack = {".gz": gzip.compress, ".zst": zstandard.compress}.get(Path(name).suffix, bytes)
    (tmp_path / name).write_bytes(pack(LINES))
    assert list(read_jsonl(tmp_path / name)) == OBJECTS


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b'{"a": 1', "not JSON .* at column 8.*; write one object a line"),
        (b'{"a": 1} {"b": 2}', "not JSON"),
        (b"[1, 2]", "list instead of an object"),
        (b"null", "NoneType instead of an object"),
        (b'"text"', "str instead of an object"),
        (b'{"a": "\xff"}', "not UTF-8 .byte 7.; save the file as UTF-8"),
        (b"9" * 5000, "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"\x00", "not JSON"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, complaint: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"good": true}\n\n' + line + b"\n")
    rows = read_jsonl(path)
    assert next(rows) == (1, {"good": True})
    with pytest.raises(BadInput, match=f"bad.jsonl, line 3: {complaint}"):
        next(rows)


@pytest.mark.parametrize(("name", "pack"), [("x.jsonl.gz", gzip.compress), ("x.jsonl.zst", zstandard.compress)])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, pack: Any) -> None:
    packed = pack(b"".join(b'{"number": %d}\n' % number for number in range(100_000)))
    (tmp_path / name).write_bytes(packed[: len(packed) // 2])
    with pytest.raises(BadInput, match=f"{name}, after line .*: cannot be read on .*damaged or cut off"):
        list(read_jsonl(tmp_path / name))
    (tmp_path / "x.parquet").write_bytes(b"no Parquet")
    with pytest.raises(BadInput, match=r"x\.parquet, from row 0: cannot be read as Parquet"):
        list(read_rows(tmp_path / "x.parquet"))


@pytest.mark.parametrize(("name", "pack"), [("x.jsonl.gz", gzip.compress), ("x.jsonl.zst", zstandard.compress)])
@given(place=st.integers(0, 10_000), flipped=st.integers(1, 255), kept=st.integers(0, 10_000))
def test_damage_anywhere_is_told_as_such(
    tmp_path_factory: pytest.TempPathFactory, name: str, pack: Any, place: int, flipped: int, kept: int
) -> None:
    rows = [{"number": number, "text": "x" * (number % 7)} for number in range(300)]
    packed = bytearray(pack("".join(json.dumps(row) + "\n" for row in rows).encode()))
    packed[place % len(packed)] ^= flipped
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_bytes(packed[: kept % len(packed) + 1])
    refused: list[BadInput] = []
    try:
        found = [row for _, row in read_jsonl(path, refused.append)]
    except BadInput as error:
        assert name in str(error)
    else:  # the damage lies where nothing notices it, as in a header, or makes other text
        assert refused or len(found) <= len(rows)


def test_all_frames_of_a_packed_file_are_read(tmp_path: Path) -> None:
    for name, pack in (("x.jsonl.gz", gzip.compress), ("x.jsonl.zst", zstandard.compress)):
        (tmp_path / name).write_bytes(pack(b'{"a": 1}\n{"b"') + pack(b": 2}\n"))
        assert [row for _, row in read_jsonl(tmp_path / name)] == [{"a": 1}, {"b": 2}]


ROWS = [{"id": 1, "text": "é", "tags": ["a"], "meta": {"n": 1}}, {"id": 2, "text": None, "tags": [], "meta": None}]


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.jsonl.zst", "x.parquet"])
def test_rows_come_back_as_they_were(tmp_path: Path, name: str) -> None:
    assert write_rows(iter(ROWS), tmp_path / name) == 2
    assert [row for _, row in read_rows(tmp_path / name)] == ROWS
    assert [path.name for path in tmp_path.iterdir()] == [name]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values))
def test_a_line_says_what_the_row_said(row: dict[str, Any]) -> None:
    line = encoded(row)
    assert b"\n" not in line and json.loads(line) == row


def test_what_json_has_no_word_for() -> None:
    row = {
        "day": date(2024, 8, 1),
        "at": datetime(2024, 8, 1, 12),
        "price": Decimal("0.10"),
        "nan": float("nan"),
        "half": "\ud800",
    }
    assert json.loads(encoded(row)) == {
        "day": "2024-08-01", "at": "2024-08-01T12:00:00", "price": "0.10", "nan": None, "half": "\ud800",
    }  # fmt: skip
    with pytest.raises(BadInput, match="bytes cannot be written as JSON; write Parquet"):
        encoded({"raw": b""})


def failing(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from rows
    raise RuntimeError("the sandbox is gone")


def test_a_file_of_the_outputs_name_is_always_whole(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("before\n")
    with pytest.raises(RuntimeError):
        write_rows(failing(ROWS), out)
    assert out.read_text() == "before\n"
    assert [row for _, row in read_rows(tmp_path / "out.jsonl.partial")] == ROWS  # what was known is not lost
    with pytest.raises(RuntimeError):
        write_rows(failing([]), tmp_path / "other.jsonl")
    with pytest.raises(RuntimeError):
        write_rows(failing(ROWS), tmp_path / "other.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "out.jsonl.partial"]


def test_lines_are_on_disk_as_soon_as_they_are_known(tmp_path: Path) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield ROWS[0]
        assert (tmp_path / "out.jsonl.partial").read_bytes() == encoded(ROWS[0]) + b"\n"

    write_rows(rows(), tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("later", "complaint"),
    [
        ({"id": "three"}, "row 1002: `id` was int64 in the rows before, this does not fit"),
        ({"id": 3, "extra": 1}, "row 1002: no row before has `extra`"),
        ({"id": 3, "meta": {"n": 1, "deep": 2}}, "row 1002: no row before has `meta.deep`"),
        ({"id": 3, "never": "now"}, "row 1002: `never` was always null in the rows before"),
        ({"id": 3, "text": "\ud800"}, "row 1002: `text` was string"),
    ],
)
def test_a_later_row_that_does_not_fit_parquet_is_named(tmp_path: Path, later: dict[str, Any], complaint: str) -> None:
    first = [{"id": 0, "text": "t", "meta": {"n": 1}, "never": None}] * 1002
    with pytest.raises(BadInput, match=complaint):
        write_rows([*first, later], tmp_path / "out.parquet")
    assert not list(tmp_path.iterdir())


def test_declared_columns_keep_their_type(tmp_path: Path) -> None:
    declared = pa.schema([("id", pa.int64()), ("code", pa.string())])
    write_rows([{"id": 1, "code": None, "more": 1.5}], tmp_path / "one.parquet", declared)
    assert pq.read_schema(tmp_path / "one.parquet").field("code").type == pa.string()
    write_rows([], tmp_path / "none.parquet", declared)
    assert pq.read_table(tmp_path / "none.parquet").schema.equals(declared)
    for mixed in ([{"id": 1}, {"id": "x"}], [{"empty": {}}]):
        with pytest.raises(BadInput, match=r"out\.parquet.*write JSON lines instead"):
            write_rows(mixed, tmp_path / "out.parquet")


def test_parquet_is_written_in_groups_that_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_files, "TEXT_IN_A_GROUP", 50_000)
    write_rows(({"text": "x" * 10_000} for _ in range(52)), tmp_path / "out.parquet")
    file = pq.ParquetFile(tmp_path / "out.parquet")
    assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [5] * 10 + [2]
