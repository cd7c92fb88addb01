"""Rows of a mix tokenized, on disk: a flat file of tokens for each file of a release, and an index that fits into memory.

A release is read once, in its own order; the packed files need the tokens in another. A part that was written is whole (it
is renamed into place), so a killed run goes on after the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from ocr_assets.training.chat import CONTROL_TOKEN, ENDS_A_TURN, NO_ANSWER, Tokens

BATCH = 128  # rows that are tokenized at once
FAULTS = (NO_ANSWER, ENDS_A_TURN, CONTROL_TOKEN)
_INDEX = np.dtype([("row", np.int64), ("offset", np.int64), ("prompt", np.int32), ("answer", np.int32), ("fault", np.int8)])


class _Row(Protocol):
    @property
    def row(self) -> int: ...


Numbered = TypeVar("Numbered", bound=_Row)


@dataclass(frozen=True)
class Tokenized:
    """The tokens of all rows of a mix. ``index``: a record a row, ordered by its number: file, offset there, lengths, fault.
    Tokens are read when they are asked for; memory holds the index only."""

    files: Sequence[Path]
    file: npt.NDArray[np.int32]
    index: npt.NDArray[np.void]

    def prompt_of(self, row: int) -> npt.NDArray[np.int32]:
        start = int(self.index["offset"][row])
        return self._of(row, start, int(self.index["prompt"][row]))

    def answer_of(self, row: int) -> npt.NDArray[np.int32]:
        start = int(self.index["offset"][row]) + int(self.index["prompt"][row])
        return self._of(row, start, int(self.index["answer"][row]))

    def _of(self, row: int, start: int, length: int) -> npt.NDArray[np.int32]:
        return np.fromfile(self.files[self.file[row]], np.int32, length, offset=start * np.dtype(np.int32).itemsize)

    def fault(self, row: int) -> str | None:
        """Why a row must not be trained on."""
        number = int(self.index["fault"][row])
        return FAULTS[number - 1] if number else None


def tokenize(
    folder: Path,
    parts: Sequence[Callable[[], Iterable[Numbered]]],
    tokens: Callable[[list[Numbered]], Sequence[Tokens]],
    count: int,
) -> Tokenized:
    """Tokenize what is not there yet, into ``folder``.

    ``parts``: the rows of each file of the releases that the mix has; a row's number is below ``count``. ``tokens``: of a batch
    of them.

    Raises ``ValueError`` where the files hold fewer rows than the mix: it was made from another release.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05d}.npy" for number in range(len(parts))]
    for path, rows in zip(paths, parts, strict=True):
        if not path.exists():
            _write(path, rows(), tokens)
    return _opened(paths, count)


def _write(part: Path, rows: Iterable[Numbered], tokens: Callable[[list[Numbered]], Sequence[Tokens]]) -> None:
    index: list[tuple[int, int, int, int, int]] = []
    offset = 0
    with part.with_suffix(".tokens").open("wb") as out:
        iterator = iter(rows)
        while batch := list(islice(iterator, BATCH)):
            for row, found in zip(batch, tokens(batch), strict=True):
                prompt, answer = np.asarray(found.prompt, np.int32), np.asarray(found.answer, np.int32)
                out.write(prompt.tobytes())
                out.write(answer.tobytes())
                fault = 0 if found.fault is None else 1 + FAULTS.index(found.fault)
                index.append((row.row, offset, len(prompt), len(answer), fault))
                offset += len(prompt) + len(answer)
    building = part.with_suffix(".building")
    with building.open("wb") as to:
        np.save(to, np.array(index, _INDEX))
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
    return Tokenized([part.with_suffix(".tokens") for part in parts], file, index)
