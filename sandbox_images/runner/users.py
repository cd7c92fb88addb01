"""The users of a container: who compiles a program, who runs it, who runs the problem's own programs. Nothing that acts."""

import itertools

USERS = 1000  # of a container, from its base on; the first half for programs, two each


class Users:
    """``base``: the first one; null where runs have no user of their own (without a container)."""

    def __init__(self, base):
        self._base = base
        self._programs, self._runs = itertools.count(), itertools.count()

    def of_program(self):
        """(who holds and compiles a program, who its runs are), or null. Two, so that no run can reach what it is forked from.
        A run's processes are all dead before the next one starts, so a program's runs may be one user."""
        if self._base is None:
            return None
        first = self._base + 2 * (next(self._programs) % (USERS // 4))
        return first, first + 1

    def of_run(self):
        """A user for one run of a test suite, or null."""
        return None if self._base is None else self._base + USERS // 2 + next(self._runs) % (USERS // 2)
