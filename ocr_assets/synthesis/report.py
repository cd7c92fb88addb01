"""What the synthesis stage shows of its questions: queries for the tables in the UI. What the rows are is made elsewhere."""

BY_SUBSET = """
SELECT subset, count(*) AS asked, count(*) FILTER (status = 'kept') AS kept, count(*) FILTER (status = 'refused') AS refused,
       count(*) FILTER (status = 'filtered') AS filtered, count(*) FILTER (status = 'malformed') AS malformed,
       count(*) FILTER (status = 'failed') AS failed
FROM synthetic_questions GROUP BY subset ORDER BY subset
"""
NOT_KEPT = """
SELECT status, split_part(reason, ':', 1) AS reason, count(*) AS questions, any_value(reason) AS example
FROM synthetic_questions WHERE status <> 'kept' GROUP BY ALL ORDER BY questions DESC, status, reason LIMIT 40
"""
FATES = """
SELECT subset, count(*) AS kept, count(*) FILTER (fate = 'clean') AS clean, count(*) FILTER (fate = 'duplicate') AS duplicate,
       count(*) FILTER (fate = 'contaminated') AS contaminated
FROM question_screening GROUP BY subset ORDER BY subset
"""
NEAREST = """
SELECT round(s.benchmark_similarity, 3) AS cosine, s.benchmark_task_id AS item, s.fate, left(q.question, 120) AS question
FROM question_screening s JOIN synthetic_questions q USING (question_id)
WHERE s.benchmark_similarity IS NOT NULL ORDER BY s.benchmark_similarity DESC, s.question_id LIMIT 10
"""
