"""The decorator of every asset, and what Dagster is told of a table before anything runs.

What an asset does when it runs, and what it reports then, is in ``publish.py``. When it runs by itself, and who owns it, is the
matter of ``ocr_assets/automation``.
"""

from __future__ import annotations

import hashlib
import json
import os
import typing
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import dagster as dg
from pydantic import BaseModel

from ocr_assets.schema.origins import origins
from resources.lake.tables import Figure, Table
from resources.settings import environment_defaults

CHECK = "rows_match_declaration"
ROWS_LOST = Figure(
    "rows_lost_share",
    "",
    "Rows that the table had before this run and has no longer, beyond those that came: a source may have shrunk, or a setting "
    "leaves out more than was meant",
    most="max_rows_lost",
)
PAYS = "ocr/pays"  # the tag of an asset that spends money or GPU hours: what on
Pays = Literal["teacher", "judges", "evaluated", "annotator", "critic", "gpu"]
DECIDED_BY = "ocr/decided_by"
FILES_READ, FILES_WRITTEN = "ocr/files_read", "ocr/files_written"  # metadata: folders below OCR_HOME, beside the lake
LOOKS_AT = "ocr/looks_at"  # metadata: resource → the fields of it that the asset uses
Model = TypeVar("Model", bound=BaseModel)
Results = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult | dg.AssetMaterialization]

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
    version: str = "1",
    decided_by: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
    pays: Pays | None = None,
    reads: Sequence[str] = (),
    writes: Sequence[str] = (),
    looks_at: Mapping[str, Sequence[str]] | None = None,
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
        version: of the asset's own code; raise it where the same inputs and settings give other rows than before.
        decided_by: what else decides its rows, as JSON values: settings that are in force, hashes of templates, versions of
            parsers and graders. With ``version`` it is the asset's code version, so Dagster calls rows stale exactly when one of
            these changed. What only says how fast or how much at once does not belong there, nor a budget. A function, where
            it asks for the asset's settings: they are filled from the project first.
        reads: folders below ``$OCR_HOME``, beside the lake, whose files the asset reads.
        writes: those whose files it writes; a release's own folder need not be named.
        looks_at: resource → those of its fields that the asset uses, where it does not use all; another value of the others gives
            it nothing to do.
        pays: on what it spends money or GPU hours, if on anything. Such an asset never starts by itself.
    """

    def decorate(function: Callable[..., Results]) -> dg.AssetsDefinition:
        config = typing.get_type_hints(function).get("config")
        if config is not None:
            environment_defaults(config, section or table.name)
        decides = dict((decided_by() if callable(decided_by) else decided_by) or {})
        return dg.asset(
            name=table.name,
            group_name=group or function.__module__.split(".")[-2],
            deps=deps,
            kinds=set(kinds),
            tags={PAYS: pays} if pays else None,
            partitions_def=partitions_def,
            backfill_policy=backfill_policy,
            code_version=code_version(version, decides),
            check_specs=declared(table),
            metadata={
                **described(table),
                **({DECIDED_BY: dg.MetadataValue.json(decides)} if decides else {}),
                **({FILES_READ: dg.MetadataValue.json(list(reads))} if reads else {}),
                **({FILES_WRITTEN: dg.MetadataValue.json(list(writes))} if writes else {}),
                **({LOOKS_AT: dg.MetadataValue.json(dict(looks_at))} if looks_at else {}),
                "dagster/code_references": code_references(function),
            },
        )(function)

    return decorate


def code_version(version: str, decided_by: Mapping[str, Any]) -> str:
    """The code version of an asset: its own, and a hash of what else decides its rows."""
    if not decided_by:
        return version
    text = json.dumps(decided_by, sort_keys=True, ensure_ascii=False)
    return f"{version}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def in_force(settings: type[BaseModel], *left_out: str) -> dict[str, Any]:
    """An asset's settings as they are where nobody gives others in the launchpad. ``left_out``: those that decide no row, such as
    which failures are asked again; and the prompts' folder, whose templates count by their hash."""
    return defaults(settings).model_dump(mode="json", exclude=set(left_out))


def defaults(settings: type[Model]) -> Model:
    """Settings with their defaults, which are the project's."""
    return settings()


def code_references(function: Callable[..., Any]) -> dg.CodeReferencesMetadataValue:
    """Where an asset's function stands, for a UI that runs on the same machine."""
    code = function.__code__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        place = dg.LocalFileCodeReference(file_path=code.co_filename, line_number=code.co_firstlineno, label=function.__module__)
        return dg.CodeReferencesMetadataValue(code_references=[place])


def declared(table: Table) -> list[dg.AssetCheckSpec]:
    """The checks of a table. One is blocking: no null, foreign value or doubled key against its declaration. The others warn: a
    number of the table's ``figures``, or the rows that it lost, beyond its limit."""
    key = dg.AssetKey(table.name)
    blocking = dg.AssetCheckSpec(
        CHECK,
        asset=key,
        blocking=True,
        description="Columns, nulls, closed value sets and keys are as ocr_assets/schema declares them; "
        "checked before anything is published.",
    )
    return [blocking, *(dg.AssetCheckSpec(figure.name, asset=key, description=figure.doc) for figure in watched(table))]


def watched(table: Table) -> tuple[Figure, ...]:
    """The numbers of a table that are held against a limit after each run."""
    return (ROWS_LOST, *table.figures)


def described(table: Table) -> dict[str, Any]:
    """Definition metadata of a table's asset: its columns with types, meaning and origin."""
    lineage = {"dagster/column_lineage": column_lineage(table)} if origins(table) else {}
    viewer = {"its rows, while the viewer runs": dg.MetadataValue.url(viewer_address())} if is_viewed(table) else {}
    return {"dagster/column_schema": column_schema(table), **lineage, "dagster/table_name": table.name, **viewer}


def viewer_address() -> str:
    """Where ``make view`` serves the page on which people read rows."""
    return f"http://127.0.0.1:{os.environ.get('OCR_VIEW_PORT') or 8501}"


def is_viewed(table: Table) -> bool:
    """Whether the viewer shows the table's rows: those about problems that responses are asked to."""
    return any(column.name == "problem_id" for column in table.columns)


def column_lineage(table: Table) -> dg.TableColumnLineage:
    """Which columns of other assets the table's columns are worked out from (``ocr_assets/schema/origins.py``)."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=dg.AssetKey(source), column_name=name) for source, name in places]
            for column, places in origins(table).items()
        }
    )


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


__all__ = [
    "CHECK",
    "DECIDED_BY",
    "FILES_READ",
    "FILES_WRITTEN",
    "LOOKS_AT",
    "PAYS",
    "ROWS_LOST",
    "Pays",
    "Results",
    "code_version",
    "column_lineage",
    "column_schema",
    "declared",
    "defaults",
    "described",
    "in_force",
    "lake_asset",
    "watched",
]
