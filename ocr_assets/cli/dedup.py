"""``ocr-assets dedup``: the stage ``deduped_problems`` on plain files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ocr_assets.cli.files import FILE, extended, output_option, refuse_overwriting, statement_of, stream
from ocr_assets.cli.project import resources


@click.command()
@click.argument("problems", type=FILE, nargs=-1, required=True)
@output_option
@click.option(
    "--near", type=float, help="Also merge by shared wording, from this Jaccard similarity on (0.5 to 1; OCR-like: 0.7)."
)
@click.option("--semantic", type=float, help="Also merge by embeddings, from this cosine on (0.9 to 1; KodCode: 0.95).")
def dedup(problems: tuple[Path, ...], output: str, near: float | None, semantic: float | None) -> None:
    """Keep one of each set of problems that are the same.

    By normalized statement, and by likeness where asked for. PROBLEMS: JSONL or Parquet with `statement` (or question,
    description). Out: the first row of each set as it was, with `problem_id` if it had none and `duplicates` (of the
    others: row, as file:row, and layer: exact, near or semantic).
    """
    import pyarrow as pa

    from ocr_assets.platform.row_files import read_rows
    from ocr_assets.problems.dedup.files import Texts, duplicates_of
    from ocr_assets.problems.dedup.settings import DedupSettings
    from resources.embedder import EmbedderUnavailable
    from resources.settings import from_environment

    refuse_overwriting(problems, output)
    given: dict[str, Any] = {}
    if near is not None:
        given |= {"near": True, "near_threshold": near}
    if semantic is not None:
        given |= {"semantic": True, "semantic_threshold": semantic}
    settings = from_environment(DedupSettings, {}, **given)
    project = resources()

    def read() -> Iterator[tuple[Path, int, dict[str, Any]]]:
        for path in problems:
            for number, row in read_rows(path):
                yield path, number, row

    rows_read: list[str] = []

    def statements() -> Iterator[str]:
        for path, number, row in read():
            rows_read.append(f"{path.name}:{number}")
            yield statement_of(path, number, row)

    try:
        model = project["embedder"].opened(project["lake"].cache) if semantic is not None else None
        with Texts(statements()) as texts:
            keys, duplicate_of = duplicates_of(texts, settings, model)
    except EmbedderUnavailable as error:
        raise click.ClickException(str(error)) from error
    others: dict[int, list[dict[str, str]]] = {}
    for index, (first, layer) in duplicate_of.items():
        others.setdefault(first, []).append({"row": rows_read[index], "layer": layer})

    def distinct() -> Iterator[dict[str, Any]]:
        for index, (_, _, row) in enumerate(read()):
            if index not in duplicate_of:
                yield {"problem_id": keys[index], **row, "duplicates": others.get(index, [])}

    duplicate = pa.struct([("row", pa.string()), ("layer", pa.string())])
    declared = extended(problems[0], ("duplicates", pa.list_(duplicate)))
    stream(distinct(), output, "problems", problems, declared)
    click.echo(f"{len(keys) - len(duplicate_of):,} distinct, {len(duplicate_of):,} duplicates", err=True)
