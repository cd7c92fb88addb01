"""From responses to the table ``solutions``: what has not been parsed yet, or by another version of the parser.

How one response is taken apart is ``generation/parse.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ocr_assets.generation.parse import PARSER_VERSION, solution_row
from ocr_assets.platform.progress import Progress
from ocr_assets.schema import SOLUTIONS, Solution
from resources.lake import Edge, Lake, RunInfo
from resources.lake.at_work import StageLock
from resources.lake.write import Staged

UNPARSED = """
SELECT r.*, p.entry_point, s.solution_id AS parsed_as, s.code_hash AS parsed_code_hash
FROM r1_traces r JOIN problems p USING (problem_id)
LEFT JOIN solutions s ON s.response_id = r.response_id
WHERE r.failure IS NULL AND (s.response_id IS NULL OR s.parser_version <> $parser)
"""


SOLUTION_EDGES = """
SELECT solution_id AS child, response_id AS parent, 'derived' AS relation,
       CASE WHEN parses = false THEN 'syntax error' ELSE parse_status END AS reason
FROM solutions
"""


def alone(journals: Path, say: Callable[[str], object]) -> StageLock:
    """The lock of the stage: who parses is alone with it, and a second process waits."""
    return StageLock(journals, "solutions", say)


def parse_new(store: Lake, run: RunInfo, say: Callable[[str], object]) -> int:
    """Parse what ``UNPARSED`` finds, in one commit with its lineage. Returns how many responses now have other code than before.

    Where another version of the parser finds other code, the solution has another id (see ``solution_row``), and the row with the
    old code goes: its verdict is not the new code's.
    """
    changed: dict[str, Solution] = {}

    def unchanged(edges: Staged) -> Iterator[Solution]:
        with Progress("solutions", None, say, "responses") as progress:
            for response in store.stream(UNPARSED, {"parser": PARSER_VERSION}):
                row = solution_row(response)
                progress.add()
                edges.add(_edge(row))
                if response["parsed_as"] in (None, row["solution_id"]):
                    yield row
                else:
                    changed[row["response_id"]] = row

    with store.write(run, "solutions") as write:
        write.upsert(SOLUTIONS, unchanged(write.edges(replace=False)))
        if changed:
            write.sync(SOLUTIONS, changed.values(), within=("response_id", changed))
    return len(changed)


def _edge(row: Solution) -> Edge:
    """As ``SOLUTION_EDGES``."""
    reason = "syntax error" if row["parses"] is False else row["parse_status"]
    return {"child": row["solution_id"], "parent": row["response_id"], "relation": "derived", "reason": reason}
