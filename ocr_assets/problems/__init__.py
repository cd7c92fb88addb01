"""From source rows to clean problems: readers, exact deduplication, contamination.

``raw_problems`` → ``deduped_problems`` → ``contamination_report`` → ``clean_problems``, in ``assets.py``.
"""
