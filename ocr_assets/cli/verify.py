"""``ocr-assets verify``: the stage ``verdicts`` on plain files. Their format: ``ocr_assets/grading/files.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.files import FILE, extended, output_option, refuse_overwriting
from ocr_assets.cli.project import resources

if TYPE_CHECKING:
    from ocr_assets.grading.files import Counts
    from ocr_assets.grading.settings import GradingSettings
    from resources.sandbox.pool import Pool


@click.command()
@click.argument("problems", type=FILE)
@click.argument("solutions", type=FILE)
@output_option
@click.option("--all-tests", is_flag=True, help="Run all tests, not only up to the first failure.")
@click.option("--unordered", is_flag=True, help="Write verdicts in the order in which they are known.")
def verify(problems: Path, solutions: Path, output: str, all_tests: bool, unordered: bool) -> None:
    """Judge solutions against the tests of their problems, in the sandbox.

    One verdict for each row of SOLUTIONS, in its order. File formats: docs/grading.md, §2. With -o, each verdict is on disk as
    soon as it is known (OUTPUT.known), and calling again judges only what is missing or was changed. Rows that cannot be used
    are named and left out: exit code 2, and OUTPUT.known stays. Exit code 1 if a solution's problem is unknown or a sandbox
    failed.
    """
    from ocr_assets.grading.files import Counts
    from ocr_assets.grading.settings import GradingSettings
    from resources.sandbox.api import SandboxUnavailable

    counts = Counts()
    settings = GradingSettings(stop_at_first_failure=not all_tests)
    refuse_overwriting([problems, solutions], output)
    try:
        with resources()["sandbox"].opened() as pool:
            _write(problems, solutions, output, pool, settings, counts, unordered)
    except SandboxUnavailable as error:
        raise click.ClickException(str(error)) from error
    for refused in counts.refused:
        click.echo(f"Error: {refused}", err=True)
    known = f", {counts.known:,} known from before" if counts.known else ""
    click.echo(f"{counts.accepted:,} of {counts.solutions:,} accepted, {counts.faults:,} without a verdict{known}", err=True)
    if counts.refused:
        raise SystemExit(Refused.exit_code)
    if counts.faults:
        raise SystemExit(1)


def _write(
    problems: Path, solutions: Path, output: str, pool: Pool, settings: GradingSettings, counts: Counts, unordered: bool
) -> None:
    from tqdm import tqdm

    from ocr_assets.grading.files import verified, verify
    from ocr_assets.grading.known_verdicts import KnownVerdicts
    from ocr_assets.platform.row_files import write_lines, write_rows

    on_terminal = sys.stderr.isatty()
    total = _rows_in(solutions) if on_terminal else None
    with tqdm(total=total, unit=" solutions", file=sys.stderr, disable=not on_terminal, leave=False) as bar:

        def advancing(rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
            for row in rows:
                yield row
                bar.update()

        if output == "-":
            rows = verify(problems, solutions, pool, settings, counts, unordered=unordered)
            write_lines(advancing(rows), sys.stdout.buffer)
            return
        with KnownVerdicts(Path(output)) as known:
            if unordered:
                rows = verify(problems, solutions, pool, settings, counts, known, unordered=True)
                write_rows(advancing(rows), Path(output), verdict_columns(solutions))
            else:
                rows = verified(problems, solutions, pool, settings, counts, known, bar.update)
                write_rows(rows, Path(output), verdict_columns(solutions))
            if not counts.refused:  # else rows that were judged before may be missing from the output
                known.remove()


def verdict_columns(solutions: Path, without: Sequence[str] = ("code", "language")) -> Any:
    """The columns of the output, as far as they are known beforehand. ``without``: of the input's, what is not passed on."""
    import pyarrow as pa

    from ocr_assets.grading.files import VERDICT_FIELDS
    from ocr_assets.schema import VERDICTS

    columns = [(name, pa.bool_() if name == "trusted" else VERDICTS.schema.field(name).type) for name in VERDICT_FIELDS]
    return extended(solutions, *columns, ("fingerprint", pa.string()), without=without)


def _rows_in(path: Path) -> int | None:
    """How many rows a file has, where that is quickly said."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return int(pq.read_metadata(path).num_rows)
    if path.suffix != ".jsonl":
        return None
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
