"""The declared tables as a page for people: ``make docs`` writes it to docs/tables.md.

Everything on the page comes from the row types (``ocr_assets/schema``) and the lake's own tables (``resources/lake``), so it
cannot say anything else than the code; a test compares the two. What the tables are for, and how ids and lineage work, is told in
``docs/data-model.md``.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from ocr_assets.schema import RELEASES, TABLES
from resources.lake import LINEAGE_TABLES
from resources.lake.tables import Column, Table

_NAMES: dict[Any, str] = {str: "text", int: "integer", float: "float", bool: "boolean", bytes: "bytes", datetime: "timestamp"}
_HEAD = """# Tables of the lake

Made from the declared row types; do not edit: `make docs`. What the tables are for
stands in [data-model.md](data-model.md).
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD, _contents(), *map(_table, TABLES), "## The lake's own tables\n", *map(_table, LINEAGE_TABLES)]
    parts += ["## Releases\n\nParquet files, not tables of the lake.\n", *map(_table, RELEASES)]
    parts.append("## Types inside columns\n")
    parts += [_row_type(row) for row in _inner_types((*TABLES, *LINEAGE_TABLES, *RELEASES))]
    return "\n".join(parts)


def _contents() -> str:
    lines = ["| table or release | key | a row is |", "|---|---|---|"]
    for table in (*TABLES, *LINEAGE_TABLES, *RELEASES):
        key = ", ".join(f"`{name}`" for name in table.key)
        lines.append(f"| [`{table.name}`](#{table.name}) | {key} | {_cell(_first_line(table.row) or table.doc)} |")
    return "\n".join(lines) + "\n"


def _table(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key)
    return f"### `{table.name}`\n\n{table.doc} Key: {key}.\n\n{_columns(table.row, table.columns)}"


def _row_type(row: type) -> str:
    return f"### {row.__name__}\n\n{_first_line(row)}\n\n{_columns(row, Table(row.__name__, row, ()).columns)}"


def _columns(row: type, columns: Iterable[Column]) -> str:
    hints = get_type_hints(row, include_extras=True)
    lines = ["| column | type | null | meaning |", "|---|---|---|---|"]
    for column in columns:
        null = "yes" if column.nullable else ""
        doc = _cell(column.doc)
        missing = [value for value in column.one_of if value not in column.doc]
        if missing:
            doc = f"{doc}. One of: {', '.join(column.one_of)}" if doc else f"One of: {', '.join(column.one_of)}"
        lines.append(f"| `{column.name}` | {_type(hints[column.name])} | {null} | {doc} |")
    return "\n".join(lines) + "\n"


def _type(hint: Any) -> str:
    """``text``, ``list of text``, or a link to the row type that a column holds."""
    if get_origin(hint) is Annotated:
        return _type(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return "text"
    if get_origin(hint) is list:
        return f"list of {_type(get_args(hint)[0])}"
    members = [member for member in get_args(hint) if member is not NoneType]
    if members:
        return _type(members[0])
    return _NAMES.get(hint) or f"[{hint.__name__}](#{hint.__name__.lower()})"


def _inner_types(tables: Iterable[Table]) -> list[type]:
    """Row types that stand inside columns, each once, in the order in which they are met."""
    types: dict[type, None] = {}
    for table in tables:
        for hint in get_type_hints(table.row).values():
            types.update(dict.fromkeys(_typed_dicts(hint)))
    return list(types)


def _typed_dicts(hint: Any) -> Iterator[type]:
    if typing.is_typeddict(hint):
        yield hint
        for inner in get_type_hints(hint).values():
            yield from _typed_dicts(inner)
    for argument in get_args(hint):
        yield from _typed_dicts(argument)


def _first_line(row: type) -> str:
    doc = (row.__doc__ or "").strip()
    return "" if doc.startswith("dict(") else " ".join(doc.partition("\n\n")[0].split()).replace("``", "`")


def _cell(text: str) -> str:
    """Text that may stand in a cell of a table."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


if __name__ == "__main__":
    print(page(), end="")
