"""What is owed a verdict, and which verdicts are trusted: the queries, on tables made here."""

import itertools
import re

import duckdb
import pytest

from ocr_assets.grading.grade import ungradable
from ocr_assets.platform.lineage.macros import MACROS
from ocr_assets.programs.suites import suite_from_json
from ocr_assets.verification.triplets import TRIPLETS
from ocr_assets.verification.ungraded import UNGRADED

GRADER = {"grader": "9", "online_judge": True}


@pytest.fixture
def lake() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("""
        CREATE TABLE problems AS SELECT 'p' AS problem_id, 'suite' AS suite_id, 'taco' AS dataset, 'cf' AS source,
            'train' AS split, 'CC0' AS license, NULL AS difficulty, 'Add.' AS statement, NULL::TEXT AS multiple_answers_hint;
        CREATE VIEW deduped_problems AS FROM problems;
        CREATE TABLE clean_problems AS SELECT problem_id FROM problems;
        CREATE TABLE test_suites AS SELECT 'suite' AS suite_id, 1 AS test_count, ['stdin'] AS test_kinds,
            NULL AS interactor;
        CREATE TABLE solutions AS SELECT 'sol' AS solution_id, 'p' AS problem_id, 'resp' AS response_id, 'python' AS language,
            'print(3)' AS code, 'ok' AS parse_status;
        CREATE TABLE r1_traces (response_id TEXT, license TEXT, origin TEXT);
        CREATE TABLE verdicts (verdict_id TEXT, solution_id TEXT, suite_id TEXT, grader_version TEXT, verdict TEXT,
            cpu_limit_s DOUBLE, first_failure INT, tests_passed INT, tests_total INT, message TEXT, created_at TIMESTAMP,
            untrusted_reason TEXT);
        CREATE TABLE suite_quality (problem_id TEXT, suite_id TEXT, status TEXT, python_need_s DOUBLE, cpp_need_s DOUBLE,
            true_positive_rate DOUBLE, true_negative_rate DOUBLE);
    """)
    macro = re.search(r"CREATE OR REPLACE MACRO unjudged.*?;", MACROS, re.DOTALL)
    assert macro is not None
    connection.execute(macro[0])
    return connection


def test_the_lake_and_the_grader_judge_the_same_suites(lake: duckdb.DuckDBPyConnection) -> None:
    for count in range(4):
        for kinds in itertools.combinations(("assert", "call", "pytest", "stdin"), count):
            for language in ("python", "cpp"):
                tests = [
                    {"kind": kind, "entry": "f", "args": [], "expected": 1, "input": "", "output": "", "code": ""}
                    for kind in kinds
                ]
                said = lake.execute("SELECT unjudged(?, ?, ?)", [language, len(tests), list(kinds)]).fetchall()[0][0]
                assert (said is None) == (ungradable(suite_from_json({"tests": tests}), language) is None), (kinds, language)


