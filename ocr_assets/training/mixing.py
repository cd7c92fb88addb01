"""Mixes into the lake: which rows each trains on, and what it was made of. The query is ``selection.py``'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_assets.schema import TRAINING_MIX, TRAINING_MIXES, json_text
from ocr_assets.training.mixes.definition import TrainingMix
from ocr_assets.training.selection import choose
from resources.lake import Lake, RunInfo

STAGE = "training_mix"


@dataclass(frozen=True)
class Made:
    """What became of a mix: ``missing``: releases that are not there; ``is_new``: whether it had to be chosen anew."""

    rows: int
    is_new: bool
    missing: Sequence[str]


def make(store: Lake, run: RunInfo, mix: TrainingMix, mixes: Mapping[str, TrainingMix], releases: Path) -> Made:
    """Bring a mix up to date: its rows, their lineage, its state, in one commit. Raises ``ValueError`` naming what is wrong."""
    known = store.rows("SELECT * FROM training_mixes WHERE mix = ?", [mix.name])
    chosen = choose(mix, mixes, releases, lambda query: int(store.scalar(f"SELECT count(*) FROM ({query})")))
    state = {
        "mix": mix.name,
        "title": mix.title,
        "experiments": list(mix.experiments),
        "recipe": mix.recipe,
        "definition": json_text(mix.model_dump(mode="json", by_alias=True, exclude={"base"})),
        "asked_rows": mix.asked_rows,
    }
    if known and known[0]["inputs"] == chosen.inputs:
        if state.items() <= known[0].items():
            return Made(known[0]["rows"], False, chosen.missing)
        with store.write(run, STAGE, scope=mix.name) as write:
            write.upsert(TRAINING_MIXES, [{**known[0], **state}])
        return Made(known[0]["rows"], False, chosen.missing)
    with store.write(run, STAGE, scope=mix.name) as write:
        query = chosen.query or "SELECT * FROM training_mix WHERE false"
        write.sync_query(TRAINING_MIX, query, where={"mix": mix.name})
        write.edges_query(
            f"SELECT example_id AS child, released_id AS parent, 'derived' AS relation, mix AS reason FROM ({query})"
        )
        version = store.query_version(f"SELECT release, released_id, copy, position FROM ({query})")
        rows = int(store.scalar(f"SELECT count(*) FROM ({query})"))
        write.upsert(TRAINING_MIXES, [{**state, "rows": rows, "data_version": version, "inputs": chosen.inputs}])
    return Made(rows, True, chosen.missing)
