"""What was released: every version of every release, and which rows stood in it. The files themselves lie under ``releases/``.

What a released row looks like is in ``exports.py``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypedDict

from resources.lake.tables import Table


class ReleaseVersion(TypedDict):
    """A version of a release: a folder that is written once and never changed."""

    release: Annotated[str, "Its name"]
    number: Annotated[int, "1, 2, 3 … within the release"]
    version: Annotated[str, "Hash of rows, settings and benchmarks: equal ones, equal version"]
    profile: Annotated[str, "Which rows it is made of, and in which columns (docs/releases.md)"]
    settings: Annotated[str, "The profile's filters, as JSON"]
    rows: int
    snapshot: Annotated[int, "Lake snapshot that its rows were read from: … FROM t AT (VERSION => snapshot); -1: not known"]
    folder: Annotated[str, "Where its files lie, from OCR_HOME on"]
    benchmarks: Annotated[str, "What its problems were compared with, as JSON: benchmark, version, items"]
    warning: Annotated[str | None, "What a reader has to know first, such as that it is not decontaminated"]
    run_id: Annotated[str, "Run that released it"]
    created_at: datetime


class ReleasedRow(TypedDict):
    """A row of a release, for as long as it stood in it unchanged. Version n holds the rows with
    ``from_number <= n AND n <= coalesce(to_number, n)``."""

    release: str
    id: Annotated[str, "Id of the row in the release"]
    parent_id: Annotated[str | None, "Row of the lake that it was made of, such as the triplet; null: not known any more"]
    row_hash: Annotated[str, "md5 of all its columns"]
    from_number: Annotated[int, "First version that holds it"]
    to_number: Annotated[int | None, "Last version that holds it; null: the newest does"]


RELEASE_VERSION = Table(
    "release_version", ReleaseVersion, ("release", "number"), "What was released, a row a version.", known_by_id=True
)
RELEASED_ROW = Table(
    "released_row",
    ReleasedRow,
    ("release", "id", "from_number"),
    "Which rows stood in which versions of a release.",
    known_by_id=True,
)
