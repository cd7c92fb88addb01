"""``ocr-assets lineage``: questions to the lake. They are SQL macros and views in the lake itself; here they are printed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.project import asked_lake


@click.group()
def lineage() -> None:
    """Where rows come from and what became of them."""


@lineage.command()
@click.argument("row_id")
def trace(row_id: str) -> None:
    """Every step from ROW_ID (an id or an origin such as taco/train/5) back to the raw rows, with file and row."""
    _answer("trace", row_id)


@lineage.command()
@click.argument("row_id")
def why(row_id: str) -> None:
    """What became of ROW_ID (an id or an origin), in one line, and where each part of it ended and why."""
    _answer("why", row_id)


@lineage.command()
@click.argument("row_id")
def descendants(row_id: str) -> None:
    """Every step from ROW_ID (an id or an origin) forward."""
    _answer("descendants", row_id)


@lineage.command()
@click.option("--run", "run_id", help="As it was when this run had ended; the beginning of its id will do.")
def funnel(run_id: str | None) -> None:
    """Rows in, kept and dropped by reason, at every stage."""
    _answer("funnel", run_id)


@lineage.command()
@click.argument("dataset")
@click.argument("old", type=int)
@click.argument("new", type=int)
def diff(dataset: str, old: int, new: int) -> None:
    """What changed in DATASET, a table or a release, from version OLD to version NEW (snapshots, of a release its numbers)."""
    _answer("diff", dataset, old, new)


@lineage.command()
@click.argument("dataset")
def cost(dataset: str) -> None:
    """What DATASET, a table or a release, cost: requests, tokens, dollars and runs in the sandbox, by stage."""
    _answer("cost", dataset)


@lineage.command()
@click.argument("release")
@click.argument("number", type=int, default=0)
def provenance(release: str, number: int) -> None:
    """What RELEASE stands on, in its newest version or in version NUMBER."""
    _answer("provenance", release, number)


@lineage.command()
@click.argument("query")
def sql(query: str) -> None:
    """Run QUERY on the lake and print a table, e.g. "FROM funnel"."""
    from ocr_assets.platform.lineage import report

    with _asked(own_query=True) as lake:
        click.echo(report.table(lake.rows(query)))


def _answer(question: str, *about: object) -> None:
    from ocr_assets.platform.lineage import report

    with _asked() as lake:
        try:
            click.echo(getattr(report, question)(lake, *about))
        except KeyError as error:
            raise Refused(str(error.args[0])) from error


@contextmanager
def _asked(*, own_query: bool = False) -> Iterator[Any]:
    import duckdb

    try:
        with asked_lake(own_query=own_query) as lake:
            yield lake
    except duckdb.Error as error:
        expired = ": upkeep expired it, or there never was one" if "No snapshot found at version" in str(error) else ""
        raise Refused(f"{error}{expired}") from error
