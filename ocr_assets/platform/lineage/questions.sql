-- The API of lineage: macros that answer questions about rows, tables and releases, of any version. docs/questions.md shows each
-- with an answer. A name is an id, of any version of the lake, or an origin such as taco/train/5, of today or of an earlier version.
-- The recursions walk over ids alone and fetch what else an edge says at the end, so that a million edges are read in two columns.

-- The ids that a name stands for. An origin that no row has today is that of the rows which had it last.
CREATE OR REPLACE MACRO ids_of(name) AS TABLE
WITH today AS (SELECT raw_id AS id FROM raw_problems WHERE origin = name)
SELECT name AS id UNION SELECT new_id FROM row_renamed WHERE old_id = name UNION FROM today
UNION SELECT id FROM row_gone WHERE label = name AND (back_at IS NULL OR NOT EXISTS (FROM today));

-- Where does this row come from? Every step back to the raw rows, and through them to file and row; steps that are no more, too.
CREATE OR REPLACE MACRO trace_of(name) AS TABLE
WITH RECURSIVE names AS MATERIALIZED (FROM ids_of(name)), links AS NOT MATERIALIZED (
    SELECT child, parent FROM record_edge UNION ALL SELECT child, parent FROM record_edge_gone
), ids AS (
    FROM names UNION SELECT e.parent FROM ids JOIN links e ON e.child = ids.id
), here AS MATERIALIZED (
    SELECT child, parent, relation, stage, reason, run_id, created_at FROM record_edge WHERE child IN (FROM ids)
), edges AS MATERIALIZED (
    SELECT *, NULL::TIMESTAMPTZ AS gone_at, NULL::VARCHAR AS why_gone FROM here
    UNION ALL
    SELECT g.child, g.parent, g.relation, g.stage, g.reason, g.run_id, g.created_at, g.gone_at, g.why FROM (
        FROM record_edge_gone WHERE child IN (FROM ids)
        QUALIFY row_number() OVER (PARTITION BY child, parent, relation, stage ORDER BY gone_at DESC) = 1
    ) g ANTI JOIN here USING (child, parent, relation, stage)
), up AS (
    SELECT id, 0 AS step FROM names
    UNION SELECT e.parent, up.step + 1 FROM up JOIN edges e ON e.child = up.id WHERE up.step < 30
), steps AS (
    -- Paths of different length may lead to the same edge; it counts at its nearest.
    SELECT id, min(step) + 1 AS step FROM up GROUP BY ALL
), places AS (
    SELECT raw_id AS id, dataset || '/' || file || ' row ' || "row" AS place FROM raw_problems WHERE raw_id IN (FROM ids)
    UNION ALL SELECT seed_id, place FROM question_seeds WHERE seed_id IN (FROM ids)
    UNION ALL SELECT id, label || ', gone: ' || max_by(why, gone_at) FROM row_gone
    WHERE back_at IS NULL AND id IN (FROM ids) GROUP BY id, label
)
SELECT step, stage, id, relation, parent, reason, stands_in, run_id, created_at, gone_at, why_gone FROM (
    SELECT s.step, e.stage, e.child AS id, e.relation, e.parent, e.reason, p.place AS stands_in, e.run_id, e.created_at,
           e.gone_at, e.why_gone
    FROM edges e JOIN steps s ON s.id = e.child LEFT JOIN places p ON p.id = e.parent
    UNION ALL
    -- A row that a source gave comes from nothing in the lake, but from a place.
    SELECT 0, NULL, p.id, NULL, NULL, NULL, p.place, NULL, NULL, NULL, NULL FROM places p SEMI JOIN names USING (id)
) ORDER BY step, gone_at IS NOT NULL, parent;

CREATE OR REPLACE MACRO trace(row_id) AS TABLE FROM trace_of(row_id);

-- What became of this row? Every step forward. holds: it is so today; gone_at, why_gone: the step itself is no more.
CREATE OR REPLACE MACRO descendants(name) AS TABLE
WITH RECURSIVE names AS MATERIALIZED (FROM ids_of(name)), links AS NOT MATERIALIZED (
    SELECT child, parent FROM record_edge UNION ALL SELECT child, parent FROM record_edge_gone
), ids AS (
    FROM names UNION SELECT e.child FROM ids JOIN links e ON e.parent = ids.id
), here AS MATERIALIZED (
    SELECT child, parent, relation, stage, reason, run_id, created_at FROM record_edge WHERE parent IN (FROM ids)
), edges AS MATERIALIZED (
    SELECT *, NULL::TIMESTAMPTZ AS gone_at, NULL::VARCHAR AS why_gone FROM here
    UNION ALL
    SELECT g.child, g.parent, g.relation, g.stage, g.reason, g.run_id, g.created_at, g.gone_at, g.why FROM (
        FROM record_edge_gone WHERE parent IN (FROM ids)
        QUALIFY row_number() OVER (PARTITION BY child, parent, relation, stage ORDER BY gone_at DESC) = 1
    ) g ANTI JOIN here USING (child, parent, relation, stage)
), down AS (
    SELECT id, 0 AS step, true AS holds FROM names
    UNION SELECT e.child, down.step + 1, down.holds AND e.gone_at IS NULL
    FROM down JOIN edges e ON e.parent = down.id WHERE down.step < 30
), steps AS (
    SELECT id, min(step) + 1 AS step, bool_or(holds) AS holds FROM down GROUP BY ALL
)
SELECT s.step, e.parent AS id, e.relation, CASE e.relation WHEN 'dropped' THEN 'dropped by ' || e.child ELSE e.child END AS became,
       e.reason, e.stage, e.run_id, e.created_at, s.holds AND e.gone_at IS NULL AS holds, e.gone_at, e.why_gone
