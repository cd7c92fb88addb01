"""The decorator of every asset, and what Dagster is told of a table before anything runs.

What an asset does when it runs, and what it reports then, is in ``publish.py``.
"""

from __future__ import annotations

import typing
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import dagster as dg

from resources.lake.tables import Table
from resources.settings import environment_defaults

CHECK = "rows_match_declaration"
Results = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]

# Single-run backfills have been marked beta for years; a warning at every start teaches nothing.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")


def lake_asset(
    table: Table,
    *,
    deps: Sequence[dg.AssetsDefinition | dg.AssetDep | str] = (),
    group: str | None = None,
    kinds: Collection[str] = ("duckdb",),
    partitions_def: dg.PartitionsDefinition[Any] | None = None,
    backfill_policy: dg.BackfillPolicy | None = None,
    section: str = "",
) -> Callable[[Callable[..., Results]], dg.AssetsDefinition]:
    """Make a function the asset of ``table``: named as it, with its columns as metadata and its declaration as blocking check.

    The function's docstring is the asset's description; its parameters name config and resources, as in ``dg.asset``. What the
    project file and the environment set of its config is the config's default from then on.

    Args:
        table: what the asset publishes.
        deps: assets that write the tables which it reads.
        group: what the UI groups it under; if not given, the folder of its stage (``traces`` for ``ocr_assets.traces.assets``).
        kinds: all its labels in the UI; a table of the lake has ``duckdb`` among them.
        partitions_def: its partitions, if it has any.
        backfill_policy: whether several partitions are one run.
        section: the asset's section in ``ocr.toml``; if not given, its name.
    """

    def decorate(function: Callable[..., Results]) -> dg.AssetsDefinition:
        config = typing.get_type_hints(function).get("config")
        if config is not None:
            environment_defaults(config, section or table.name)
        return dg.asset(
            name=table.name,
            group_name=group or function.__module__.split(".")[-2],
            deps=deps,
            kinds=set(kinds),
            partitions_def=partitions_def,
            backfill_policy=backfill_policy,
            check_specs=declared(table),
            metadata=described(table),
        )(function)

    return decorate


def declared(table: Table) -> list[dg.AssetCheckSpec]:
    """The blocking check every table has: no null, foreign value or doubled key against its declaration."""
    return [
        dg.AssetCheckSpec(
            CHECK,
            asset=dg.AssetKey(table.name),
            blocking=True,
            description="Columns, nulls, closed value sets and keys are as ocr_assets/schema declares them; "
            "checked before anything is published.",
        )
    ]


def described(table: Table) -> dict[str, Any]:
    """Definition metadata of a table's asset: its columns with types and meaning."""
    return {"dagster/column_schema": column_schema(table), "dagster/table_name": table.name}


def column_schema(table: Table) -> dg.TableSchema:
    """The table's columns as Dagster shows them."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                str(column.type),
                description=column.doc,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
            )
            for column in table.columns
        ]
    )


__all__ = ["CHECK", "Results", "column_schema", "declared", "described", "lake_asset"]
