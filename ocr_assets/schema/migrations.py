"""The project's migrations: one function for each step from an earlier shape of the tables to the next.

A lake is migrated when it is opened. A step must keep what was paid for (responses, votes) or judged (verdicts), and ids as they
are. It must not use row types of other modules here: they go on changing, the step does not. What a step may do is
in ``resources/lake/migrations.py``.
"""

from resources.lake import Migration

MIGRATIONS: tuple[Migration, ...] = ()

__all__ = ["MIGRATIONS"]
