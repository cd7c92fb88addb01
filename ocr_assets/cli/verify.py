"""``ocr-assets verify``: the stage ``verdicts`` on plain files. Their format: ``ocr_assets/verification/grading/files.py``."""

from __future__ import annotations

from pathlib import Path

import click

from ocr_assets.cli.files import FILE, extended, output_option, stream
from ocr_assets.cli.project import resources


@click.command()
@click.argument("problems", type=FILE)
@click.argument("solutions", type=FILE)
@output_option
@click.option("--all-tests", is_flag=True, help="Run all tests, not only up to the first failure.")
def verify(problems: Path, solutions: Path, output: str, all_tests: bool) -> None:
    """Judge solutions against the tests of their problems, in the sandbox.

    One verdict for each row of SOLUTIONS, in its order. File formats: docs/grading.md, §2. Exit code 1 if a
    solution's problem is unknown or a sandbox failed.
    """
    from ocr_assets.schema import VERDICTS
    from ocr_assets.verification.grading import files
    from ocr_assets.verification.settings import GradingSettings
    from resources.sandbox.api import SandboxUnavailable

    counts = files.Counts()
    settings = GradingSettings(stop_at_first_failure=not all_tests)
    verdict_columns = [(name, VERDICTS.schema.field(name).type) for name in files.VERDICT_FIELDS]
    declared = extended(solutions, *verdict_columns, without=["code", "language"])
    try:
        with resources()["sandbox"].opened() as pool:
            verdicts = files.verify(problems, solutions, pool, settings, counts)
            stream(verdicts, output, "solutions", [problems, solutions], declared)
    except SandboxUnavailable as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{counts.accepted:,} of {counts.solutions:,} accepted, {counts.faults:,} without a verdict", err=True)
    if counts.faults:
        raise SystemExit(1)
