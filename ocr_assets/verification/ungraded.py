"""Which solutions still need a verdict, with their suites: SQL over the lake. Verdicts are made in ``grading/batch.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from ocr_assets.grading.batch import Item
from ocr_assets.grading.settings import DefaultLimits
from ocr_assets.grading.version import VERSION_OF_VERDICT, parameters
from ocr_assets.programs.suites import Suite
from ocr_assets.verification.validation.validate import MARGIN, calibrated
from resources.lake import Lake

# Verdicts that stay. A join of its own, so that solutions and verdicts meet by hash and not each with each.
_SETTLED = f"""
SELECT v.solution_id, v.suite_id
FROM verdicts v JOIN solutions s USING (solution_id) JOIN test_suites t ON t.suite_id = v.suite_id
LEFT JOIN suite_quality q ON q.problem_id = s.problem_id AND q.suite_id = v.suite_id
WHERE v.verdict <> 'sandbox_error' AND v.grader_version = {VERSION_OF_VERDICT} AND NOT (
    v.verdict = 'time_limit'
    AND v.cpu_limit_s < {MARGIN} * coalesce(CASE s.language WHEN 'python' THEN q.python_need_s ELSE q.cpp_need_s END, 0))
"""

# Code of clean problems with tests that the sandbox can run, without a verdict from this grader on the problem's present suite.
# A sandbox error is no verdict, and neither is a time limit that a reference solution has since shown to be too low.
# Parameters: grader, online_judge.
UNGRADED = f"""
SELECT s.solution_id, s.problem_id, s.language, s.code, p.suite_id
FROM solutions s SEMI JOIN clean_problems USING (problem_id)
JOIN deduped_problems p USING (problem_id) JOIN test_suites t USING (suite_id)
ANTI JOIN ({_SETTLED}) v ON v.solution_id = s.solution_id AND v.suite_id = p.suite_id
WHERE s.code IS NOT NULL AND unjudged(s.language, t.test_count, t.test_kinds) IS NULL
"""

# One row a problem with ungraded solutions: its suite once, and those solutions. One join for all problems: a query for each
# would read the whole table as often as there are problems.
_BY_PROBLEM = f"""
WITH solutions_by_problem AS (
    SELECT problem_id,
        list({{'solution_id': solution_id, 'language': language, 'code': code}} ORDER BY solution_id) AS solutions
    FROM ({UNGRADED}) GROUP BY problem_id
)
SELECT problem_id, suite_id, tests, compare, checker, interactor, limits, files, q.python_need_s, q.cpp_need_s, solutions
FROM solutions_by_problem JOIN deduped_problems USING (problem_id) JOIN test_suites USING (suite_id)
LEFT JOIN suite_quality q USING (problem_id, suite_id)
"""


def ungraded(store: Lake, settings: DefaultLimits, *, online_judge: bool = True) -> Iterator[tuple[Item, Suite]]:
    """Each solution that needs a verdict, with its problem's suite; solutions of one problem stand together.

    ``online_judge``: as the sandbox has it. The suite's limits allow at least what its reference solutions need (``calibrated``).
    """
    for row in store.stream(_BY_PROBLEM, parameters(online_judge=online_judge)):
        needs = {"python": row["python_need_s"], "cpp": row["cpp_need_s"]}
        limits = calibrated(row["limits"], needs, settings)  # type: ignore[arg-type]
        suite = {name: row[name] for name in ("tests", "compare", "checker", "interactor", "files")} | {"limits": limits}
        for solution in row["solutions"]:
            yield cast("Item", {**solution, "problem_id": row["problem_id"], "suite_id": row["suite_id"]}), cast("Suite", suite)
