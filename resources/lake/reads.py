"""Which tables a query reads, so that the lake can note a stage's inputs by itself.

DuckDB parses the query; nothing is bound or run, so parameters need no values. Views and macros are followed to their tables.
Of a statement that DuckDB's parser does not take apart (UPDATE, PIVOT, COPY …) every word counts as a name: an input too many
does little harm, one too few would be a lineage that is not true.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import duckdb

_BEGIN = re.compile(r"\b(?:WITH|SELECT|FROM)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d]\w*")


class ReadTables:
    """Names the tables of queries, each query text once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._known: dict[str, frozenset[str]] = {}
        self._parsed: dict[str, set[str]] = {}
        self._definitions: Mapping[str, str] | None = None

    def of(self, query: str) -> frozenset[str]:
        """Names of all tables that the query reads, views and macros replaced by what they read.

        There may be more among them: temporary tables, CTEs, and any word of a query that cannot be parsed. The caller picks
        those that are the lake's. Of a statement that writes (CREATE … AS, INSERT), its SELECT counts.
        """
        if query not in self._known:
            self._known[query] = frozenset(self._resolved(query, set()))
        return self._known[query]

    def _resolved(self, query: str, seen: set[str]) -> Iterator[str]:
        for name in self._named(query):
            definition = self._views_and_macros().get(name)
            if definition is None:
                yield name
            elif name not in seen:
                seen.add(name)
                yield from self._resolved(definition, seen)

    def _named(self, query: str) -> set[str]:
        if query not in self._parsed:
            self._parsed[query] = self._parse(query)
        return self._parsed[query]

    def _parse(self, query: str) -> set[str]:
        begin = _BEGIN.search(query)
        with self._connection.cursor() as cursor:
            row = begin and cursor.execute("SELECT json_serialize_sql(?)", [query[begin.start() :]]).fetchone()
        tree = json.loads(row[0]) if row else {"error": True}
        if tree.get("error"):
            return {word.lower() for word in _WORD.findall(query)}
        # CTEs are not left out: one may have the name of the table that it reads.
        names = (node.get("table_name") or node.get("function_name") for node in _nodes(tree))
        return {name.lower() for name in names if isinstance(name, str)}

    def _views_and_macros(self) -> Mapping[str, str]:
        if self._definitions is None:
            with self._connection.cursor() as cursor:
                rows = cursor.execute(
                    "SELECT view_name, sql FROM duckdb_views() WHERE database_name = 'lake' UNION ALL "
                    "SELECT function_name, macro_definition FROM duckdb_functions() WHERE database_name = 'lake' "
                    "AND function_type IN ('table_macro', 'macro')"
                ).fetchall()
            self._definitions = {name.lower(): _body(sql) for name, sql in rows}
        return self._definitions


class ReadingCursor:
    """A DuckDB connection that tells which queries it runs; everything else is the connection's own."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, note: Any) -> None:
        self._cursor, self._note = cursor, note

    def execute(self, query: str, *arguments: Any, **named: Any) -> duckdb.DuckDBPyConnection:
        self._note(query)
        self._cursor.execute(query, *arguments, **named)
        return cast(duckdb.DuckDBPyConnection, self)

    def sql(self, query: str, *arguments: Any, **named: Any) -> duckdb.DuckDBPyRelation:
        self._note(query)
        return self._cursor.sql(query, *arguments, **named)

    def executemany(self, query: str, *arguments: Any, **named: Any) -> duckdb.DuckDBPyConnection:
        self._note(query)
        self._cursor.executemany(query, *arguments, **named)
        return cast(duckdb.DuckDBPyConnection, self)

    def query(self, query: str, *arguments: Any, **named: Any) -> duckdb.DuckDBPyRelation:
        return self.sql(query, *arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def __enter__(self) -> ReadingCursor:
        return self

    def __exit__(self, *exc: object) -> None:
        self._cursor.close()


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _nodes(value)


def _body(definition: str) -> str:
    """A view's SELECT, without the CREATE VIEW … AS before it."""
    created = re.match(r"CREATE\s.*?\sAS\s", definition, re.IGNORECASE | re.DOTALL)
    return definition[created.end() :] if created else definition
