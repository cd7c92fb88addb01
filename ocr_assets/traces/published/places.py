"""Which problem stands at a place that a published row names: SQL over ``raw_problems`` and ``deduped_problems``.

Places are those of ``PublishedAnswer.places``. A row's statement is no place by itself: the source ``published`` reads it into
``raw_problems``, deduplication says which problem it is, and the row is found by its name there. So published answers are
matched by the same rule that makes problems distinct.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resources.lake import Lake

# The n-th row of a split, as datasets count it: over all files of a folder in the order of their names. Where a source lies in
# several folders (configurations, difficulties), the largest is the whole. Rows that could not be used count as well. Behind a
# file that could not be read, or one that is missing by the numbers in the names (-00003-of-00009), nobody knows the position:
# better no match than another problem's.
POSITIONS = """
WITH stood AS (
    SELECT raw_id, dataset, split, file, row FROM raw_problems WHERE dataset NOT IN ('local', 'published')
), lengths AS (
    SELECT dataset, file, max(row) + 1 AS rows, any_value(split) AS split FROM (
        SELECT dataset, file, row, split FROM stood
        UNION ALL SELECT scope, file, row, NULL FROM quarantine WHERE stage = 'raw_problems' AND row >= 0
    ) GROUP BY ALL
), placed AS (
    SELECT *, sum(rows) OVER earlier - rows AS before, regexp_extract(file, '-([0-9]+)-of-[0-9]+', 1) AS numbered,
        row_number() OVER earlier - 1 AS nth
    FROM (SELECT *, regexp_replace(file, '[^/]*$', '') AS folder FROM lengths WHERE split IS NOT NULL)
    WINDOW earlier AS (PARTITION BY dataset, split, folder ORDER BY file)
), broken AS (
    SELECT scope AS dataset, min(file) AS file FROM quarantine WHERE stage = 'raw_problems' AND row < 0 GROUP BY ALL
), largest AS (
    SELECT dataset, split, folder FROM placed GROUP BY dataset, split, folder
    QUALIFY row_number() OVER (PARTITION BY dataset, split ORDER BY sum(rows) DESC, folder) = 1
)
SELECT s.raw_id, s.dataset || '/' || s.split || '[' || (p.before + s.row)::BIGINT || ']' AS place
FROM stood s JOIN placed p USING (dataset, split, file) JOIN largest l USING (dataset, split, folder)
LEFT JOIN broken b USING (dataset)
WHERE (p.numbered = '' OR p.numbered::BIGINT = p.nth) AND (b.file IS NULL OR s.file <= b.file)
"""

# A place at which several problems stand leads nowhere: null.
PLACES = f"""
WITH members AS (SELECT problem_id, unnest(raw_ids) AS raw_id FROM deduped_problems), named AS (
    FROM ({POSITIONS})
    UNION ALL SELECT raw_id, origin FROM raw_problems
    UNION ALL SELECT raw_id, dataset || '/' || index FROM raw_problems WHERE dataset IN ('codeforces', 'published')
)
SELECT place, CASE WHEN min(problem_id) = max(problem_id) THEN min(problem_id) END AS problem_id
FROM named JOIN members USING (raw_id) GROUP BY place
UNION ALL SELECT problem_id, problem_id FROM deduped_problems
"""

# Also of a file that a killed run has left half read: a run that goes on behind these rows would not see them again.
MOVED = f"""
SELECT DISTINCT f.address, f.file FROM published_files f
JOIN (SELECT dataset, file, row, problem_id, unnest(places) AS place, generate_subscripts(places, 1) AS nth, published_id
      FROM published_labels WHERE len(places) > 0) l USING (dataset, file)
LEFT JOIN ({PLACES}) p USING (place)
WHERE l.row < f.rows
GROUP BY f.address, f.file, l.published_id, l.problem_id
HAVING arg_min(p.problem_id, l.nth) FILTER (p.problem_id IS NOT NULL) IS NOT NULL
   AND arg_min(p.problem_id, l.nth) FILTER (p.problem_id IS NOT NULL) IS DISTINCT FROM l.problem_id
"""


@dataclass(frozen=True)
class Found:
    """The problem that a row belongs to and the place that led there, or why none was found."""

    problem_id: str | None
    place: str | None
    reason: str | None = None


class Places:
    """Place → problem, for all places of the lake as it is now. In memory: two texts a raw problem, none a published row."""

    def __init__(self, store: Lake) -> None:
        self._problems: dict[str, str | None] = {row["place"]: row["problem_id"] for row in store.stream(PLACES, size=8192)}

    def find(self, places: Sequence[str]) -> Found:
        """The problem at the first of ``places`` at which one stands."""
        for place in places:
            if problem := self._problems.get(place):
                return Found(problem, place)
        if not places:
            return Found(None, None, "no place: the row names neither its problem's place nor its statement")
        if ambiguous := [place for place in places if place in self._problems]:
            return Found(None, None, f"ambiguous: several problems stand at {ambiguous[0]}")
        return Found(None, None, f"no problem: nothing stands at {' or '.join(places)}; its source is not read")


def moved(store: Lake) -> set[tuple[str, str]]:
    """(address, file) of the files with a row that would be matched with another problem now, or with one at last."""
    return {(row["address"], row["file"]) for row in store.stream(MOVED)}
