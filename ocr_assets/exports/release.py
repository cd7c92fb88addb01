"""The one path by which rows leave the lake: checked, versioned, written as shards with card and manifest, shown whole.

What a release holds is said in a ``Release``; the profiles make them (``sft.py``, ``kodcode.py``). All of a release is read from
one snapshot of the lake, whoever writes meanwhile. A version is built out of sight, recorded in the lake, then put in its place:
a run that is killed on the way leaves nothing half, and the next one ends what was recorded.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from pydantic import BaseModel

from ocr_assets import samples
from ocr_assets.exports import ledger, splits
from ocr_assets.exports.card import BENCHMARKS, card_text, not_compared, pictures, undecided_warning, warning
from ocr_assets.exports.facts import facts_of
from ocr_assets.exports.ordering import ordered, ranges
from ocr_assets.exports.writer import SPLIT, write_release
from ocr_assets.platform import openlineage, plots, publish
from ocr_assets.platform.assets import Results
from ocr_assets.platform.lake import lake_of_run
from ocr_assets.platform.publish import picture, run_info
from ocr_assets.platform.release_folders import ReleaseFolder
from ocr_assets.platform.settled import memory_of_step
from ocr_assets.platform.version import code_version
from ocr_assets.schema import ReleaseVersion
from resources.lake import Lake, breaches_of
from resources.lake.at_work import StageLock
from resources.lake.catalog import is_full, transaction
from resources.lake.tables import Table
from resources.settings import LakeResource, read_project


@dataclass(frozen=True)
class Release:
    """What is released, and what the card says of it.

    ``table``: the columns; its name is that of the dataset and of its folder. ``profile``: which kind of release it is.
    ``rows``: SELECT of them. ``edges``: SELECT of the lineage (child, parent, relation, reason). ``settings``: which rows;
    another one is another version. ``label``: the column whose counts the card and the UI show, ``licenses``: a SELECT of license
    and rows over ``{rows}``. ``about``: the card's first paragraph, ``example``: how its rows are read. ``split``: the column
    that names a row's split; null: all are ``train``. ``group``: SQL of what a row is about: rows of one group, and of two that
    ``pairs`` (a SELECT of both) joins, are all in training or all in validation.
    """

    table: Table
    profile: str
    rows: str
    edges: str
    settings: BaseModel
    label: str
    licenses: str
    about: str
    example: str
    split: str | None = None
    group: str = "problem_id"
    pairs: str = splits.NEAR_PROBLEMS

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def filters(self) -> dict[str, Any]:
        return self.settings.model_dump()

    @property
    def validation(self) -> float:
        """The share of groups whose rows are for validation."""
        return float(self.filters["validation"])

    @property
    def split_sql(self) -> str:
        """SQL of a row's split, over the rows as q."""
        return splits.split_sql(self.split, self.group, self.validation, splits.table_of(self.name))


def release(context: dg.AssetExecutionContext, lake: LakeResource, what: Release, keep_versions: int | None = None) -> Results:
    """Release it as the next version in ``$OCR_HOME/releases/<name>``, if rows, settings or benchmarks changed since the last.

    ``what`` may have another name than the asset (``release_as``): then the asset's own release stays as it is.
    """
    store, folder = lake_of_run(lake), ReleaseFolder(lake.releases, what.name)
    is_own = context.asset_key.path[-1] == what.name
    memory = memory_of_step(context, lake)
    # The folder is this machine's; the release's numbers are the lake's.
    alone = StageLock(lake.journals, f"release-{what.name}", context.log.info)
    with folder.locked(), alone, openlineage.told(context, store, what.table):
        if is_own and (last := publish.last_if_settled(context, store, memory)):
            yield publish.unchanged(context, store, what.table, {**last, "released now": dg.MetadataValue.bool(False)})
            return
        before = _taken_up(context, store, folder, what)
        _refuse_other_releases(what, before, asked_by_name=not is_own)
        with store.watch() as watch:
            with store.write(run_info(context), what.name) as write:
                with _snapshot(store, what) as found:
                    if found.breaches:
                        yield publish.failed(context, found.breaches)
                        message = f"{what.name}: nothing was released, because {'; '.join(found.breaches)}"
                        raise dg.Failure(message, allow_retries=False)
                    is_new = found.version != before["version"]
                    number = int(before["number"]) + is_new
                    # What somebody removed or damaged is written again.
                    if is_new or not folder.is_whole(number, found.version):
                        with _room_given_back(folder.building(number)):
                            _build(context, what, found, folder, number, store.home / "spill")
                if is_new:
                    row = _version_row(context, what, found, number, f"{lake.releases.name}/{what.name}/v{number}")
                    select = f"SELECT id, parent_id, {ledger.hash_text()} AS row_hash FROM {found.hashes}"
                    ledger.record(write, row, select, int(before["number"]))
                write.edges_query(f"FROM {found.edges}")
                write.released(what.name, found.version, found.rows)
            found.drop(store)
        folder.put(number)
        folder.keep(keep_versions)
        context.log.info(
            f"{what.name}: {found.rows:,} rows {'released as' if is_new else 'unchanged in'} {folder.version(number)}"
        )
        if found.warning:
            context.log.warning(f"{what.name}: {found.warning}")
        if not found.rows:
            context.log.warning(f"{what.name}: no row is left; why each was left out stands on the card")
        shown = {"released as": f"{what.name}, version {number}", "released now": is_new}
        shown |= _shown(what, found, folder.version(number))
        # Under a name of its own nothing happened to the asset's release: Dagster is told of that one as it is.
        rows, version = (found.rows, found.version) if is_own else store.state(context.asset_key.path[-1])
        relation = _relation(what, folder.version(number))
        earlier = int(before["rows"]) if is_own else rows
        yield publish.published(context, store, what.table, rows, version, shown, relation=relation, before=earlier)
        if is_own:
            memory.remember(store, watch)


