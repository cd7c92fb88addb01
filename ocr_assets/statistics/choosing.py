"""Which labelled rows are chosen, and in which seeded order: one rule for subsets of the lake and for training mixes, as SQL.

Every row has a place in an order that only the seed and its id decide, so a smaller choice lies within a larger one, on every
machine. What the rows are, and what is done with the chosen ones, is the stages' matter. No text is read here, only labels:
problem_id, language, verdict, difficulty, level, trusted, parsed, dataset, source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ocr_assets.schema import Language, VerdictName

Level = Literal["easy", "medium", "hard"]
Stratum = Literal["source", "dataset", "language", "level", "difficulty", "verdict"]


class Conditions(BaseModel):
    """Rows that every condition holds for, in a seeded order."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    languages: tuple[Language, ...] = Field((), description="Only these; none: all")
    verdicts: tuple[VerdictName | Literal["none"], ...] = Field((), description="Only these; `none`: nothing was run")
    without_verdicts: tuple[VerdictName | Literal["none"], ...] = Field((), description="Not these")
    parsed: bool = Field(True, description="Only answers that end and hold code: one that was cut off teaches never to end")
    trusted: bool | None = Field(None, description="Only rows whose verdict can (true) or cannot be trusted")
    levels: tuple[Level, ...] = Field((), description="Only problems as hard, by what their source says")
    difficulties: tuple[str, ...] = Field((), description="Only these words of the sources, e.g. VERY_HARD")
    datasets: tuple[str, ...] = Field((), description="Only rows of these: taco, apps, code_contests, codeforces, local")
    sources: tuple[str, ...] = Field((), description="Only rows of these platforms")
    least_answers: int = Field(1, ge=1, description="Only problems with so many answers that fulfil the rest")
    per_problem: int | None = Field(None, ge=1, description="At most so many answers of a problem and language")
    stratify: tuple[Stratum, ...] = Field(
        (),
        description="Any first n rows hold as large a share of each combination of these labels as all rows do",
    )

    @field_validator("verdicts", "without_verdicts", "stratify")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value))


def conditions_of(of: Conditions) -> list[str]:
    """The conditions on a row's labels as SQL, to be joined by AND."""
    verdict = "coalesce(verdict, 'none')"
    conditions = [
        among(column, allowed)
        for column, allowed in (
            ("language", of.languages), (verdict, of.verdicts), ("level", of.levels), ("difficulty", of.difficulties),
            ("dataset", of.datasets), ("source", of.sources),
        )
        if allowed
    ]  # fmt: skip
    if of.without_verdicts:
        conditions.append(f"NOT {among(verdict, of.without_verdicts)}")
    if of.parsed:
        conditions.append("parsed")
    if of.trusted is not None:
        conditions.append(f"trusted = {str(of.trusted).lower()}")
    return conditions


def chosen(rows: str, of: Conditions, seed: int, name: str, key: str, more: Sequence[str] = ()) -> str:
    """SELECT of the rows that are chosen, with two columns more: ``place`` and ``rank``. Their order is place, rank, ``key``.

    Args:
        rows: SELECT of rows with their labels.
        of: which of them.
        seed, name: what the order is drawn from, with the row's ``key``: equal ones order equally.
        key: the column that names a row.
        more: conditions on columns that are not labels, as SQL.
    """
    where = " AND ".join([*conditions_of(of), *more]) or "true"
    query = f"SELECT *, md5(concat_ws('|', {seed}, {quoted(name)}, {key})) AS rank FROM ({rows}) WHERE {where}"
    if of.least_answers > 1:
        query += f" QUALIFY count(*) OVER (PARTITION BY problem_id, language) >= {of.least_answers}"
    if of.per_problem is not None:
        within = f"row_number() OVER (PARTITION BY problem_id, language ORDER BY rank, {key})"
        query = f"SELECT * FROM ({query}) QUALIFY {within} <= {of.per_problem}"
    return f"SELECT *, {_place(of.stratify, seed, key)} AS place FROM ({query})"


def _place(stratify: Sequence[str], seed: int, key: str) -> str:
    """SQL of how far along its stratum a row stands, from 0 to 1: of n rows, one in each n-th. Where the n-ths begin is drawn for
    each stratum, or all small ones would have their first row at the same place."""
    if not stratify:
        return "0.0::DOUBLE"
    columns = ", ".join(stratify)
    begin = f"('0x' || left(md5(json_array({seed}, {columns})::VARCHAR), 8))::BIGINT / 4294967296"
    number = f"row_number() OVER (PARTITION BY {columns} ORDER BY rank, {key})"
    return f"({number} - {begin}) / count(*) OVER (PARTITION BY {columns})"


def among(column: str, allowed: Sequence[str]) -> str:
    """SQL of whether a column has one of these values."""
    return f"{column} IN ({', '.join(map(quoted, allowed))})"


def quoted(value: str) -> str:
    """A text as SQL."""
    return "'" + value.replace("'", "''") + "'"


__all__ = ["Conditions", "Level", "among", "chosen", "conditions_of", "quoted"]
