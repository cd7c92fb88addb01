"""Easy, medium, hard: one scale for what the sources say of a problem's difficulty, as SQL.

Sources use words and numbers of their own (TACO's words, APPS's, ratings of Codeforces, levels of CodeContests). How hard a
problem turned out to be is another matter: that is what pass rates say.
"""

from __future__ import annotations

# Over a column ``difficulty``; null: nothing that is known here. Numbers are Codeforces' ratings, below 100 the levels of
# CodeContests.
LEVEL = """CASE
    WHEN try_cast(difficulty AS DOUBLE) >= 1900 OR try_cast(difficulty AS DOUBLE) BETWEEN 3 AND 5 THEN 'hard'
    WHEN try_cast(difficulty AS DOUBLE) >= 1300 OR try_cast(difficulty AS DOUBLE) = 2 THEN 'medium'
    WHEN try_cast(difficulty AS DOUBLE) >= 100 OR try_cast(difficulty AS DOUBLE) = 1 THEN 'easy'
    WHEN lower(difficulty) IN ('hard', 'very_hard', 'competition', 'fail') THEN 'hard'
    WHEN lower(difficulty) IN ('medium', 'medium_hard', 'interview') THEN 'medium'
    WHEN lower(difficulty) IN ('easy', 'introductory') THEN 'easy' END"""

__all__ = ["LEVEL"]
