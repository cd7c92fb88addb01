-- The everyday questions, as views and macros that live in the lake itself, so that any DuckDB client can ask them:
--   FROM problems LIMIT 5;  FROM trace('sft_…');  FROM why('raw_…');  FROM funnel;  FROM triplets LIMIT 5;

-- Why no program of a language can be judged by a suite, or NULL. The same as `ungradable` of the grader (grading/grade.py) says of
-- suites without checkers and of one function.
CREATE OR REPLACE MACRO unjudged(language, test_count, test_kinds) AS
    CASE WHEN test_count = 0 THEN 'no tests'
         WHEN language = 'cpp' AND test_kinds NOT IN (['stdin'], ['call'])
         THEN 'only stdin tests, or only call tests, can be run for C++'
         WHEN language NOT IN ('python', 'cpp') THEN 'programs in ' || language || ' are not judged' END;

-- Every distinct problem: what its representative says, with what merging decided in place of it. Where the representative's row
-- has left its source and deduplication has not followed yet, reading fails: leaving the problem out would look like a decision.
-- Its tests: JOIN test_suites USING (suite_id). Those that may be asked of the teacher: SEMI JOIN clean_problems USING (problem_id).
CREATE OR REPLACE VIEW problems AS
SELECT d.problem_id, d.raw_id, d.raw_ids, d.origins, d.suite_id,
       r.dataset, r.split, r.index, r.origin, r.source, r.license, d.title, d.url, d.difficulty, d.tags,
       r.statement, r.starter_code, r.entry_point, d.multiple_answers_hint, d.reference_solutions
FROM deduped_problems d LEFT JOIN raw_problems r USING (raw_id)
-- A join around this view may leave out raw rows that it does not need, so what is gone is looked up by itself.
WHERE CASE WHEN r.raw_id IS NOT NULL THEN true WHEN d.raw_id IN (SELECT raw_id FROM raw_problems) THEN false
      ELSE error('problem ' || d.problem_id || ' has lost its row ' || d.raw_id || ' in raw_problems: materialize deduped_problems') END;

-- Every synthetic question that solutions are asked for: kept, standing for itself, and near no benchmark item.
CREATE OR REPLACE VIEW clean_questions AS
SELECT q.question_id, q.subset, q.method, q.seed_ids, q.seed_name, q.sample_index, q.question, q.model, s.benchmark_similarity,
       s.benchmark_instruction, s.benchmark_task_id
FROM synthetic_questions q JOIN question_screening s USING (question_id)
WHERE q.status = 'kept' AND s.fate = 'clean';

-- The last verification of each attempt, conversion and response; a fault of the sandbox counts only where there is nothing else.
CREATE OR REPLACE VIEW latest_verification AS
FROM self_verification
QUALIFY row_number() OVER (PARTITION BY subject_id ORDER BY status = 'sandbox_error', created_at DESC, verification_id) = 1;

-- Where does this row come from? Every step back to the raw rows (and through them to file and row).
CREATE OR REPLACE MACRO trace(row_id) AS TABLE
WITH RECURSIVE up AS (
    SELECT 1 AS step, child, relation, parent, stage, reason, run_id, created_at
    FROM record_edge WHERE child = row_id
    UNION
    SELECT up.step + 1, e.child, e.relation, e.parent, e.stage, e.reason, e.run_id, e.created_at
    FROM up JOIN record_edge e ON e.child = up.parent
), steps AS (
    -- Paths of different length may lead to the same edge; it counts at its nearest.
    SELECT min(step) AS step, * EXCLUDE (step) FROM up GROUP BY ALL
)
SELECT up.step, up.stage, up.child AS id, up.relation, up.parent, up.reason,
       coalesce(r.dataset || '/' || r.file || ' row ' || r.row, s.place) AS stands_in, up.run_id, up.created_at
FROM steps up LEFT JOIN raw_problems r ON r.raw_id = up.parent LEFT JOIN question_seeds s ON s.seed_id = up.parent
ORDER BY up.step, up.parent;

-- What became of this row? Every step forward, with the reason where it ends.
CREATE OR REPLACE MACRO why(row_id) AS TABLE
WITH RECURSIVE down AS (
    SELECT 1 AS step, child, relation, parent, stage, reason, run_id, created_at
    FROM record_edge WHERE parent = row_id
    UNION
    SELECT down.step + 1, e.child, e.relation, e.parent, e.stage, e.reason, e.run_id, e.created_at
    FROM down JOIN record_edge e ON e.parent = down.child
)
SELECT min(step) AS step, parent AS id, relation,
       CASE relation WHEN 'dropped' THEN 'dropped by ' || child ELSE child END AS became, reason, stage, run_id, created_at
FROM down GROUP BY ALL ORDER BY step, became;

