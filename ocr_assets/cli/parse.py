"""``ocr-assets parse``: the stage ``solutions`` on plain files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ocr_assets.cli.files import FILE, extended, output_option, stream


@click.command()
@click.argument("responses", type=FILE)
@output_option
def parse(responses: Path, output: str) -> None:
    """Take raw responses apart.

    RESPONSES: JSONL or Parquet with `content` and `language` (python, cpp); optional `reasoning`, `finish_reason`,
    `entry_point`, `response_id`. Out: the input's other columns and parse_status, labels, fence_rule, fences, reasoning,
    answer, code, parses, syntax_error.
    """
    import pyarrow as pa

    from ocr_assets.generation.parse import ParsedColumns, parsed_columns
    from ocr_assets.platform.row_files import BadInput, place_of, read_rows

    def rows() -> Iterator[dict[str, Any]]:
        for number, row in read_rows(responses):
            missing = [name for name in ("content", "language") if not isinstance(row.get(name), str)]
            if missing or row["language"] not in ("python", "cpp"):
                raise BadInput(f"{place_of(responses, number)}: content (text) and language (python or cpp) are needed")
            entry_point = row.get("entry_point", row.get("entry"))  # the second was its name once
            columns = parsed_columns(row["content"], row.get("reasoning"), row.get("finish_reason"), row["language"], entry_point)
            yield {**{name: value for name, value in row.items() if name not in ("content", "reasoning")}, **columns}

    text = pa.string()
    types: dict[str, pa.DataType] = {"labels": pa.list_(text), "fences": pa.int64(), "parses": pa.bool_()}
    columns = [(name, types.get(name, text)) for name in ParsedColumns.__annotations__]
    declared = extended(responses, *columns, without=["content"])
    stream(rows(), output, "responses", [responses], declared)
