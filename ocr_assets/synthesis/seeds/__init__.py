"""What questions are made from: texts with a name and a place. A module a kind; ``seed.py`` says what all have in common.

What is asked about them is in ``synthesis/plan.py``.
"""
