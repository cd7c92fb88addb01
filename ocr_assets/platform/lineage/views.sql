-- What people and stages read, as views that live in the lake itself, so that any DuckDB client has them:
--   FROM problems LIMIT 5;  FROM triplets LIMIT 5;

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

-- Question, solution, verdict and the tests they were judged by.
CREATE OR REPLACE VIEW triplets AS
SELECT t.*, s.tests, s.checker, s.compare, s.limits, d.origins, r.content AS response
FROM verified_triplets t JOIN test_suites s USING (suite_id) JOIN deduped_problems d USING (problem_id)
JOIN r1_traces r USING (response_id);

-- The whole text of each critique, its reasoning in <think> tags. Judgements and what they select: JOIN critiques USING (critique_id).
CREATE OR REPLACE VIEW critique_texts AS
SELECT critique_id,
       CASE WHEN reasoning IS NOT NULL
            THEN '<think>' || chr(10) || reasoning || chr(10) || '</think>' || chr(10) || chr(10)
                 || CASE WHEN contains(content, '</think>') THEN content[strpos(content, '</think>') + 8:] ELSE content END
            WHEN contains(content, '</think>') AND NOT starts_with(ltrim(content), '<think>')
            THEN '<think>' || chr(10) || content
            ELSE content END AS critique
FROM critic_answers WHERE failure IS NULL;
