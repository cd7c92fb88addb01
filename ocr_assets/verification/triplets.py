"""Question, solution, suite and verdict brought together: SQL over the lake, one row a solution of a clean problem.

The columns are ``Triplet`` in ``ocr_assets/schema``. Which solutions still need a verdict is in ``ungraded.py``.
"""

from __future__ import annotations

from ocr_assets.grading.version import VERSION_OF_VERDICT

# Verdicts of the present grader. An inner join of its own: as a condition of the outer join below, the version would have DuckDB
# compare each solution with each verdict, which is quadratic.
_CURRENT = f"""
SELECT v.* FROM verdicts v JOIN solutions s USING (solution_id) JOIN test_suites t ON t.suite_id = v.suite_id
WHERE v.grader_version = {VERSION_OF_VERDICT}
"""

# A verdict counts for a triplet only if it is about the problem's present suite and from the present grader. A wrong
# answer is not to be trusted where several answers are right and no checker came with the problem (docs/grading.md, §3.5),
# and no verdict is where reference solutions fail the suite (docs/grading.md, §6) or where the grader says that it proves
# little. Of several verdicts, as after a fault of the sandbox, the last one counts. Parameters: grader, online_judge.
TRIPLETS = f"""
SELECT 'trip_' || left(md5(s.solution_id || p.suite_id), 20) AS triplet_id,
       p.problem_id, s.response_id, s.solution_id, v.verdict_id, p.suite_id, s.language,
       p.dataset, p.source, p.split, p.license, p.difficulty,
       p.statement AS question, s.code AS solution, v.verdict,
       CASE WHEN s.code IS NULL THEN 'no code: ' || s.parse_status
            WHEN unjudged(s.language, t.test_count, t.test_kinds) IS NOT NULL
                THEN 'not graded: ' || unjudged(s.language, t.test_count, t.test_kinds)
            WHEN v.verdict IS NULL THEN 'not graded yet'
            WHEN v.verdict = 'accepted' THEN 'accepted'
            WHEN v.first_failure IS NULL THEN v.verdict || ': ' || left(v.message, 200)
            ELSE v.verdict || ' on test ' || (v.first_failure + 1) || ' of ' || v.tests_total || ': ' || left(v.message, 200)
       END AS reason,
       coalesce(v.verdict NOT IN ('sandbox_error', 'ungradable')
                AND NOT (v.verdict = 'wrong_answer' AND p.multiple_answers_hint IS NOT NULL), false)
           AND v.untrusted_reason IS NULL
           AND q.status IS DISTINCT FROM 'quarantined' AS trusted,
       v.tests_passed, t.test_count AS tests_total, v.tests_passed / nullif(v.tests_total, 0) AS pass_rate,
       coalesce(q.status, 'unknown') AS suite_status, q.true_positive_rate AS suite_tpr, q.true_negative_rate AS suite_tnr,
       v.created_at AS graded_at, r.license AS response_license, r.origin AS response_origin
FROM solutions s SEMI JOIN clean_problems USING (problem_id)
LEFT JOIN (SELECT response_id, license, origin FROM r1_traces WHERE origin IS NOT NULL) r USING (response_id)
JOIN problems p USING (problem_id) JOIN test_suites t USING (suite_id)
LEFT JOIN ({_CURRENT}) v ON v.solution_id = s.solution_id AND v.suite_id = p.suite_id
LEFT JOIN suite_quality q ON q.problem_id = p.problem_id AND q.suite_id = p.suite_id
QUALIFY row_number() OVER (PARTITION BY s.solution_id ORDER BY v.verdict = 'sandbox_error', v.created_at DESC) = 1
"""

# A triplet comes from its problem, its solution and its verdict; a solution whose problem is no longer clean is dropped.
TRIPLET_EDGES = f"""
WITH t AS ({TRIPLETS})
SELECT triplet_id AS child, solution_id AS parent, 'derived' AS relation, reason FROM t
UNION ALL SELECT triplet_id, verdict_id, 'derived', verdict FROM t WHERE verdict_id IS NOT NULL
UNION ALL SELECT 'verified_triplets', s.solution_id, 'dropped',
    CASE WHEN s.problem_id IN (SELECT problem_id FROM deduped_problems) THEN 'its problem is not among the clean ones'
         ELSE 'its problem left its sources' END
FROM solutions s ANTI JOIN clean_problems p USING (problem_id)
"""

BY_GROUP = """
SELECT {column} AS value, verdict, count(*) AS rows FROM verified_triplets GROUP BY ALL ORDER BY ALL
"""

DISTRIBUTION = """
SELECT verdict, count(*) AS rows FROM verdicts WHERE grader_version = $grader OR starts_with(grader_version, $grader || '+')
GROUP BY ALL ORDER BY rows DESC
"""
