"""What a critic says of solutions: it is asked (``asking.py``), and its judgements are held against verdicts (``judging.py``).
docs/papers.md, OCR-11.
"""
