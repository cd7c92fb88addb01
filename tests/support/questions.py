"""The lake of docs/questions.md: small, made by two rounds of runs, with a line deleted and a verdict changed in between; and the
page's examples. ``python -m tests.support.questions`` writes the answers into the page anew."""

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocr_assets.platform.lineage.report import table
from ocr_assets.problems.decontamination.clean import label_problems
from ocr_assets.problems.dedup.deduplicate import deduplicate
from ocr_assets.problems.dedup.settings import DedupSettings
from ocr_assets.problems.sources.read import read_source, store_rows
from ocr_assets.schema import R1_TRACES, RELEASE_VERSION, RELEASED_ROW, SCREENED, SOLUTIONS, VERDICTS, VERIFIED_TRIPLETS
from ocr_assets.verification.triplets import TRIPLET_EDGES
from resources.lake import Lake, RunInfo
from tests.support.lakes import new_lake
from tests.support.rows import row_of

FIRST_SNAPSHOT = 20
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "questions.md"
STATEMENTS = ["add two numbers", "sort the list", "add two numbers", "count the stones", "find the way"]
EXAMPLE = re.compile(r"```sql\n(.*?)\n```\n\n```text\n(.*?)```", re.DOTALL)
_ANSWERS = {"add": ("accepted", "wrong_answer"), "sort": ("accepted",), "find": ("accepted",)}


