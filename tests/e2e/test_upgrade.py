"""A lake written by the code of version 0.1.0 opens, is migrated, and refreshes with nothing asked, and nothing run but what is judged in another way now."""

import re
import shutil
from pathlib import Path

import duckdb
import pytest

from ocr_assets import samples
from ocr_assets.grading.version import VERSION_OF_VERDICT, parameters
from resources.lake import load_extensions
from tests.support.graph import TO_THE_RELEASE, only, open_lake, run
from tests.support.lakes import unpack_old_lake

KEYS = {
    "raw_problems": "raw_id",
    "deduped_problems": "problem_id",
    "clean_problems": "problem_id",
    "r1_traces": "response_id",
    "solutions": "solution_id",
    "verdicts": "verdict_id",
    "verified_triplets": "triplet_id",
    "judge_votes": "vote_id",
    "contamination_report": "pair_id",
}


def old_ids(catalog: Path) -> dict[str, set[str]]:
    """The ids of each table, read as any DuckDB client would, before our code opens the lake."""
    with duckdb.connect() as client:
        load_extensions(client)
        client.execute(
            f"ATTACH 'ducklake:sqlite:{catalog}' AS lake (READ_ONLY, DATA_PATH '{catalog.parent}/data', OVERRIDE_DATA_PATH true)"
        )
        return {
            table: {row[0] for row in client.execute(f"SELECT {key} FROM lake.{table}").fetchall()} for table, key in KEYS.items()
        }


# Since that lake was written, problems of the bundled corpus whose tests are there to catch slow programs have half the time.
HALVED = (
    ("taco", '"time_limit": "0.5 seconds"', '"time_limit": "1 second"'),
    ("code_contests", '{"seconds": 0, "nanos": 500000000}', '{"seconds": 1, "nanos": 0}'),
    ("codeforces", '"time_limit": 0.5', '"time_limit": 1.0'),
)


def sources_of_then(folder: Path) -> dict[str, str]:
    """The bundled problems as they were, in a folder; gives the settings that read them there."""
    shutil.copytree(samples.SOURCES, folder)
    for dataset, now, then in HALVED:
        file = folder / dataset / "train.jsonl"
        text = file.read_text(encoding="utf-8")
        assert now in text
        file.write_text(text.replace(now, then), encoding="utf-8")
    return {f"OCR_{path.name.upper()}": str(path) for path in folder.iterdir()}


@pytest.mark.long
def test_an_old_lake_is_migrated_and_refreshed_for_free(tmp_path: Path) -> None:
    unpack_old_lake(tmp_path / "lake")
    before = old_ids(tmp_path / "lake" / "catalog.sqlite")
    assert all(before.values())

    done = run("run", *only(*TO_THE_RELEASE), home=tmp_path, **sources_of_then(tmp_path / "sources"))

    assert "r1_traces: 0 teacher requests" in done.stderr
    assert "suite_validation: 0 sandbox runs" in done.stderr
    assert set(re.findall(r"([\d,]+) judge requests", done.stderr)) <= {"0"}
    with open_lake(tmp_path) as lake:
        after = {table: {row[key] for row in lake.rows(f"SELECT {key} FROM {table}")} for table, key in KEYS.items()}
        # Rows that their source does not name are named by their content since; nothing else of them changed.
        renamed = {row["old_id"]: row["new_id"] for row in lake.rows("FROM row_renamed")}
        taco = lake.rows("SELECT raw_id FROM raw_problems WHERE dataset = 'taco'")
        assert {row["raw_id"] for row in taco} == set(renamed.values()) and renamed.keys() <= before["raw_problems"]
        before["raw_problems"] = {renamed.get(old, old) for old in before["raw_problems"]}
        assert lake.rows("FROM record_edge_gone WHERE stage = 'deduped_problems'") == lake.rows("FROM row_gone") == []
        new_verdicts = after["verdicts"] - before["verdicts"]
        assert {**after, "verdicts": before["verdicts"]} == before and after["verdicts"] >= before["verdicts"]
        # Only verdicts that the grader would now give in another way are made anew: what their versions say.
        outdated = lake.rows(
            f"""
            SELECT verdict_id FROM verdicts v JOIN solutions s USING (solution_id) JOIN test_suites t ON t.suite_id = v.suite_id
            WHERE v.grader_version <> {VERSION_OF_VERDICT}
            """,
            parameters(online_judge=True),
        )
        assert f"verdicts: {len(outdated)} sandbox runs" in done.stderr
        assert len(new_verdicts) == len(outdated) < len(before["verdicts"]) / 3
        verdicts = lake.rows("SELECT verdict, count(DISTINCT solution_id) AS programs FROM verdicts GROUP BY ALL")
        assert {row["verdict"]: row["programs"] for row in verdicts}["accepted"] == 107
        fates = lake.rows(
            "SELECT outcome, sum(rows) AS rows FROM funnel WHERE stage = 'sft_dataset' AND outcome <> 'in' GROUP BY ALL"
        )
    assert {row["outcome"]: row["rows"] for row in fates} == {"released": 186, "dropped": 4}  # of four nobody has decided
