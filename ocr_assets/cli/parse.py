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

    from ocr_assets.platform.row_files import BadInput, place_of, read_rows
    from ocr_assets.programs import syntax
    from ocr_assets.traces.parse import parse as take_apart

    def rows() -> Iterator[dict[str, Any]]:
        for number, row in read_rows(responses):
            missing = [name for name in ("content", "language") if not isinstance(row.get(name), str)]
            if missing or row["language"] not in ("python", "cpp"):
                raise BadInput(f"{place_of(responses, number)}: content (text) and language (python or cpp) are needed")
            entry_point = row.get("entry_point", row.get("entry"))  # the second was its name once
            parsed = take_apart(row["content"], row.get("reasoning"), row.get("finish_reason"), row["language"], entry_point)
            error = None if parsed.code is None else syntax.syntax_error(parsed.code, row["language"])
            others = {name: value for name, value in row.items() if name not in ("content", "reasoning")}
            yield {
                **others,
                "parse_status": parsed.parse_status,
                "labels": list(parsed.labels),
                "fence_rule": parsed.fence_rule,
                "fences": parsed.fences,
                "reasoning": parsed.reasoning,
                "answer": parsed.answer,
                "code": parsed.code,
                "parses": None if parsed.code is None else error is None,
                "syntax_error": error,
            }

    text = pa.string()
    declared = extended(
        responses, ("parse_status", text), ("labels", pa.list_(text)), ("fence_rule", text), ("fences", pa.int64()),
        ("reasoning", text), ("answer", text), ("code", text), ("parses", pa.bool_()), ("syntax_error", text),
        without=["content"],
    )  # fmt: skip
    stream(rows(), output, "responses", [responses], declared)
