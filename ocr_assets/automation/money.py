"""What may be spent without a person at the keyboard: nothing by conditions, and by schedules and sensors only within a budget.

What an asset spends is said where it is declared (``pays=`` of ``lake_asset``); budgets are settings of the resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What is paid for → the settings that bound it; at least one has to be given.
BUDGETS = {
    "teacher": "OCR_TEACHER_MAX_REQUESTS, _MAX_TOKENS or _MAX_COST",
    "judges": "OCR_JUDGE_MAX_REQUESTS, _MAX_TOKENS or _MAX_COST",
    "evaluated": "OCR_EVALUATED_MAX_REQUESTS, _MAX_TOKENS or _MAX_COST",
    "annotator": "OCR_ANNOTATOR_MAX_REQUESTS, _MAX_TOKENS or _MAX_COST",
    "critic": "OCR_CRITIC_MAX_REQUESTS, _MAX_TOKENS or _MAX_COST",
}
_FREE_KINDS = ("recorded", "published", "none")


def costs(pays: str | None, resources: Mapping[str, Any]) -> bool:
    """Whether an asset that pays for ``pays`` spends anything with these resources: recorded answers are free, GPU hours
    never."""
    if pays is None:
        return False
    return pays not in BUDGETS or resources[pays].kind not in _FREE_KINDS


def bounded(pays: str, resources: Mapping[str, Any]) -> bool:
    """Whether somebody said how much may be spent on it."""
    if pays not in BUDGETS:
        return False
    return any(getattr(resources[pays], limit) is not None for limit in ("max_requests", "max_tokens", "max_cost"))


__all__ = ["BUDGETS", "bounded", "costs"]
