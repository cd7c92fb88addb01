"""Which weights a model under evaluation has: those that were trained on a mix, or those that a setting names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from resources.lake import Lake
from resources.settings.evaluation import MIX

NEWEST = "SELECT folder, data_version FROM finetuned_model WHERE mix = ? ORDER BY created_at DESC, model_id LIMIT 1"


@dataclass(frozen=True)
class Weights:
    """What a model is called in the lake, and where its weights lie (None: the engine knows it by its name)."""

    name: str
    folder: Path | None


def weights_of(store: Lake, name: str, folder: Path | None) -> Weights | None:
    """The weights of a model under evaluation. ``folder``: where a setting says they lie.

    ``mix:NAME`` is the newest model that was trained on that mix; its version is part of what it is called, so that one trained
    anew is asked anew. None: there is none yet.
    """
    if not name.startswith(MIX) or folder is not None:
        return Weights(name, folder)
    trained = store.rows(NEWEST, [name.removeprefix(MIX)])
    return Weights(f"{name}@{trained[0]['data_version'][:8]}", Path(trained[0]["folder"])) if trained else None