FROM edges e JOIN steps s ON s.id = e.parent
ORDER BY s.step, e.gone_at IS NOT NULL, became;

CREATE OR REPLACE MACRO why(row_id) AS TABLE FROM descendants(row_id);

-- The stages that release: their rows are what the graph is for.
CREATE OR REPLACE VIEW release_stages AS
SELECT DISTINCT release AS stage FROM release_version
UNION SELECT unnest(['sft_dataset', 'ocr', 'kodcode_v1', 'kodcode_sft_r1', 'kodcode_rl']);

-- Why is this row not in a release, or what else became of it? The first line sums it up; then each place where something of it
-- ended, once: dropped, gone, released or kept by a stage from which nothing leads on.
CREATE OR REPLACE MACRO why_dropped(name) AS TABLE
WITH names AS MATERIALIZED (FROM ids_of(name)),
forward AS MATERIALIZED (FROM descendants(name)),
gone AS (
    SELECT g.id, max(g.gone_at) AS gone_at, max_by(g.run_id, g.gone_at) AS run_id, max_by(g.why, g.gone_at) AS why
    FROM row_gone g SEMI JOIN names USING (id) WHERE g.back_at IS NULL GROUP BY ALL
), went AS (
    -- A row that no stage makes any more says so by the edges that led to it.
    SELECT child AS id, max(gone_at) AS gone_at, max_by(gone_run_id, gone_at) AS run_id,
           string_agg(DISTINCT why, '; ' ORDER BY why) FILTER (gone_at = last) AS why
    FROM (SELECT h.*, max(h.gone_at) OVER (PARTITION BY h.child) AS last
          FROM record_edge_gone h WHERE h.relation = 'derived' AND h.child IN (FROM names))
    WHERE child NOT IN (SELECT child FROM record_edge WHERE child IN (FROM names)) GROUP BY ALL
    UNION ALL FROM gone
), ends AS (
    SELECT f.step, f.stage, f.id, f.became, f.run_id, coalesce(f.gone_at, f.created_at) AS happened_at,
           CASE WHEN f.gone_at IS NOT NULL THEN 'gone' WHEN f.relation = 'dropped' THEN 'dropped'
                WHEN f.stage IN (SELECT stage FROM release_stages) THEN 'released' ELSE 'kept' END AS outcome,
           CASE WHEN f.gone_at IS NOT NULL THEN f.why_gone WHEN f.relation = 'dropped' THEN f.reason ELSE '' END AS reason
    FROM forward f
    WHERE (f.holds AND (f.relation = 'dropped' OR f.became NOT IN (SELECT id FROM forward WHERE holds)))
       OR (f.gone_at IS NOT NULL AND (f.id, f.stage) NOT IN (SELECT (id, stage) FROM forward WHERE holds))
), groups AS (
    SELECT outcome, stage, reason, count(DISTINCT CASE outcome WHEN 'dropped' THEN id ELSE became END) AS rows
    FROM ends WHERE outcome <> 'gone' GROUP BY ALL
), parts AS (
    SELECT 0 AS place, 0 AS rows, 'merged into ' || became || ' (' || reason || ')' AS part
    FROM forward WHERE step = 1 AND relation = 'merged_into' AND holds
    UNION ALL
    SELECT CASE outcome WHEN 'released' THEN 1 WHEN 'dropped' THEN 2 ELSE 3 END, rows,
           CASE outcome WHEN 'released' THEN 'released: ' || rows || ' in ' || stage
                WHEN 'dropped' THEN CASE rows WHEN 1 THEN 'dropped by ' ELSE rows || ' dropped by ' END || stage || ': ' || reason
                ELSE 'kept: ' || rows || ' in ' || stage END
    FROM groups
), summary AS (
    SELECT coalesce(
        (SELECT string_agg('gone since ' || strftime(gone_at, '%Y-%m-%d %H:%M') || ', run ' || left(run_id, 8) || ': ' || why, '; ')
         FROM went),
        (SELECT string_agg(part, '; ' ORDER BY place, rows DESC, part) FROM (FROM parts ORDER BY place, rows DESC, part LIMIT 8)),
        CASE WHEN EXISTS (FROM record_edge WHERE child IN (FROM names))
             THEN 'nothing was made of it: it is the end of its chain' END,
        CASE WHEN EXISTS (SELECT 1 FROM raw_problems WHERE raw_id IN (FROM names)) THEN 'no stage has taken it in yet' END
    ) AS text
)
SELECT 0 AS step, NULL::VARCHAR AS stage, name AS id, 'summary' AS outcome, text AS reason, NULL::VARCHAR AS became,
       NULL::VARCHAR AS run_id, NULL::TIMESTAMPTZ AS happened_at
FROM summary WHERE text IS NOT NULL
UNION ALL
SELECT step, stage, id, outcome, reason, became, run_id, happened_at FROM ends
ORDER BY step, outcome, id, became;

