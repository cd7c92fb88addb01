"""What the viewer asks the lake: plain functions over a lake that is only read (``resources/lake/reading.py``).

A page of rows is found by its place in the order (keyset), so the last page costs what the first does. Long texts are read for
the rows that are shown, and cut. What they look like is ``page.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from resources.lake.catalog import COMMITS
from resources.lake.reading import ReadOnlyLake

Row = dict[str, Any]
NO_VERDICT = "no verdict"  # in place of null, among verdicts
UNKNOWN = "unknown"  # in place of null, elsewhere
SHOWN = 4_000  # characters of a test's input or output
TESTS = 300  # tests of a suite that are shown

CHOICES = ("dataset", "source", "difficulty", "language", "verdict")  # columns that are filtered by some of their values
_ABSENT = {"verdict": NO_VERDICT}


class Key(NamedTuple):
    """The place of a triplet in the order of pages: those of one problem stand together."""

    problem_id: str = ""
    triplet_id: str = ""


@dataclass(frozen=True)
class Filter:
    """Which triplets are shown; what is empty does not matter.

    ``choices``: column (of ``CHOICES``) → values; ``reason``: a text that the reason holds; ``tokens``: fewest and most Qwen
    tokens of the response; ``trusted``; ``release`` and its ``version``: rows that stand in it; ``problem_id``: one problem's.
    """

    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    reason: str = ""
    tokens: tuple[int, int] | None = None
    trusted: bool | None = None
    release: str = ""
    version: int | None = None
    problem_id: str = ""

    def where(self) -> tuple[str, dict[str, Any]]:
        """Conditions on a triplet ``t``, and their parameters."""
        conditions, values = ["true"], dict[str, Any]()
        for column, wanted in self.choices:
            if column not in CHOICES:
                raise ValueError(f"{column} is none of {', '.join(CHOICES)}")
            if wanted:
                conditions.append(f"coalesce(t.{column}, '{_ABSENT.get(column, UNKNOWN)}') IN ${column}")
                values[column] = list(wanted)
        if self.reason:
            conditions.append("contains(lower(t.reason), lower($reason))")
            values["reason"] = self.reason
        if self.tokens is not None:
            conditions.append(
                "t.triplet_id IN (SELECT triplet_id FROM token_counts WHERE response_tokens BETWEEN $fewest AND $most)"
            )
            values["fewest"], values["most"] = self.tokens
        if self.trusted is not None:
            conditions.append("t.trusted = $trusted")
            values["trusted"] = self.trusted
        if self.release:
            conditions.append(f"t.triplet_id IN (SELECT parent_id FROM ({_IN_VERSION.format('version')}))")
            values |= {"release": self.release, "version": self.version}
        if self.problem_id:
            conditions.append("t.problem_id = $problem_id")
            values["problem_id"] = self.problem_id
        return " AND ".join(conditions), values


# The rows of a version of a release.
_IN_VERSION = "SELECT * FROM released_row WHERE release = $release AND from_number <= ${0} AND ${0} <= coalesce(to_number, ${0})"

_KEYS = """
SELECT problem_id, triplet_id FROM verified_triplets t
WHERE {where} AND t.problem_id {beyond}= $problem AND (t.problem_id {beyond} $problem OR t.triplet_id {beyond} $triplet)
ORDER BY t.problem_id {order}, t.triplet_id {order} LIMIT $size
"""

_ROWS = """
SELECT t.problem_id, t.triplet_id, t.dataset, t.source, t.difficulty, t.language, t.verdict, t.trusted,
    left(t.reason, 160) AS reason, c.response_tokens
