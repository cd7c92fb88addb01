"""``ocr-assets lineage``: questions to the lake. They are SQL macros and views in the lake itself; here they are printed."""

from __future__ import annotations

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.project import existing_lake


@click.group()
def lineage() -> None:
    """Where rows come from and what became of them."""


@lineage.command()
@click.argument("row_id")
def trace(row_id: str) -> None:
    """Every step from ROW_ID back to the raw rows, with file and row."""
    _answer("trace", row_id)


@lineage.command()
@click.argument("row_id")
def why(row_id: str) -> None:
    """Every step from ROW_ID forward, with the reason where something was dropped."""
    _answer("why", row_id)


def _answer(question: str, row_id: str) -> None:
    from ocr_assets.platform.lineage import report

    with existing_lake() as lake:
        try:
            click.echo(getattr(report, question)(lake, row_id))
        except KeyError as error:
            raise Refused(str(error.args[0])) from error


@lineage.command()
def funnel() -> None:
    """Rows in, kept and dropped by reason, at every stage."""
    from ocr_assets.platform.lineage import report

    with existing_lake() as lake:
        click.echo(report.funnel(lake))


@lineage.command()
@click.argument("query")
def sql(query: str) -> None:
    """Run QUERY on the lake and print a table, e.g. "FROM funnel"."""
    import duckdb

    from ocr_assets.platform.lineage import report

    with existing_lake() as lake:
        try:
            click.echo(report.table(lake.rows(query)))
        except duckdb.Error as error:
            raise Refused(str(error)) from error
