"""Rows in the order of a key, however many they are: one range of keys at a time is in memory, the others wait in files.

DuckDB's own sort keeps the texts of all its rows in memory and fails beyond its limit (1.5.5), and a release may be ten times as
large.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

RANGE_ROWS = 8_000  # about 250 MB of R1 text
MOST_RANGES = 256  # files that are open at once, times the splits
BATCH_ROWS = 2_048


def ranges(rows: int) -> int:
    """Into how many ranges of keys so many rows are parted."""
    return max(1, min(MOST_RANGES, -(-rows // RANGE_ROWS)))


def ordered(
    batches: Iterable[pa.RecordBatch], split: str, key: str, edges: Sequence[str], folder: Path
) -> Iterator[pa.RecordBatch]:
    """The rows of ``batches`` by the columns ``split``, then ``key`` (both text, by bytes as in DuckDB).

    Args:
        batches: in any order.
        edges: the keys at which ranges begin, in order, without the first; each range has to fit in memory.
        folder: where ranges wait, compressed; a file goes when it was read.
    """
    writers: dict[tuple[str, int], pa.RecordBatchStreamWriter] = {}
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    starts = np.array(edges, dtype=str)
    try:
        for batch in batches:
            splits = np.array(batch.column(split).to_pylist(), dtype=str)
            places = np.searchsorted(starts, np.array(batch.column(key).to_pylist(), dtype=str), side="right")
            for name in np.unique(splits):
                for place in np.unique(places[splits == name]):
                    where = (str(name), int(place))
                    if where not in writers:
                        writers[where] = pa.ipc.new_stream(str(folder / f"{len(writers)}.arrow"), batch.schema, options=options)
                    writers[where].write_batch(batch.take(np.flatnonzero((splits == name) & (places == place))))
    finally:
        for writer in writers.values():
            writer.close()
    files = {where: folder / f"{number}.arrow" for number, where in enumerate(writers)}
    for where in sorted(files):
        with files[where].open("rb") as file, pa.ipc.open_stream(file) as reader:
            rows = reader.read_all()
        files[where].unlink()
        order = pc.sort_indices(rows, sort_keys=[(key, "ascending")])
        for start in range(0, rows.num_rows, BATCH_ROWS):
            yield from rows.take(order.slice(start, BATCH_ROWS)).combine_chunks().to_batches()


__all__ = ["ordered", "ranges"]
