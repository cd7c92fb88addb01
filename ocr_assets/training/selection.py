"""A mix as SQL: which rows of the releases it trains on, in which seeded order, how often.

What may stand in a mix is in ``mixes/definition.py``; how releases are read is in ``releases.py``, how labelled rows are chosen
and ordered in ``statistics/choosing.py``. Everything here is a SELECT over labels: no text of a release is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocr_assets.schema import content_id
from ocr_assets.statistics.choosing import among, chosen, quoted
from ocr_assets.training.mixes.definition import Part, TrainingMix
from ocr_assets.training.releases import ReleaseFiles, find_release

# Each part's rows without copies, in the order in which a bound takes them.
_COLUMNS = "part, release, released_id, problem_id, language, verdict, difficulty, place, rank"


@dataclass(frozen=True)
class Chosen:
    """The rows of a mix. ``query``: SELECT of the columns of ``training_mix``; None: nothing it draws from is there.
    ``inputs``: hash of the definition and the releases."""

    query: str | None
    inputs: str
    missing: tuple[str, ...]


def choose(mix: TrainingMix, mixes: Mapping[str, TrainingMix], releases: Path, count: Callable[[str], int]) -> Chosen:
    """The rows of a mix as a query. ``count``: rows of a query, asked where the mix may not be larger than others.

    Raises ``ValueError`` naming mix and part where a folder is not there.
    """
    found = [_found(mix, part, releases) for part in mix.parts]
    missing = tuple(part.release for part, release in zip(mix.parts, found, strict=True) if release is None)
    measures = _measures(mix, mixes)
    others = [(other, [_found(other, part, releases) for part in other.parts]) for other in measures]
    versions = [[release.version if release else None for release in read] for _, read in [(mix, found), *others]]
    definitions = [of.model_dump(mode="json", exclude={"base", "title", "experiments"}) for of in [mix, *measures]]
    inputs = content_id("inputs", definitions, versions)
    rows = _copied(mix, found)
    if rows is None:
        return Chosen(None, inputs, missing)
    most = min((count(query) if (query := _copied(other, read)) else 0 for other, read in others), default=None)
    bound = "" if most is None else f"ORDER BY part, place, rank, released_id, copy LIMIT {most}"
    query = f"""
SELECT 'ex_' || left(md5(concat_ws('|', '{mix.name}', release, released_id, copy)), 20) AS example_id, '{mix.name}' AS mix, part,
       release, released_id, copy, row_number() OVER (ORDER BY md5(rank || copy), released_id) - 1 AS position, problem_id,
       language, verdict, difficulty
FROM (SELECT * FROM ({rows}) {bound})"""
    return Chosen(query, inputs, missing)


def _measures(mix: TrainingMix, mixes: Mapping[str, TrainingMix]) -> list[TrainingMix]:
    """The mixes that bound its size: those it names, and those that bound them."""
    names = list(mix.as_many_as)
    for name in names:
        names += [other for other in mixes[name].as_many_as if other not in (*names, mix.name)]
    return [mixes[name] for name in names]


def _copied(mix: TrainingMix, found: Sequence[ReleaseFiles | None]) -> str | None:
    """SELECT of a mix's rows, each as often as its part's weight says; None: no release of it is there."""
    rows = _rows(mix, found)
    copies = "CASE part " + " ".join(f"WHEN {i} THEN {_copies(part)}" for i, part in enumerate(mix.parts)) + " END"
    return rows and f"SELECT *, unnest(range({copies})) AS copy FROM ({rows})"


def _found(mix: TrainingMix, part: Part, releases: Path) -> ReleaseFiles | None:
    try:
        return find_release(part.release, releases, mix.base)
    except ValueError as error:
        raise ValueError(f"mix {mix.name}: {error}") from None


def _rows(mix: TrainingMix, found: Sequence[ReleaseFiles | None]) -> str | None:
    """SELECT of a mix's rows, each once; None: no release of it is there."""
    steps, names = [], list[str]()
    for index, (part, release) in enumerate(zip(mix.parts, found, strict=True)):
        if release is None:
            continue
        earlier = [f"SELECT release, released_id FROM {name}" for name in names]
        taken = f"ANTI JOIN ({' UNION ALL '.join(earlier)}) USING (release, released_id)" if earlier else ""
        name = f"part_{index}"
        steps.append(f"{name} AS MATERIALIZED ({_part(index, part, release, mix.seed, taken)})")
        names.append(name)
    if not names:
        return None
    return f"WITH {', '.join(steps)} " + " UNION ALL ".join(f"SELECT * FROM {name}" for name in names)


def _part(index: int, part: Part, release: ReleaseFiles, seed: int, taken: str) -> str:
    name = quoted(release.name)
    rows = f"SELECT * FROM (SELECT *, {name} AS release FROM ({release.labels()})) {taken}"
    more = [among(column, allowed) for column, allowed in (("style", part.styles), ("subset", part.subsets)) if allowed]
    query = chosen(rows, part, seed, release.name, "released_id", more)
    bound = f" ORDER BY place, rank, released_id LIMIT {part.rows}" if part.rows is not None else ""
    return f"SELECT {_COLUMNS} FROM (SELECT *, {index} AS part FROM ({query})){bound}"


def _copies(part: Part) -> str:
    """How often a row of the part is taken: of a broken weight the rest is drawn by the row's rank."""
    whole = int(part.weight)
    rest = part.weight - whole
    if rest == 0:
        return str(whole)
    return f"{whole} + (('0x' || right(rank, 8))::BIGINT < {int(rest * 2**32)})::BIGINT"
