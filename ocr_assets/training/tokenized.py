"""Rows of a mix tokenized, on disk: a flat file of tokens for each file of a release, and an index that fits into memory.

A release is read once, in its own order; the packed files need the tokens in another. A part that was written is whole (it
is renamed into place), so a killed run goes on after the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ocr_assets.training.chat import Tokens

BATCH = 128  # rows that are tokenized at once
FAULTS = ("no answer", "its text holds the token that ends a turn")
_INDEX = np.dtype([("row", np.int64), ("offset", np.int64), ("prompt", np.int32), ("answer", np.int32), ("fault", np.int8)])

# Rows of one file of a release: their number in the mix, prompt and answer.
Rows = Callable[[Path], Iterable[Mapping[str, Any]]]
Tokenize = Callable[[Sequence[Mapping[str, Any]]], Sequence[Tokens]]


@dataclass(frozen=True)
class Tokenized:
    """The tokens of all rows of a mix. ``index``: a record a row, ordered by its number: file, offset there, lengths, fault."""

    files: Sequence[npt.NDArray[np.int32]]
    file: npt.NDArray[np.int32]
    index: npt.NDArray[np.void]

    def prompt_of(self, row: int) -> npt.NDArray[np.int32]:
        start = int(self.index["offset"][row])
        return self._of(row, start, int(self.index["prompt"][row]))

    def answer_of(self, row: int) -> npt.NDArray[np.int32]:
        start = int(self.index["offset"][row]) + int(self.index["prompt"][row])
        return self._of(row, start, int(self.index["answer"][row]))

    def _of(self, row: int, start: int, length: int) -> npt.NDArray[np.int32]:
        found: npt.NDArray[np.int32] = self.files[self.file[row]][start : start + length]
        return found

    def fault(self, row: int) -> str | None:
        """Why a row must not be trained on."""
        number = int(self.index["fault"][row])
        return FAULTS[number - 1] if number else None


def tokenize(
    folder: Path,
    releases: Iterable[tuple[str, Sequence[Path]]],
    rows: Callable[[str, Path], Iterable[Mapping[str, Any]]],
    tokens: Tokenize,
    count: int,
) -> Tokenized:
    """Tokenize what is not there yet, into ``folder``, a part a file of a release.

    ``rows``: of a release's file those that the mix has, each with ``row``, its number below ``count``. ``tokens``: of a batch of
    them.

    Raises ``ValueError`` where the files hold fewer rows than the mix: it was made from another release.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[Path] = []
    for name, files in releases:
        for file in files:
            part = folder / f"{len(parts):05d}.npy"
            if not part.exists():
                _write(part, rows(name, file), tokens)
            parts.append(part)
    return _opened(parts, count)


def _write(part: Path, rows: Iterable[Mapping[str, Any]], tokens: Tokenize) -> None:
    index: list[tuple[int, int, int, int, int]] = []
    offset = 0
    flat = part.with_suffix(".tokens")
    with flat.open("wb") as out:
        for batch in batched_rows(rows):
            for row, found in zip(batch, tokens(batch), strict=True):
                prompt, answer = np.asarray(found.prompt, np.int32), np.asarray(found.answer, np.int32)
                out.write(prompt.tobytes())
                out.write(answer.tobytes())
                fault = 0 if found.fault is None else 1 + FAULTS.index(found.fault)
                index.append((row["row"], offset, len(prompt), len(answer), fault))
                offset += len(prompt) + len(answer)
    building = part.with_suffix(".building")
    with building.open("wb") as out:
        np.save(out, np.array(index, _INDEX))
    building.rename(part)


def _opened(parts: Sequence[Path], count: int) -> Tokenized:
    index = np.zeros(count, _INDEX)
    file = np.full(count, -1, np.int32)
    for number, part in enumerate(parts):
        known = np.load(part)
        index[known["row"]] = known
        file[known["row"]] = number
    if missing := int((file < 0).sum()):
        raise ValueError(f"{missing:,} rows of the mix are in no file of its releases any more; materialize training_mix first")
    flats = [part.with_suffix(".tokens") for part in parts]
    return Tokenized([_mapped(flat) for flat in flats], file, index)


def _mapped(flat: Path) -> npt.NDArray[np.int32]:
    """The file as an array: pages are read when they are needed, and given up when memory is."""
    if flat.stat().st_size == 0:
        return np.empty(0, np.int32)
    return np.memmap(flat, np.int32, "r")


def batched_rows(rows: Iterable[Mapping[str, Any]], size: int = BATCH) -> Iterator[list[Mapping[str, Any]]]:
    """Lists of at most ``size`` rows."""
    batch: list[Mapping[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
