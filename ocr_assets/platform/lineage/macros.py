"""The SQL that makes the views and macros of the project's lake."""

from __future__ import annotations

from ocr_assets.platform.lineage import sql
from ocr_assets.schema import TABLES


def _macros() -> str:
    names = ", ".join(f"'{table.name}'" for table in TABLES)
    keys = ", ".join(f"('{table.name}', {list(table.key)})" for table in TABLES)
    return f"""
CREATE OR REPLACE VIEW table_keys AS FROM (VALUES {keys}) t(dataset, key);
CREATE OR REPLACE MACRO lineage_version() AS '{sql.version()}';
{sql.text().replace("__TABLES__", names)}"""


MACROS = _macros()

__all__ = ["MACROS"]
