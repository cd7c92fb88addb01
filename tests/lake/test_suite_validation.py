"""Rows of suite validation from before they had their present names."""

import duckdb

from ocr_assets.grading.version import GRADER_VERSION
from ocr_assets.schema import content_id
from ocr_assets.schema.migrations import name_programs_of_known_worth
from ocr_assets.verification.validation import validate
from resources.lake.migrations import Migrator


def test_earlier_rows_get_the_present_names() -> None:
    connection = duckdb.connect()
    connection.execute("""
        ATTACH ':memory:' AS lake;
        CREATE TABLE lake.suite_evidence AS FROM (VALUES ('evid_1', 'known_good'), ('evid_2', 'known_bad'), ('evid_3', 'mutant'))
            t(evidence_id, role);
        CREATE TABLE lake.suite_quality AS SELECT 1 AS known_good, 1 AS known_good_passed, 2 AS known_bad, 1 AS known_bad_failed,
            3 AS mutants, 2 AS mutants_failed;
        CREATE TABLE lake.verified_triplets AS SELECT now() AS judged_at;
        CREATE TABLE lake.record_edge AS SELECT 'evid_1' AS child, 'known_good: accepted' AS reason, 'suite_evidence' AS stage;
        CREATE TABLE lake.quarantine AS SELECT 'x' AS stage;
    """)
    migrator = Migrator(connection)
    name_programs_of_known_worth(migrator)
    rows = connection.execute("SELECT validation_id, role FROM lake.suite_validation ORDER BY ALL").fetchall()
    assert rows == [("evid_1", "reference"), ("evid_2", "rejected"), ("evid_3", "mutant")]
    assert connection.execute("SELECT reason, stage FROM lake.record_edge").fetchall() == [
        ("reference: accepted", "suite_validation")
    ]
    columns = [row[0] for row in connection.execute("DESCRIBE lake.suite_quality").fetchall()]
    assert columns == ["references_run", "references_passed", "rejected_run", "rejected_failed", "mutants_run", "mutants_failed"]
    assert migrator.touched == {"suite_validation", "suite_quality", "verified_triplets"}


def test_ids_are_those_of_the_first_names() -> None:
    candidate = {"problem_id": "p", "suite_id": "suite_x", "plan": "plan", "reference_solutions": [], "suite": {}}
    graded = dict.fromkeys(("verdict", "tests_passed", "tests_total", "first_failure", "cpu_s", "memory_mb", "message", "image", "host_speed"), 0) | {"grader_version": GRADER_VERSION}  # fmt: skip
    for role, hashed in (("reference", "known_good"), ("rejected", "known_bad"), ("mutant", "mutant")):
        row = validate._row(candidate, role, "python", "pass", graded)  # type: ignore[arg-type]
        assert row["validation_id"] == content_id("evid", "suite_x", "plan", GRADER_VERSION, hashed, "python", "pass")
    assert GRADER_VERSION == "2", "another version judges every lake anew: raise it only with verdicts that change"
