"""From source rows to clean problems: readers, deduplication in three layers, contamination.

``raw_problems`` → ``deduped_problems`` → ``contamination_report`` → ``clean_problems``, in ``assets.py``.
"""
