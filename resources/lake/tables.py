"""What a table of the lake is: a row type, its key, and what may stand in each column.

A row type is a ``TypedDict`` whose hints carry everything: the Python type gives the Arrow type, ``| None`` makes a
column nullable, ``Literal`` lists the allowed values, ``Annotated[..., "text"]`` says what the column means.
So type checker, Arrow schema, DuckDB table, checks and UI column docs all come from the one declaration.

The row types themselves are in ``ocr_assets/schema``; reading and writing them is in ``resources/lake/lake.py``.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import pyarrow as pa

_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    bytes: pa.binary(),
    datetime: pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, meaning, whether it may be null, and the closed set of values if there is one."""

    name: str
    type: pa.DataType
    doc: str
    nullable: bool
    one_of: tuple[str, ...] = ()


def _column(name: str, hint: Any) -> Column:
    doc = ""
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        doc = " ".join(note for note in notes if isinstance(note, str))
    nullable = False
    if get_origin(hint) in (types.UnionType, typing.Union):
        members = [member for member in get_args(hint) if member is not type(None)]
        if len(members) != 1:
            raise TypeError(f"column {name}: only `X | None` unions are supported, got {hint}")
        nullable, hint = True, members[0]
    one_of: tuple[str, ...] = ()
    if get_origin(hint) is Literal:
        one_of, hint = tuple(get_args(hint)), str
    return Column(name, _arrow_type(name, hint), doc, nullable, one_of)


def _arrow_type(name: str, hint: Any) -> pa.DataType:
    if hint in _SCALARS:
        return _SCALARS[hint]
    if get_origin(hint) is list:
        item = _column(name, get_args(hint)[0])
        return pa.list_(item.type)
    if typing.is_typeddict(hint):
        return pa.struct([(column.name, column.type) for column in _columns(hint)])
    raise TypeError(f"column {name}: no Arrow type for {hint!r}")


def _columns(row_type: type) -> tuple[Column, ...]:
    hints = get_type_hints(row_type, include_extras=True)
    return tuple(_column(name, hint) for name, hint in hints.items())


@dataclass(frozen=True)
class Figure:
    """A number about a table that is worth watching over time, such as the share of answers that were cut off.

    ``name``: what the UI calls it, in one word of a check's name (``truncated_share``); ``value``: an SQL aggregate over the
    table's rows (null: there is nothing to say yet). It should not exceed ``most``, nor fall below ``least``: names of settings
    that hold the limit (``resources/settings/warnings.py``). ``doc``: what it means when it does.
    """

    name: str
    value: str
    doc: str
    most: str | None = None
    least: str | None = None


@dataclass(frozen=True)
class Table:
    """A table of the lake: ``Table("verdicts", Verdict, key=("verdict_id",))``.

    ``key`` identifies a row for ever (ids are content hashes); ``doc`` is one sentence for people. ``partition``: the column
    that names a row's partition, where the table's asset has partitions; ``fate``: SQL of what became of a row and why, for the
    page of a partition. ``figures``: the numbers that are watched. ``known_by_id``: several stages add rows, which are found by
    ids that stand elsewhere and never change; so rows that one stage adds are no news for another.
    """

    name: str
    row: type
    key: tuple[str, ...]
    doc: str = ""
    partition: str | None = None
    fate: tuple[str, str] = ("'kept'", "''")
    figures: tuple[Figure, ...] = ()
    known_by_id: bool = False

    def __post_init__(self) -> None:
        missing = {*self.key, *([self.partition] if self.partition else [])} - {column.name for column in self.columns}
        if missing:
            raise TypeError(
                f"table {self.name}: columns {sorted(missing)} of its key or partition are not in {self.row.__name__}"
            )

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return _columns(self.row)

    @cached_property
    def schema(self) -> pa.Schema:
        """Arrow schema; nullability is declared, meaning is in each field's metadata under ``doc``."""
        return pa.schema([pa.field(c.name, c.type, c.nullable, {"doc": c.doc}) for c in self.columns])

    @property
    def is_nested(self) -> bool:
        """Whether a column is a struct or a list."""
        return any(pa.types.is_nested(column.type) for column in self.columns)

    def batch(self, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
        """Rows as one Arrow batch of this table's schema.

        Raises ``ValueError`` naming the table, the row's key and the column that does not fit.
        """
        arrays = []
        for column in self.columns:
            try:
                arrays.append(pa.array([row[column.name] for row in rows], column.type))
            except (KeyError, pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
                raise ValueError(self._complaint(column, rows, error)) from error
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def batches(self, rows: Iterable[Mapping[str, Any]], size: int = 2048) -> Iterator[pa.RecordBatch]:
        """Rows as Arrow batches of at most ``size`` rows, lazily."""
        iterator = iter(rows)
        while chunk := list(islice(iterator, size)):
            yield self.batch(chunk)

    def _complaint(self, column: Column, rows: Sequence[Mapping[str, Any]], error: Exception) -> str:
        for row in rows:
            try:
                pa.array([row[column.name]], column.type)
            except (KeyError, pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as found:
                key = {name: row.get(name) for name in self.key}
                return f"table {self.name}, row {key}, column {column.name} ({column.type}): {found}"
        return f"table {self.name}, column {column.name} ({column.type}): {error}"
