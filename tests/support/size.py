"""How much a test does: enough to prove its point in ``make test``, its full size in ``make test-long``.

A test whose size is chosen here bears the marker ``sized``, so that ``make test-long`` runs it again, larger.
"""

import os

FULL = os.environ.get("OCR_TEST_SIZE") == "full"


def size(small: int, full: int) -> int:
    """``full`` in ``make test-long``, else ``small``."""
    return full if FULL else small
