"""Which raw rows are one problem: pairs decided from what was measured, clusters of merged pairs, and what changed since.

The measuring is in ``refresh.py``; what the members of a cluster become is in ``merge.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import duckdb
import pyarrow as pa

from ocr_assets.problems.dedup.merge import Member, expected_of, input_key
from ocr_assets.problems.dedup.settings import DedupSettings
from ocr_assets.schema import DuplicateLayer, DuplicatePair
from ocr_assets.texts.groups import joined
from resources.lake import Lake

TESTS_AT_ONCE = 400  # statements whose tests are in memory together: they can be megabytes each


def decided(store: Lake, settings: DedupSettings, model: str | None) -> list[DuplicatePair]:
    """All pairs whose statements are in the lake, with the decision that ``settings`` make of what was measured.

    ``model``: the embedding model, where the semantic layer is on. A pair that is alike enough is still no duplicate
    (``variant``) if the statements are variants of a problem, or if their tests expect different outputs for one input.
    """
    live = """
        SELECT p.* EXCLUDE (tests_of), p.tests_of, l.rows || ' ' || r.rows AS tests_now FROM duplicate_pairs p
        JOIN members l ON l.statement_key = p.left_key JOIN members r ON r.statement_key = p.right_key ORDER BY pair_id
    """
    members = "SELECT statement_key, md5(string_agg(raw_id, ' ' ORDER BY raw_id)) AS rows FROM statement_keys GROUP BY ALL"
    minhash = settings.minhash
    current = {"near": minhash.signature if minhash else None, "semantic": model if settings.semantic else None}
    thresholds = {"near": settings.near_threshold, "semantic": settings.semantic_threshold}
    pairs: list[Any] = []
    to_compare: list[Any] = []
    for pair in store.stream(f"WITH members AS ({members}) {live}", size=4096):
        tests_now = pair.pop("tests_now")
        if pair["settings"] != current[pair["layer"]]:
            if current[pair["layer"]] is not None:
                continue  # measured with other settings, and measured again
            pair["decision"], pair["reason"] = "off", f"the {pair['layer']} layer is off"
        elif pair["score"] < thresholds[pair["layer"]]:
            pair["decision"], pair["reason"] = "below", f"below {thresholds[pair['layer']]}"
        elif pair["is_variant"]:
            pair["decision"], pair["reason"] = "variant", "each names a number, or one of two opposites, the other does not"
        else:
            pair["decision"], pair["reason"] = "merged", "alike"
            if pair["tests_of"] != tests_now:
                pair["tests_of"] = tests_now
                to_compare.append(pair)
        pairs.append(pair)
    _compare_tests(store, to_compare)
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
            pair["tests_disagreeing"] = sum(one[key].isdisjoint(other[key]) for key in shared)


def _expected(store: Lake, keys: set[str]) -> dict[str, dict[str, set[str]]]:
    """Statement → input key → outputs that its rows' tests expect."""
    query = """
        SELECT k.statement_key, t.tests FROM raw_problems r JOIN statement_keys k USING (raw_id)
        JOIN test_suites t USING (suite_id) SEMI JOIN wanted w USING (statement_key)
    """
    expected: dict[str, dict[str, set[str]]] = {}
    with closing(store.cursor()) as cursor:
        cursor.register("wanted", pa.table({"statement_key": pa.array(sorted(keys))}))
        for batch in cursor.execute(query).to_arrow_reader(64):
            for row in batch.to_pylist():
                by_input = expected.setdefault(row["statement_key"], {})
                for test in row["tests"]:
                    by_input.setdefault(input_key(test), set()).add(expected_of(test))
    return expected


def clusters(pairs: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, DuplicateLayer]]:
    """(statement → its cluster, named by the smallest statement; statement → the layer that put it there) of merged pairs.

    Statements joined by any chain of merged pairs are one cluster, whatever the order of the pairs. Statements in no merged pair
    are left out: each is its own cluster.
    """
    merged = [pair for pair in pairs if pair["decision"] == "merged"]
    layers: dict[str, DuplicateLayer] = {}
    for pair in merged:
        for key in (pair["left_key"], pair["right_key"]):
            if layers.get(key) != "near":  # shared wording is the plainer reason where both hold
                layers[key] = pair["layer"]
    return joined((pair["left_key"], pair["right_key"]) for pair in merged), layers


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


def to_merge(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str, Member]]:
    """(cluster, statement key, raw row with its suite) of the clusters that ``changed`` noted on the same cursor, by cluster."""
    query = """
        SELECT m.cluster, m.statement_key, r.*, s.* EXCLUDE (suite_id)
        FROM raw_problems r JOIN cluster_members m USING (raw_id) JOIN test_suites s USING (suite_id)
        SEMI JOIN to_merge t USING (cluster) ORDER BY m.cluster
    """
    for batch in cursor.execute(query).to_arrow_reader(64):
        for row in batch.to_pylist():
            yield row.pop("cluster"), row.pop("statement_key"), row


_ORIGINS_NOW = """
CREATE OR REPLACE TEMP TABLE moved AS
SELECT problem_id, before, list(origin ORDER BY place) AS origins FROM (
    SELECT problem_id, origins AS before, unnest(raw_ids) AS raw_id, generate_subscripts(raw_ids, 1) AS place
    FROM deduped_problems
) d JOIN (SELECT raw_id, origin FROM raw_problems) r USING (raw_id)
WHERE problem_id NOT IN (SELECT unnest($gone))
GROUP BY ALL HAVING before <> list(origin ORDER BY place)
"""


def moved(cursor: duckdb.DuckDBPyConnection, gone: Sequence[str]) -> list[str]:
    """Note on ``cursor`` which problems, of those that are not ``gone``, have members that stand in other lines now; gives them.

    Such a problem is the same but for its origins: ``with_new_origins`` reads it, ``conflicts_with_new_origins`` its conflicts.
    """
    cursor.execute(_ORIGINS_NOW, {"gone": list(gone)})
    return [row[0] for row in cursor.execute("SELECT problem_id FROM moved").fetchall()]


def with_new_origins(cursor: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """The problems that ``moved`` noted on the same cursor."""
    yield from _rows(cursor, "SELECT d.* REPLACE (m.origins AS origins) FROM deduped_problems d JOIN moved m USING (problem_id)")


def conflicts_with_new_origins(cursor: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """The conflicts of the problems that ``moved`` noted on the same cursor."""
    query = """
        SELECT t.* REPLACE (
            coalesce(m.origins[list_position(m.before, t.origin)], t.origin) AS origin,
            coalesce(m.origins[list_position(m.before, t.representative_origin)], t.representative_origin)
                AS representative_origin
        ) FROM test_conflicts t JOIN moved m USING (problem_id)
    """
    yield from _rows(cursor, query)


def _rows(cursor: duckdb.DuckDBPyConnection, query: str) -> Iterator[dict[str, Any]]:
    for batch in cursor.execute(query).to_arrow_reader(256):
        yield from batch.to_pylist()
