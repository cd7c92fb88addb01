"""A lake that exists, opened to be read and nothing else: nothing is created, migrated, locked or noted.

For pages and questions beside runs that write. A lake that is written too is ``lake.py``. No PyArrow is loaded here: a question
at the terminal must not wait for it.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb

from resources.lake.catalog import Catalog, use_lake


class NoLake(RuntimeError):
    """There is no lake where one should be read; the message says what to do."""

    def __init__(self, home: Path) -> None:
        super().__init__(f"there is no lake in {home}; run `ocr-assets run` first, or set OCR_HOME to a project's folder")


class ReadOnlyLake:
    """``with ReadOnlyLake(home) as lake: lake.rows("FROM funnel")``. Threads may share it; each query sees what is committed.

    ``home``, ``catalog``, ``data_path``, ``memory_limit``: as of ``Lake``. ``threads``: how many a query uses; None: all cores.
    ``as_written``: joins are made in the order of the query, which is right for the questions of lineage, at any size: they
    begin at the few ids that were asked about, and to think about the order takes as long as the answer. Raises ``NoLake``.
    """

    def __init__(
        self,
        home: Path,
        catalog: str | None = None,
        data_path: str | None = None,
        memory_limit: str = "2GB",
        threads: int | None = None,
        as_written: bool = False,
    ) -> None:
        if catalog is None and not (home / "catalog.sqlite").is_file():
            raise NoLake(home)
        trusted = {"allow_unsigned_extensions": "true"}  # pip installed them, as everything here
        self._connection = duckdb.connect(config={"memory_limit": memory_limit, **trusted})
        try:
            if threads is not None:
                self._connection.execute(f"SET threads = {threads}")
            if as_written:
                self._connection.execute("SET disabled_optimizers = 'join_order,statistics_propagation'")
            self._connection.execute("SET TimeZone = 'UTC'")
            Catalog(home, catalog, data_path).attach(self._connection, read_only=True)
        except BaseException:
            self._connection.close()
            raise

    def rows(self, query: str, parameters: object = None) -> list[dict[str, Any]]:
        """A result as dicts."""
        with self._connection.cursor() as cursor:
            result = use_lake(cursor).execute(query, parameters)
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def scalar(self, query: str, parameters: object = None) -> Any:
        """The first value of the first row."""
        rows = self.rows(query, parameters)
        return next(iter(rows[0].values())) if rows else None

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> ReadOnlyLake:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
