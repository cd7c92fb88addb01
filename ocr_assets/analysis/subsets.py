"""Named subsets of the triplets: what is in each, in which order, and what it is like.

A family of subsets is a definition (``subsets.toml``, or a file of the user's): conditions on labels, a seeded order, sizes. Its
subsets are the first rows of that order, so the smaller lie within the larger. How rows are chosen and ordered is in
``statistics/choosing.py``, which training mixes share. Releases and mixes are other matters: a subset stays in the lake, as a
query that anybody can repeat.
"""

from __future__ import annotations

import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
from pydantic import Field, ValidationError, field_validator

from ocr_assets.schema import SUBSET_ROWS, SUBSETS, json_text
from ocr_assets.statistics.choosing import Conditions, chosen, quoted
from ocr_assets.statistics.in_order import in_order
from ocr_assets.statistics.levels import LEVEL
from resources.lake import Lake, Write

_NAME = r"[a-z][a-z0-9_]*"

_ORDER = "place, rank, triplet_id"
_INPUTS = ("verified_triplets", "solutions")
_FROM = "FROM (FROM verified_triplets{at}) t JOIN (FROM solutions{at}) s USING (solution_id)"
# The labels that rows are chosen by. {at}: of which version of the lake.
_LABELS = f"""
SELECT t.triplet_id, t.problem_id, t.language, t.verdict, t.difficulty, {LEVEL.replace("difficulty", "t.difficulty")} AS level,
       t.trusted, s.parse_status = 'ok' AS parsed, t.dataset, t.source {_FROM}
"""
# All that statistics say, read once for all families.
_LABELLED = f"""
SELECT l.*, t.pass_rate, list_contains(s.labels, 'truncated') AS truncated, c.repeated_share > 0 AS looped, c.question_tokens,
       c.response_tokens, l.verdict NOT IN ('sandbox_error', 'ungradable') IS TRUE AS counts
{_FROM} JOIN ({_LABELS}) l USING (triplet_id) LEFT JOIN token_counts c USING (triplet_id)
"""
_TABLE = "memory.main.labelled_for_subsets"  # of this process
SIZES = "SELECT subset, rows FROM subsets ORDER BY family, rows, subset"


