"""From responses to the table ``solutions``: what has not been parsed yet, or by another version of the parser.

How one response is taken apart is ``generation/parse.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ocr_assets.generation.parse import PARSER_VERSION, solution_row
from ocr_assets.platform.progress import Progress
from ocr_assets.schema import SOLUTIONS, Solution
from resources.lake import Edge, Lake, RunInfo, Write
from resources.lake.at_work import Journals, StageLock
from resources.settings.work import opened_work
from resources.work import HERE, Work

COMMIT_ROWS = 10_000  # about 300 MB of text
SHARD = 100  # responses that are parsed in one place, about 3 MB of text

_UNPARSED = """
FROM r1_traces r JOIN problems p USING (problem_id)
LEFT JOIN solutions s ON s.response_id = r.response_id
WHERE r.failure IS NULL AND (s.response_id IS NULL OR s.parser_version <> $parser)
"""
UNPARSED = f"SELECT r.*, p.entry_point, s.solution_id AS parsed_as, s.code_hash AS parsed_code_hash {_UNPARSED}"
OWED = f"SELECT count(*) {_UNPARSED}"


SOLUTION_EDGES = """
SELECT solution_id AS child, response_id AS parent, 'derived' AS relation,
       CASE WHEN parses = false THEN 'syntax error' ELSE parse_status END AS reason
FROM solutions
"""


def alone(journals: Journals | Path, say: Callable[[str], object]) -> StageLock:
    """The lock of the stage: who parses is alone with it, and a second process waits."""
    return StageLock(journals, "solutions", say)


def parse_new(store: Lake, run: RunInfo, say: Callable[[str], object], work: Work | None = None) -> int:
    """Parse what ``UNPARSED`` finds, in commits of ``COMMIT_ROWS``, each with its lineage: a killed run loses no more than that,
    and memory does not grow with the table. Returns how many responses now have other code than before.

    Where another version of the parser finds other code, the solution has another id (see ``solution_row``), and the row with the
    old code goes: its verdict is not the new code's. ``work``: where; null: as set.
    """
    if not (owed := store.scalar(OWED, {"parser": PARSER_VERSION})):
        return 0  # without reading a text
    work = work or (opened_work(processes=False) if owed > SHARD else HERE)
    other_code = 0
    responses = store.stream(UNPARSED, {"parser": PARSER_VERSION})
    with Progress("solutions", None, say, "responses") as progress:
        for first in responses:
            part = chain([first], islice(responses, COMMIT_ROWS - 1))
            with store.write(run, "solutions") as write:
                other_code += _parse(write, part, progress, work)
    return other_code


def _parse(write: Write, responses: Iterable[Mapping[str, Any]], progress: Progress, work: Work) -> int:
    """Stage the solutions of responses, with their lineage. Returns how many have other code than before."""
    changed: dict[str, Solution] = {}
    edges = write.edges(replace=False)

    def unchanged() -> Iterator[Solution]:
        for row, parsed_as in chain.from_iterable(work.map(_parsed, _shards(responses))):
            progress.add()
            edges.add(_edge(row))
            if parsed_as in (None, row["solution_id"]):
                yield row
            else:
                changed[row["response_id"]] = row

    write.upsert(SOLUTIONS, unchanged())
    if changed:
        write.sync(SOLUTIONS, changed.values(), within=("response_id", changed))
    return len(changed)


def _shards(responses: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    remaining = iter(responses)
    while shard := list(islice(remaining, SHARD)):
        yield shard


def _parsed(responses: Sequence[Mapping[str, Any]]) -> list[tuple[Solution, str | None]]:
    """Of each response its solution, and the one that it was parsed as before."""
    return [(solution_row(response), response["parsed_as"]) for response in responses]


def _edge(row: Solution) -> Edge:
    """As ``SOLUTION_EDGES``."""
    reason = "syntax error" if row["parses"] is False else row["parse_status"]
    return {"child": row["solution_id"], "parent": row["response_id"], "relation": "derived", "reason": reason}
