-- What became of the rows that each stage takes in. Each of them is counted once, so at every stage the rows of outcome 'in' are as
-- many as those of all other outcomes together. 'waiting': the stage has not been refreshed since the row came.
-- Responses to problems that left their sources count no more; they are kept, and are there again when their problem is.
-- Some stages make new rows instead of sorting those of the stage before, and count what they made: contamination_report its pairs
-- of a problem and a benchmark item, r1_traces its responses, of which a problem has several, synthetic_questions what it asked for,
-- reasoning_patterns and critiques what models said of responses.
CREATE OR REPLACE VIEW funnel AS
-- What is needed of tables that are read twice, read once: in a small lake most of the time goes into opening them.
WITH raw_problems AS MATERIALIZED (SELECT raw_id, dataset FROM main.raw_problems),
quarantine AS MATERIALIZED (SELECT scope, reason FROM main.quarantine WHERE stage = 'raw_problems'),
deduped_problems AS MATERIALIZED (SELECT problem_id, suite_id FROM main.deduped_problems),
contamination_report AS MATERIALIZED (SELECT problem_id, decision FROM main.contamination_report),
clean_problems AS MATERIALIZED (SELECT problem_id, contamination FROM main.clean_problems),
verified_triplets AS MATERIALIZED (SELECT triplet_id, solution_id, verdict FROM main.verified_triplets),
synthetic_questions AS MATERIALIZED (SELECT question_id, status, subset, reason FROM main.synthetic_questions),
remarks AS MATERIALIZED (
    SELECT 15 AS place, 'reasoning_patterns' AS stage, 'annotated responses' AS what, status = 'complete' AS counts, status AS reason
    FROM reasoning_patterns
    UNION ALL SELECT 16, 'critiques', 'critiques of solutions', judgement IS NOT NULL, coalesce(judgement, parse_status) FROM critiques
), synthetic_answers AS (
    SELECT 'synthetic_attempts' AS stage, attempt_id AS subject_id, failure, parse_status FROM synthetic_attempts
    UNION ALL SELECT 'style_conversions', conversion_id, failure, parse_status FROM style_conversions
    UNION ALL SELECT 'kodcode_responses', response_id, failure, parse_status FROM kodcode_responses
), asked AS (
    SELECT r.response_id, r.problem_id, r.failure, r.language FROM r1_traces r SEMI JOIN deduped_problems USING (problem_id)
), published AS (
    -- Rows of published datasets that are no response of their own: no problem was found, or the same answer came before.
    SELECT 'unmatched' AS outcome, regexp_extract(reason, '^[^:]+') AS reason FROM published_labels WHERE response_id IS NULL
    UNION ALL SELECT 'merged', 'the same answer as another row' FROM published_labels l SEMI JOIN asked USING (response_id)
        QUALIFY row_number() OVER (PARTITION BY l.response_id ORDER BY l.published_id) > 1
), parsed AS (
    SELECT s.solution_id, s.response_id, s.problem_id, s.language, s.code IS NOT NULL AS has_code, s.parses, s.parse_status
    FROM solutions s SEMI JOIN deduped_problems USING (problem_id)
), verdict_of AS (
    -- The latest verdict on the suite that the solution's problem has now.
    SELECT v.solution_id, v.suite_id, max_by(v.verdict, (v.created_at, v.verdict_id)) AS verdict FROM verdicts v GROUP BY ALL
), triplet_releases AS (
    -- Releases are made of triplets of the graph's first half, of problems, or of the second half, which the funnel follows to its
    -- triplets.
    SELECT release AS stage FROM release_version
    WHERE profile IN ('ocr', 'ocr2', 'messages', 'prompt_completion', 'sharegpt', 'preference')
    UNION SELECT stage FROM record_edge WHERE stage IN ('sft_dataset', 'ocr')
), problem_releases AS (
    SELECT DISTINCT release AS stage FROM release_version WHERE profile IN ('grpo', 'verl', 'open_r1', 'livecodebench', 'verify')
), fates(place, stage, outcome, reason) AS (
    SELECT 1, 'raw_problems', 'kept', dataset FROM raw_problems
    UNION ALL SELECT 1, 'raw_problems', 'quarantined', scope || ': ' || regexp_extract(reason, '^[^:]+')
        FROM quarantine
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
        FROM asked
    UNION ALL SELECT 5, 'r1_traces', outcome, reason FROM published
    UNION ALL SELECT 6, 'solutions',
        CASE WHEN s.has_code THEN 'kept' WHEN s.response_id IS NOT NULL THEN 'no code'
             WHEN r.failure IS NOT NULL THEN 'failed' ELSE 'waiting' END,
        CASE WHEN s.parses = false THEN s.parse_status || ', syntax error'
             ELSE coalesce(s.parse_status, r.failure, 'not parsed yet') END
        FROM asked r LEFT JOIN parsed s USING (response_id)
    UNION ALL SELECT 7, 'verdicts',
        CASE WHEN v.verdict = 'ungradable' THEN 'not judged'
             WHEN v.verdict <> 'sandbox_error' THEN 'judged'
             WHEN NOT s.has_code OR c.problem_id IS NULL OR unjudged(s.language, t.test_count, t.test_kinds) IS NOT NULL
             THEN 'not judged' ELSE 'waiting' END,
        CASE WHEN v.verdict <> 'sandbox_error' THEN v.verdict
             WHEN NOT s.has_code THEN 'no code: ' || s.parse_status
             WHEN c.problem_id IS NULL THEN 'its problem is not among the clean ones'
             ELSE coalesce(unjudged(s.language, t.test_count, t.test_kinds), v.verdict, 'not judged yet') END
        FROM parsed s LEFT JOIN clean_problems c USING (problem_id) LEFT JOIN deduped_problems d USING (problem_id)
        LEFT JOIN test_suites t USING (suite_id)
        LEFT JOIN verdict_of v ON v.solution_id = s.solution_id AND v.suite_id = d.suite_id
    UNION ALL SELECT 8, 'verified_triplets',
        CASE WHEN t.triplet_id IS NOT NULL THEN 'kept' WHEN e.parent IS NOT NULL THEN 'dropped' ELSE 'waiting' END,
        CASE WHEN t.triplet_id IS NOT NULL THEN coalesce(t.verdict, 'no verdict') ELSE coalesce(e.reason, 'not joined yet') END
        FROM parsed s LEFT JOIN verified_triplets t USING (solution_id)
        LEFT JOIN (FROM record_edge WHERE stage = 'verified_triplets' AND relation = 'dropped') e ON e.parent = s.solution_id
    UNION ALL SELECT 9, n.stage,
        CASE e.relation WHEN 'derived' THEN 'released' WHEN 'dropped' THEN 'dropped' ELSE 'waiting' END,
        CASE e.relation WHEN 'derived' THEN 'rows' WHEN 'dropped' THEN e.reason ELSE 'not released yet' END
        FROM verified_triplets t CROSS JOIN triplet_releases n LEFT JOIN record_edge e ON e.stage = n.stage AND e.parent = t.triplet_id
    UNION ALL SELECT 9, n.stage,
        CASE e.relation WHEN 'derived' THEN 'released' WHEN 'dropped' THEN 'dropped' ELSE 'waiting' END,
        CASE e.relation WHEN 'derived' THEN 'rows' WHEN 'dropped' THEN e.reason ELSE 'not released yet' END
        FROM clean_problems c CROSS JOIN problem_releases n LEFT JOIN record_edge e ON e.stage = n.stage AND e.parent = c.problem_id
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
    UNION ALL SELECT place, stage, CASE WHEN counts THEN 'kept' ELSE 'not counted' END, reason FROM remarks
), counted AS (
    SELECT place, stage, 'in' AS outcome, reason, rows FROM (
        SELECT 1 AS place, 'raw_problems' AS stage, 'source rows' AS reason,
            (SELECT count(*) FROM raw_problems) + (SELECT count(*) FROM quarantine) AS rows
        UNION ALL SELECT 2, 'deduped_problems', 'raw_problems', count(*) FROM raw_problems
        UNION ALL SELECT 3, 'contamination_report', 'pairs of ' || count(DISTINCT problem_id) || ' problems', count(*)
            FROM contamination_report
        UNION ALL SELECT 4, 'clean_problems', 'deduped_problems', count(*) FROM deduped_problems
        UNION ALL SELECT 5, 'r1_traces', 'responses to ' || count(DISTINCT problem_id) || ' problems', count(*) FROM asked
        UNION ALL SELECT 5, 'r1_traces', 'published rows that are none', count(*) FROM published
        UNION ALL SELECT 6, 'solutions', 'r1_traces', count(*) FROM asked
        UNION ALL SELECT 7, 'verdicts', 'solutions', count(*) FROM parsed
        UNION ALL SELECT 8, 'verified_triplets', 'solutions', count(*) FROM parsed
        UNION ALL SELECT 9, n.stage, 'verified_triplets', (SELECT count(*) FROM verified_triplets) FROM triplet_releases n
        UNION ALL SELECT 9, n.stage, 'clean_problems', (SELECT count(*) FROM clean_problems) FROM problem_releases n
        UNION ALL SELECT 10, 'synthetic_questions', 'questions asked for', count(*) FROM synthetic_questions
        UNION ALL SELECT 11, 'question_screening', 'kept questions', count(*) FROM synthetic_questions WHERE status = 'kept'
        UNION ALL SELECT 12, 'synthetic_attempts', 'attempts at ' || count(DISTINCT question_id) || ' questions', count(*)
            FROM synthetic_attempts
        UNION ALL SELECT 13, 'style_conversions', 'conversions of ' || count(DISTINCT attempt_id) || ' triplets', count(*)
            FROM style_conversions
        UNION ALL SELECT 14, 'kodcode_responses', 'responses to ' || count(DISTINCT triplet_id) || ' triplets', count(*)
            FROM kodcode_responses
        UNION ALL SELECT place, stage, what, count(*) FROM remarks GROUP BY ALL
    )
    UNION ALL SELECT place, stage, outcome, reason, count(*) FROM fates GROUP BY ALL
)
SELECT * FROM counted WHERE rows > 0
ORDER BY place, stage, outcome = 'in' DESC, outcome IN ('kept', 'released', 'judged') DESC, outcome, rows DESC, reason;

-- The same as it was counted when a run had ended: of every stage, what the last run until then had noted after writing it.
CREATE OR REPLACE MACRO funnel(of_run) AS TABLE
WITH moments AS (
    SELECT noted_at AS moment FROM stage_count WHERE starts_with(run_id, of_run)
    UNION ALL SELECT created_at FROM dataset_version WHERE starts_with(run_id, of_run)
), noted AS (
    FROM stage_count WHERE noted_at <= (SELECT max(moment) FROM moments)
    QUALIFY noted_at = max(noted_at) OVER (PARTITION BY stage)
)
SELECT place, stage, outcome, reason, rows FROM noted WHERE rows > 0
ORDER BY place, stage, outcome = 'in' DESC, outcome IN ('kept', 'released', 'judged') DESC, outcome, rows DESC, reason;
