"""DuckDB's extensions, straight from their PyPI packages: offline, and nothing is installed. And the error that says in one line
why a lake cannot be opened from here."""

from __future__ import annotations

from importlib.resources import files

import duckdb

POSTGRES = "postgres:"  # how the address of a catalog in PostgreSQL begins


class CannotOpen(ValueError):
    """The lake cannot be opened from here. One line: which address or package, what is wrong, and what to do."""


def load_extension(connection: duckdb.DuckDBPyConnection, name: str, extra: str = "") -> None:
    """Load an extension (``httpfs``). ``extra``: the extra of this project that brings its package.

    Raises ``CannotOpen`` if the package is missing.
    """
    try:
        folder = files(f"duckdb_extension_{name}") / "extensions" / f"v{duckdb.__version__}"
    except ModuleNotFoundError as error:
        package = f"duckdb-extension-{name.replace('_', '-')}=={duckdb.__version__}"
        remedy = f"'ocr-assets[{extra}]'" if extra else package
        raise CannotOpen(f"the lake needs the package {package}; install it with: pip install {remedy}") from error
    connection.execute(f"LOAD {quoted(str(folder / f'{name}.duckdb_extension'))}")


def load_extensions(connection: duckdb.DuckDBPyConnection, *, postgres: bool = False) -> None:
    """Load DuckLake and the catalog's driver. Raises ``CannotOpen`` if PostgreSQL's is wanted and its package is missing."""
    for name, extra in (("ducklake", ""), ("sqlite_scanner", ""), *([("postgres_scanner", "postgres")] if postgres else [])):
        load_extension(connection, name, extra)


def quoted(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


__all__ = ["POSTGRES", "CannotOpen", "load_extension", "load_extensions", "quoted"]
