"""Writing: the changes of one stage are staged, checked, and published in one transaction with their lineage.

How a staged table meets the published one is in ``staging.py``; opening and reading the lake is in ``lake.py``.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from resources.lake.catalog import transaction
from resources.lake.history import Gone, Noter
from resources.lake.lineage import LINEAGE_TABLES, QUARANTINE, RECORD_EDGE, Edge, Quarantined, RunInfo
from resources.lake.staging import Plan, breaches_of
from resources.lake.tables import Table

if TYPE_CHECKING:
    from resources.lake.lake import Lake


STAGED_AT_ONCE = 1024  # rows; those of test suites can be megabytes each


class InvalidRows(ValueError):
    """Rows break their table's declaration; nothing was published. ``problems`` lists each breach with example keys."""

    def __init__(self, table: Table, problems: Sequence[str]) -> None:
        super().__init__(f"table {table.name}: nothing was published, because " + "; ".join(problems))
        self.table = table
        self.problems = list(problems)


@dataclass
class Change:
    """What a write did to a table, and the table's state after it; ``before``: its data version until then."""

    table: str
    inserted: int = 0
    deleted: int = 0
    rows: int = 0
    data_version: str = ""
    before: str = ""


class Staged:
    """Rows of one table staged in a write: more may be added until it is published. ``count``: rows so far."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, table: Table, stage: str, stamp: Mapping[str, Any]) -> None:
        self._cursor, self._table, self._stage, self._stamp = cursor, table, stage, stamp
        self._waiting: list[Mapping[str, Any]] = []
        self._unchecked = False
        self.count = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Stage one row."""
        self._waiting.append({**row, **self._stamp} if self._stamp else row)
        self.count += 1
        if len(self._waiting) >= STAGED_AT_ONCE:
            self._insert()

    def add_all(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Stage rows as they come; no more than a batch of them is held in memory."""
        for row in rows:
            self.add(row)

    def check(self) -> None:
        """Raises ``InvalidRows`` if rows that were not checked before break the table's declaration."""
        self._insert()
        if self._unchecked:
            self._unchecked = False
            if breaches := breaches_of(self._cursor, self._table, self._stage):
                raise InvalidRows(self._table, breaches)

    def _insert(self) -> None:
        if self._waiting:
            self._cursor.register("staged_batch", pa.Table.from_batches([self._table.batch(self._waiting)]))
            self._cursor.execute(f"INSERT INTO {self._stage} FROM staged_batch")
            self._cursor.unregister("staged_batch")
            self._waiting, self._unchecked = [], True


class Write:
    """Staged changes of one stage; see ``Lake.write``. What a method stages it returns, so that rows can be added one by one.

    ``changes``: what publishing it did to each table. ``committed``: what other writes of the same stage, published while this
    one was open, did to each table in sum.
    """

    def __init__(self, lake: Lake, run: RunInfo, stage: str, scope: str, outer: Sequence[Write] = ()) -> None:
        self._lake, self._run, self._stage, self._scope = lake, run, stage, scope
        self._outer = outer
        self._cursor = lake.plain_cursor()
        self._plans: list[Plan] = []
        self._staged: list[Staged] = []
        self._inputs: dict[str, str] = {}
        self._noted: set[str] = set()
        self._outputs: list[tuple[str, str, int]] = []
        self._now = datetime.now(UTC)
        self._noter = Noter(run.run_id, self._now)
        self.changes: dict[str, Change] = {}
        self.committed: dict[str, Change] = {}

    def append(self, table: Table, rows: Iterable[Mapping[str, Any]] = (), *, replacing: str | None = None) -> Staged:
        """Add rows whose key is not in the table yet; known keys are left as they are, but for published rows for which the
        condition ``replacing`` holds: these give way."""
        return self._stage_rows(table, rows, Plan(table, keep_known=True, replacing=replacing))

    def upsert(self, table: Table, rows: Iterable[Mapping[str, Any]] = ()) -> Staged:
        """Add rows, replacing those with the same key."""
        return self._stage_rows(table, rows, Plan(table))

    def sync(
        self,
        table: Table,
        rows: Iterable[Mapping[str, Any]] = (),
        where: Mapping[str, str] | None = None,
        within: tuple[str, Iterable[str]] | None = None,
        gone: Gone | None = None,
    ) -> Staged:
        """Make the table (or the part where columns equal ``where``) hold exactly ``rows``; equal rows are not touched.

        ``within``: a column and values; only published rows with one of them are compared and may go, so that a small change
        costs little in a large table. Staged rows outside it must be new ones. ``gone``: rows that leave are noted in
        ``row_gone``, for tables that nothing leads to and whose key is one column; other rows are known by their edges.
        """
        plan = self._within(Plan(table, scope=dict(where or {}), delete_others=True), within)
        if gone is not None:
            (key,) = table.key
            noter = self._noter
            plan.note_gone = lambda cursor, left, staged: noter.rows(cursor, table.name, key, left, staged, gone)
        return self._stage_rows(table, rows, plan)

    def sync_query(self, table: Table, query: str, parameters: object = None, where: Mapping[str, str] | None = None) -> None:
        """As ``sync``, with the rows computed by a SELECT over the lake that yields the table's columns by name."""
        self._stage_query(Plan(table, scope=dict(where or {}), delete_others=True), query, parameters)

    def append_query(self, table: Table, query: str, parameters: object = None) -> None:
        """As ``append``, with the rows computed by a SELECT that yields the table's columns by name."""
        self._stage_query(Plan(table, keep_known=True), query, parameters)

    def upsert_query(self, table: Table, query: str, parameters: object = None) -> None:
        """As ``upsert``, with the rows computed by a SELECT that yields the table's columns by name."""
        self._stage_query(Plan(table), query, parameters)

    def edges(
        self, edges: Iterable[Edge] = (), *, replace: bool = True, within: tuple[str, Iterable[str]] | None = None
    ) -> Staged:
        """Record lineage. ``replace``: these are all the edges of this stage and scope (of those ``within``, as in ``sync``);
        else they are added. Edges that are replaced or go are kept in ``record_edge_gone``."""
        if replace:
            plan = Plan(RECORD_EDGE, scope={"stage": self._stage, "scope": self._scope}, delete_others=True)
            plan = self._within(plan, within)
            plan.note_gone = self._noter.edges
        else:
            plan = Plan(RECORD_EDGE, keep_known=True)
        plan.volatile = ("run_id", "created_at")
        return self._stage_rows(RECORD_EDGE, edges, plan, self._stamp())

    def edges_query(self, query: str, parameters: Mapping[str, Any] | None = None) -> None:
        """As ``edges`` with ``replace``, computed by a SELECT of child, parent, relation, reason (named parameters)."""
        plan = Plan(RECORD_EDGE, scope={"stage": self._stage, "scope": self._scope}, delete_others=True)
        plan.volatile = ("run_id", "created_at")
        plan.note_gone = self._noter.edges
        plan.stage = self._new_stage(RECORD_EDGE)
        self._lake.note_reads(query)
        self._cursor.execute(
            f"INSERT INTO {plan.stage} SELECT child, parent, relation, reason, $stage, $scope, $run_id, $created_at "
            f"FROM ({query})",
            {**self._stamp(), **(parameters or {})},
        )
        self._validate_and_add(plan)

    def quarantine(self, rows: Iterable[Quarantined] = (), scope: str = "") -> Staged:
        """Set the rows this stage could not use, in all or in one ``scope`` (a partition)."""
        plan = Plan(QUARANTINE, scope={"stage": self._stage, "scope": scope}, delete_others=True)
        plan.volatile = ("run_id", "created_at")
        return self._stage_rows(QUARANTINE, rows, plan, {**self._stamp(), "scope": scope})

    @property
    def stage(self) -> str:
        return self._stage

    def stages(self, table: Table) -> bool:
        """Whether rows of this table are staged here, be it none at all."""
        return any(plan.table == table for plan in self._plans)

    def knows(self, query: str) -> bool:
        """Whether this query's tables are noted already."""
        return query in self._noted

    def not_noted(self, datasets: Collection[str]) -> set[str]:
        """Those of ``datasets`` whose version is not noted yet."""
        return set(datasets) - self._inputs.keys()

    def note_inputs(self, query: str, versions: Mapping[str, str]) -> None:
        """Note what a query read: datasets and their data versions at that time; the first version counts. Called by the lake."""
        self._inputs = {**versions, **self._inputs}
        self._noted.add(query)

    def released(self, dataset: str, data_version: str, rows: int) -> None:
        """Note a dataset written outside the lake (release files)."""
        self._outputs.append((dataset, data_version, rows))

    def publish(self) -> None:
        """Commit everything staged; retried while the catalog is busy."""
        for staged in self._staged:
            staged.check()
        self._lake.locked(self._publish_once)
        for outer in self._outer:
            outer._count(self.changes)
        self._lake.note_written(self.changes)

    def close(self) -> None:
        for plan in self._plans:
            self._cursor.execute(f"DROP TABLE IF EXISTS {plan.stage}")
            if plan.values:
                self._cursor.execute(f"DROP TABLE IF EXISTS {plan.values}")
        self._cursor.close()

    def _count(self, changes: Mapping[str, Change]) -> None:
        for name, change in changes.items():
            total = self.committed.setdefault(name, Change(name))
            total.inserted += change.inserted
            total.deleted += change.deleted
            total.rows, total.data_version = change.rows, change.data_version

    def _stamp(self) -> dict[str, Any]:
        return {"stage": self._stage, "scope": self._scope, "run_id": self._run.run_id, "created_at": self._now}

    def _within(self, plan: Plan, within: tuple[str, Iterable[str]] | None) -> Plan:
        if within is not None:
            plan.column, plan.values = within[0], f"temp.main.within_{len(self._plans)}"
            values = pa.table({"value": pa.array(within[1], pa.string())})
            self._cursor.register("within_values", values)
            self._cursor.execute(f"CREATE OR REPLACE TEMP TABLE {plan.values} AS SELECT DISTINCT value FROM within_values")
            self._cursor.unregister("within_values")
        return plan

    def _new_stage(self, table: Table) -> str:
        name = f"temp.main.stage_{len(self._plans)}"
        self._cursor.register("empty_batch", pa.Table.from_batches([], table.schema))
        self._cursor.execute(f"CREATE TEMP TABLE {name} AS FROM empty_batch")
        self._cursor.unregister("empty_batch")
        return name

    def _stage_rows(
        self, table: Table, rows: Iterable[Mapping[str, Any]], plan: Plan, stamp: Mapping[str, Any] | None = None
    ) -> Staged:
        plan.stage = self._new_stage(table)
        self._plans.append(plan)
        staged = Staged(self._cursor, table, plan.stage, stamp or {})
        self._staged.append(staged)
        staged.add_all(rows)
        staged.check()
        return staged

    def _stage_query(self, plan: Plan, query: str, parameters: object) -> None:
        plan.stage = self._new_stage(plan.table)
        columns = ", ".join(f'"{column.name}"' for column in plan.table.columns)
        self._lake.note_reads(query)
        self._cursor.execute(f"INSERT INTO {plan.stage} SELECT {columns} FROM ({query})", parameters)
        self._validate_and_add(plan)

    def _validate_and_add(self, plan: Plan) -> None:
        self._plans.append(plan)
        breaches = breaches_of(self._cursor, plan.table, plan.stage)
        if breaches:
            raise InvalidRows(plan.table, breaches)

    def _publish_once(self) -> None:
        self.changes = {}
        with transaction(self._cursor):
            touched = False
            for plan in self._plans:
                change = self.changes.setdefault(plan.table.name, Change(plan.table.name))
                inserted, deleted = plan.apply(self._cursor)
                change.inserted += inserted
                change.deleted += deleted
                touched |= bool(inserted or deleted)
            touched |= self._note_versions()
            touched |= self._note_run()
            if touched:
                message = f"{self._stage} {self._scope}".strip()
                self._cursor.execute(
                    "CALL lake.set_commit_message('ocr-assets', ?, extra_info => ?)", [message, self._run.run_id]
                )

    def _note_versions(self) -> bool:
        """Write a dataset version for each data table that changed, from the hashes of the rows that came and went."""
        versions = []
        plans: dict[str, list[Plan]] = {}  # a table may be staged in several parts
        for plan in self._plans:
            if plan.table not in LINEAGE_TABLES:
                plans.setdefault(plan.table.name, []).append(plan)
        for name, parts in plans.items():
            change = self.changes[name]
            last = self._cursor.execute(
                "SELECT data_version, rows FROM dataset_version WHERE dataset = ? ORDER BY snapshot DESC, created_at DESC "
                "LIMIT 1",
                [name],
            ).fetchone()
            change.before, old_rows = last or ("0" * 32, 0)
            change.rows = old_rows + change.inserted - change.deleted
            delta = functools.reduce(operator.xor, (part.hash_delta for part in parts))
            change.data_version = f"{int(change.before, 16) ^ delta:032x}"
            if change.inserted or change.deleted or last is None:
                versions.append((change.table, change.data_version, change.rows))
        for dataset, data_version, rows in self._outputs:
            known = self._cursor.execute(
                "SELECT data_version FROM dataset_version WHERE dataset = ? ORDER BY snapshot DESC, created_at DESC LIMIT 1",
                [dataset],
            ).fetchone()
            self.changes[dataset] = Change(dataset, rows=rows, data_version=data_version, before=known[0] if known else "0" * 32)
            if known is None or known[0] != data_version:
                versions.append((dataset, data_version, rows))
        if not versions:
            return False
        row = self._cursor.execute("SELECT id FROM lake.current_snapshot()").fetchone()
        snapshot = (row[0] if row else 0) + 1
        self._cursor.executemany(
            "INSERT INTO dataset_version VALUES (?, ?, ?, ?, ?, ?)",
            [(*version, snapshot, self._run.run_id, self._now) for version in versions],
        )
        return True

    def _note_run(self) -> bool:
        run = self._run
        known = self._cursor.execute("SELECT images FROM run WHERE run_id = ?", [run.run_id]).fetchone()
        images = sorted({*json.loads(known[0] if known and known[0] else "[]"), *run.images})
        noted_images = json.dumps(images) if images else None
        if known is None:
            self._cursor.execute(
                "INSERT INTO run (run_id, job, started_at, code_version, configuration, packages, images, project) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [run.run_id, run.job, self._now, run.code_version, run.configuration, run.packages, noted_images, run.project],
            )
        elif noted_images != known[0]:
            self._cursor.execute("UPDATE run SET images = ? WHERE run_id = ?", [noted_images, run.run_id])
        outputs = {(name, change.data_version) for name, change in self.changes.items() if change.data_version}
        read = {name: version for write in (self, *self._outer) for name, version in write._inputs.items()}
        # What a stage writes, now or in earlier runs, it also reads, to see what is new; that is no input.
        query = "SELECT DISTINCT dataset FROM run_io WHERE stage = ? AND direction = 'output'"
        written = self._cursor.execute(query, [self._stage]).fetchall()
        own = {self._stage, *self.changes, *(dataset for (dataset,) in written)}
        inputs = {(name, version) for name, version in read.items() if name not in own}
        noted = self._cursor.execute(
            "SELECT direction, dataset, data_version FROM run_io WHERE run_id = ? AND stage = ?",
            [self._run.run_id, self._stage],
        ).fetchall()
        rows = [
            (self._run.run_id, self._stage, direction, dataset, version, self._now)
            for direction, pairs in (("input", inputs), ("output", outputs))
            for dataset, version in sorted(pairs)
            if (direction, dataset, version) not in noted
        ]
        if rows:
            self._cursor.executemany("INSERT INTO run_io VALUES (?, ?, ?, ?, ?, ?)", rows)
        return known is None or noted_images != known[0] or bool(rows)