-- What became of the rows that each stage takes in. Each of them is counted once, so at every stage the rows of outcome 'in' are as
-- many as those of all other outcomes together. 'waiting': the stage has not been refreshed since the row came.
-- Three stages make new rows instead of sorting those of the stage before, and count what they made: contamination_report its pairs
-- of a problem and a benchmark item, r1_traces its responses, of which a problem has several, synthetic_questions what it asked for.
CREATE OR REPLACE VIEW funnel AS
WITH synthetic_answers AS (
    SELECT 'synthetic_attempts' AS stage, attempt_id AS subject_id, failure, parse_status FROM synthetic_attempts
    UNION ALL SELECT 'style_conversions', conversion_id, failure, parse_status FROM style_conversions
    UNION ALL SELECT 'kodcode_responses', response_id, failure, parse_status FROM kodcode_responses
), verdict_of AS (
    -- The latest verdict on the suite that the solution's problem has now.
    SELECT v.solution_id, v.suite_id, max_by(v.verdict, (v.created_at, v.verdict_id)) AS verdict FROM verdicts v GROUP BY ALL
), fates(place, stage, outcome, reason) AS (
    SELECT 1, 'raw_problems', 'kept', dataset FROM raw_problems
    UNION ALL SELECT 1, 'raw_problems', 'quarantined', scope || ': ' || regexp_extract(reason, '^[^:]+')
        FROM quarantine WHERE stage = 'raw_problems'
    UNION ALL SELECT 2, 'deduped_problems',
        CASE e.relation WHEN 'derived' THEN 'kept' WHEN 'merged_into' THEN 'merged' ELSE 'waiting' END,
        CASE e.relation WHEN 'derived' THEN 'distinct' WHEN 'merged_into' THEN e.reason ELSE 'not compared yet' END
        FROM raw_problems r LEFT JOIN (FROM record_edge WHERE stage = 'deduped_problems') e ON e.parent = r.raw_id
    UNION ALL SELECT 3, 'contamination_report', 'pairs', decision FROM contamination_report
    UNION ALL SELECT 4, 'clean_problems',
        CASE WHEN c.problem_id IS NOT NULL THEN 'kept' WHEN e.parent IS NOT NULL THEN 'dropped' ELSE 'waiting' END,
        coalesce(c.contamination, e.reason, 'not decided yet')
        FROM deduped_problems d LEFT JOIN clean_problems c USING (problem_id)
        LEFT JOIN (FROM record_edge WHERE stage = 'clean_problems' AND relation = 'dropped') e ON e.parent = d.problem_id
    UNION ALL SELECT 5, 'r1_traces', CASE WHEN failure IS NULL THEN 'kept' ELSE 'failed' END, coalesce(failure, language)
        FROM r1_traces
    UNION ALL SELECT 6, 'solutions',
        CASE WHEN s.code IS NOT NULL THEN 'kept' WHEN s.response_id IS NOT NULL THEN 'no code'
             WHEN r.failure IS NOT NULL THEN 'failed' ELSE 'waiting' END,
        CASE WHEN s.parses = false THEN s.parse_status || ', syntax error'
             ELSE coalesce(s.parse_status, r.failure, 'not parsed yet') END
        FROM r1_traces r LEFT JOIN solutions s USING (response_id)
    UNION ALL SELECT 7, 'verdicts',
        CASE WHEN v.verdict = 'ungradable' THEN 'not judged'
             WHEN v.verdict <> 'sandbox_error' THEN 'judged'
             WHEN s.code IS NULL OR c.problem_id IS NULL OR unjudged(s.language, t.test_count, t.test_kinds) IS NOT NULL
             THEN 'not judged' ELSE 'waiting' END,
        CASE WHEN v.verdict <> 'sandbox_error' THEN v.verdict
             WHEN s.code IS NULL THEN 'no code: ' || s.parse_status
             WHEN c.problem_id IS NULL THEN 'its problem is not among the clean ones'
             ELSE coalesce(unjudged(s.language, t.test_count, t.test_kinds), v.verdict, 'not judged yet') END
        FROM solutions s LEFT JOIN clean_problems c USING (problem_id) LEFT JOIN deduped_problems d USING (problem_id)
        LEFT JOIN test_suites t USING (suite_id)
        LEFT JOIN verdict_of v ON v.solution_id = s.solution_id AND v.suite_id = d.suite_id
    UNION ALL SELECT 8, 'verified_triplets',
        CASE WHEN t.triplet_id IS NOT NULL THEN 'kept' WHEN e.parent IS NOT NULL THEN 'dropped' ELSE 'waiting' END,
        CASE WHEN t.triplet_id IS NOT NULL THEN coalesce(t.verdict, 'no verdict') ELSE coalesce(e.reason, 'not joined yet') END
        FROM solutions s LEFT JOIN verified_triplets t USING (solution_id)
        LEFT JOIN (FROM record_edge WHERE stage = 'verified_triplets' AND relation = 'dropped') e ON e.parent = s.solution_id
    UNION ALL SELECT 9, 'sft_dataset',
        CASE e.relation WHEN 'derived' THEN 'released' WHEN 'dropped' THEN 'dropped' ELSE 'waiting' END,
        CASE e.relation WHEN 'derived' THEN 'rows' WHEN 'dropped' THEN e.reason ELSE 'not released yet' END
        FROM verified_triplets t LEFT JOIN (FROM record_edge WHERE stage = 'sft_dataset') e ON e.parent = t.triplet_id
    UNION ALL SELECT 10, 'synthetic_questions', status, CASE WHEN status = 'kept' THEN subset ELSE split_part(reason, ':', 1) END
        FROM synthetic_questions
    UNION ALL SELECT 11, 'question_screening',
        CASE s.fate WHEN 'clean' THEN 'kept' WHEN 'duplicate' THEN 'merged' WHEN 'contaminated' THEN 'dropped' ELSE 'waiting' END,
        CASE s.fate WHEN 'clean' THEN 'clean' ELSE coalesce(s.filter_reason, 'not compared yet') END
        FROM synthetic_questions q LEFT JOIN question_screening s USING (question_id) WHERE q.status = 'kept'
    UNION ALL SELECT CASE s.stage WHEN 'synthetic_attempts' THEN 12 WHEN 'style_conversions' THEN 13 ELSE 14 END, s.stage,
        CASE WHEN s.failure IS NOT NULL THEN 'failed' WHEN s.parse_status <> 'ok' THEN 'dropped'
             WHEN v.status = 'verified' THEN 'kept' WHEN v.status <> 'sandbox_error' THEN 'dropped' ELSE 'waiting' END,
        CASE WHEN s.failure IS NOT NULL THEN s.failure WHEN s.parse_status <> 'ok' THEN 'not read: ' || s.parse_status
             ELSE coalesce(v.status, 'not verified yet') END
        FROM synthetic_answers s LEFT JOIN latest_verification v USING (subject_id)
), counted AS (
    SELECT place, stage, 'in' AS outcome, reason, rows FROM (
        SELECT 1 AS place, 'raw_problems' AS stage, 'source rows' AS reason,
            (SELECT count(*) FROM raw_problems) + (SELECT count(*) FROM quarantine WHERE stage = 'raw_problems') AS rows
        UNION ALL SELECT 2, 'deduped_problems', 'raw_problems', count(*) FROM raw_problems
        UNION ALL SELECT 3, 'contamination_report', 'pairs of ' || count(DISTINCT problem_id) || ' problems', count(*)
            FROM contamination_report
        UNION ALL SELECT 4, 'clean_problems', 'deduped_problems', count(*) FROM deduped_problems
        UNION ALL SELECT 5, 'r1_traces', 'responses to ' || count(DISTINCT problem_id) || ' problems', count(*) FROM r1_traces
        UNION ALL SELECT 6, 'solutions', 'r1_traces', count(*) FROM r1_traces
        UNION ALL SELECT 7, 'verdicts', 'solutions', count(*) FROM solutions
        UNION ALL SELECT 8, 'verified_triplets', 'solutions', count(*) FROM solutions
        UNION ALL SELECT 9, 'sft_dataset', 'verified_triplets', count(*) FROM verified_triplets
        UNION ALL SELECT 10, 'synthetic_questions', 'questions asked for', count(*) FROM synthetic_questions
        UNION ALL SELECT 11, 'question_screening', 'kept questions', count(*) FROM synthetic_questions WHERE status = 'kept'
        UNION ALL SELECT 12, 'synthetic_attempts', 'attempts at ' || count(DISTINCT question_id) || ' questions', count(*)
            FROM synthetic_attempts
        UNION ALL SELECT 13, 'style_conversions', 'conversions of ' || count(DISTINCT attempt_id) || ' triplets', count(*)
            FROM style_conversions
        UNION ALL SELECT 14, 'kodcode_responses', 'responses to ' || count(DISTINCT triplet_id) || ' triplets', count(*)
            FROM kodcode_responses
    )
    UNION ALL SELECT place, stage, outcome, reason, count(*) FROM fates GROUP BY ALL
)
SELECT * FROM counted WHERE rows > 0
ORDER BY place, outcome = 'in' DESC, outcome IN ('kept', 'released', 'judged') DESC, outcome, rows DESC, reason;

-- Question, solution, verdict and the tests they were judged by.
CREATE OR REPLACE VIEW triplets AS
SELECT t.*, s.tests, s.checker, s.compare, s.limits, d.origins, r.content AS response
FROM verified_triplets t JOIN test_suites s USING (suite_id) JOIN deduped_problems d USING (problem_id)
JOIN r1_traces r USING (response_id);