@contextlib.contextmanager
def _room_given_back(building: Path) -> Iterator[None]:
    """Leave nothing of a version that could not be built: where the disk is full, others need the room.

    Raises ``dg.Failure`` in one line where that is why."""
    try:
        yield
    except BaseException as error:
        shutil.rmtree(building, ignore_errors=True)
        if isinstance(error, OSError | duckdb.Error) and is_full(error):
            raise dg.Failure(f"{building.parent}: the disk is full; nothing was released. Make room and run again") from None
        raise


def _taken_up(context: dg.AssetExecutionContext, store: Lake, folder: ReleaseFolder, what: Release) -> Mapping[str, Any]:
    """The newest version as the lake has it, after what a killed run left was brought to an end, and what lies there unknown was
    taken in."""
    newest = ledger.newest(store, what.name)
    folder.recover(int(newest["number"]), str(newest["version"]))
    ledger.take_in(store, run_info(context), folder, what.table, what.profile)
    return ledger.newest(store, what.name)


def _shown(what: Release, found: _Found, place: Path) -> dict[str, Any]:
    by_label = {str(row["label"] or f"no {what.label}"): int(row["rows"]) for row in found.labels}
    return {
        "folder": dg.MetadataValue.path(str(place)),
        "decontaminated": found.warning or "compared with " + ", ".join(row["benchmark"] for row in found.benchmarks),
        f"by {what.label}": picture(plots.bars(by_label, f"Released rows by {what.label}"), f"released rows by {what.label}"),
    }


def _relation(what: Release, place: Path) -> str:
    """Where the preview's rows are read: from the files, for the query would read everything once more."""
    files = ", ".join("'" + str(file).replace("'", "''") + "'" for file in sorted(place.glob("data/*.parquet")))
    return f"read_parquet([{files}])" if files else f"({what.rows})"


@dataclass(frozen=True)
class _Found:
    """What one snapshot of the lake holds of a release. ``hashes``: a table of id, parent_id, label and hash of its rows;
    ``edges``: one of its lineage; ``groups``: one of what must not be split. ``cursor`` reads that snapshot."""

    cursor: duckdb.DuckDBPyConnection
    hashes: str
    edges: str
    groups: str
    snapshot: int
    version: str
    rows: int
    breaches: list[str]
    benchmarks: list[dict[str, Any]]
    labels: list[dict[str, Any]]
    warning: str | None

    def drop(self, store: Lake) -> None:
        """Give back the memory of its tables."""
        with contextlib.closing(store.plain_cursor()) as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {self.hashes}")
            cursor.execute(f"DROP TABLE IF EXISTS {self.edges}")
            cursor.execute(f"DROP TABLE IF EXISTS {self.groups}")


@contextlib.contextmanager
def _snapshot(store: Lake, what: Release) -> Iterator[_Found]:
    """Read what is released, in one transaction as far as the block goes. Hashes and edges outlive it, in tables of this process
    that no one else sees."""
    hashes, edges = f"memory.main.hashes_of_{what.name}", f"memory.main.edges_of_{what.name}"
    groups = splits.table_of(what.name)
    with contextlib.closing(store.cursor()) as cursor:
        with transaction(cursor):
            # A row that changes sides is another row.
            side = ""
            if what.validation:
                splits.make_groups(cursor, groups, what.pairs)
                side = f" || ({what.split_sql})"
            cursor.execute(f"CREATE OR REPLACE TABLE {edges} AS SELECT child, parent, relation, reason FROM ({what.edges})")
            cursor.execute(
                f"CREATE OR REPLACE TABLE {hashes} AS SELECT id, parent AS parent_id, label, hash "
                f"FROM ({ledger.hashed(what.table.key[0], what.rows, what.label, side)}) LEFT JOIN "
                f"(SELECT child, min(parent) AS parent FROM {edges} WHERE relation = 'derived' GROUP BY child) ON child = id"
            )
            breaches = breaches_of(cursor, what.table, f"({what.rows})")
            benchmarks = _rows(cursor, BENCHMARKS)
            ((snapshot,),) = cursor.execute("SELECT id FROM lake.current_snapshot()").fetchall()
            ((xor, rows),) = cursor.execute(f"SELECT bit_xor(hash), count(*) FROM {hashes}").fetchall()
            salted = f"{int(xor or 0):x} {(what.filters, benchmarks)!r}"
            labels = f"SELECT label, count(*) AS rows FROM {hashes} GROUP BY ALL ORDER BY rows DESC, label"
            yield _Found(
                cursor=cursor,
                hashes=hashes,
                edges=edges,
                groups=groups,
                snapshot=int(snapshot),
                version=hashlib.md5(salted.encode(), usedforsecurity=False).hexdigest(),
                rows=int(rows),
                breaches=breaches,
                benchmarks=benchmarks,
                labels=_rows(cursor, labels),
                warning=warning(benchmarks, samples.BENCHMARK_NAMES),
            )


