"""Duplicates among statements that are in no lake: the layers of ``duplicates.py``, for ``ocr-assets dedup`` on plain files.

What the lake adds is not here: tests that contradict each other, merging, and comparing only what is new.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Literal

import numpy as np

from ocr_assets.problems.dedup import near, semantic
from ocr_assets.problems.dedup.duplicates import READ_IN_PARALLEL, Layers, clusters
from ocr_assets.problems.shingles import Rows
from ocr_assets.problems.similarity import Embeds
from ocr_assets.schema import DuplicateLayer

Layer = Literal["exact"] | DuplicateLayer
Pair = dict[str, Any]
_BATCH = 2048


class Texts(AbstractContextManager["Texts"]):
    """Texts in a temporary file, read by number: as many as there are, in memory only where they lie (8 bytes each)."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._ends = array("q", [0])
        for text in texts:
            self._file.write(text.encode("utf-8", "surrogatepass"))
            self._ends.append(self._file.tell())
        self._file.flush()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def of(self, numbers: Iterable[int]) -> list[str]:
        """The texts of these numbers, in this order."""
        file, ends = self._file.fileno(), self._ends
        return [os.pread(file, ends[n + 1] - ends[n], ends[n]).decode("utf-8", "surrogatepass") for n in numbers]

    def batches(self) -> Iterator[list[str]]:
        """All, in order, some at once."""
        for start in range(0, len(self), _BATCH):
            yield self.of(range(start, min(start + _BATCH, len(self))))


def duplicates_of(texts: Texts, layers: Layers, embedder: Embeds | None = None) -> tuple[list[str], dict[int, tuple[int, Layer]]]:
    """(key of each text's normalized form, text → (the first text of its cluster, the layer that puts it there)).

    Texts that are first, or alone, are not in the second. The exact layer is on in any case; ``embedder`` is needed by the
    semantic layer. Clusters and what tells versions of a problem apart are as in the lake.
    """
    jobs = 1 if len(texts) < READ_IN_PARALLEL else os.cpu_count() or 1
    keys: list[str] = []
    first: dict[str, int] = {}
    bands = []
    for some, signed in near.prepared_in_parallel(texts.batches(), layers.near, jobs):
        fresh = [place for place, key in enumerate(some) if first.setdefault(key, len(keys) + place) == len(keys) + place]
        keys += some
        if signed is not None:
            bands.append(signed[fresh])
    rows: Rows = np.fromiter(first.values(), np.int64, len(first))
    pairs: list[Pair] = []
    if layers.near is not None and len(rows):
        proposed = near.candidates(np.concatenate(bands), np.ones(len(rows), bool), layers.near.agree)
        bands.clear()
        measured = near.measured(proposed, lambda some: texts.of(rows[some]), layers.near, layers.near.threshold, jobs)
        pairs += [_merged(keys, rows, one, other, "near") for one, other, _, apart in measured if not apart]
    if layers.semantic is not None and len(rows):
        if embedder is None:
            raise ValueError("the semantic layer needs an embedder")
        alike = semantic.measured(len(rows), len(rows), lambda some: texts.of(rows[some]), embedder, layers.semantic)
        pairs += [_merged(keys, rows, one, other, "semantic") for one, other, _, apart in alike if not apart]
    cluster_of, layer_of = clusters(pairs)
    leads: dict[str, int] = {}
    for key, row in first.items():  # in order of rows
        leads.setdefault(cluster_of.get(key, key), row)
    stands: dict[int, tuple[int, Layer]] = {}
    for row, key in enumerate(keys):
        lead = leads[cluster_of.get(key, key)]
        if lead != row:
            stands[row] = (lead, "exact" if keys[lead] == key else layer_of[key])
    return keys, stands


def _merged(keys: Sequence[str], rows: Rows, one: int, other: int, layer: DuplicateLayer) -> Pair:
    return {"left_key": keys[rows[one]], "right_key": keys[rows[other]], "layer": layer, "decision": "merged"}
