"""Which programs of models under evaluation still need a verdict: SQL over the lake, a program and a suite once.

How a verdict comes about is ``grading``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from ocr_assets.grading.batch import Item
from ocr_assets.grading.version import VERSION_OF_VERDICT, parameters
from ocr_assets.programs.suites import Suite
from ocr_assets.schema import EVALUATION_VERDICTS
from resources.lake import Lake, RunInfo

# Each program, taken out by our rules or the benchmark's own, once.
_PROGRAMS = """
SELECT DISTINCT problem_id, language, unnest([
    {'solution_id': code_hash, 'code': code}, {'solution_id': published_code_hash, 'code': published_code}], recursive := true)
FROM evaluation_samples
"""

# A join of its own, so that programs and verdicts meet by hash and not each with each.
_JUDGED = f"""
SELECT v.solution_id, s.language, v.suite_id
FROM evaluation_verdicts v JOIN ({_PROGRAMS}) s USING (solution_id) JOIN test_suites t ON t.suite_id = v.suite_id
WHERE v.verdict <> 'sandbox_error' AND v.grader_version = {VERSION_OF_VERDICT}
"""

# Programs before each suite of their problem, without a verdict of this grader. A sandbox error is no verdict. Parameters:
# grader, online_judge, image (null: the usual sandbox).
UNJUDGED = f"""
SELECT s.solution_id, s.problem_id, s.language, s.code, u.suite_id
FROM ({_PROGRAMS}) s
JOIN (SELECT problem_id, image, unnest(list_transform(suites, lambda n: n.suite_id)) AS suite_id FROM benchmark_problems) u
    USING (problem_id)
JOIN test_suites t USING (suite_id)
ANTI JOIN ({_JUDGED}) v ON v.solution_id = s.solution_id AND v.language = s.language AND v.suite_id = u.suite_id
WHERE s.code IS NOT NULL AND u.image IS NOT DISTINCT FROM $image::VARCHAR
    AND unjudged(s.language, t.test_count, t.test_kinds) IS NULL
"""

_BY_SUITE = f"""
WITH by_suite AS (
    SELECT suite_id, list({{'solution_id': solution_id, 'problem_id': problem_id, 'language': language, 'code': code}}
                          ORDER BY solution_id) AS programs
    FROM (SELECT suite_id, solution_id, language, any_value(problem_id) AS problem_id, any_value(code) AS code
          FROM ({UNJUDGED}) GROUP BY ALL)
    GROUP BY suite_id
)
SELECT suite_id, tests, compare, checker, interactor, limits, files, programs FROM by_suite JOIN test_suites USING (suite_id)
"""


# A verdict comes from every sample whose program it is about.
EDGES = """
SELECT v.verdict_id AS child, s.sample_id AS parent, 'derived' AS relation, v.verdict AS reason
FROM evaluation_verdicts v JOIN (
    SELECT sample_id, code_hash FROM evaluation_samples WHERE code_hash IS NOT NULL
    UNION SELECT sample_id, published_code_hash FROM evaluation_samples WHERE published_code_hash IS NOT NULL
) s ON s.code_hash = v.solution_id
"""


def owed(*, online_judge: bool, image: str | None = None) -> tuple[str, Mapping[str, Any]]:
    """The query of what needs a verdict, with its parameters. ``image``: only programs that need this one."""
    return UNJUDGED, {**parameters(online_judge=online_judge), "image": image}


def images(store: Lake) -> Sequence[str | None]:
    """The sandbox images that benchmarks need; None: the usual one."""
    return [row["image"] for row in store.rows("SELECT DISTINCT image FROM benchmark_problems ORDER BY image NULLS FIRST")]


def unjudged(store: Lake, *, online_judge: bool, image: str | None = None) -> Iterator[tuple[Item, Suite]]:
    """Each program that needs a verdict, with the suite; programs before one suite stand together."""
    for row in store.stream(_BY_SUITE, owed(online_judge=online_judge, image=image)[1]):
        suite = {name: row[name] for name in ("tests", "compare", "checker", "interactor", "limits", "files")}
        for program in row["programs"]:
            yield cast("Item", {**program, "suite_id": row["suite_id"]}), cast("Suite", suite)


def store_verdicts(store: Lake, run: RunInfo, rows: Sequence[Mapping[str, Any]]) -> None:
    """Verdicts into the lake, in one transaction."""
    unique = {row["verdict_id"]: row for row in rows}
    with store.write(run, "evaluation_verdicts") as write:
        write.upsert(EVALUATION_VERDICTS, unique.values())
