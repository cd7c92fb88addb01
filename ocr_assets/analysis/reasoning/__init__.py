"""Which patterns the teacher's reasoning is made of: an annotator is asked (``asking.py``), its answers are read (``tags.py``),
found again in the reasoning (``aligning.py``, ``spans.py``), counted (``counting.py``) and compared (``comparing.py``).
docs/papers.md, OCR-10.
"""
