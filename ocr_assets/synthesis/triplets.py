"""Questions with solution and tests that prove each other, in each style: SQL over the lake (docs/papers.md, KC-4 to KC-6).

Of several verified attempts the best is chosen: trusted before untrusted, then by branches and statements that its tests execute,
then by how many wrong programs they notice, then the first. A question none of whose attempts is verified stays on record.
"""

from __future__ import annotations

# The last verification of each subject by the present plan; one that a fault of the sandbox ended is none. Parameter: plan.
VERIFIED = """
SELECT * FROM self_verification WHERE plan = $plan AND status <> 'sandbox_error'
QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY created_at DESC, verification_id) = 1
"""

# Attempts of clean questions with an outcome: verified, not verified, or nothing that could be. Parameter: plan.
JUDGED_ATTEMPTS = f"""
SELECT a.attempt_id, a.question_id, a.attempt_index, a.created_at, a.solution, a.test, a.parse_status, v.status,
       coalesce(v.status = 'verified', false) AS passed, v.untrusted_reason, v.kill_rate, v.statement_coverage, v.branch_coverage
FROM synthetic_attempts a SEMI JOIN clean_questions q USING (question_id) LEFT JOIN ({VERIFIED}) v ON v.subject_id = a.attempt_id
WHERE a.failure IS NULL AND (a.parse_status <> 'ok' OR v.status IS NOT NULL)
"""

# The best verified attempt of each question that has one. Parameter: plan.
CHOSEN = f"""
SELECT q.question_id, q.subset, q.seed_name, q.sample_index, q.question, a.* EXCLUDE (question_id)
FROM ({JUDGED_ATTEMPTS}) a JOIN clean_questions q USING (question_id)
WHERE a.passed
QUALIFY row_number() OVER (PARTITION BY q.question_id ORDER BY a.untrusted_reason IS NOT NULL, a.branch_coverage DESC NULLS LAST,
    a.statement_coverage DESC NULLS LAST, a.kill_rate DESC NULLS LAST, a.attempt_index, a.attempt_id) = 1
"""

_BY_QUESTION = f"""
SELECT question_id, list(passed::BIGINT ORDER BY attempt_index, created_at, attempt_id) AS pass_sequence,
       count(*) FILTER (passed) AS pass_trial_num, count(*) FILTER (passed) / count(*) AS pass_percentage
FROM ({JUDGED_ATTEMPTS}) GROUP BY question_id
"""

DIFFICULTY = """
CASE WHEN {share} >= 2 / 3 THEN 'easy' WHEN {share} >= 1 / 3 THEN 'medium' WHEN {share} > 0 THEN 'hard' ELSE 'fail' END
""".strip()

# One row a question and style, columns as SyntheticTriplet. Parameters: plan, titles (JSON: subset to title).
TRIPLETS = f"""
WITH chosen AS ({CHOSEN}), sequence AS ({_BY_QUESTION}),
converted AS (
    SELECT c.* FROM style_conversions c JOIN ({VERIFIED}) v ON v.subject_id = c.conversion_id
    JOIN chosen ON chosen.attempt_id = c.attempt_id
    WHERE v.status = 'verified'
    QUALIFY row_number() OVER (PARTITION BY c.attempt_id, c.style ORDER BY c.try_index, c.conversion_id) = 1
), styled AS (
    SELECT question_id, 'instruct' AS style, NULL AS conversion_id, NULL AS question, NULL AS solution, NULL AS test FROM sequence
    UNION ALL SELECT question_id, style, conversion_id, question, solution, test FROM converted
)
SELECT 'ktrip_' || left(md5(s.question_id || s.style), 20) AS triplet_id,
       json_extract_string($titles, '$.' || q.subset) || '_' || ('0x' || left(md5(s.question_id), 12))::BIGINT || '_'
           || CASE s.style WHEN 'instruct' THEN 'I' WHEN 'complete' THEN 'C' ELSE 'O' END AS kodcode_id,
       coalesce(json_extract_string($titles, '$.' || q.subset), q.subset) AS subset_title, s.question_id, q.subset, s.style,
       c.attempt_id, s.conversion_id, coalesce(s.question, q.question) AS question,
       coalesce(s.solution, c.solution) AS solution, coalesce(s.test, c.test) AS test,
       CASE WHEN c.attempt_id IS NULL THEN 'unsolved' ELSE 'verified' END AS status,
       p.pass_sequence, p.pass_trial_num, p.pass_percentage, {DIFFICULTY.format(share="p.pass_percentage")} AS difficulty,
       c.attempt_id IS NOT NULL AND c.untrusted_reason IS NULL AS trusted,
       c.kill_rate, c.statement_coverage, c.branch_coverage,
       q.benchmark_similarity, q.benchmark_instruction, q.benchmark_task_id
FROM styled s JOIN clean_questions q USING (question_id) JOIN sequence p USING (question_id)
LEFT JOIN chosen c USING (question_id)
"""

TRIPLET_EDGES = f"""
WITH t AS ({TRIPLETS})
SELECT triplet_id AS child, coalesce(conversion_id, attempt_id, question_id) AS parent, 'derived' AS relation,
       style || ': ' || status AS reason FROM t
"""

# What became of attempts and of conversions, for people.
ATTEMPT_FATES = f"""
SELECT coalesce(status, parse_status) AS outcome, count(*) AS rows FROM ({JUDGED_ATTEMPTS})
GROUP BY ALL ORDER BY rows DESC, outcome
"""
DIFFICULTIES = """
SELECT difficulty, count(*) AS rows FROM synthetic_triplets WHERE style = 'instruct' GROUP BY ALL ORDER BY difficulty
"""
SEQUENCES = f"""
SELECT q.subset, s.pass_sequence FROM ({_BY_QUESTION}) s JOIN clean_questions q USING (question_id)
ORDER BY q.subset, q.question_id
"""


def difficulty(share: float) -> str:
    """KodCode's name for a share of passing attempts: as ``DIFFICULTY`` in SQL."""
    return "easy" if share >= 2 / 3 else "medium" if share >= 1 / 3 else "hard" if share > 0 else "fail"
