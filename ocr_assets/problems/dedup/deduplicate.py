"""Deduplication in the lake, as the asset ``deduped_problems`` does it: refresh, decide, merge what changed, write.

Each step is in a module of its own: ``refresh.py``, ``clusters.py``, ``merge.py``. For plain files see ``files.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from ocr_assets.problems.dedup.clusters import (
    changed,
    clusters,
    conflicts_with_new_origins,
    decided,
    moved,
    to_merge,
    with_new_origins,
)
from ocr_assets.problems.dedup.merge import merge_groups
from ocr_assets.problems.dedup.refresh import Refreshed, Writing, refresh
from ocr_assets.problems.dedup.settings import DedupSettings
from ocr_assets.schema import DEDUPED_PROBLEMS, DUPLICATE_PAIRS, TEST_CONFLICTS, TEST_SUITES, DuplicatePair
from ocr_assets.texts.similarity import Embeds
from resources.lake import Lake, Write


def deduplicate(
    store: Lake, write: Write, writing: Writing, settings: DedupSettings, embedder: Embeds | None = None
) -> Refreshed:
    """Bring ``deduped_problems`` and all that it follows from up to date with ``raw_problems``; returns what was measured.

    What is measured is committed on the way, each part by a write that ``writing`` opens; what is decided from it is staged in
    ``write``. ``embedder`` is needed by the semantic layer only.
    """
    done = refresh(store, writing, settings, embedder)
    pairs = decided(store, settings, embedder.model if embedder else None)
    write.sync(DUPLICATE_PAIRS, pairs)
    _merge_changed(store, write, pairs, settings)
    return done


def _merge_changed(store: Lake, write: Write, pairs: Sequence[DuplicatePair], settings: DedupSettings) -> None:
    """Stage the problems of clusters that have other members than before, in place of those that are no more, and those whose
    members stand in other lines of their files than before."""
    cluster_of, layer_of = clusters(pairs)
    with closing(store.cursor()) as cursor:
        gone = changed(cursor, cluster_of, settings.merge_rule)
        touched = [*gone, *moved(cursor, gone)]
        problems = write.sync(DEDUPED_PROBLEMS, with_new_origins(cursor), within=("problem_id", touched))
        conflicts = write.sync(TEST_CONFLICTS, conflicts_with_new_origins(cursor), within=("problem_id", touched))
        edges = write.edges(within=("child", gone))
        suites = write.append(TEST_SUITES)
        staged: set[str] = set()  # problems can have equal suites, such as none
        for merged in merge_groups(to_merge(cursor), layer_of, settings.merge_rule):
            problems.add(merged.problem)
            conflicts.add_all(merged.conflicts)
            edges.add_all(merged.edges)
            if merged.suite["suite_id"] not in staged:
                staged.add(merged.suite["suite_id"])
                suites.add(merged.suite)
