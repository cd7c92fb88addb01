"""Our own clean problems as seeds of new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ocr_assets.synthesis.seeds.seed import Seed
from resources.lake import Lake

# A merged problem belongs to every source that has it.
WANTED = """
SELECT problem_id, origin, origins, license, statement, starter_code FROM problems SEMI JOIN clean_problems USING (problem_id)
WHERE (len($datasets::VARCHAR[]) = 0 OR list_has_any(list_transform(origins, o -> split_part(o, '/', 1)), $datasets::VARCHAR[]))
  AND (len($sources::VARCHAR[]) = 0 OR list_contains($sources::VARCHAR[], lower(source)))
  AND ($call_based::BOOLEAN IS NULL OR (entry_point IS NOT NULL) = $call_based::BOOLEAN)
ORDER BY problem_id
"""


def problems(store: Lake, datasets: Sequence[str], sources: Sequence[str], call_based: bool | None) -> Iterator[Seed]:
    """The clean problems of these datasets and platforms (empty: all); ``call_based``: only those that ask for a function, or
    only those that read stdin."""
    wanted = {"datasets": list(datasets), "sources": [name.lower() for name in sources], "call_based": call_based}
    for row in store.stream(WANTED, wanted):
        text = row["statement"].strip()
        if row["starter_code"]:
            text += f"\n\nThe solution begins with:\n\n{row['starter_code'].strip()}"
        names = (row["origin"], *(origin for origin in row["origins"] if origin != row["origin"]))
        yield Seed(row["problem_id"], "problem", names, row["origin"], text, row["license"])
