"""What the lake keeps of releases: their versions (``release_version``) and which rows stood in which (``released_row``).

A version costs what it changes: a row that stays as it was is not written again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ocr_assets.platform.release_folders import ReleaseFolder
from ocr_assets.schema import RELEASE_VERSION, RELEASED_ROW, ReleaseVersion
from resources.lake import Lake, RunInfo, Write
from resources.lake.tables import Table

# One upsert: rows that are gone or changed end with the version before, those that are new or changed begin with this one.
# Parameters: release, number (of this version), last (of the one before, 0: none).
_CHANGES = """
WITH now AS (FROM ({rows})), before AS (FROM released_row WHERE release = $release AND to_number IS NULL)
SELECT release, id, parent_id, row_hash, from_number, $last::BIGINT AS to_number
FROM before ANTI JOIN now USING (id, row_hash)
UNION ALL
SELECT $release, id, parent_id, row_hash, $number::BIGINT, NULL FROM now ANTI JOIN before USING (id, row_hash)
"""

_NEWEST = """
SELECT v.number, v.version, v.profile, v.settings, v.rows, r.project FROM release_version v LEFT JOIN run r USING (run_id)
WHERE v.release = ? ORDER BY v.number DESC LIMIT 1
"""
NONE: Mapping[str, Any] = {"number": 0, "version": "", "profile": "", "settings": "", "rows": 0, "project": None}


def newest(store: Lake, release: str) -> Mapping[str, Any]:
    """Number, version, profile, settings (JSON), rows and project (JSON) of the newest version; ``NONE`` if there is none."""
    found = store.rows(_NEWEST, [release])
    return found[0] if found else NONE


def record(write: Write, version: ReleaseVersion, rows: str, last: int) -> None:
    """Stage a version and the rows in which it differs from the one before.

    ``rows``: SELECT of id, parent_id, row_hash of all its rows. ``last``: the number of the version before; 0: there is none.
    """
    write.append(RELEASE_VERSION, [version])
    parameters = {"release": version["release"], "number": version["number"], "last": last}
    write.upsert_query(RELEASED_ROW, _CHANGES.format(rows=rows), parameters)


def hashed(key: str, rows: str, label: str = "NULL", more: str = "") -> str:
    """SELECT of ``id``, ``label`` (a column) and ``hash`` (128 bits of all columns, and of what ``more`` puts behind them) of
    released rows. A release's version is made of these hashes."""
    return f'SELECT "{key}" AS id, {label} AS label, md5_number(to_json(q)::VARCHAR{more}) AS hash FROM ({rows}) q'


def hash_text(column: str = "hash") -> str:
    """SQL of a hash as text."""
    return f"lpad(lower(to_hex({column})), 32, '0')"


def take_in(store: Lake, run: RunInfo, folder: ReleaseFolder, table: Table, profile: str) -> None:
    """Tell the lake of versions that lie there whole and that it does not know: those of before it kept a ledger, or of a lake
    that was lost. What they were made of is known where the lake still has their edges."""
    last = int(newest(store, folder.name)["number"])
    for number in (number for number in folder.numbers if number > last and folder.is_whole(number)):
        manifest, path = folder.manifest(number), folder.version(number)
        files = [str(file) for file in sorted((path / "data").glob("*.parquet"))]
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        found = f"FROM read_parquet([{listed}])" if files else f'SELECT NULL::VARCHAR AS "{table.key[0]}" LIMIT 0'
        rows = f"""
SELECT h.id, e.parent AS parent_id, {hash_text("h.hash")} AS row_hash FROM ({hashed(table.key[0], found)}) h
LEFT JOIN (SELECT child, min(parent) AS parent FROM record_edge WHERE stage = '{folder.name}' AND relation = 'derived'
           GROUP BY child) e ON e.child = h.id"""
        version = ReleaseVersion(
            release=folder.name,
            number=number,
            version=str(manifest["version"]),
            profile=str(manifest.get("profile", profile)),
            settings=json.dumps(manifest.get("filters", {})),
            rows=sum(manifest.get("rows", {}).values()),
            snapshot=-1,
            folder=f"{folder.path.parent.name}/{folder.name}/{path.name}",
            benchmarks=json.dumps(manifest.get("benchmarks", [])),
            warning=manifest.get("warning"),
            run_id=str(manifest.get("run_id", "")),
            created_at=datetime.fromisoformat(manifest["created_at"]),
        )
        with store.write(run, folder.name) as write:
            record(write, version, rows, last)
        last = number


__all__ = ["NONE", "hash_text", "hashed", "newest", "record", "take_in"]
