"""Packed files: bins of tokens as Parquet, in the columns that TRL's trainer takes as they are.

``input_ids`` and ``labels`` (the tokens of the answers; -100 elsewhere, where no loss is taken) of all sequences of a bin, one
behind the other, ``seq_lengths`` their lengths, by which positions and attention begin anew. Bins are written one after the
other; never more than one row group of them is in memory.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ocr_assets.training.bins import Packing
from ocr_assets.training.tokenized import Tokenized

NO_LOSS = -100  # what torch's cross entropy passes over
SCHEMA = pa.schema([(name, pa.list_(pa.int32())) for name in ("input_ids", "labels", "seq_lengths")])
GROUP_TOKENS = 4_000_000  # tokens of a row group, 32 MB in memory
FILE_TOKENS = 256_000_000  # tokens of a file


@dataclass(frozen=True)
class Examples:
    """The sequences of a mix, by position: which row's prompt, which row's answer. They differ where answers are shuffled."""

    tokens: Tokenized
    prompts: npt.NDArray[np.int64]
    answers: npt.NDArray[np.int64]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each; 0: it must not be trained on."""
        index = self.tokens.index
        sums = index["prompt"][self.prompts].astype(np.int64) + index["answer"][self.answers]
        return np.where((index["fault"][self.prompts] == 0) & (index["fault"][self.answers] == 0), sums, 0)

    @property
    def loss_tokens(self) -> npt.NDArray[np.int64]:
        return self.tokens.index["answer"][self.answers].astype(np.int64)

    def fault(self, position: int) -> str | None:
        """Why an example must not be trained on."""
        return self.tokens.fault(int(self.answers[position])) or self.tokens.fault(int(self.prompts[position]))


def shuffled(prompts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each row's prompt the answer of the next row, in the seeded order; none has its own if there are two rows or more."""
    return np.roll(prompts, -1)


def write_packed(folder: Path, examples: Examples, packing: Packing) -> str:
    """Write the bins into ``folder``, which is replaced in whole; returns the hash of their content."""
    building = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    content = _Content()
    writer: pq.ParquetWriter | None = None
    files = written = 0
    for group in _groups(examples, packing):
        content.add(group)
        if writer is None:
            writer = pq.ParquetWriter(building / f"train-{files:05d}.parquet", SCHEMA, compression="zstd")
            files, written = files + 1, 0
        writer.write_batch(group)
        written += pc.sum(pc.list_value_length(group.column("input_ids"))).as_py()
        if written >= FILE_TOKENS:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    building.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
    return content.hash


class _Content:
    """The hash of bins, however they are grouped in files: of tokens, labels, lengths, and of which bin has how many."""

    def __init__(self) -> None:
        self._columns = [hashlib.blake2b(digest_size=16) for _ in (*SCHEMA.names, "sequences of a bin")]

    def add(self, group: pa.RecordBatch) -> None:
        lists: list[Any] = list(group.columns)
        for column, values in zip(self._columns, [*(each.flatten() for each in lists), lists[-1].value_lengths()], strict=True):
            column.update(values.to_numpy().astype(np.int32).tobytes())

    @property
    def hash(self) -> str:
        return hashlib.blake2b(b"".join(column.digest() for column in self._columns), digest_size=16).hexdigest()


def _groups(examples: Examples, packing: Packing) -> Iterator[pa.RecordBatch]:
    """The bins in their order, some at a time."""
    members = packing.members()
    lengths = examples.lengths
    ends = np.flatnonzero(np.diff(packing.bin[members], append=-1)) + 1  # behind the last row of each bin
    total = np.cumsum(lengths[members])
    begin = 0
    while begin < len(members):
        before = total[begin - 1] if begin else 0
        full = int(np.searchsorted(total[ends - 1], before + GROUP_TOKENS))
        end = int(ends[min(full, len(ends) - 1)])
        yield _group(examples, members[begin:end], packing.bin[members[begin:end]], lengths)
        begin = end


def _group(
    examples: Examples, members: npt.NDArray[np.int64], bins: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> pa.RecordBatch:
    size = int(lengths[members].sum())
    ids, labels = np.empty(size, np.int32), np.full(size, NO_LOSS, np.int32)
    at = 0
    for member in members.tolist():
        prompt = examples.tokens.prompt_of(int(examples.prompts[member]))
        answer = examples.tokens.answer_of(int(examples.answers[member]))
        middle, end = at + len(prompt), at + len(prompt) + len(answer)
        ids[at:middle], ids[middle:end], labels[middle:end] = prompt, answer, answer
        at = end
    firsts = np.flatnonzero(np.diff(bins, prepend=-1))
    rows = np.append(firsts, len(members)).astype(np.int32)
    tokens = np.concatenate(([0], np.cumsum(lengths[members])))[rows].astype(np.int32)
    columns = [(tokens, ids), (tokens, labels), (rows, lengths[members].astype(np.int32))]
    lists: list[Any] = [pa.ListArray.from_arrays(pa.array(offsets), pa.array(values)) for offsets, values in columns]
    return pa.RecordBatch.from_arrays(lists, schema=SCHEMA)
