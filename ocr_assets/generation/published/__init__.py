"""Answers that others asked for and released: which datasets are known, and what their rows say.

``formats.py``: the known datasets, a function each that takes a row of its schema; ``own.py``: a user's own rows with a map of
their columns; ``rows.py``: files and their rows, streamed; ``answer.py``: what a reader makes of a row.

What becomes of the answers is the matter of ``ocr_assets/traces/published``; the problems that such rows bring with them are read
by ``ocr_assets/problems/sources/published.py``, which is why this lies below both.
"""

from __future__ import annotations

from ocr_assets.generation.published.answer import PublishedAnswer, TheirLabels, published_index
from ocr_assets.generation.published.formats import FORMATS, Format, LeftOut, format_of
from ocr_assets.generation.published.rows import PublishedFile, Unreadable, files_below, numbered_rows

__all__ = [
    "FORMATS",
    "Format",
    "LeftOut",
    "PublishedAnswer",
    "PublishedFile",
    "TheirLabels",
    "Unreadable",
    "files_below",
    "format_of",
    "numbered_rows",
    "published_index",
]
