"""What a comparison may cost. A program chooses the bytes that the grader reads, so none of the grader's own work may grow faster
than what it reads: beyond its budget a comparison is given up, and the program gets ``output_limit`` (docs/grading.md, §3).
"""

from __future__ import annotations

STEPS = 200_000  # every comparison may take so many steps,
STEPS_AN_ITEM = 8  # so many more for each token or value it reads,
MOST_STEPS = 4_000_000  # and never more than this: about ten seconds
BYTES_A_STEP = 256
COLLIDING = 64  # different values of one hash that a set or dict may hold; real ones hold one or two


class TooCostly(Exception):
    """The comparison is given up. The message says why; it is shown with the verdict ``output_limit``."""


class Budget:
    """The steps that one comparison may take, for outputs or results of ``items`` tokens or values."""

    def __init__(self, items: int) -> None:
        self.left = min(STEPS + STEPS_AN_ITEM * items, MOST_STEPS)

    def spend(self, steps: int = 1) -> None:
        """Raises ``TooCostly`` when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise TooCostly("the output is too costly to compare: too much of it is nearly equal")

    def read(self, size: int) -> None:
        """Spend what it takes to read ``size`` bytes once more; short ones are free: they are read n log n times at most."""
        self.spend(size // BYTES_A_STEP)
