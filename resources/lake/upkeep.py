"""Upkeep of a lake: small files become large ones, old snapshots go, and files that nothing needs any more go after them.

Safe beside those who write and read: each step is one short transaction under the writer's lock, and a file that is no longer
needed stays for a time of grace, for whoever is reading it. Killed at any moment, the lake holds what it held; the next upkeep
goes on. Which snapshots are needed by name (releases …) is told by who calls; when it runs is ``ocr_assets/automation``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from resources.lake import owners
from resources.lake.catalog import COMMITS, METADATA
from resources.lake.lake import Lake

EXPIRED_AT_ONCE = 1_000  # snapshots of one transaction
REMOVED_AT_ONCE = 500  # files of one transaction
_REWRITTEN_FROM = 0.5  # share of a file's rows that were deleted since
_SMALL = f"""
SELECT t.table_name, count(*) FROM {METADATA}.ducklake_data_file f JOIN {METADATA}.ducklake_table t USING (table_id)
WHERE f.end_snapshot IS NULL AND t.end_snapshot IS NULL AND f.file_size_bytes < ? AND NOT EXISTS (
    FROM {METADATA}.ducklake_delete_file d WHERE d.data_file_id = f.data_file_id AND d.end_snapshot IS NULL)
GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL
"""
# SQLite has texts for times.
_WAITING = f"""
SELECT schedule_start::TIMESTAMPTZ AS since FROM {METADATA}.ducklake_files_scheduled_for_deletion WHERE since < ? ORDER BY ALL
"""


@dataclass(frozen=True)
class Rules:
    """How long what is kept: snapshots (``keep``), and files that nothing needs any more (``grace``: longer than any query
    takes). Files smaller than ``small`` bytes are merged."""

    keep: timedelta = timedelta(days=30)
    grace: timedelta = timedelta(hours=24)
    small: int = 32 << 20


@dataclass
class Figures:
    """What upkeep did, or would do. ``shared``: other lakes have their data in the same place, so strange files there stay."""

    small_files: int = 0
    merged_into: int = 0
    snapshots_expired: int = 0
    snapshots_kept: int = 0
    files_removed: int = 0
    strange_files_removed: int = 0
    shared: bool = False

    def metadata(self) -> dict[str, Any]:
        return {name.replace("_", " "): value for name, value in asdict(self).items()}


def look(lake: Lake, rules: Rules, needed: Collection[int] = ()) -> Figures:
    """What ``keep_up`` would do now. ``merged_into`` is not known before. Nothing is changed."""
    now = datetime.now(UTC)
    with _cursor(lake) as cursor:
        old, kept = _snapshots(cursor, now - rules.keep, needed)
        figures = Figures(sum(count for _, count in _small(cursor, rules)), 0, len(old), kept)
        figures.files_removed = len(cursor.execute(_WAITING, [now - rules.grace]).fetchall())
        figures.shared = _is_shared(lake, cursor)
        if not figures.shared:
            figures.strange_files_removed = _strange(cursor, now - rules.grace, dry_run=True)
    return figures


def keep_up(lake: Lake, rules: Rules, needed: Collection[int] = (), say: Callable[[str], object] = lambda line: None) -> Figures:
    """Merge, expire, remove. One process at a time: who calls holds the lock ``upkeep`` (``at_work.StageLock``).

    ``needed``: snapshots that are kept however old they are; the next one of each is kept too, because what changed since a
    version begins there. The newest snapshot always stays.
    """
    done = Figures()
    with _cursor(lake) as cursor:
        for table, count in _small(cursor, rules):
            files, made = _merge(lake, cursor, table, rules)
            done.small_files += files
            done.merged_into += made
            if files:
                say(f"{table}: {files:,} of {count:,} small files merged into {made:,}")
        old, done.snapshots_kept = _snapshots(cursor, datetime.now(UTC) - rules.keep, needed)
        for some in _parts(old, EXPIRED_AT_ONCE):
            _call(lake, cursor, f"ducklake_expire_snapshots('lake', versions => {some})")
            done.snapshots_expired += len(some)
        if old:
            say(f"{len(old):,} snapshots expired, {done.snapshots_kept:,} kept")
        ungraced = datetime.now(UTC) - rules.grace
        while waiting := cursor.execute(f"{_WAITING} LIMIT {REMOVED_AT_ONCE}", [ungraced]).fetchall():
            # Those of one time come together: they may be more.
            until = f"older_than => TIMESTAMPTZ '{waiting[-1][0] + timedelta(microseconds=1)}'"
            done.files_removed += len(_call(lake, cursor, f"ducklake_cleanup_old_files('lake', {until})"))
        done.shared = _is_shared(lake, cursor)
        if not done.shared:
            done.strange_files_removed = _strange(cursor, ungraced, dry_run=False)
    say(f"{done.files_removed:,} files removed that nothing needs, and {done.strange_files_removed:,} that no commit names")
    return done


def _merge(lake: Lake, cursor: duckdb.DuckDBPyConnection, table: str, rules: Rules) -> tuple[int, int]:
    """Merge a table's small files, one new file a transaction: writers wait no longer than for that. Returns how many files
    became how many."""
    deleted = f"schema => 'main', delete_threshold => {_REWRITTEN_FROM}"
    _call(lake, cursor, f"ducklake_rewrite_data_files('lake', '{table}', {deleted})")
    files = made = 0
    bound = f"max_file_size => {rules.small}, max_compacted_files => 1"
    while rows := _call(lake, cursor, f"ducklake_merge_adjacent_files('lake', '{table}', schema => 'main', {bound})"):
        files += sum(row[2] for row in rows)
        made += sum(row[3] for row in rows)
    return files, made


def _call(lake: Lake, cursor: duckdb.DuckDBPyConnection, function: str) -> list[Any]:
    """A function of DuckLake's that is a transaction of its own, while nobody else writes."""
    answer: list[Any] = []

    def call() -> None:
        answer[:] = cursor.execute(f"CALL {function}").fetchall()

    lake.locked(call)
    return answer