def written(folder: Path, statements: Sequence[str]) -> Path:
    """A source folder of TACO, whose rows have no names."""
    folder.mkdir(exist_ok=True)
    rows = [
        {"question": text, "input_output": json.dumps({"inputs": ["1\n"], "outputs": [f"{len(text)}\n"]})} for text in statements
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def refresh(lake: Lake, folder: Path, run: str) -> None:
    """Read, deduplicate and clear, as the assets of these names do."""
    with lake.write(RunInfo(run), "raw_problems") as write:
        store_rows(write, "taco", read_source(folder, "taco"))
    _count(lake, run, "raw_problems")
    with lake.write(RunInfo(run), "deduped_problems") as write:
        deduplicate(lake, write, lambda: lake.write(RunInfo(run), "deduped_problems"), DedupSettings())
    _count(lake, run, "deduped_problems")
    with lake.write(RunInfo(run), "contamination_report") as write:
        subjects = lake.rows("SELECT problem_id FROM problems")
        write.sync(SCREENED, [row_of(SCREENED, subject=row["problem_id"]) for row in subjects])
    with lake.write(RunInfo(run), "clean_problems") as write:
        label_problems(lake, write, lambda texts: [4000 if "stones" in text else 1 for text in texts])
    _count(lake, run, "clean_problems")


def ask_and_judge(lake: Lake, run: str, verdicts: dict[str, tuple[str, ...]]) -> None:
    """Responses, solutions, verdicts and triplets of every clean problem; ``verdicts``: by the statement's first word."""
    problems = lake.rows("SELECT problem_id, suite_id, statement FROM problems SEMI JOIN clean_problems USING (problem_id)")
    found = [
        (f"{word}_{n}", problem, verdict, "" if verdict == _ANSWERS[word][n - 1] else "_again")
        for problem in problems
        for word in [problem["statement"].split()[0]]
        for n, verdict in enumerate(verdicts[word], 1)
    ]
    edges = lambda pairs: [{"child": c, "parent": p, "relation": "derived", "reason": why} for c, p, why in pairs]  # noqa: E731
    with lake.write(RunInfo(run), "r1_traces") as write:
        lake.rows("FROM clean_problems")
        tokens = {"prompt_tokens": 100, "completion_tokens": 900, "cost": 0.002, "model": "teacher", "language": "python"}
        write.append(
            R1_TRACES,
            [row_of(R1_TRACES, response_id=f"resp_{n}", problem_id=p["problem_id"], content=n, **tokens) for n, p, *_ in found],
        )
        write.edges(edges((f"resp_{n}", p["problem_id"], "asked teacher") for n, p, *_ in found), replace=False)
    _count(lake, run, "r1_traces")
    with lake.write(RunInfo(run), "solutions") as write:
        lake.rows("FROM r1_traces")
        own = {"language": "python", "parse_status": "ok", "parses": True, "code": "print(input())"}
        write.append(
            SOLUTIONS,
            [
                row_of(SOLUTIONS, solution_id=f"sol_{n}", response_id=f"resp_{n}", problem_id=p["problem_id"], **own)
                for n, p, *_ in found
            ],
        )
        write.edges(edges((f"sol_{n}", f"resp_{n}", "ok") for n, *_ in found), replace=False)
    _count(lake, run, "solutions")
    with lake.write(RunInfo(run), "verdicts") as write:
        lake.rows("FROM solutions")
        own = {"language": "python", "tests": [row_of_test()], "grader_version": "7", "created_at": EARLY}
        write.append(
            VERDICTS,
            [
                row_of(VERDICTS, verdict_id=f"ver_{n}{again}", solution_id=f"sol_{n}", problem_id=p["problem_id"], verdict=v,
                       suite_id=p["suite_id"], **own)
                for n, p, v, again in found
            ],
        )  # fmt: skip
        write.edges(edges((f"ver_{n}{again}", f"sol_{n}", v) for n, _, v, again in found), replace=False)
    _count(lake, run, "verdicts")
    with lake.write(RunInfo(run), "verified_triplets") as write:
        lake.rows("FROM verdicts")
        write.sync(
            VERIFIED_TRIPLETS,
            [
                row_of(VERIFIED_TRIPLETS, triplet_id=f"trip_{n}", problem_id=p["problem_id"], solution_id=f"sol_{n}",
                       response_id=f"resp_{n}", verdict_id=f"ver_{n}{again}", suite_id=p["suite_id"], verdict=v, dataset="taco",
                       license="Apache-2.0", language="python")
                for n, p, v, again in found
            ],
        )  # fmt: skip
        gone = lake.rows("SELECT solution_id FROM solutions ANTI JOIN clean_problems USING (problem_id)")
        write.edges(
            [
                *edges((f"trip_{n}", f"sol_{n}", v) for n, _, v, again in found),
                *edges((f"trip_{n}", f"ver_{n}{again}", v) for n, _, v, again in found),
                *(
                    {"child": "verified_triplets", "parent": row["solution_id"], "relation": "dropped", "reason": REASON}
                    for row in gone
                ),
            ]
        )
    _count(lake, run, "verified_triplets")


REASON = "its problem left its sources"
assert REASON in TRIPLET_EDGES


def row_of_test() -> dict[str, Any]:
    test = {"index": 0, "verdict": "accepted", "cpu_s": 0.25, "wall_s": 0.3, "memory_mb": 9.0, "exit_code": 0, "signal": None}
    return {**test, "message": "", "stdout_head": None, "stderr_head": None}


def release(lake: Lake, run: str, number: int) -> None:
    """Release the accepted triplets as ``strict``, as the asset does."""
    rows = lake.rows("SELECT triplet_id, verdict FROM verified_triplets ORDER BY ALL")
    now = {f"sft_{row['triplet_id'].removeprefix('trip_')}": row for row in rows if row["verdict"] == "accepted"}
    before = lake.rows("FROM released_row WHERE to_number IS NULL")
    with lake.write(RunInfo(run), "strict") as write:
        lake.rows("FROM verified_triplets")
        known = {row["id"]: row for row in before}
        own = {"release": "strict", "row_hash": "x", "from_number": number, "to_number": None}
        write.append(
            RELEASED_ROW, [{**own, "id": key, "parent_id": row["triplet_id"]} for key, row in now.items() if key not in known]
        )
        write.edges(
            [
                {"child": f"sft_{row['triplet_id'].removeprefix('trip_')}", "parent": row["triplet_id"], "relation": "derived", "reason": ""}
                if row["verdict"] == "accepted"
                else {"child": "strict", "parent": row["triplet_id"], "relation": "dropped", "reason": "filter: not accepted"}
                for row in rows
            ]
        )  # fmt: skip
        write.released("strict", f"hash-{number}", len(now))
    with lake.write(RunInfo(run), "strict") as write:
        ended = [{**row, "to_number": number - 1} for row in before if row["id"] not in now]
        write.upsert(RELEASED_ROW, ended)
        whole = row_of(RELEASE_VERSION, release="strict", number=number, version=f"hash-{number}", profile="ocr", run_id=run)
        write.append(
            RELEASE_VERSION,
            [{**whole, "rows": len(now), "settings": '{"keep": "accepted"}', "folder": f"releases/strict/v{number}"}],
        )
    _count(lake, run, "strict")


def _count(lake: Lake, run: str, stage: str) -> None:
    rows = lake.rows("SELECT place, outcome, reason, rows FROM funnel WHERE stage = ?", [stage])
    lake.note_counts(run, stage, [(row["place"], row["outcome"], row["reason"], row["rows"]) for row in rows])


def build(lake: Lake, folder: Path) -> None:
    """Two rounds: everything; then the second line is deleted, and another grader finds the second answer right."""
    # The page names snapshots; how many it takes to make an empty lake changes with the tables.
    with lake.plain_cursor() as cursor:
        while lake.scalar("SELECT id FROM lake.current_snapshot()") < FIRST_SNAPSHOT:
            cursor.execute("INSERT INTO row_renamed VALUES ('raw_old', 'raw_new', 'a migration', now())")
    refresh(lake, written(folder / "taco", STATEMENTS), "run-one")
    ask_and_judge(lake, "run-one", _ANSWERS)
    release(lake, "run-one", 1)
    refresh(lake, written(folder / "taco", [text for text in STATEMENTS if "sort" not in text]), "run-two")
    ask_and_judge(lake, "run-two", {**_ANSWERS, "add": ("accepted", "accepted")})
    release(lake, "run-two", 2)


def examples() -> list[tuple[str, str]]:
    """(query, answer) in the order of the page."""
    return EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))


def answer(lake: Lake, query: str) -> str:
    return "\n".join(line.rstrip() for line in table(lake.rows(query), 110).splitlines())


def _rewrite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, new_lake(Path(folder) / "lake") as lake:
        build(lake, Path(folder))
        yield EXAMPLE.sub(
            lambda found: f"```sql\n{found[1]}\n```\n\n```text\n{answer(lake, found[1])}\n```", PAGE.read_text(encoding="utf-8")
        )


if __name__ == "__main__":
    (text,) = _rewrite()
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
