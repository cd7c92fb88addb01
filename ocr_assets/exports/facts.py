"""What the card says of a release's rows and of how they were made: figures that one query each draws from the rows or the lake.

What is said in words, and how it is laid out, is in ``card.py``. All texts in the figures are somebody else's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from resources.lake.tables import Column

_MOST = 60  # rows of a table of the card
_TABLE = "memory.main.facts_of_a_release"  # of this process only
# Which columns a table of counts is by, under which heading; the first of each heading whose columns are there.
_COUNTS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("Sources", ("source", "dataset", "license")),
    ("Sources", ("source", "license")),
    ("Sources", ("subset", "style")),
    ("Verdicts by language", ("language", "verdict", "trusted")),
    ("Failures by language", ("language", "failure")),
    ("Difficulty", ("difficulty",)),
    ("Difficulty", ("gpt_difficulty",)),
    ("Models", ("model", "response_origin", "response_license")),
    ("Models", ("model",)),
    ("Models", ("chosen_model", "rejected_model")),
    ("What was decided about contamination", ("contamination",)),
)
# Of a published answer's place, which names its row, the dataset.
_DATASET = "split_part(split_part(response_origin, '@', 1), ': ', 1) AS response_origin"
# Of the whole lake, for the rows stand on all of it.
_VERSIONS: Sequence[tuple[str, str]] = (
    ("prompt template (hash)", "SELECT template || ' ' || template_hash AS v FROM r1_traces"),
    (
        "teacher",
        "SELECT coalesce(served_model, model) || coalesce(' ' || revision, '') AS v FROM r1_traces WHERE failure IS NULL",
    ),
    ("sampling", "SELECT sampling AS v FROM r1_traces"),
    ("parser", "SELECT parser_version AS v FROM solutions"),
    ("grader", "SELECT grader_version AS v FROM verdicts"),
    ("sandbox image", "SELECT image AS v FROM verdicts"),
    ("comparison with benchmarks", "SELECT settings AS v FROM screened"),
    ("rules of deduplication", "SELECT merge_rule AS v FROM deduped_problems"),
)
_SYNTHETIC_VERSIONS: Sequence[tuple[str, str]] = (
    ("model of questions", "SELECT coalesce(served_model, model) AS v FROM synthetic_questions"),
    ("model of solutions", "SELECT coalesce(served_model, model) AS v FROM synthetic_attempts"),
    ("grader", "SELECT grader_version AS v FROM self_verification"),
    ("sandbox image", "SELECT image AS v FROM self_verification"),
    ("comparison with benchmarks", "SELECT settings AS v FROM question_measures"),
)
_ANSWERED = ("teacher", "SELECT coalesce(served_model, model) AS v FROM kodcode_responses")  # of releases of answers to them


@dataclass(frozen=True)
class Facts:
    """``counts``: heading → rows (columns and ``rows``); ``tokens``: rows of text, least, median, mean, p95, most, total;
    ``versions``: what → how; ``undecided``: share of problems that nobody has decided about; null: there are none.
    ``lengths``: about a thousand values of ``length_of``, spread as all of them, for a picture."""

    counts: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    tokens: Sequence[Mapping[str, Any]] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    undecided: float | None = None
    length_of: str = ""
    lengths: Sequence[float] = ()


def facts_of(cursor: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[Column]) -> Facts:
    """The facts of released rows (a SELECT) in the snapshot that ``cursor`` reads."""
    names = {column.name for column in columns}
    texts = [column.name for column in columns if column.name.endswith("_tokens")]
    tables: dict[str, tuple[str, ...]] = {}
    for heading, by in _COUNTS:
        if set(by) <= names:
            tables.setdefault(heading, by)
    # Read once: the rows may be a join of everything.
    wanted = dict.fromkeys([*(name for by in tables.values() for name in by), *texts])
    needed = ", ".join(_DATASET if name == "response_origin" else f'"{name}"' for name in wanted)
    cursor.execute(f"CREATE OR REPLACE TABLE {_TABLE} AS SELECT {needed or 'NULL AS nothing'} FROM ({rows})")
    counts: dict[str, Sequence[Mapping[str, Any]]] = {}
    for heading, by in tables.items():
        listed = ", ".join(f'"{name}"' for name in by)
        query = f"SELECT {listed}, count(*) AS rows FROM {_TABLE} GROUP BY ALL ORDER BY rows DESC, {listed} LIMIT {_MOST}"
        counts[heading] = _rows(cursor, query)
    length_of = next((name for name in ("response_tokens", "chosen_tokens") if name in texts), "")
    lengths: Sequence[float] = ()
    if length_of:
        places = ", ".join(str(number / 1000) for number in range(1, 1000))
        ((found,),) = cursor.execute(f"SELECT quantile_disc({length_of}, [{places}]) FROM {_TABLE}").fetchall()
        lengths = [float(value) for value in found or []]
    tokens = _tokens(cursor, texts) if texts else []
    cursor.execute(f"DROP TABLE {_TABLE}")
    versions = _VERSIONS
    if "gpt_difficulty" in names:
        versions = [*_SYNTHETIC_VERSIONS, *([_ANSWERED] if "response_id" in names else [])]
    undecided = cursor.execute("SELECT avg((contamination = 'undecided')::INT) FROM clean_problems").fetchall()[0][0]
    return Facts(
        counts=counts,
        tokens=tokens,
        versions=_versions(cursor, versions),
        undecided=undecided,
        length_of=length_of,
        lengths=lengths,
    )


def _tokens(cursor: duckdb.DuckDBPyConnection, texts: Collection[str]) -> list[dict[str, Any]]:
    parts = [
        f"""SELECT '{name}' AS text, min({name}) AS least, median({name}) AS median, avg({name}) AS mean,
        quantile_cont({name}, 0.95) AS p95, max({name}) AS most, sum({name})::BIGINT AS total FROM {_TABLE}"""
        for name in texts
    ]
    return _rows(cursor, " UNION ALL ".join(parts))


def _versions(cursor: duckdb.DuckDBPyConnection, asked: Sequence[tuple[str, str]]) -> dict[str, str]:
    found = {}
    for name, query in asked:
        values = [
            str(row["v"]) for row in _rows(cursor, f"SELECT DISTINCT v FROM ({query}) WHERE v IS NOT NULL ORDER BY v LIMIT 9")
        ]
        if values:
            found[name] = ", ".join(values[:8]) + (" …" if len(values) > 8 else "")
    return found


def _rows(cursor: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in cursor.execute(query).to_arrow_table().to_pylist()]


__all__ = ["Facts", "facts_of"]
