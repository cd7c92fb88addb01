"""Training and validation: which side a row is on. Rows about one problem are on the same side, and so are those about problems
that are alike, however far apart the first and the last of a chain of them are.
"""

from __future__ import annotations

import duckdb

from ocr_assets.platform.release_folders import VALIDATION
from ocr_assets.texts.groups import joined

# Statements that some layer of deduplication found alike, whether or not they became one problem, as pairs of problems.
NEAR_PROBLEMS = """
WITH members AS (SELECT problem_id, unnest(raw_ids) AS raw_id FROM deduped_problems),
named AS (SELECT DISTINCT problem_id, statement_key FROM members JOIN statement_keys USING (raw_id))
SELECT DISTINCT a.problem_id, b.problem_id FROM duplicate_pairs d JOIN named a ON a.statement_key = d.left_key
JOIN named b ON b.statement_key = d.right_key WHERE d.decision <> 'below' AND a.problem_id <> b.problem_id"""


def table_of(release: str) -> str:
    """The table, of this process only, that ``make_groups`` makes."""
    return f"memory.main.groups_of_{release}"


def make_groups(cursor: duckdb.DuckDBPyConnection, table: str, pairs: str) -> None:
    """Make ``table``: each member of a pair with the group that it belongs to."""
    groups = joined((str(one), str(other)) for one, other in cursor.execute(pairs).fetchall())
    cursor.execute(f"CREATE OR REPLACE TABLE {table} (member VARCHAR, root VARCHAR)")
    if groups:
        cursor.execute(f"INSERT INTO {table} SELECT unnest(?), unnest(?)", [list(groups), list(groups.values())])


def split_sql(column: str | None, group: str, validation: float, groups: str) -> str:
    """SQL of a row's split, over the rows as q: ``train`` or ``validation``, or where a column names splits, that and
    ``NAME_validation``. Which side it is, is drawn by a hash of the row's group: it stays, whatever comes or goes."""
    name = f'q."{column}"' if column else "'train'"
    if not validation:
        return name
    root = f"coalesce((SELECT g.root FROM {groups} g WHERE g.member = {group}), {group})"
    drawn = f"('0x' || left(md5('{VALIDATION}' || {root}), 8))::BIGINT < {int(validation * 2**32)}"
    validated = f"{name} || '_{VALIDATION}'" if column else f"'{VALIDATION}'"
    return f"CASE WHEN {drawn} THEN {validated} ELSE {name} END"


__all__ = ["NEAR_PROBLEMS", "make_groups", "split_sql", "table_of"]
