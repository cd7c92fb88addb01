"""Verdicts on their way into the lake: rows and their lineage in one transaction.

How they are run and journalled is ``platform/sandboxed.py``, how a verdict comes about ``grading``; which programs are run is
decided in ``ungraded.py`` and ``validation/``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ocr_assets.schema import SUITE_VALIDATION, VERDICTS
from resources.lake import Edge, Lake, RunInfo


def store_validation(store: Lake, run: RunInfo, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of ``suite_validation`` and their lineage into the lake, in one transaction."""
    unique = {row["validation_id"]: row for row in rows}
    edges: list[Edge] = [
        {"child": key, "parent": row["problem_id"], "relation": "derived", "reason": f"{row['role']}: {row['verdict']}"}
        for key, row in unique.items()
    ]
    with store.write(run, "suite_validation") as write:
        write.upsert(SUITE_VALIDATION, unique.values())
        write.edges(edges, replace=False)


def store_verdicts(store: Lake, run: RunInfo, rows: Sequence[Mapping[str, Any]]) -> None:
    """Verdicts and their lineage into the lake, in one transaction."""
    unique = {row["verdict_id"]: row for row in rows}
    edges: list[Edge] = [
        {"child": row["verdict_id"], "parent": row["solution_id"], "relation": "derived", "reason": row["verdict"]}
        for row in unique.values()
    ]
    with store.write(run, "verdicts") as write:
        write.upsert(VERDICTS, unique.values())
        write.edges(edges, replace=False)