FROM (FROM verified_triplets WHERE problem_id BETWEEN $first AND $last AND triplet_id IN (SELECT unnest($ids::VARCHAR[]))) t
LEFT JOIN (FROM token_counts WHERE triplet_id IN (SELECT unnest($ids::VARCHAR[]))) c USING (triplet_id)
ORDER BY t.problem_id, t.triplet_id
"""


def page(lake: ReadOnlyLake, chosen: Filter, size: int, after: Key | None = None, before: Key | None = None) -> list[Row]:
    """Up to ``size`` triplets that the filter lets through: the first, those after a key, or the last before one."""
    where, values = chosen.where()
    beyond, order, key = ("<", "DESC", before) if before is not None else (">", "ASC", after or Key())
    query = _KEYS.format(where=where, beyond=beyond, order=order)
    keys = lake.rows(query, {**values, "problem": key.problem_id, "triplet": key.triplet_id, "size": size})
    if not keys:
        return []
    problems = [row["problem_id"] for row in keys]
    shown = {"first": min(problems), "last": max(problems), "ids": [row["triplet_id"] for row in keys]}
    return lake.rows(_ROWS, shown)


def count(lake: ReadOnlyLake, chosen: Filter) -> int:
    """How many triplets the filter lets through."""
    where, values = chosen.where()
    return int(lake.scalar(f"SELECT count(*) FROM verified_triplets t WHERE {where}", values))


def choices(lake: ReadOnlyLake) -> dict[str, list[str]]:
    """The values there are in each column of ``CHOICES``, the most frequent first."""
    found = {}
    for column in CHOICES:
        value = f"coalesce({column}, '{_ABSENT.get(column, UNKNOWN)}')"
        rows = lake.rows(f"SELECT {value} AS value FROM verified_triplets GROUP BY ALL ORDER BY count(*) DESC, value LIMIT 200")
        found[column] = [row["value"] for row in rows]
    return found


def releases(lake: ReadOnlyLake) -> list[Row]:
    """Every version of every release, newest first."""
    return lake.rows(
        "SELECT release, number, profile, rows, warning, created_at FROM release_version ORDER BY release, number DESC"
    )


def state(lake: ReadOnlyLake) -> str:
    """Another value whenever rows changed."""
    return str(lake.scalar("SELECT max(snapshot) FROM dataset_version"))


def problem(lake: ReadOnlyLake, problem_id: str) -> Row | None:
    """A problem: what it asks, where it comes from, how it is labelled and tested."""
    rows = lake.rows(
        "SELECT p.* EXCLUDE (reference_solutions), c.contamination, q.status AS suite_status, q.reason AS suite_reason, "
        "q.true_positive_rate, q.true_negative_rate "
        "FROM (FROM problems WHERE problem_id = $id) p LEFT JOIN clean_problems c USING (problem_id) "
        "LEFT JOIN suite_quality q ON q.problem_id = p.problem_id AND q.suite_id = p.suite_id",
        {"id": problem_id},
    )
    return rows[0] if rows else None


def problem_of(lake: ReadOnlyLake, name: str) -> str | None:
    """The problem that an id of it, of a response, a solution, a verdict or a triplet belongs to, or its name at the source."""
    found = lake.rows(
        "SELECT problem_id FROM deduped_problems WHERE problem_id = $name OR list_contains(origins, $name) "
        "OR list_contains(raw_ids, $name) UNION SELECT problem_id FROM verified_triplets "
        "WHERE $name IN (triplet_id, response_id, solution_id, verdict_id) LIMIT 1",
        {"name": name},
    )
    return str(found[0]["problem_id"]) if found else None


def suite(lake: ReadOnlyLake, suite_id: str) -> list[Row]:
    """The first tests of a suite: index, kind, input, expected output, both cut."""
    return lake.rows(
        f"SELECT i AS index, t.kind, left(t.input, {SHOWN}) AS input, left(t.output, {SHOWN}) AS expected, "
        f"left(t.code, {SHOWN}) AS code FROM (SELECT unnest(tests) AS t, generate_subscripts(tests, 1) - 1 AS i "
        "FROM test_suites WHERE suite_id = $id) WHERE i < $most ORDER BY i",
        {"id": suite_id, "most": TESTS},
    )


def responses(lake: ReadOnlyLake, problem_id: str, chosen: Filter | None = None, size: int = 100) -> list[Row]:
    """The responses to a problem that the filter lets through, without their long texts (``texts``), Python first."""
    where, values = (chosen or Filter()).where()
    return lake.rows(
        "SELECT t.problem_id, t.triplet_id, t.response_id, t.solution_id, t.verdict_id, t.suite_id, t.language, t.verdict, "
        "t.reason, t.trusted, t.tests_passed, t.tests_total, c.response_tokens, c.reasoning_tokens "
        f"FROM verified_triplets t LEFT JOIN token_counts c USING (triplet_id) WHERE t.problem_id = $of AND {where} "
        "ORDER BY t.language DESC, t.triplet_id LIMIT $size",
        {**values, "of": problem_id, "size": size},
    )


def texts(lake: ReadOnlyLake, response: Row) -> Row:
    """What a response says: reasoning, answer, code, how it was parsed, who gave it; and what the sandbox found of its code."""
    (said,) = lake.rows(
        "SELECT s.reasoning, s.answer, s.code, s.parse_status, s.labels, s.fence_rule, s.syntax_error, r.content, "
        "r.sample_index, r.model, r.served_model, r.teacher, r.finish_reason, r.created_at, r.cost, r.template "
        "FROM (FROM solutions WHERE problem_id = $problem AND solution_id = $solution) s "
        "JOIN (FROM r1_traces WHERE problem_id = $problem AND response_id = $response) r "
        "USING (response_id)",
        {"problem": response["problem_id"], "solution": response["solution_id"], "response": response["response_id"]},
    ) or ({},)
    found = lake.rows(
        "SELECT tests, message, first_failure, cpu_s, memory_mb, cpu_limit_s, flags, untrusted_reason, grader_version, "
        "isolation_level, image FROM verdicts WHERE problem_id = $problem AND verdict_id = $id",
        {"problem": response["problem_id"], "id": response["verdict_id"]},
    )
    return {**said, "found": found[0] if found else None}


def tests(suite_rows: Sequence[Row], found: Mapping[str, Any] | None) -> Iterator[Row]:
    """Each test of a suite with what became of it: verdict (or that it was not run), expected, got, message, seconds."""
    by_index = {one["index"]: one for one in (found or {}).get("tests") or ()}
    for test in suite_rows:
        ran = by_index.get(test["index"])
        yield {
            "test": test["index"] + 1,
            "verdict": ran["verdict"] if ran else "not run",
            "input": test["input"] or test["code"] or "",
            "expected": test["expected"] or "",
            "got": (ran["stdout_head"] if ran else None) or "",
            "message": ran["message"] if ran else "",
            "cpu_s": ran["cpu_s"] if ran else None,
        }


def votes(lake: ReadOnlyLake, problem_id: str) -> list[Row]:
    """What judges and people said of a problem's likeness to benchmark items."""
    return lake.rows(
        "SELECT p.benchmark, p.item_id, p.layer, p.cosine, p.overlap, p.decision, v.judge, v.order, v.vote, v.answer "
        "FROM contamination_report p LEFT JOIN judge_votes v USING (pair_id) WHERE p.problem_id = $id "
        "UNION ALL BY NAME SELECT p.benchmark, p.item_id, p.layer, p.cosine, p.overlap, p.decision, h.name AS judge, "
        "h.decision AS vote, h.reason AS answer "
        "FROM contamination_report p JOIN human_decisions h USING (pair_id) WHERE p.problem_id = $id "
        "ORDER BY cosine DESC, judge LIMIT 200",
        {"id": problem_id},
    )


