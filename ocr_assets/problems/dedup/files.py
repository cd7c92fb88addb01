"""Duplicates among statements that are in no lake: the same layers, for ``ocr-assets dedup`` on plain files.

What the lake adds is not here: tests that contradict each other, merging (``merge.py``), and comparing only what is new
(``refresh.py``).
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
from ocr_assets.problems.dedup.clusters import clusters
from ocr_assets.problems.dedup.refresh import READ_IN_PARALLEL
from ocr_assets.problems.dedup.settings import DedupSettings
from ocr_assets.schema import DuplicateLayer
from ocr_assets.texts.shingles import Rows
from ocr_assets.texts.similarity import Embeds
from resources.settings.work import opened_work
from resources.work import HERE

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


def duplicates_of(
    texts: Texts, settings: DedupSettings, embedder: Embeds | None = None
) -> tuple[list[str], dict[int, tuple[int, Layer]]]:
    """(key of each text's normalized form, duplicates: text → (the text that represents it, the layer that found it)).

    The first text of a cluster represents it; texts that do, or are alone, are not among the duplicates. The exact layer is on
    in any case; ``embedder`` is needed by the semantic layer. Clusters and variants are as in the lake.
    """
    work = HERE if len(texts) < READ_IN_PARALLEL else opened_work()
    minhash = settings.minhash
    keys: list[str] = []
    first: dict[str, int] = {}  # key → the first text that has it
    bands = []
    for _, batch_keys, signatures in near.prepared_in_parallel(((None, batch) for batch in texts.batches()), minhash, work):
        new = [place for place, key in enumerate(batch_keys) if first.setdefault(key, len(keys) + place) == len(keys) + place]
        keys += batch_keys
        if signatures is not None:
            bands.append(signatures[new])
    rows: Rows = np.fromiter(first.values(), np.int64, len(first))
    pairs: list[Pair] = []
    if minhash is not None and len(rows):
        proposed = near.candidates(np.concatenate(bands), np.ones(len(rows), bool), minhash.agree)
        bands.clear()
        measured = near.measured(proposed, lambda some: texts.of(rows[some]), minhash, settings.near_threshold, work)
        pairs += [_merged(keys, rows, one, other, "near") for one, other, _, variants in measured if not variants]
    if settings.semantic and len(rows):
        if embedder is None:
            raise ValueError("the semantic layer needs an embedder")
        measured = semantic.measured(
            len(rows), len(rows), lambda some: texts.of(rows[some]), embedder, settings.semantic_threshold
        )
        pairs += [_merged(keys, rows, one, other, "semantic") for one, other, _, variants in measured if not variants]
    cluster_of, layer_of = clusters(pairs)
    representative_of: dict[str, int] = {}
    for key, row in first.items():  # in order of rows
        representative_of.setdefault(cluster_of.get(key, key), row)
    duplicate_of: dict[int, tuple[int, Layer]] = {}
    for row, key in enumerate(keys):
        representative = representative_of[cluster_of.get(key, key)]
        if representative != row:
            duplicate_of[row] = (representative, "exact" if keys[representative] == key else layer_of[key])
    return keys, duplicate_of


def _merged(keys: Sequence[str], rows: Rows, one: int, other: int, layer: DuplicateLayer) -> Pair:
    return {"left_key": keys[rows[one]], "right_key": keys[rows[other]], "layer": layer, "decision": "merged"}
