"""Signs in a program's code that it could deceive a test: stored with the verdict for people to look at.

Found with regular expressions on the text; they never decide a verdict. What does decide is in ``altered_suites.py``.
"""

from __future__ import annotations

import re

_SIGNS = {
    "os._exit": r"\b_exit\s*\(",
    "stack frames": r"_getframe|currentframe|f_back|f_locals|tb_frame",
    "gc": r"\bgc\s*\.\s*(get_objects|get_referrers)|import\s+gc\b",
    "ctypes": r"\bctypes\b",
    "trace": r"\bsettrace\b|\bsetprofile\b",
    "constant __eq__": r"def\s+__eq__\s*\([^)]*\)[^:]*:\s*(?:\n\s*)?return\s+True\b",
    "test hooks": r"\bconftest\b|\bsitecustomize\b|pytest_\w+|\b_pytest\b",
    "builtins": r"\bbuiltins\s*\.\s*\w+\s*=[^=]|__builtins__",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _SIGNS.items()}


def flags(code: str) -> list[str]:
    """The names of the signs found in Python ``code``. Honest programs use some of them, so none changes a verdict."""
    return [name for name, pattern in _PATTERNS.items() if pattern.search(code)]
