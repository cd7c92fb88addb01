"""A lake of responses with reasoning and verdicts, for what is asked about them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ocr_assets.schema import R1_TRACES, SOLUTIONS, VERIFIED_TRIPLETS
from resources.lake import Lake, RunInfo
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems, row_of


def response(number: int, at: int = 0, **values: Any) -> dict[str, Any]:
    """The columns of response ``number`` to problem ``at`` in all tables."""
    return {
        "response_id": f"resp_{number:020x}",
        "solution_id": f"sol_{number:020x}",
        "triplet_id": f"trip_{number:020x}",
        "problem_id": f"prob_{at:020x}",
        "language": "python",
        "sample_index": number,
        "parse_status": "ok",
        "reasoning": f"Thought {number}.",
        "code": f"print({number})",
        "solution": f"print({number})",
        "question": f"Print {at}.",
        "verdict": "accepted",
        "trusted": True,
        "source": "codechef",
        "difficulty": "easy",
        **values,
    }


def put_responses(lake: Lake, responses: Sequence[Mapping[str, Any]]) -> None:
    """Have the lake hold these responses (as ``response`` makes them), their solutions, verdicts and problems."""
    numbers = sorted({int(row["problem_id"].removeprefix("prob_"), 16) for row in responses})
    with lake.write(RunInfo("test"), "verified_triplets") as write:
        put_problems(write, [problem(number) for number in numbers])
        for table in (R1_TRACES, SOLUTIONS, VERIFIED_TRIPLETS):
            columns = {column.name for column in table.columns}
            own = [{name: value for name, value in row.items() if name in columns} for row in responses]
            if table is R1_TRACES:  # there the column means what a server sent apart
                own = [{**row, "reasoning": None} for row in own]
            write.append(table, [row_of(table, **row) for row in own])


def filled(home: Path, responses: Sequence[Mapping[str, Any]]) -> Path:
    """A home whose lake holds these responses."""
    with new_lake(home / "lake") as lake:
        put_responses(lake, responses)
    return home
