"""One module a source: a row of its true schema in, a ``RawProblem`` out, or ``BadRow`` with the reason.

Files and quarantine are ``ocr_assets/problems/sources/read.py``; shared pieces are ``common.py``. Schemas: the dataset cards and
loaders of BAAI/TACO, codeparrot/apps, deepmind/code_contests and open-r1/codeforces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ocr_assets.problems.sources import apps, code_contests, codeforces, local, published, taco
from ocr_assets.problems.sources.common import ParsedProblem
from ocr_assets.programs.published import BadRow
from ocr_assets.schema import Dataset

READERS: Mapping[Dataset, Callable[[Mapping[str, Any]], ParsedProblem]] = {
    "taco": taco.read,
    "apps": apps.read,
    "code_contests": code_contests.read,
    "codeforces": codeforces.read,
    "local": local.read,
    "published": published.read,
}

__all__ = ["READERS", "BadRow", "ParsedProblem"]
