"""What left is not forgotten: edges that a sync removes and rows that leave a source, each with when, by which run and why.

Called by ``staging.py`` inside the publishing transaction, before anything is deleted. The tables are declared in ``lineage.py``;
a row that comes back keeps its history and is marked as back.

Why an edge goes is found, not told: its reason changed; or the stage now makes something else of its parent; or something that it
came from is gone, and then the first cause is handed down: a triplet knows which line of which file went; or it is dropped now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb

_SAME_EDGE = "{one}.child = {other}.child AND {one}.parent = {other}.parent AND {one}.relation = {other}.relation"

# The nearest ancestor of each parent that is gone itself, and why it went: a row that left its source, or one that no stage makes
# any more. The walk follows the edges there are, so what replaced something long ago is no cause.
_CAUSES = """
CREATE OR REPLACE TEMP TABLE causes AS
WITH RECURSIVE up AS (
    SELECT DISTINCT parent AS begin, parent AS id, 0 AS step FROM unexplained
    UNION
    SELECT up.begin, e.parent, up.step + 1 FROM up JOIN lake.record_edge e ON e.child = up.id
    WHERE e.relation <> 'dropped' AND up.step < 20
        AND NOT EXISTS (FROM unexplained g WHERE g.child = e.child AND g.parent = e.parent)
), reached AS (
    SELECT DISTINCT id FROM up
), gone AS (
    SELECT g.id, max_by(why, gone_at) AS why
    FROM lake.row_gone g SEMI JOIN reached USING (id) WHERE back_at IS NULL GROUP BY ALL
    UNION ALL
    SELECT child, string_agg(DISTINCT why, '; ' ORDER BY why) FROM (
        FROM (FROM lake.record_edge_gone WHERE relation = 'derived') h SEMI JOIN reached ON id = h.child
        ANTI JOIN lake.record_edge e ON e.child = h.child QUALIFY gone_at = max(gone_at) OVER (PARTITION BY child)
    ) GROUP BY ALL
)
SELECT begin AS parent, min_by(why, step) AS why FROM up JOIN gone USING (id) GROUP BY ALL
"""


@dataclass(frozen=True)
class Gone:
    """How a table notes rows that leave it. ``label``, ``why``: SQL expressions over the row ``t``: a name that people know, and
    what to say of it."""

    label: str
    why: str


@dataclass(frozen=True)
class Noter:
    """Notes what a write removes: in whose name, and when. ``gone`` and ``staged`` are tables of keys and of staged rows."""

    run_id: str
    now: datetime

    def edges(self, cursor: duckdb.DuckDBPyConnection, gone: str, staged: str) -> None:
        """Note the edges of ``gone`` (child, parent, relation, stage), which ``staged`` edges take the place of, if any."""
        cursor.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE leaving AS
            SELECT e.*, CASE
                WHEN s.child IS NOT NULL THEN 'its reason is now: ' || s.reason
                WHEN o.relation <> 'dropped'
                THEN o.parent || CASE o.relation WHEN 'derived' THEN ' became ' ELSE ' is merged into ' END || o.child
            END AS why, o.parent || ' is dropped by ' || o.child || ': ' || o.reason AS dropped
            FROM lake.record_edge e SEMI JOIN {gone} g ON {_same("e", "g")} AND e.stage = g.stage
            LEFT JOIN {staged} s ON {_same("s", "e")}
            LEFT JOIN (
                FROM {staged} QUALIFY row_number() OVER (PARTITION BY parent ORDER BY relation = 'dropped', child) = 1
            ) o ON o.parent = e.parent
            """
        )
        cursor.execute("CREATE OR REPLACE TEMP TABLE unexplained AS SELECT child, parent FROM leaving WHERE why IS NULL")
        cursor.execute(_CAUSES)
        cursor.execute(
            """
            INSERT INTO lake.record_edge_gone
            SELECT l.* EXCLUDE (why, dropped),
                   coalesce(l.why, c.why, l.dropped, l.stage || ' no longer leads from ' || l.parent || ' there'), ?, ?
            FROM leaving l LEFT JOIN causes c USING (parent)
            """,
            [self.run_id, self.now],
        )
        for table in ("leaving", "unexplained", "causes"):
            cursor.execute(f"DROP TABLE {table}")

    def rows(self, cursor: duckdb.DuckDBPyConnection, table: str, key: str, gone: str, staged: str, how: Gone) -> None:
        """Note the rows of ``table`` whose ``key`` is in ``gone`` and not ``staged``, and that staged ones that went are back;
        and those that are staged under another label."""
        cursor.execute(
            f"""
            INSERT INTO lake.row_gone
            SELECT '{table}', t."{key}", {how.label}, {how.why}, ?, ?, (SELECT id FROM lake.current_snapshot()), NULL
            FROM lake.{table} t SEMI JOIN {gone} g ON g."{key}" = t."{key}" ANTI JOIN {staged} s ON s."{key}" = t."{key}"
            """,
            [self.run_id, self.now],
        )
        # A row that people know by another name now has not gone; but it left the place of that name.
        cursor.execute(
            f"""
            INSERT INTO lake.row_gone
            SELECT '{table}', t."{key}", {how.label}, 'it stands elsewhere now: ' || s.label, ?, ?,
                   (SELECT id FROM lake.current_snapshot()), ?
            FROM lake.{table} t SEMI JOIN {gone} g ON g."{key}" = t."{key}"
            JOIN (SELECT t."{key}", {how.label} AS label FROM {staged} t) s ON s."{key}" = t."{key}" AND s.label <> {how.label}
            """,
            [self.run_id, self.now, self.now],
        )
        back = f"dataset = '{table}' AND back_at IS NULL AND id IN (SELECT \"{key}\" FROM {staged})"
        if cursor.execute(f"SELECT 1 FROM lake.row_gone WHERE {back} LIMIT 1").fetchone():
            cursor.execute(f"UPDATE lake.row_gone SET back_at = ? WHERE {back}", [self.now])


def _same(one: str, other: str) -> str:
    return _SAME_EDGE.format(one=one, other=other)