def _small(cursor: duckdb.DuckDBPyConnection, rules: Rules) -> list[tuple[str, int]]:
    """Tables with small files that could be merged, and how many."""
    return cursor.execute(_SMALL, [rules.small]).fetchall()


def _snapshots(cursor: duckdb.DuckDBPyConnection, before: datetime, needed: Collection[int]) -> tuple[list[int], int]:
    """Snapshots made before that nobody needs, and how many others there are."""
    query = f"SELECT snapshot_id, snapshot_time::TIMESTAMPTZ < ? FROM {COMMITS} ORDER BY snapshot_id"
    found = cursor.execute(query, [before]).fetchall()
    kept = {number + more for number in needed for more in (0, 1)} | {found[-1][0]}
    old = [number for number, is_old in found if is_old and number not in kept]
    return old, len(found) - len(old)


def _strange(cursor: duckdb.DuckDBPyConnection, before: datetime, *, dry_run: bool) -> int:
    """Remove data files that no commit names, such as those of a killed writer; returns how many."""
    options = f"dry_run => {str(dry_run).lower()}, older_than => TIMESTAMPTZ '{before}'"
    return len(cursor.execute(f"CALL ducklake_delete_orphaned_files('lake', {options})").fetchall())


def _is_shared(lake: Lake, cursor: duckdb.DuckDBPyConnection) -> bool:
    return lake.data_path is not None and owners.is_shared(cursor, lake.data_path)


def _parts(numbers: list[int], size: int) -> Iterator[list[int]]:
    for first in range(0, len(numbers), size):
        yield numbers[first : first + size]


@contextlib.contextmanager
def _cursor(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    with contextlib.closing(lake.plain_cursor()) as cursor:
        yield cursor


__all__ = ["Figures", "Rules", "keep_up", "look"]
