"""The numbers of a table that are watched: worked out after each run, told as metadata, whose plots show them over time, and held
against their limits by checks that warn.

Which numbers a table has is declared with it (``ocr_assets/schema/figures.py``), the limits are settings
(``resources/settings/warnings.py``). That rows are as declared is another, blocking, check (``assets.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from ocr_assets.platform.assets import ROWS_LOST, watched
from resources.lake import Lake
from resources.lake.tables import Figure, Table
from resources.settings import WarningSettings, from_environment

Figures = Mapping[str, float | None]


def figures_of(lake: Lake, table: Table, relation: str, rows: int, before: int) -> Figures:
    """The table's watched numbers by name; null: there are no rows to say it of.

    ``relation``: where its rows are read, ``rows``: how many there are, ``before``: how many there were before the run.
    """
    lost = max(0, before - rows) / before if before else None
    if not table.figures:
        return {ROWS_LOST.name: lost}
    selected = ", ".join(f'({figure.value})::DOUBLE AS "{figure.name}"' for figure in table.figures)
    (found,) = lake.rows(f"SELECT {selected} FROM {relation}")
    return {ROWS_LOST.name: lost, **found}


def warnings_of(key: dg.AssetKey, table: Table, figures: Figures) -> Sequence[dg.AssetCheckResult]:
    """The results of the checks that warn; one without a number passes."""
    limits = from_environment(WarningSettings).model_dump()
    return [_held(key, figure, figures[figure.name], limits) for figure in watched(table)]


def _held(key: dg.AssetKey, figure: Figure, value: float | None, limits: Mapping[str, float]) -> dg.AssetCheckResult:
    most, least = (None if name is None else limits[name] for name in (figure.most, figure.least))
    passed = value is None or ((most is None or value <= most) and (least is None or value >= least))
    told = {"value": value, "at most": most, "at least": least}
    return dg.AssetCheckResult(
        passed=passed,
        check_name=figure.name,
        asset_key=key,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={name: number for name, number in told.items() if number is not None},
        description=None if passed else figure.doc,
    )


__all__ = ["Figures", "figures_of", "warnings_of"]