class Family(Conditions):
    """A definition: which rows, in which order, and how many of them in each of its subsets."""

    title: str = Field(min_length=1, description="For people")
    sizes: tuple[int, ...] = Field((), description="Rows of its smaller subsets; one of all rows there is always")
    as_many_as: tuple[str, ...] = Field((), description="No more rows than the smallest of these families has")
    seed: int = Field(0, ge=0, lt=2**32, description="Of the order of rows")

    @field_validator("sizes")
    @classmethod
    def _sizes_grow(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(size < 1 for size in value) or list(value) != sorted(set(value)):
            raise ValueError("give whole numbers from 1 on, each larger than the one before")
        return value


def load_families(own: Path | None = None) -> dict[str, Family]:
    """The bundled families by name, then those of the file ``own``, which may replace some.

    Raises ``ValueError`` naming file and section, and what to mend.
    """
    found = _read("subsets.toml", files(__package__).joinpath("subsets.toml").read_bytes())
    if own is not None:
        try:
            content = own.read_bytes()
        except OSError as error:
            raise ValueError(f"{own}: {error.strerror}") from None
        found |= _read(str(own), content)
    for name, family in found.items():
        if unknown := [other for other in family.as_many_as if other not in found]:
            raise ValueError(f"[{name}]: as_many_as: no family {', '.join(unknown)}")
    names = [subset for name, family in found.items() for subset, _ in subsets_of(name, family)]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two subsets have the name {', '.join(sorted(doubled))}")
    return found


def subsets_of(name: str, family: Family) -> Iterator[tuple[str, int | None]]:
    """Names of the family's subsets, each with the rows that it asks for; None: all."""
    for size in family.sizes:
        yield f"{name}_{f'{size // 1000}k' if size % 1000 == 0 else size}", size
    yield name, None


def rows_query(family: Family, labels: str) -> str:
    """SELECT of the family's rows in the order of ``_ORDER``. ``labels``: SELECT of all rows with their labels."""
    return chosen(labels, family, family.seed, "triplets", "triplet_id")


def make(store: Lake, write: Write, families: Mapping[str, Family]) -> dict[str, int]:
    """Stage the rows and the statistics of all subsets. Returns how many rows each has."""
    # Rows are drawn from one version of the lake, whoever writes meanwhile: the last that changed what they are drawn from.
    named = ", ".join(quoted(name) for name in _INPUTS)
    snapshot = store.scalar(f"SELECT max(snapshot) FROM dataset_version WHERE dataset IN ({named})")
    at = "" if snapshot is None else f" AT (VERSION => {snapshot})"
    with contextlib.closing(store.cursor()) as cursor:
        cursor.execute(f"CREATE OR REPLACE TABLE {_TABLE} AS {_LABELLED.replace('{at}', at)}")
        try:
            queries = {name: rows_query(family, f"FROM {_TABLE}") for name, family in families.items()}
            totals = {name: _count(cursor, query) for name, query in queries.items()}
            parts: list[str] = []
            rows: list[dict[str, Any]] = []
            for name, family in families.items():
                most = min(totals[other] for other in _bounds(name, families))
                ordered = f"SELECT triplet_id, row_number() OVER (ORDER BY {_ORDER}) - 1 AS position FROM ({queries[name]})"
                parts.append(f"SELECT {quoted(name)} AS family, triplet_id, position FROM ({ordered}) WHERE position < {most}")
                again = rows_query(family, _LABELS.replace("{at}", at))
                rows += _described(cursor, name, family, parts[-1], most, snapshot or 0, again)
            write.sync_query(SUBSET_ROWS, " UNION ALL ".join(parts))
            write.sync(SUBSETS, rows)
        finally:
            cursor.execute(f"DROP TABLE {_TABLE}")
    return {str(row["subset"]): int(row["rows"]) for row in rows}


def _count(cursor: duckdb.DuckDBPyConnection, query: str) -> int:
    ((rows,),) = cursor.execute(f"SELECT count(*) FROM ({query})").fetchall()
    return int(rows)


def _bounds(name: str, families: Mapping[str, Family]) -> list[str]:
    """A family and those that it may not have more rows than: those it names, and those that bound them."""
    names = [name]
    for known in names:
        names += [other for other in families[known].as_many_as if other not in names]
    return names


def _described(
    cursor: duckdb.DuckDBPyConnection, name: str, family: Family, query: str, most: int, snapshot: int, again: str
) -> Iterator[dict[str, Any]]:
    """The family's subsets with their statistics. ``again``: SELECT that draws the family's rows from the snapshot."""
    sizes = {subset: most if asked is None else min(asked, most) for subset, asked in subsets_of(name, family)}
    found = cursor.execute(_statistics(query), {"sizes": sorted(set(sizes.values()))}).to_arrow_table().to_pylist()
    by_size = {row.pop("size"): row for row in found}
    for subset, asked in subsets_of(name, family):
        statistics = dict(by_size[sizes[subset]])
        yield {
            "data_version": f"{int(statistics.pop('version') or 0):032x}",
            **statistics,
            "subset": subset,
            "family": name,
            "title": family.title,
            "definition": json_text(family.model_dump(mode="json")),
            "query": f"SELECT triplet_id FROM ({again}) ORDER BY {_ORDER} LIMIT {sizes[subset]}",
            "snapshot": snapshot,
            "asked_rows": asked,
        }


def _statistics(rows: str) -> str:
    """SELECT of what the first rows of ``rows`` (triplet_id, position) are like, for each of the parameter ``sizes``."""
    shares = ", ".join(
        f"avg((level IS NOT DISTINCT FROM '{name}')::INT) FILTER (triplet_id IS NOT NULL) AS {name}_share"
        for name in ("easy", "medium", "hard")
    )
    return f"""
WITH sized AS (SELECT unnest($sizes::BIGINT[]) AS size), placed AS (SELECT * FROM ({rows}) JOIN {_TABLE} USING (triplet_id))
SELECT size, count(triplet_id) AS rows, count(DISTINCT problem_id) AS problems, avg((language = 'python')::INT) AS python_share,
       count(*) FILTER (counts) AS judged, avg((verdict = 'accepted')::INT) FILTER (counts) AS accepted_share,
       {in_order("avg", "pass_rate", "counts")} AS pass_rate, avg(trusted::INT) AS trusted_share, {shares},
       coalesce(sum(question_tokens + response_tokens), 0)::BIGINT AS tokens,
       quantile_disc(response_tokens, 0.5) AS median_response_tokens, quantile_disc(response_tokens, 0.95) AS p95_response_tokens,
       avg(truncated::INT) AS truncated_share, avg(looped::INT) AS looped_share,
       coalesce(to_json(histogram(source))::VARCHAR, '{{}}') AS sources, bit_xor(md5_number(triplet_id)) AS version
FROM sized LEFT JOIN placed ON position < size GROUP BY size
"""


def _read(place: str, content: bytes) -> dict[str, Family]:
    found = {}
    try:
        sections = tomllib.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{place}: this is no TOML: {error}") from None
    for name, fields in sections.items():
        if not re.fullmatch(_NAME, name) or not isinstance(fields, dict):
            raise ValueError(f"{place}: {name}: a family is a section whose name has small letters, digits and _")
        try:
            found[name] = Family(**fields)
        except ValidationError as error:
            (first, *_) = error.errors()
            raise ValueError(f"{place}: [{name}] {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return found


__all__ = ["SIZES", "Family", "load_families", "make", "rows_query", "subsets_of"]
