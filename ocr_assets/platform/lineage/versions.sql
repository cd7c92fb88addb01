-- Questions about versions: what changed between two of them, what one cost, what a release stands on. docs/questions.md shows
-- each with an answer. __TABLES__ stands for the names of the lake's tables; the view table_keys has their keys.

-- What two rows, as JSON, say otherwise: ['verdict: wrong_answer → accepted', …].
CREATE OR REPLACE MACRO changed_columns(before, after) AS
    list_transform(
        list_filter(json_keys(after), lambda k: k NOT IN ('snapshot_id', 'rowid', 'change_type')
            AND json_extract(before, '$."' || k || '"') IS DISTINCT FROM json_extract(after, '$."' || k || '"')),
        lambda k: k || ': ' || left(coalesce(json_extract_string(before, '$."' || k || '"'), 'null'), 80) || ' → '
            || left(coalesce(json_extract_string(after, '$."' || k || '"'), 'null'), 80));

-- What changed from a to b: versions of a table are snapshots (dataset_version.snapshot), those of a release its numbers
-- (release_version.number). A row was added, removed, or relabelled: it says something else, in these columns. why: where known.
CREATE OR REPLACE MACRO diff(which, a, b) AS TABLE
WITH changes AS (
    -- Which table's changes are wanted is known before anything is run, as it has to be.
    FROM query(CASE WHEN which IN (__TABLES__) THEN
        'SELECT snapshot_id, change_type IN (''insert'', ''update_postimage'') AS is_after, to_json(c) AS content '
        || 'FROM ducklake_table_changes(''lake'', ''main'', ''' || which || ''', ' || (a + 1) || ', ' || b || ') c'
        ELSE 'SELECT 0 AS snapshot_id, true AS is_after, NULL::JSON AS content WHERE false' END)
), keyed AS (
    SELECT array_to_string(list_transform(k.key, lambda name: json_extract_string(c.content, '$."' || name || '"')), '/') AS id,
           c.content, c.is_after, (c.snapshot_id, c.is_after) AS place
    FROM changes c, table_keys k WHERE k.dataset = which
), netted AS (
    SELECT id, CASE WHEN NOT min_by(is_after, place) THEN min_by(content, place) END AS before,
           CASE WHEN max_by(is_after, place) THEN max_by(content, place) END AS after
    FROM keyed GROUP BY id
), released AS (
    SELECT id, max(parent_id) AS parent,
           max(row_hash) FILTER (from_number <= a AND a <= coalesce(to_number, a)) AS before,
           max(row_hash) FILTER (from_number <= b AND b <= coalesce(to_number, b)) AS after
    FROM released_row WHERE release = which GROUP BY id
), changed AS (
    SELECT id, id AS parent, before IS NULL AS is_new, after IS NULL AS is_gone,
           CASE WHEN before IS NULL OR after IS NULL THEN [] ELSE changed_columns(before, after) END AS columns
    FROM netted WHERE (before IS NULL) <> (after IS NULL) OR len(columns) > 0
    UNION ALL
    SELECT id, parent, before IS NULL, after IS NULL, []
    FROM released WHERE before IS DISTINCT FROM after
), whys AS (
    -- Of what came, the step that led to it; of what went, the stage that dropped it, or what is noted of its going.
    SELECT c.id, true AS is_new, coalesce(string_agg(DISTINCT nullif(e.reason, ''), '; '),
        'was dropped before: ' || max_by(g.reason, g.gone_at)) AS why
    FROM (FROM changed WHERE is_new) c LEFT JOIN (FROM record_edge WHERE stage = which AND relation <> 'dropped') e ON e.child = c.id
    LEFT JOIN (FROM record_edge_gone WHERE stage = which AND relation = 'dropped') g ON g.parent = c.parent GROUP BY ALL
    UNION ALL
    SELECT c.id, false, coalesce(min('dropped by ' || e.child || ': ' || e.reason), min(r.why), max_by(g.why, g.gone_at))
    FROM (SELECT id, unnest(list_distinct([id, parent])) AS about FROM changed WHERE NOT is_new) c
    LEFT JOIN (FROM record_edge WHERE relation = 'dropped' AND stage = which) e ON e.parent = c.about
    LEFT JOIN (FROM row_gone WHERE dataset = which AND back_at IS NULL) r ON r.id = c.about
    LEFT JOIN (FROM record_edge_gone WHERE relation <> 'dropped') g ON g.child = c.about GROUP BY ALL
)
SELECT CASE WHEN c.is_new THEN 'added' WHEN c.is_gone THEN 'removed' ELSE 'relabelled' END AS change, c.id, c.columns, w.why
FROM changed c LEFT JOIN whys w ON w.id = c.id AND w.is_new = c.is_new
ORDER BY change, c.id;

-- What each stage paid for: rows asked of a model with their tokens and US dollars (null: no prices were known), and runs in the
-- sandbox with the CPU seconds of all their tests (of validations and self-verifications: of the slowest test of each).
CREATE OR REPLACE VIEW costs AS
WITH asked AS (
    SELECT 'r1_traces' AS stage, model, prompt_tokens, completion_tokens, cost FROM r1_traces WHERE origin IS NULL
    UNION ALL SELECT 'synthetic_questions', model, prompt_tokens, completion_tokens, cost FROM synthetic_questions
    UNION ALL SELECT 'synthetic_attempts', model, prompt_tokens, completion_tokens, cost FROM synthetic_attempts
    UNION ALL SELECT 'style_conversions', model, prompt_tokens, completion_tokens, cost FROM style_conversions
    UNION ALL SELECT 'kodcode_responses', model, prompt_tokens, completion_tokens, cost FROM kodcode_responses
    UNION ALL SELECT 'evaluation_samples', model, prompt_tokens, completion_tokens, cost FROM evaluation_samples
    UNION ALL SELECT 'reasoning_patterns', model, prompt_tokens, completion_tokens, cost FROM reasoning_annotations
    UNION ALL SELECT 'critiques', model, prompt_tokens, completion_tokens, cost FROM critic_answers
    UNION ALL SELECT 'contamination_report', judge, prompt_tokens, completion_tokens, cost FROM judge_votes
), ran AS (
    SELECT 'verdicts' AS stage, list_sum(list_transform(tests, lambda t: t.cpu_s)) AS cpu_s FROM verdicts
    UNION ALL SELECT 'evaluation_verdicts', list_sum(list_transform(tests, lambda t: t.cpu_s)) FROM evaluation_verdicts
    UNION ALL SELECT 'suite_validation', cpu_s FROM suite_validation
    UNION ALL SELECT 'self_verification', cpu_s FROM self_verification
)
SELECT stage, model, count(*) AS requests, sum(prompt_tokens)::BIGINT AS prompt_tokens,
       sum(completion_tokens)::BIGINT AS completion_tokens, sum(cost) AS dollars, 0 AS sandbox_runs, 0.0 AS cpu_s
FROM asked GROUP BY ALL
UNION ALL SELECT stage, NULL, 0, NULL, NULL, NULL, count(*), sum(cpu_s) FROM ran GROUP BY ALL;

-- The stages that a table or a release follows from, itself among them, by what the runs read and wrote.
CREATE OR REPLACE MACRO stages_of(which) AS TABLE
WITH RECURSIVE io AS MATERIALIZED (SELECT DISTINCT stage, direction, dataset FROM run_io),
upstream AS (
    SELECT DISTINCT stage FROM io WHERE (direction = 'output' AND dataset = which) OR stage = which
    UNION
    SELECT o.stage FROM upstream u JOIN io i ON i.stage = u.stage AND i.direction = 'input'
    JOIN io o ON o.dataset = i.dataset AND o.direction = 'output'
)
FROM upstream;

-- What a table or release cost: each paid stage that it follows from, their total, and the total for each of its rows. All that was
-- paid counts, also for rows that are not in it: they had to be made to choose.
CREATE OR REPLACE MACRO cost_of(which) AS TABLE
WITH paid AS MATERIALIZED (FROM costs WHERE stage IN (FROM stages_of(which))),
total AS (
    SELECT sum(requests) AS requests, sum(prompt_tokens) AS prompt_tokens, sum(completion_tokens) AS completion_tokens,
           sum(dollars) AS dollars, sum(sandbox_runs) AS sandbox_runs, sum(cpu_s) AS cpu_s FROM paid HAVING count(*) > 0
), size AS (SELECT max_by(rows, (snapshot, created_at)) AS rows FROM dataset_version WHERE dataset = which)
SELECT stage, model, requests::DOUBLE AS requests, prompt_tokens::DOUBLE AS prompt_tokens,
       completion_tokens::DOUBLE AS completion_tokens, dollars, sandbox_runs::DOUBLE AS sandbox_runs, cpu_s
FROM (
    SELECT 0 AS place, * FROM paid
    UNION ALL SELECT 1, 'total', NULL, * FROM total
    UNION ALL SELECT 2, 'a row of ' || which, NULL, round(t.requests / s.rows, 6), round(t.prompt_tokens / s.rows, 6),
        round(t.completion_tokens / s.rows, 6), round(t.dollars / s.rows, 8), round(t.sandbox_runs / s.rows, 6),
        round(t.cpu_s / s.rows, 6) FROM total t, size s WHERE s.rows > 0
) ORDER BY place, stage, model;

-- What a version of a release stands on: the version itself, the run that made it, every version of every dataset that was read on
-- the way, and where its rows come from, as far as the lake still has them.
CREATE OR REPLACE MACRO provenance(which, version_number := 0) AS TABLE
WITH RECURSIVE made AS MATERIALIZED (
    FROM release_version WHERE release = which AND number = coalesce(nullif(version_number, 0), (SELECT max(number) FROM release_version WHERE release = which))
), written AS MATERIALIZED (
    -- Later runs may have found the same rows from other ones; the first that wrote them made them.
    SELECT dataset, data_version, min_by(run_id, created_at) AS run_id, min_by(stage, created_at) AS stage
    FROM run_io WHERE direction = 'output' GROUP BY ALL
), reads AS (
    SELECT i.dataset, i.data_version FROM run_io i JOIN made m ON i.run_id = m.run_id AND i.stage = m.release AND i.direction = 'input'
    UNION
    SELECT i.dataset, i.data_version FROM reads r
    JOIN written w ON w.dataset = r.dataset AND w.data_version = r.data_version
    JOIN run_io i ON i.run_id = w.run_id AND i.stage = w.stage AND i.direction = 'input'
), read_versions AS (
    SELECT r.dataset, r.data_version, max_by(v.rows, v.created_at) AS rows, max_by(v.run_id, v.created_at) AS run_id,
           max_by(v.snapshot, v.created_at) AS snapshot
    FROM reads r JOIN dataset_version v USING (dataset, data_version) GROUP BY ALL
), rows_in AS MATERIALIZED (
    SELECT r.parent_id FROM released_row r JOIN made m ON r.release = m.release
    WHERE r.from_number <= m.number AND m.number <= coalesce(r.to_number, m.number)
), triplet_of AS MATERIALIZED (
    SELECT t.dataset, t.license, t.verdict_id, t.response_id FROM verified_triplets t JOIN rows_in r ON r.parent_id = t.triplet_id
)
SELECT part, name, value, rows FROM (
    SELECT 1 AS place, 'release' AS part, unnest([
        {'name': 'version', 'value': number || ' (' || version || ')', 'rows': rows},
        {'name': 'released', 'value': strftime(created_at, '%Y-%m-%d %H:%M'), 'rows': NULL},
        {'name': 'profile', 'value': profile, 'rows': NULL}, {'name': 'settings', 'value': settings, 'rows': NULL},
        {'name': 'folder', 'value': folder, 'rows': NULL}, {'name': 'benchmarks', 'value': benchmarks, 'rows': NULL},
        {'name': 'warning', 'value': warning, 'rows': NULL}
    ], recursive := true) FROM made
    UNION ALL
    SELECT 2, 'run', unnest([
        {'name': 'run', 'value': u.run_id || ' (' || u.job || ')', 'rows': NULL},
        {'name': 'code', 'value': u.code_version, 'rows': NULL}, {'name': 'project', 'value': u.project, 'rows': NULL},
        {'name': 'images', 'value': u.images, 'rows': NULL}, {'name': 'packages', 'value': u.packages, 'rows': NULL}
    ], recursive := true) FROM run u JOIN made m USING (run_id)
    UNION ALL
    SELECT 3, 'read', v.dataset, v.data_version || ', snapshot ' || v.snapshot || ', run ' || left(v.run_id, 8)
           || coalesce(' of ' || u.code_version, ''), v.rows FROM read_versions v LEFT JOIN run u USING (run_id)
    UNION ALL SELECT 4, 'source', dataset, license, count(*) FROM triplet_of GROUP BY ALL
    UNION ALL SELECT 5, 'model', r.model, r.sampling, count(*) FROM triplet_of t JOIN r1_traces r USING (response_id) GROUP BY ALL
    UNION ALL SELECT 6, 'grader', v.grader_version, v.image, count(*) FROM triplet_of t JOIN verdicts v USING (verdict_id) GROUP BY ALL
    UNION ALL SELECT 7, 'gone since', which, 'rows whose triplet is no longer in the lake', count(*)
        FROM rows_in r ANTI JOIN verified_triplets t ON t.triplet_id = r.parent_id
        WHERE r.parent_id LIKE 'trip_%' HAVING count(*) > 0
) WHERE value IS NOT NULL OR rows IS NOT NULL
ORDER BY place, part, name, value;
