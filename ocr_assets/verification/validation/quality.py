"""SQL of suite validation: which suites are still to be validated, and what their validation says of them.

Rates are summed up from the stored rows, so another threshold needs no new run. Programs are run in ``validate.py``.
"""

from __future__ import annotations

from ocr_assets.grading.version import JUDGE_PART, VERSION_OF_SUITE, VERSION_OF_VALIDATION

# Reference solutions that can be run here, of each clean problem.
_RUNNABLE = """
len(list_filter(reference_solutions, lambda s: unjudged(s.language, t.test_count, t.test_kinds) IS NULL))
"""

# Suites that were not validated by the present plan, or with a fault of the sandbox in it. Parameters: salt, grader,
# online_judge.
UNVALIDATED = f"""
SELECT p.problem_id, p.suite_id, p.plan, p.reference_solutions, t.tests, t.compare, t.checker, t.interactor, t.limits, t.files
FROM (SELECT *, md5(to_json(reference_solutions) || $salt) AS plan FROM deduped_problems) p
SEMI JOIN clean_problems USING (problem_id) JOIN test_suites t USING (suite_id)
LEFT JOIN (
    SELECT problem_id, suite_id, plan, grader_version, bool_or(verdict = 'sandbox_error') AS faulty
    FROM suite_validation GROUP BY ALL
) e ON e.problem_id = p.problem_id AND e.suite_id = p.suite_id AND e.plan = p.plan AND e.grader_version = {VERSION_OF_VALIDATION}
WHERE {_RUNNABLE} > 0 AND coalesce(e.faulty, true)
ORDER BY p.problem_id
"""

# Those of them on whose problems something is to be judged.
UNVALIDATED_AND_NEEDED = f"SELECT * FROM ({UNVALIDATED}) SEMI JOIN solutions USING (problem_id)"

_COUNTS = ("references_run", "references_passed", "rejected_run", "rejected_failed", "mutants_run", "mutants_failed")

# One row a clean problem, columns as SuiteQuality, from the validation by its newest plan. Parameters: grader, min_tpr.
QUALITY = f"""
WITH e AS (
    SELECT problem_id, suite_id, plan,
        count(*) FILTER (role = 'reference') AS references_run,
        count(*) FILTER (role = 'reference' AND verdict = 'accepted') AS references_passed,
        count(*) FILTER (role = 'rejected') AS rejected_run,
        count(*) FILTER (role = 'rejected' AND verdict <> 'accepted') AS rejected_failed,
        count(*) FILTER (role = 'mutant') AS mutants_run,
        count(*) FILTER (role = 'mutant' AND verdict <> 'accepted') AS mutants_failed,
        max(cpu_s * least(1.0, host_speed))
            FILTER (role = 'reference' AND verdict = 'accepted' AND language = 'python') AS python_need_s,
        max(cpu_s * least(1.0, host_speed))
            FILTER (role = 'reference' AND verdict = 'accepted' AND language = 'cpp') AS cpp_need_s,
        min(message) FILTER (role = 'reference' AND verdict <> 'accepted') AS complaint
    FROM suite_validation JOIN test_suites t USING (suite_id)
    WHERE grader_version IN ({VERSION_OF_SUITE}, {VERSION_OF_SUITE} || '{JUDGE_PART}')
        AND verdict NOT IN ('sandbox_error', 'ungradable', 'compile_error')
    GROUP BY problem_id, suite_id, plan, grader_version
    QUALIFY row_number() OVER (PARTITION BY problem_id, suite_id ORDER BY max(created_at) DESC, plan) = 1
), q AS (
    SELECT p.problem_id, p.suite_id, {_RUNNABLE} AS runnable, t.test_count AS tests, e.complaint,
        {", ".join(f"coalesce(e.{name}, 0) AS {name}" for name in _COUNTS)},
        e.references_passed / nullif(e.references_run, 0) AS true_positive_rate,
        (e.rejected_failed + e.mutants_failed) / nullif(e.rejected_run + e.mutants_run, 0) AS true_negative_rate,
        e.python_need_s, e.cpp_need_s
    FROM deduped_problems p SEMI JOIN clean_problems USING (problem_id) JOIN test_suites t USING (suite_id)
    LEFT JOIN e USING (problem_id, suite_id)
)
SELECT problem_id, suite_id,
    CASE WHEN true_positive_rate IS NULL THEN 'unknown' WHEN true_positive_rate < $min_tpr THEN 'quarantined'
         ELSE 'qualified' END AS status,
    CASE WHEN true_positive_rate < $min_tpr THEN (references_run - references_passed) || ' of ' || references_run
              || ' reference solutions fail, such as: ' || left(coalesce(complaint, ''), 200)
         WHEN true_positive_rate IS NOT NULL THEN references_passed || ' of ' || references_run || ' reference solutions pass'
         WHEN tests = 0 THEN 'no tests'
         WHEN runnable = 0 THEN 'no reference solution that can be run'
         ELSE 'no reference solution that compiles' END AS reason,
    {", ".join(_COUNTS)}, true_positive_rate, true_negative_rate, python_need_s, cpp_need_s
FROM q
"""

STATUSES = "SELECT status, count(*) AS rows FROM suite_quality GROUP BY ALL ORDER BY rows DESC"
STRENGTH = "SELECT true_negative_rate AS rate FROM suite_quality WHERE true_negative_rate IS NOT NULL USING SAMPLE 10000"
