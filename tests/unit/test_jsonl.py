"""JSON lines: every fault names the file, the line and what to do."""

import gzip
from pathlib import Path

import pytest
import zstandard

from ocr_assets.platform.jsonl import BadLine, read_jsonl

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
    with pytest.raises(BadLine, match=f"bad.jsonl, line 3: {complaint}"):
        next(rows)
