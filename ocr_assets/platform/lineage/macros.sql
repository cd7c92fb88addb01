-- The everyday questions, as views and macros that live in the lake itself, so that any DuckDB client can ask them:
--   FROM problems LIMIT 5;  FROM trace('sft_…');  FROM why('raw_…');  FROM funnel;  FROM triplets LIMIT 5;

-- Every distinct problem: what its representative says, with what merging decided in place of it. Where the representative's row
-- has left its source and deduplication has not followed yet, reading fails: leaving the problem out would look like a decision.
-- Its tests: JOIN test_suites USING (suite_id). Those that may be asked of the teacher: SEMI JOIN clean_problems USING (problem_id).
CREATE OR REPLACE VIEW problems AS
SELECT d.problem_id, d.raw_id, d.raw_ids, d.origins, d.suite_id,
       r.dataset, r.split, r.index, r.origin, r.source, r.license, d.title, d.url, d.difficulty, d.tags,
       r.statement, r.starter_code, r.entry_point, d.multiple_answers_hint, d.reference_solutions
FROM deduped_problems d LEFT JOIN raw_problems r USING (raw_id)
WHERE CASE WHEN r.raw_id IS NULL
      THEN error('problem ' || d.problem_id || ' has lost its row ' || d.raw_id || ' in raw_problems: materialize deduped_problems')
      ELSE true END;

-- Where does this row come from? Every step back to the raw rows (and through them to file and row).
CREATE OR REPLACE MACRO trace(row_id) AS TABLE
WITH RECURSIVE up AS (
    SELECT 1 AS step, child, relation, parent, stage, reason, run_id, created_at
    FROM record_edge WHERE child = row_id
    UNION
    SELECT up.step + 1, e.child, e.relation, e.parent, e.stage, e.reason, e.run_id, e.created_at
    FROM up JOIN record_edge e ON e.child = up.parent
)
SELECT up.step, up.stage, up.child AS id, up.relation, up.parent, up.reason,
       r.dataset || '/' || r.file || ' row ' || r.row AS stands_in, up.run_id, up.created_at
FROM up LEFT JOIN raw_problems r ON r.raw_id = up.parent
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
SELECT step, parent AS id, relation,
       CASE relation WHEN 'dropped' THEN 'dropped by ' || child ELSE child END AS became, reason, stage, run_id, created_at
FROM down ORDER BY step, became;

-- What happened at each stage: rows kept, and rows dropped or labelled, by reason.
CREATE OR REPLACE VIEW funnel AS
WITH counted(place, stage, outcome, reason, rows) AS (
    SELECT 1, 'raw_problems', 'in', 'source rows',
        (SELECT count(*) FROM raw_problems) + (SELECT count(*) FROM quarantine WHERE stage = 'raw_problems')
    UNION ALL SELECT 2, 'deduped_problems', 'in', 'raw_problems', count(*) FROM raw_problems
    UNION ALL SELECT 3, 'contamination_report', 'in', 'deduped_problems', count(*) FROM deduped_problems
    UNION ALL SELECT 4, 'clean_problems', 'in', 'deduped_problems', count(*) FROM deduped_problems
    UNION ALL SELECT 5, 'r1_traces', 'in', 'clean_problems', count(*) FROM clean_problems
    UNION ALL SELECT 6, 'solutions', 'in', 'r1_traces', count(*) FROM r1_traces
    UNION ALL SELECT 7, 'verdicts', 'in', 'solutions', count(*) FROM solutions
    UNION ALL SELECT 8, 'verified_triplets', 'in', 'solutions', count(*) FROM solutions
    UNION ALL SELECT 9, 'sft_dataset', 'in', 'verified_triplets', count(*) FROM verified_triplets
    UNION ALL SELECT 1, 'raw_problems', 'kept', dataset, count(*) FROM raw_problems GROUP BY ALL
    UNION ALL SELECT 1, 'raw_problems', 'quarantined', scope || ': ' || regexp_extract(reason, '^[^:]+'), count(*)
        FROM quarantine WHERE stage = 'raw_problems' GROUP BY ALL
    UNION ALL SELECT 2, 'deduped_problems', 'kept', 'distinct', count(*) FROM deduped_problems
    UNION ALL SELECT 2, 'deduped_problems', 'merged', reason, count(*)
        FROM record_edge WHERE stage = 'deduped_problems' AND relation = 'merged_into' GROUP BY ALL
    UNION ALL SELECT 3, 'contamination_report', 'pairs', decision, count(*) FROM contamination_report GROUP BY ALL
    UNION ALL SELECT 4, 'clean_problems', 'kept', contamination, count(*) FROM clean_problems GROUP BY ALL
    UNION ALL SELECT 4, 'clean_problems', 'dropped', reason, count(*)
        FROM record_edge WHERE stage = 'clean_problems' AND relation = 'dropped' GROUP BY ALL
    UNION ALL SELECT 5, 'r1_traces', CASE WHEN failure IS NULL THEN 'kept' ELSE 'failed' END,
        coalesce(failure, language), count(*) FROM r1_traces GROUP BY ALL
    UNION ALL SELECT 6, 'solutions', CASE WHEN code IS NULL THEN 'no code' ELSE 'kept' END,
        CASE WHEN parses = false THEN parse_status || ', syntax error' ELSE parse_status END, count(*)
        FROM solutions GROUP BY ALL
    UNION ALL SELECT 7, 'verdicts', 'judged', verdict, count(*) FROM verdicts GROUP BY ALL
    UNION ALL SELECT 8, 'verified_triplets', 'kept', coalesce(verdict, 'no verdict'), count(*)
        FROM verified_triplets GROUP BY ALL
    UNION ALL SELECT 8, 'verified_triplets', 'dropped', reason, count(*)
        FROM record_edge WHERE stage = 'verified_triplets' AND relation = 'dropped' GROUP BY ALL
    UNION ALL SELECT 9, 'sft_dataset', 'released', 'rows', count(*)
        FROM record_edge WHERE stage = 'sft_dataset' AND relation = 'derived'
    UNION ALL SELECT 9, 'sft_dataset', 'dropped', reason, count(*)
        FROM record_edge WHERE stage = 'sft_dataset' AND relation = 'dropped' GROUP BY ALL
)
SELECT * FROM counted WHERE rows > 0
ORDER BY place, outcome = 'in' DESC, outcome IN ('kept', 'released', 'judged') DESC, outcome, rows DESC, reason;

-- Question, solution, verdict and the tests they were judged by.
CREATE OR REPLACE VIEW triplets AS
SELECT t.*, s.tests, s.checker, s.compare, s.limits, d.origins, r.content AS response
FROM verified_triplets t JOIN test_suites s USING (suite_id) JOIN deduped_problems d USING (problem_id)
JOIN r1_traces r USING (response_id);
