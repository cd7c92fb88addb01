"""What the commands on plain files share: options, the statement of a problem row, rows streamed to a file or to stdout."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ocr_assets.cli import Refused

if TYPE_CHECKING:
    import pyarrow as pa

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
Command = TypeVar("Command", bound=Callable[..., Any])


def output_option(command: Command) -> Command:
    """``-o``: where the rows go."""
    kind = click.Path(allow_dash=True, dir_okay=False, path_type=str)
    said = "Output file: .jsonl (also .gz, .zst) or .parquet; - is stdout."
    return click.option("-o", "--output", default="-", show_default=True, type=kind, help=said)(command)


def stream(
    rows: Iterable[Mapping[str, Any]], output: str, unit: str, inputs: Sequence[Path], declared: pa.Schema | None = None
) -> None:
    """Write rows as they come, with a progress bar on a terminal.

    Args:
        rows: what to write; drawn from only after ``output`` was found usable.
        output: a file's name, or - for stdout (JSON lines).
        unit: what a row is called beside the bar.
        inputs: the files that are read meanwhile; ``output`` must be none of them.
        declared: types of columns, for Parquet (``ocr_assets.platform.row_files.write_rows``).
    """
    from tqdm import tqdm

    from ocr_assets.platform.row_files import write_lines, write_rows

    refuse_overwriting(inputs, output)
    bar = tqdm(rows, unit=f" {unit}", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)
    if output == "-":
        write_lines(bar, sys.stdout.buffer)
    else:
        write_rows(bar, Path(output), declared)


def refuse_overwriting(inputs: Sequence[Path], output: str) -> None:
    """Refuse an output that is also an input, or that lies in no folder."""
    path = Path(output)
    if output == "-":
        return
    if not path.parent.is_dir():
        raise Refused(f"{output}: there is no folder {path.parent}; make it first")
    for taken in (path, path.with_name(path.name + ".partial"), path.with_name(path.name + ".known")):
        if taken.exists() and any(taken.samefile(file) for file in inputs):
            raise Refused(f"{output}: the output would overwrite an input; give another name with -o")


def extended(path: Path, *added: tuple[str, pa.DataType], without: Sequence[str] = ()) -> pa.Schema:
    """The columns of the input ``path`` as far as it declares any, less ``without``, and the ones that a command adds."""
    import pyarrow as pa

    from ocr_assets.platform.row_files import schema_of

    taken = {*without, *(name for name, _ in added)}
    fields = [] if (given := schema_of(path)) is None else [field for field in given if field.name not in taken]
    return pa.schema([*fields, *(pa.field(name, kind) for name, kind in added)])


def statement_of(path: Path, number: int, row: Mapping[str, Any]) -> str:
    """The statement of a problem row, whatever its column is called."""
    from ocr_assets.platform.row_files import BadInput, place_of

    for name in ("statement", "question", "description"):
        if isinstance(row.get(name), str):
            return str(row[name])
    raise BadInput(f"{place_of(path, number)}: no statement (or question, or description)")
