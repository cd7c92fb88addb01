"""Finding duplicates in the lake: the tables that say which raw rows are one problem, brought up to date for what is new.

``statement_keys`` (exact layer) → ``near_index``, ``semantic_index`` → ``duplicate_pairs`` → clusters. Each new statement is
compared once with all there are; what was measured is kept, so that a threshold re-decides without measuring. Every entry is
a function of the texts (and tests) it names alone, hence a refresh in parts equals a full rebuild. How a cluster becomes one
problem is in ``merge.py``, how likeness of wording is measured in ``near.py``.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from ocr_assets.problems import normalize
from ocr_assets.problems.dedup import near, semantic
from ocr_assets.problems.dedup.merge import VERSION as MERGE_VERSION
from ocr_assets.problems.dedup.merge import expected_of, place_of
from ocr_assets.problems.dedup.near import NearSettings
from ocr_assets.problems.shingles import Hashes, Rows
from ocr_assets.problems.similarity import Embeds
from ocr_assets.schema import (
    DUPLICATE_PAIRS,
    NEAR_INDEX,
    SEMANTIC_INDEX,
    STATEMENT_KEYS,
    DuplicateLayer,
    DuplicatePair,
    content_id,
)
from resources.lake import Lake, Write

SEMANTIC_FLOOR = 0.9  # pairs less similar than this are not kept
READ_IN_PARALLEL = 20_000  # rows from which starting processes is worth its second or two
TESTS_AT_ONCE = 400  # statements whose tests are in memory together: they can be megabytes each
PENDING = "pending"
Writing = Callable[[], AbstractContextManager[Write]]


@dataclass(frozen=True)
class Layers:
    """Which layers are on. ``near``: its settings; ``semantic``: the cosine from which statements are one problem."""

    exact: bool = True
    near: NearSettings | None = None
    semantic: float | None = None

    def __post_init__(self) -> None:
        if self.semantic is not None and not SEMANTIC_FLOOR <= self.semantic <= 1:
            raise ValueError(
                f"semantic_threshold={self.semantic}: pairs below {SEMANTIC_FLOOR} are not kept; choose {SEMANTIC_FLOOR} to 1"
            )

    @property
    def rule(self) -> str:
        """What statement keys depend on."""
        return f"normalize {normalize.VERSION}, exact {'on' if self.exact else 'off'}"

    @property
    def merge_rule(self) -> str:
        """What a merged problem depends on beside its members; another value merges every cluster again."""
        on = [name for name in ("near", "semantic") if getattr(self, name) is not None]
        return f"merge {MERGE_VERSION}, {self.rule}, {' and '.join(on) or 'nothing'} beside"


@dataclass
class Refreshed:
    """What a refresh did: rows read, statements compared with the index for the first time, pairs found."""

    read: int = 0
    compared: dict[str, int] = field(default_factory=dict)
    pairs: int = 0


def refresh(store: Lake, writing: Writing, layers: Layers, embedder: Embeds | None = None) -> Refreshed:
    """Bring the tables up to date with ``raw_problems``. ``writing`` opens a write of the lake; ``embedder`` is needed by the
    semantic layer only."""
    done = Refreshed()
    fresh = _read_new(store, writing, layers, done)
    _forget_gone(store, writing)
    if layers.near is not None:
        _compare_wording(store, writing, layers.near, fresh, done)
    if layers.semantic is not None:
        if embedder is None:
            raise ValueError("the semantic layer needs an embedder")
        _compare_embeddings(store, writing, embedder, done)
    return done


# --- exact layer: which statement a row has


@dataclass
class _Signed:
    """Statements read in this run with their signatures; duplicates of one statement stand beside each other."""

    keys: list[np.ndarray[Any, Any]] = field(default_factory=list)
    bands: list[Hashes] = field(default_factory=list)


_UNREAD = """
SELECT r.raw_id, r.statement, k.raw_id IS NOT NULL AS known
FROM raw_problems r LEFT JOIN (SELECT * FROM statement_keys WHERE rule = $rule) k USING (raw_id)
LEFT JOIN (SELECT statement_key FROM near_index WHERE settings = $settings) n USING (statement_key)
WHERE k.raw_id IS NULL OR ($settings <> '' AND n.statement_key IS NULL)
"""


def _read_new(store: Lake, writing: Writing, layers: Layers, done: Refreshed) -> _Signed:
    """Keys of rows not read yet, and signatures of statements the near index lacks: normalizing is most of the work, so
    both are made in one pass."""
    settings = layers.near.signature if layers.near else ""
    fresh = _Signed()
    other_rule = store.scalar("SELECT count(*) FROM statement_keys WHERE rule <> ?", [layers.rule])
    parameters = {"rule": layers.rule, "settings": settings}
    unread = store.scalar(f"SELECT count(*) FROM ({_UNREAD})", parameters)
    jobs = 1 if unread < READ_IN_PARALLEL else os.cpu_count() or 1

    def rows() -> Iterator[dict[str, Any]]:
        waiting: deque[dict[str, list[Any]]] = deque()

        def statements() -> Iterator[list[str]]:
            for batch in store.batches(_UNREAD, parameters, size=2048):
                raws = batch.to_pydict()
                waiting.append(raws)
                yield raws.pop("statement")

        for text_keys, bands in near.prepared_in_parallel(statements(), layers.near, jobs):
            raws = waiting.popleft()
            done.read += len(text_keys)
            pairs = zip(text_keys, raws["raw_id"], strict=True)
            keys = text_keys if layers.exact else [content_id("prob", key, raw_id) for key, raw_id in pairs]
            if bands is not None:
                fresh.keys.append(np.array(keys, dtype="S25"))
                fresh.bands.append(bands)
            for raw_id, key, known in zip(raws["raw_id"], keys, raws["known"], strict=True):
                if not known:
                    yield {"raw_id": raw_id, "statement_key": key, "rule": layers.rule}

    gone = "SELECT k.raw_id FROM statement_keys k ANTI JOIN raw_problems r USING (raw_id)"
    with writing() as write:
        if other_rule:
            write.sync(STATEMENT_KEYS, rows())  # the table is always of one rule, so every row was read and is staged
        else:
            write.sync(STATEMENT_KEYS, rows(), within=("raw_id", _column(store, gone)))
    return fresh


def _forget_gone(store: Lake, writing: Writing) -> None:
    """Take statements that no row has any more out of both indexes, whichever layers are on: their pairs go too, and an entry
    left behind would say, should the statement come back, that it has been compared."""
    query = "SELECT i.statement_key FROM {} i ANTI JOIN statement_keys k USING (statement_key)"
    gone = {table: _column(store, query.format(table.name)) for table in (NEAR_INDEX, SEMANTIC_INDEX)}
    if any(gone.values()):
        with writing() as write:
            for table, keys in gone.items():
                write.sync(table, (), within=("statement_key", keys))


# --- near layer: which statements share their wording


def _compare_wording(store: Lake, writing: Writing, settings: NearSettings, fresh: _Signed, done: Refreshed) -> None:
    live = "SELECT n.* FROM near_index n SEMI JOIN statement_keys k USING (statement_key) WHERE n.settings = $settings"
    old_keys, old_bands = [np.zeros(0, "S25")], [np.zeros((0, settings.bands), np.uint64)]
    if not fresh.keys:
        return
    for batch in store.batches(f"SELECT statement_key, bands FROM ({live})", {"settings": settings.signature}, size=65_536):
        old_keys.append(np.array(batch.column("statement_key").to_pylist(), dtype="S25"))
        bands = batch.column("bands").flatten().to_numpy(zero_copy_only=False)  # type: ignore[attr-defined]
        old_bands.append(bands.view(np.uint64).reshape(-1, settings.bands))
    known = np.concatenate(old_keys)
    read, first = np.unique(np.concatenate(fresh.keys), return_index=True)
    new = ~np.isin(read, known)
    keys = np.concatenate([known, read[new]])
    bands = np.concatenate([*old_bands, np.concatenate(fresh.bands)[first[new]]])
    fresh.keys.clear()
    fresh.bands.clear()
    is_new = np.arange(len(keys)) >= len(known)
    done.compared["near"] = int(is_new.sum())

    def entries() -> Iterator[dict[str, Any]]:
        for position in range(len(known), len(keys)):
            values = bands[position].view(np.int64).tolist()
            yield {"statement_key": keys[position].decode(), "settings": settings.signature, "bands": values}

    def pairs() -> Iterator[DuplicatePair]:
        proposed = near.candidates(bands, is_new, settings.agree)
        jobs = 1 if done.compared["near"] < READ_IN_PARALLEL else os.cpu_count() or 1
        found = near.measured(proposed, lambda rows: _statements(store, keys, rows), settings, jobs=jobs)
        for one, other, jaccard, apart in found:
            done.pairs += 1
            yield _pair(keys[one].decode(), keys[other].decode(), "near", settings.signature, jaccard, apart)

    stale = "SELECT statement_key FROM near_index WHERE settings <> $settings"
    # Index and pairs in one transaction: a statement in the index has been compared with all others in it.
    with writing() as write:
        write.sync(NEAR_INDEX, entries(), within=("statement_key", _column(store, stale, {"settings": settings.signature})))
        write.append(DUPLICATE_PAIRS, pairs())


def _statements(store: Lake, keys: np.ndarray[Any, Any], rows: Rows) -> list[str]:
    """Statements at ``rows``, in that order: of several that normalize to the same, the first in order of text."""
    wanted = pa.table({"statement_key": pa.array([keys[row].decode() for row in rows])})
    query = """
        SELECT k.statement_key, min(r.statement) AS statement
        FROM raw_problems r JOIN statement_keys k USING (raw_id) SEMI JOIN wanted w USING (statement_key) GROUP BY ALL
    """
    found: dict[str, str] = {}
    with closing(store.cursor()) as cursor:
        cursor.register("wanted", wanted)
        for batch in cursor.execute(query).to_arrow_reader(1024):
            for key, statement in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                found[key] = statement
    return [found[keys[row].decode()] for row in rows]


# --- semantic layer: which statements mean the same to an embedding model


def _compare_embeddings(store: Lake, writing: Writing, embedder: Embeds, done: Refreshed) -> None:
    statements = "SELECT DISTINCT statement_key FROM statement_keys"
    indexed = "SELECT statement_key FROM semantic_index WHERE model = $model"
    model = {"model": embedder.model}
    new = _column(store, f"FROM ({statements}) ANTI JOIN ({indexed}) USING (statement_key) ORDER BY ALL", model)
    if not new:
        return
    known = _column(store, f"FROM ({statements}) SEMI JOIN ({indexed}) USING (statement_key) ORDER BY ALL", model)
    keys = np.array(new + known, dtype="S25")
    done.compared["semantic"] = len(new)

    def pairs() -> Iterator[DuplicatePair]:
        found = semantic.measured(len(keys), len(new), lambda rows: _statements(store, keys, rows), embedder, SEMANTIC_FLOOR)
        for one, other, cosine, apart in found:
            done.pairs += 1
            yield _pair(keys[one].decode(), keys[other].decode(), "semantic", embedder.model, cosine, apart)

    stale = "SELECT statement_key FROM semantic_index WHERE model <> $model"
    with writing() as write:
        entries = ({"statement_key": key, "model": embedder.model} for key in new)
        write.append(DUPLICATE_PAIRS, pairs())
        write.sync(SEMANTIC_INDEX, entries, within=("statement_key", _column(store, stale, model)))


def _pair(one: str, other: str, layer: DuplicateLayer, settings: str, score: float, apart: bool) -> DuplicatePair:
    left, right = sorted((one, other))
    return {
        "pair_id": content_id("dup", left, right, layer, settings),
        "left_key": left,
        "right_key": right,
        "layer": layer,
        "settings": settings,
        "score": score,
        "told_apart": apart,
        "tests_shared": None,
        "tests_disagreeing": None,
        "tests_of": "",
        "decision": "pending",
        "reason": PENDING,
    }


# --- clusters: which pairs are one problem


def decided(store: Lake, layers: Layers, model: str | None) -> list[DuplicatePair]:
    """All pairs whose statements are in the lake, with the decision that ``layers`` makes of what was measured.

    A pair that is alike enough is still no duplicate (``variant``) if each statement names a number the other does not, or
    if their tests expect different outputs for one input.
    """
    live = """
        SELECT p.* EXCLUDE (tests_of), p.tests_of, l.rows || ' ' || r.rows AS tests_now FROM duplicate_pairs p
        JOIN members l ON l.statement_key = p.left_key JOIN members r ON r.statement_key = p.right_key ORDER BY pair_id
    """
    members = "SELECT statement_key, md5(string_agg(raw_id, ' ' ORDER BY raw_id)) AS rows FROM statement_keys GROUP BY ALL"
    current = {"near": layers.near.signature if layers.near else None, "semantic": model if layers.semantic else None}
    thresholds = {"near": layers.near.threshold if layers.near else 2.0, "semantic": layers.semantic or 2.0}
    pairs: list[Any] = []
    looked_at: list[Any] = []
    for pair in store.stream(f"WITH members AS ({members}) {live}", size=4096):
        tests_now = pair.pop("tests_now")
        if pair["settings"] != current[pair["layer"]]:
            if current[pair["layer"]] is not None:
                continue  # measured with other settings, and measured again
            pair["decision"], pair["reason"] = "off", f"the {pair['layer']} layer is off"
        elif pair["score"] < thresholds[pair["layer"]]:
            pair["decision"], pair["reason"] = "below", f"below {thresholds[pair['layer']]}"
        elif pair["told_apart"]:
            pair["decision"], pair["reason"] = "variant", "each names a number, or one of two opposites, the other does not"
        else:
            pair["decision"], pair["reason"] = "merged", "alike"
            if pair["tests_of"] != tests_now:
                pair["tests_of"] = tests_now
                looked_at.append(pair)
        pairs.append(pair)
    _compare_tests(store, looked_at)
    for pair in pairs:
        if pair["decision"] == "merged" and pair["tests_disagreeing"]:
            shared, against = pair["tests_shared"], pair["tests_disagreeing"]
            pair["decision"], pair["reason"] = "variant", f"tests disagree on {against} of {shared} shared inputs"
    return pairs


def _compare_tests(store: Lake, pairs: Sequence[dict[str, Any]]) -> None:
    """Fill in how many inputs the two statements' tests share, and on how many of them they disagree."""
    for start in range(0, len(pairs), TESTS_AT_ONCE // 2):
        part = pairs[start : start + TESTS_AT_ONCE // 2]
        outputs = _expected(store, {key for pair in part for key in (pair["left_key"], pair["right_key"])})
        for pair in part:
            one, other = outputs.get(pair["left_key"], {}), outputs.get(pair["right_key"], {})
            shared = one.keys() & other.keys()
            pair["tests_shared"] = len(shared)
            pair["tests_disagreeing"] = sum(one[place].isdisjoint(other[place]) for place in shared)


def _expected(store: Lake, keys: set[str]) -> dict[str, dict[str, set[str]]]:
    """For each statement, what its rows' tests expect at each place."""
    query = """
        SELECT k.statement_key, r.tests FROM raw_problems r JOIN statement_keys k USING (raw_id)
        SEMI JOIN wanted w USING (statement_key)
    """
    found: dict[str, dict[str, set[str]]] = {}
    with closing(store.cursor()) as cursor:
        cursor.register("wanted", pa.table({"statement_key": pa.array(sorted(keys))}))
        for batch in cursor.execute(query).to_arrow_reader(64):
            for row in batch.to_pylist():
                places = found.setdefault(row["statement_key"], {})
                for test in row["tests"]:
                    places.setdefault(place_of(test), set()).add(expected_of(test))
    return found


def clusters(pairs: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, DuplicateLayer]]:
    """(statement → its cluster, named by the smallest statement; statement → the layer that put it there) of merged pairs.

    Union-find: statements joined by any chain of merged pairs are one cluster, whatever the order of the pairs. Statements in
    no merged pair are left out: each is its own cluster.
    """
    parent: dict[str, str] = {}
    layers: dict[str, DuplicateLayer] = {}

    def root(key: str) -> str:
        parent.setdefault(key, key)
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for pair in pairs:
        if pair["decision"] != "merged":
            continue
        low, high = sorted((root(pair["left_key"]), root(pair["right_key"])))
        parent[high] = low
        for key in (pair["left_key"], pair["right_key"]):
            if layers.get(key) != "near":  # shared wording is the plainer reason where both hold
                layers[key] = pair["layer"]
    return {key: root(key) for key in parent}, layers


_MEMBERS = """
CREATE OR REPLACE TEMP TABLE cluster_members AS
SELECT k.raw_id, k.statement_key, coalesce(c.cluster, k.statement_key) AS cluster
FROM statement_keys k SEMI JOIN raw_problems USING (raw_id) LEFT JOIN given_clusters c USING (statement_key)
"""
_NOW = "SELECT cluster, md5($rule || string_agg(raw_id, ' ' ORDER BY raw_id)) AS members FROM cluster_members GROUP BY ALL"
_BEFORE = "SELECT problem_id, md5(merge_rule || array_to_string(list_sort(raw_ids), ' ')) AS members FROM deduped_problems"


def changed(cursor: duckdb.DuckDBPyConnection, cluster_of: Mapping[str, str], merge_rule: str) -> list[str]:
    """Note on ``cursor`` which clusters have other members than any problem in the lake, or were merged by another rule.

    Returns the ids of the problems that are no cluster any more; ``to_merge`` then reads the rows that take their place.
    """
    given = {"statement_key": list(cluster_of), "cluster": list(cluster_of.values())}
    cursor.register("given_clusters", pa.table({name: pa.array(values, pa.string()) for name, values in given.items()}))
    cursor.execute(_MEMBERS)
    rule = {"rule": merge_rule}
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE to_merge AS FROM ({_NOW}) ANTI JOIN ({_BEFORE}) USING (members)", rule)
    return [row[0] for row in cursor.execute(f"FROM ({_BEFORE}) ANTI JOIN ({_NOW}) USING (members)", rule).fetchall()]


def to_merge(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str, Any]]:
    """(cluster, statement key, raw row) of the clusters that ``changed`` noted on the same cursor, sorted by cluster."""
    query = """
        SELECT m.cluster, m.statement_key, r.* FROM raw_problems r JOIN cluster_members m USING (raw_id)
        SEMI JOIN to_merge t USING (cluster) ORDER BY m.cluster
    """
    for batch in cursor.execute(query).to_arrow_reader(64):
        for row in batch.to_pylist():
            yield row.pop("cluster"), row.pop("statement_key"), row


def _column(store: Lake, query: str, parameters: object = None) -> list[str]:
    with closing(store.cursor()) as cursor:
        return [row[0] for row in cursor.execute(query, parameters).fetchall()]