# The funnel's rows of the release that is being made, which the lake does not know yet.
_FATES = """
SELECT '{name}' AS stage, if(relation = 'derived', 'released', 'dropped') AS outcome,
       if(relation = 'derived', 'rows', reason) AS reason, count(*) AS rows
FROM {edges} GROUP BY ALL ORDER BY outcome DESC, rows DESC, reason"""


def _rows(cursor: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in cursor.execute(query).to_arrow_table().to_pylist()]


def _refuse_other_releases(what: Release, last: Mapping[str, Any], *, asked_by_name: bool) -> None:
    """No run changes a release that it was not asked for. Raises ``dg.Failure`` in one line where the name belongs to a release
    of another profile, or to one whose settings stand in a project file that this run does not read."""
    if not last["number"]:
        return
    if last["profile"] != what.profile:
        message = f"{what.name} is a release of profile {last['profile']}, this would be one of {what.profile}; give another name"
        raise dg.Failure(message, allow_retries=False)
    settings = what.settings.model_dump(mode="json")
    same = all(settings.get(name) == value for name, value in json.loads(last["settings"]).items())
    if not same and not asked_by_name and last["project"] and read_project().file is None:
        file = json.loads(last["project"])["file"]
        message = (
            f"{what.name} was last released with other settings by the project file {file}, and this run reads none; "
            f"set OCR_PROJECT={file}, or give another name (release_as)"
        )
        raise dg.Failure(message, allow_retries=False)


def _build(
    context: dg.AssetExecutionContext, what: Release, found: _Found, folder: ReleaseFolder, number: int, spill: Path
) -> None:
    """Write the version's files where nobody looks yet. ``spill``: where rows wait while they are put in order."""
    manifest = {
        "dataset": what.name,
        "number": number,
        "version": found.version,
        "profile": what.profile,
        "run_id": context.run.run_id,
        "snapshot": found.snapshot,
        "filters": what.filters,
        "benchmarks": found.benchmarks,
        "warning": found.warning,
    }
    facts = facts_of(found.cursor, what.rows, what.table.columns)
    if told := undecided_warning(facts):
        context.log.warning(f"{what.name}: {told}")
    manifest |= {"code": code_version(), "undecided_share": facts.undecided, "not_compared": not_compared(found.benchmarks)}
    funnel = _rows(found.cursor, "SELECT stage, outcome, reason, rows FROM funnel WHERE place <> 9")
    funnel += _rows(found.cursor, _FATES.format(name=what.name, edges=found.edges))
    licenses = _rows(found.cursor, what.licenses.format(rows=what.rows))
    found.cursor.execute("SET arrow_large_buffer_size = true")  # 2,048 rows at once may hold more than 2 GiB of text
    edges = [place / ranges(found.rows) for place in range(1, ranges(found.rows))]
    ((starts,),) = found.cursor.execute(f"SELECT quantile_disc(id, {edges}::DOUBLE[]) FROM {found.hashes}").fetchall()
    rows = found.cursor.execute(f"SELECT q.*, {what.split_sql} AS {SPLIT} FROM ({what.rows}) q").to_arrow_reader(2048)
    with tempfile.TemporaryDirectory(prefix="rows-", dir=spill) as waiting:
        write_release(
            folder.building(number),
            ordered(rows, SPLIT, what.table.key[0], starts or [], Path(waiting)),
            what.table.schema,
            manifest,
            lambda whole: card_text(
                whole,
                columns=what.table.columns,
                funnel=funnel,
                labels=found.labels,
                licenses=licenses,
                settings=type(what.settings),
                label=what.label,
                about=what.about,
                example=what.example,
                facts=facts,
            ),
            pictures=pictures(what.label, found.labels, facts),
        )


def _version_row(context: dg.AssetExecutionContext, what: Release, found: _Found, number: int, folder: str) -> ReleaseVersion:
    return ReleaseVersion(
        release=what.name,
        number=number,
        version=found.version,
        profile=what.profile,
        settings=json.dumps(what.settings.model_dump(mode="json")),
        rows=found.rows,
        snapshot=found.snapshot,
        folder=folder,
        benchmarks=json.dumps(found.benchmarks),
        warning=found.warning,
        run_id=context.run.run_id,
        created_at=datetime.now(UTC),
    )