def lineage(lake: ReadOnlyLake, row_id: str) -> list[Row]:
    """Every step from a row back to the rows of its sources."""
    return lake.rows("SELECT step, stage, id, relation, parent, reason, stands_in FROM trace($id) LIMIT 200", {"id": row_id})


def table_versions(lake: ReadOnlyLake, dataset: str = "verified_triplets") -> list[Row]:
    """The versions of a table that differ and can be read, newest first: snapshot, when, rows."""
    return lake.rows(
        "SELECT snapshot, rows, created_at, run_id FROM dataset_version WHERE dataset = $dataset "
        f"AND snapshot IN (SELECT snapshot_id FROM {COMMITS}) ORDER BY snapshot DESC LIMIT 500",
        {"dataset": dataset},
    )


_RELEASES_COMPARED = f"""
SELECT id, coalesce(n.parent_id, o.parent_id) AS triplet_id,
    CASE WHEN o.row_hash IS NULL THEN 'added' WHEN n.row_hash IS NULL THEN 'removed' ELSE 'changed' END AS change
FROM ({_IN_VERSION.format("older")}) o FULL JOIN ({_IN_VERSION.format("newer")}) n USING (id)
WHERE o.row_hash IS DISTINCT FROM n.row_hash
"""

_TABLES_COMPARED = """
SELECT triplet_id, triplet_id AS id, coalesce(n.problem_id, o.problem_id) AS problem_id,
    CASE WHEN o.problem_id IS NULL THEN 'added' WHEN n.problem_id IS NULL THEN 'removed' ELSE 'changed' END AS change,
    o.verdict AS verdict_before, n.verdict AS verdict_after, o.trusted AS trusted_before, n.trusted AS trusted_after,
    left(o.reason, 160) AS reason_before, left(n.reason, 160) AS reason_after
FROM (FROM verified_triplets AT (VERSION => {older})) o
FULL JOIN (FROM verified_triplets AT (VERSION => {newer})) n USING (triplet_id)
WHERE (o.problem_id, o.verdict, o.trusted, o.reason) IS DISTINCT FROM (n.problem_id, n.verdict, n.trusted, n.reason)
"""
Change = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Versions:
    """Two versions to compare: numbers of ``release``, or snapshots of the table of triplets where that is empty."""

    older: int
    newer: int
    release: str = ""

    def compared(self) -> tuple[str, dict[str, Any]]:
        """The query of the rows that differ, and its parameters."""
        if self.release:
            return _RELEASES_COMPARED, {"release": self.release, "older": self.older, "newer": self.newer}
        return _TABLES_COMPARED.format(older=int(self.older), newer=int(self.newer)), {}


def changes(lake: ReadOnlyLake, versions: Versions) -> dict[str, int]:
    """How many rows were added, removed and changed from one version to the other."""
    query, values = versions.compared()
    found = {
        row["change"]: row["rows"] for row in lake.rows(f"SELECT change, count(*) AS rows FROM ({query}) GROUP BY ALL", values)
    }
    return {change: found.get(change, 0) for change in ("added", "removed", "changed")}


def changed(lake: ReadOnlyLake, versions: Versions, change: Change, size: int, after: str = "") -> list[Row]:
    """Up to ``size`` rows that were added, removed or changed, in the order of their ids, after one."""
    query, values = versions.compared()
    return lake.rows(
        f"SELECT * EXCLUDE (change) FROM ({query}) WHERE change = $change AND id > $after ORDER BY id LIMIT $size",
        {**values, "change": change, "after": after, "size": size},
    )
