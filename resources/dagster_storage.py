"""Where Dagster keeps runs and events: files in the home, or a PostgreSQL server (``dagster`` of the section ``[lake]``).

It stands in the home's ``dagster.yaml``, which Dagster's own commands read as well. The password does not: psycopg2 reads
``PGPASSWORD`` or ``~/.pgpass``, as for the lake's catalog.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from resources.lake.extensions import POSTGRES, CannotOpen

_BEGIN, _END = "# Made by ocr-assets, of the setting lake.dagster (OCR_DAGSTER):", "# End of what ocr-assets made."
_BLOCK = re.compile(rf"\n*{re.escape(_BEGIN)}\n.*?{re.escape(_END)}\n", re.DOTALL)


def settle_storage(instance_file: Path, address: str | None) -> None:
    """Have ``dagster.yaml`` say that ``address`` (``postgres:host=… dbname=…``) keeps runs and events; None: files do.

    Raises ``CannotOpen`` at an address that is none, and where the package is missing.
    """
    before = instance_file.read_text(encoding="utf-8")
    after = _BLOCK.sub("\n", before).rstrip("\n") + "\n"
    if address:
        if re.search(r"^storage:", after, re.MULTILINE):
            raise CannotOpen(f"{instance_file} has a storage of its own, and lake.dagster (OCR_DAGSTER) is set: take one out")
        storage = f"storage:\n  postgres:\n    postgres_url: {json.dumps(url_of(address))}"
        after += f"\n{_BEGIN}\n{storage}\n{_END}\n"
    if after != before:
        instance_file.write_text(after, encoding="utf-8")


def url_of(address: str) -> str:
    """The address as SQLAlchemy takes it, with its driver named: left out, SQLAlchemy 2.1 would look for another one."""
    try:
        import dagster_postgres  # noqa: F401  (Dagster loads it by name)
        import psycopg2
        from psycopg2.extensions import parse_dsn
        from sqlalchemy import URL
    except ModuleNotFoundError as error:
        raise CannotOpen(f"OCR_DAGSTER={address} needs the package {error.name}; pip install 'ocr-assets[postgres]'") from None

    try:
        if not address.startswith(POSTGRES):
            raise ValueError("it does not begin with postgres:")
        parts = parse_dsn(address.removeprefix(POSTGRES))
    except (psycopg2.ProgrammingError, ValueError) as error:
        raise CannotOpen(f"OCR_DAGSTER={address}: {str(error).strip()}; give postgres:host=… dbname=… user=…") from None
    # As a query, since a socket's folder has no other place in an address.
    return URL.create("postgresql+psycopg2", query=parts).render_as_string(hide_password=False)


__all__ = ["settle_storage", "url_of"]
