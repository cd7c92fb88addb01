"""Bringing the tables of deduplication up to date with ``raw_problems``: what is new is read and compared, what left forgotten.

``statement_keys`` (exact layer) → ``near_index``, ``semantic_index`` → ``duplicate_pairs``. Each new statement is compared once
with all there are; what was measured is kept, so that a threshold decides again without measuring. Every entry is a function of
the texts it names alone, hence a refresh in parts equals a full rebuild. Which pairs are one problem is decided in
``clusters.py``; how likeness is measured is in ``near.py`` and ``semantic.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ocr_assets.problems.dedup import near, semantic
from ocr_assets.problems.dedup.near import MinHash
from ocr_assets.problems.dedup.settings import SEMANTIC_FLOOR, DedupSettings
from ocr_assets.schema import (
    DUPLICATE_PAIRS,
    NEAR_INDEX,
    SEMANTIC_INDEX,
    STATEMENT_KEYS,
    DuplicateLayer,
    DuplicatePair,
    content_id,
)
from ocr_assets.texts.shingles import Hashes, Rows
from ocr_assets.texts.similarity import Embeds
from resources.lake import Lake, Write
from resources.settings.work import opened_work
from resources.work import HERE

READ_IN_PARALLEL = 20_000  # rows from which starting processes is worth its second or two
PENDING = "pending"
Writing = Callable[[], AbstractContextManager[Write]]
Keys = np.ndarray[Any, Any]  # of statement keys, as bytes of fixed length


@dataclass
class Refreshed:
    """What a refresh did: rows read, statements compared with the index for the first time (by layer), pairs measured."""

    read: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    pairs: int = 0


def refresh(store: Lake, writing: Writing, settings: DedupSettings, embedder: Embeds | None = None) -> Refreshed:
    """Bring the tables up to date. ``writing`` opens a write of the lake; ``embedder`` is needed by the semantic layer only."""
    done = Refreshed()
    fresh = _read_new(store, writing, settings)
    done.read = fresh.read
    _forget_gone(store, writing)
    if settings.minhash is not None and fresh.keys:
        done.compared["near"], done.pairs = _compare_wording(store, writing, settings.minhash, fresh)
    if settings.semantic:
        if embedder is None:
            raise ValueError("the semantic layer needs an embedder")
        compared, pairs = _compare_embeddings(store, writing, embedder)
        done.pairs += pairs
        if compared:
            done.compared["semantic"] = compared
    return done


# --- exact layer: which statement a row has


@dataclass
class _Fresh:
    """Statements read in this run with their signatures (parallel lists of blocks); a statement may come several times."""

    read: int = 0
    keys: list[Keys] = field(default_factory=list)
    bands: list[Hashes] = field(default_factory=list)


_UNREAD = """
SELECT r.raw_id, r.statement, k.raw_id IS NOT NULL AS known
FROM raw_problems r LEFT JOIN (SELECT * FROM statement_keys WHERE rule = $rule) k USING (raw_id)
LEFT JOIN (SELECT statement_key FROM near_index WHERE settings = $settings) n USING (statement_key)
WHERE k.raw_id IS NULL OR ($settings <> '' AND n.statement_key IS NULL)
"""
_ROWS_GONE = "SELECT k.raw_id FROM statement_keys k ANTI JOIN raw_problems r USING (raw_id)"


def _read_new(store: Lake, writing: Writing, settings: DedupSettings) -> _Fresh:
    """Keys of rows not read yet, and signatures of statements the near index lacks: normalizing is most of the work, so
    both are made in one pass."""
    minhash = settings.minhash
    parameters = {"rule": settings.rule, "settings": minhash.signature if minhash else ""}
    unread = store.scalar(f"SELECT count(*) FROM ({_UNREAD})", parameters)
    work = HERE if unread < READ_IN_PARALLEL else opened_work()
    # The table is always of one rule: under another one all rows are unread, and their keys replace the table.
    other_rule = store.scalar("SELECT count(*) FROM statement_keys WHERE rule <> ?", [settings.rule])
    within = None if other_rule else ("raw_id", _column(store, _ROWS_GONE))
    batches = (
        ((batch["raw_id"], batch["known"]), batch["statement"])
        for batch in (arrow.to_pydict() for arrow in store.batches(_UNREAD, parameters, size=2048))
    )
    fresh = _Fresh()
    with writing() as write:
        statement_keys = write.sync(STATEMENT_KEYS, within=within)
        for (raw_ids, known), text_keys, bands in near.prepared_in_parallel(batches, minhash, work):
            keys = text_keys
            if not settings.exact:
                keys = [content_id("prob", key, raw_id) for key, raw_id in zip(text_keys, raw_ids, strict=True)]
            fresh.read += len(keys)
            if bands is not None:
                fresh.keys.append(np.array(keys, dtype="S25"))
                fresh.bands.append(bands)
            statement_keys.add_all(
                {"raw_id": raw_id, "statement_key": key, "rule": settings.rule}
                for raw_id, key, is_known in zip(raw_ids, keys, known, strict=True)
                if not is_known
            )
    return fresh


def _forget_gone(store: Lake, writing: Writing) -> None:
    """Take statements that no row has any more out of both indexes, whichever layers are on: their pairs go too, and an entry
    left behind would say, should the statement come back, that it has been compared."""
    query = "SELECT i.statement_key FROM {} i ANTI JOIN statement_keys k USING (statement_key)"
    gone = {table: _column(store, query.format(table.name)) for table in (NEAR_INDEX, SEMANTIC_INDEX)}
    if any(gone.values()):
        with writing() as write:
            for table, keys in gone.items():
                write.sync(table, within=("statement_key", keys))


# --- near layer: which statements share their wording


def _compare_wording(store: Lake, writing: Writing, minhash: MinHash, fresh: _Fresh) -> tuple[int, int]:
    """Compare the fresh statements with all; returns how many were new to the index, and how many pairs were kept."""
    known, known_bands = _indexed(store, minhash)
    read, first = np.unique(np.concatenate(fresh.keys), return_index=True)
    new = ~np.isin(read, known)
    keys = np.concatenate([known, read[new]])
    bands = np.concatenate([known_bands, np.concatenate(fresh.bands)[first[new]]])
    fresh.keys.clear()
    fresh.bands.clear()
    is_new = np.arange(len(keys)) >= len(known)
    compared = int(is_new.sum())
    work = HERE if compared < READ_IN_PARALLEL else opened_work()
    stale = _column(store, "SELECT statement_key FROM near_index WHERE settings <> $settings", {"settings": minhash.signature})
    entries = (
        {"statement_key": keys[row].decode(), "settings": minhash.signature, "bands": bands[row].view(np.int64).tolist()}
        for row in range(len(known), len(keys))
    )
    proposed = near.candidates(bands, is_new, minhash.agree)
    measured = near.measured(proposed, lambda rows: _statements(store, keys, rows), minhash, work=work)
    # Index and pairs in one transaction: a statement in the index has been compared with all others in it.
    with writing() as write:
        write.sync(NEAR_INDEX, entries, within=("statement_key", stale))
        pairs = write.append(DUPLICATE_PAIRS)
        pairs.add_all(_pair(keys, "near", minhash.signature, *pair) for pair in measured)
    return compared, pairs.count


def _indexed(store: Lake, minhash: MinHash) -> tuple[Keys, Hashes]:
    """(keys, bands) of the statements in the near index that a row still has."""
    live = """
        SELECT n.statement_key, n.bands FROM near_index n SEMI JOIN statement_keys k USING (statement_key)
        WHERE n.settings = $settings
    """
    keys, bands = [np.zeros(0, "S25")], [np.zeros((0, minhash.bands), np.uint64)]
    for batch in store.batches(live, {"settings": minhash.signature}, size=65_536):
        keys.append(np.array(batch.column("statement_key").to_pylist(), dtype="S25"))
        values = batch.column("bands").flatten().to_numpy(zero_copy_only=False)  # type: ignore[attr-defined]
        bands.append(values.view(np.uint64).reshape(-1, minhash.bands))
    return np.concatenate(keys), np.concatenate(bands)


_STATEMENTS = """
SELECT k.statement_key, min(r.statement) AS statement
FROM raw_problems r JOIN statement_keys k USING (raw_id) SEMI JOIN wanted w USING (statement_key) GROUP BY ALL
"""


def _statements(store: Lake, keys: Keys | Sequence[bytes], rows: Rows) -> list[str]:
    """Statements at ``rows``, in that order: of several that normalize to the same, the first in order of text."""
    wanted = [keys[row].decode() for row in rows]
    with closing(store.cursor()) as cursor:
        cursor.register("wanted", pa.table({"statement_key": pa.array(wanted)}))
        by_key = dict(cursor.execute(_STATEMENTS).fetchall())
    return [by_key[key] for key in wanted]


# --- semantic layer: which statements mean the same to an embedding model


def _compare_embeddings(store: Lake, writing: Writing, embedder: Embeds) -> tuple[int, int]:
    """Compare the statements that the index lacks with all; returns how many, and how many pairs were kept."""
    statements = "SELECT DISTINCT statement_key FROM statement_keys"
    indexed = "SELECT statement_key FROM semantic_index WHERE model = $model"
    model = {"model": embedder.model}
    new = _column(store, f"FROM ({statements}) ANTI JOIN ({indexed}) USING (statement_key) ORDER BY ALL", model)
    if not new:
        return 0, 0
    known = _column(store, f"FROM ({statements}) SEMI JOIN ({indexed}) USING (statement_key) ORDER BY ALL", model)
    stale = _column(store, "SELECT statement_key FROM semantic_index WHERE model <> $model", model)
    keys = np.array(new + known, dtype="S25")
    measured = semantic.measured(len(keys), len(new), lambda rows: _statements(store, keys, rows), embedder, SEMANTIC_FLOOR)
    with writing() as write:
        pairs = write.append(DUPLICATE_PAIRS)
        pairs.add_all(_pair(keys, "semantic", embedder.model, *pair) for pair in measured)
        entries = ({"statement_key": key, "model": embedder.model} for key in new)
        write.sync(SEMANTIC_INDEX, entries, within=("statement_key", stale))
    return len(new), pairs.count


def _pair(
    keys: Keys, layer: DuplicateLayer, settings: str, one: int, other: int, score: float, is_variant: bool
) -> DuplicatePair:
    left, right = sorted((keys[one].decode(), keys[other].decode()))
    return {
        "pair_id": content_id("dup", left, right, layer, settings),
        "left_key": left,
        "right_key": right,
        "layer": layer,
        "settings": settings,
        "score": score,
        "is_variant": is_variant,
        "tests_shared": None,
        "tests_disagreeing": None,
        "tests_of": "",
        "decision": "pending",
        "reason": PENDING,
    }


def _column(store: Lake, query: str, parameters: object = None) -> list[str]:
    with closing(store.cursor()) as cursor:
        return [row[0] for row in cursor.execute(query, parameters).fetchall()]
