"""What can be said of problem statements and questions without asking anybody: when two are the same text, how alike they are.

No lake, no model, no stage: deduplication (``problems/dedup``), the contamination check (``problems/decontamination``) and the
screening of synthetic questions (``synthesis``) stand on it.
"""
