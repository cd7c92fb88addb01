"""Judging: from code and a test suite to a verdict, from verdicts to verified triplets.

``compare.py`` compares answers, ``checkers.py`` runs a problem's own checker, ``grade.py`` makes the verdict; the sandbox is
``resources/sandbox``.
"""