def judged(
    lake: duckdb.DuckDBPyConnection, verdict: str, cpu_limit_s: float = 6.0, grader: str = "9", suite: str = "suite"
) -> None:
    values = ["ver", "sol", suite, grader, verdict, cpu_limit_s, 0, 0, 1, "token 1: expected '3', got '4'", None, None]
    lake.execute("INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def quality(lake: duckdb.DuckDBPyConnection, status: str, python_need_s: float | None = None) -> None:
    lake.execute("INSERT INTO suite_quality VALUES ('p', 'suite', ?, ?, NULL, 0.5, 0.8)", [status, python_need_s])


def owed(lake: duckdb.DuckDBPyConnection) -> int:
    return len(lake.execute(UNGRADED, GRADER).fetchall())


def triplet(lake: duckdb.DuckDBPyConnection) -> dict:
    cursor = lake.execute(TRIPLETS, GRADER)
    (row,) = cursor.fetchall()
    return dict(zip([column[0] for column in cursor.description], row, strict=True))


@pytest.mark.parametrize("verdict", ["accepted", "wrong_answer", "time_limit", "suspect", "ungradable"])
def test_a_verdict_is_given_once(lake: duckdb.DuckDBPyConnection, verdict: str) -> None:
    assert owed(lake) == 1
    judged(lake, verdict)
    assert owed(lake) == 0


def test_a_fault_another_grader_or_suite_owes_a_verdict(lake: duckdb.DuckDBPyConnection) -> None:
    judged(lake, "sandbox_error")
    judged(lake, "accepted", grader="8")
    judged(lake, "accepted", suite="before")
    assert owed(lake) == 1


@pytest.mark.parametrize(("verdict", "need_s", "again"), [("time_limit", 2.5, 1), ("time_limit", 2.0, 0), ("accepted", 2.5, 0)])
def test_a_time_limit_reference_solutions_found_too_low_owes_a_verdict(
    lake: duckdb.DuckDBPyConnection, verdict: str, need_s: float, again: int
) -> None:
    judged(lake, verdict, cpu_limit_s=6.0)
    quality(lake, "qualified", need_s)
    assert owed(lake) == again


def test_cpp_is_owed_nothing_where_tests_are_assertions(lake: duckdb.DuckDBPyConnection) -> None:
    lake.execute("UPDATE solutions SET language = 'cpp'")
    assert owed(lake) == 1
    lake.execute("UPDATE test_suites SET test_kinds = ['call']")
    assert owed(lake) == 1
    for kinds in ("['assert']", "['call', 'stdin']"):
        lake.execute(f"UPDATE test_suites SET test_kinds = {kinds}")
        assert owed(lake) == 0
        assert triplet(lake)["reason"] == "not graded: only stdin tests, or only call tests, can be run for C++"


@pytest.mark.parametrize(
    ("verdict", "status", "needed", "trusted"),
    [
        ("accepted", "qualified", None, True), ("accepted", "unknown", None, True), ("accepted", "quarantined", None, False),
        ("accepted", None, None, True), ("wrong_answer", "qualified", None, True), ("sandbox_error", "qualified", None, False), ("ungradable", "qualified", None, False),
        ("wrong_answer", "qualified", "Print any.", False), ("accepted", "qualified", "Print any.", True),
        (None, "qualified", None, False),
    ],
)  # fmt: skip
def test_which_verdicts_are_trusted(
    lake: duckdb.DuckDBPyConnection, verdict: str | None, status: str | None, needed: str | None, trusted: bool
) -> None:
    if verdict:
        judged(lake, verdict)
    if status:
        quality(lake, status)
    lake.execute("UPDATE problems SET multiple_answers_hint = ?", [needed])
    row = triplet(lake)
    assert row["trusted"] is trusted
    assert row["suite_status"] == (status or "unknown")


def test_the_licence_of_a_published_answer_reaches_its_triplet(lake: duckdb.DuckDBPyConnection) -> None:
    assert (triplet(lake)["response_license"], triplet(lake)["response_origin"]) == (None, None), "asked for here"
    lake.execute("INSERT INTO r1_traces VALUES ('resp', 'CC-BY-NC-4.0', 'theirs: a.parquet#1')")
    assert (triplet(lake)["response_license"], triplet(lake)["license"]) == ("CC-BY-NC-4.0", "CC0")
    assert triplet(lake)["response_origin"] == "theirs: a.parquet#1"


def test_solutions_and_verdicts_are_not_compared_each_with_each(lake: duckdb.DuckDBPyConnection) -> None:
    for query in (TRIPLETS, UNGRADED):
        plan = lake.execute(f"EXPLAIN {query}", GRADER).fetchall()[0][1]
        assert "HASH_JOIN" in plan
        assert not re.search("NL_JOIN|NESTED_LOOP|CROSS_PRODUCT", plan), "736,000 responses would never end"
