"""The questions of lineage, asked of a lake in which the whole graph ran: every row has a fate, every step is told once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_assets.platform.lake import project_lake
from ocr_assets.schema.migrations import MIGRATIONS
from resources.lake import Lake
from tests.support.graph import undeclared_reads
from tests.support.lakes import unpack_old_lake

STAGES = [
    "raw_problems", "deduped_problems", "contamination_report", "clean_problems", "r1_traces", "solutions", "verdicts",
    "verified_triplets", "sft_dataset",
]  # fmt: skip
UNBALANCED = """
SELECT stage, sum(rows) FILTER (outcome = 'in') AS came, coalesce(sum(rows) FILTER (outcome <> 'in'), 0) AS went
FROM funnel GROUP BY ALL HAVING came IS DISTINCT FROM went
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = unpack_old_lake(tmp_path_factory.mktemp("graph"))
    with project_lake(folder):
        return folder


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Iterator[Lake]:
    """A lake of its own for a test that changes it."""
    with project_lake(shutil.copytree(home, tmp_path / "lake")) as lake:
        yield lake


@pytest.fixture
def lake(home: Path) -> Iterator[Lake]:
    with project_lake(home) as lake:
        yield lake


@pytest.mark.slow
def test_at_every_stage_as_many_rows_go_out_as_came_in(lake: Lake) -> None:
    assert lake.rows(UNBALANCED) == []
    assert [row["stage"] for row in lake.rows("SELECT stage FROM funnel WHERE outcome = 'in'")] == STAGES
    judged = lake.rows("SELECT outcome, sum(rows)::BIGINT AS rows FROM funnel WHERE stage = 'verdicts' GROUP BY ALL")
    assert {row["outcome"]: row["rows"] for row in judged} == {"in": 190, "judged": 183, "not judged": 7}
    assert lake.scalar("SELECT count(*) FROM funnel WHERE outcome = 'waiting'") == 0


@pytest.mark.slow
def test_the_funnel_balances_where_stages_are_out_of_step(copy: Lake) -> None:
    """Rows that a stage has not seen yet wait; what has no verdict says why."""
    with copy.plain_cursor() as cursor:
        one = "SELECT {key} FROM {table} WHERE {condition} ORDER BY ALL LIMIT 1"
        judged = "solution_id IN (SELECT solution_id FROM verdicts)"
        unclean = one.format(key="problem_id", table="solutions", condition="code IS NULL")
        waiting = one.format(key="solution_id", table="solutions", condition=f"code IS NOT NULL AND {judged}")
        for change in (
            f"DELETE FROM verdicts WHERE solution_id = ({waiting})",
            f"DELETE FROM verdicts WHERE problem_id = ({unclean})",
            f"DELETE FROM clean_problems WHERE problem_id = ({unclean})",
            "DELETE FROM verified_triplets WHERE language = 'cpp'",
            "DELETE FROM record_edge WHERE stage = 'sft_dataset' AND reason <> ''",
            "DELETE FROM record_edge WHERE stage = 'deduped_problems' AND relation = 'merged_into'",
            "DELETE FROM solutions WHERE parse_status = 'no_fence'",
            "UPDATE r1_traces SET failure = 'no_answer' WHERE response_id NOT IN (SELECT response_id FROM solutions)",
        ):
            cursor.execute(change)
    assert copy.rows(UNBALANCED) == []
    fates = {(row["stage"], row["outcome"], row["reason"]): row["rows"] for row in copy.rows("FROM funnel")}
    assert fates["deduped_problems", "waiting", "not compared yet"] == 3
    assert fates["clean_problems", "waiting", "not decided yet"] == 1
    assert fates["r1_traces", "failed", "no_answer"] == fates["solutions", "failed", "no_answer"] == 4
    assert fates["verdicts", "not judged", "its problem is not among the clean ones"] > 0
    assert fates["verdicts", "waiting", "not judged yet"] == 1
    assert fates["verified_triplets", "waiting", "not joined yet"] == 50  # of 52, two of which are no solutions any more
    assert fates["sft_dataset", "waiting", "not released yet"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ("UPDATE test_suites SET test_count = 0", "no tests"),
        ("UPDATE test_suites SET test_kinds = ['assert']", "only stdin tests, or only call tests, can be run for C++"),
    ],
)
def test_programs_that_cannot_be_judged_are_counted_with_the_reason(copy: Lake, changed: str, reason: str) -> None:
    with copy.plain_cursor() as cursor:
        cursor.execute(changed)
        cursor.execute("DELETE FROM verdicts WHERE language = 'cpp'")
    assert copy.rows(UNBALANCED) == []
    query = "SELECT rows FROM funnel WHERE stage = 'verdicts' AND outcome = 'not judged' AND reason = ?"
    programs = copy.scalar("SELECT count(*) FROM solutions WHERE language = 'cpp' AND code IS NOT NULL")
    assert copy.scalar(query, [reason]) == programs > 0


def test_a_step_to_which_several_paths_lead_is_told_once(lake: Lake) -> None:
    """A triplet comes from its solution, and from its verdict, which comes from the same solution."""
    triplet, verdict, solution = lake.rows(
        "SELECT triplet_id, verdict_id, solution_id FROM verified_triplets WHERE verdict_id IS NOT NULL ORDER BY ALL LIMIT 1"
    )[0].values()
    back = lake.rows("FROM trace(?)", [triplet])
    steps = {(row["id"], row["parent"], row["relation"]): row["step"] for row in back}
    assert len(back) == len(steps)
    assert steps[triplet, verdict, "derived"] == steps[triplet, solution, "derived"] == 1
    assert steps[verdict, solution, "derived"] == 2
    assert [row["step"] for row in back] == sorted(row["step"] for row in back)
    problem = lake.scalar("SELECT problem_id FROM solutions WHERE solution_id = ?", [solution])
    assert steps[problem, lake.scalar("SELECT raw_id FROM problems WHERE problem_id = ?", [problem]), "derived"] == 4
    forward = lake.rows("FROM why(?)", [solution])
    became = {(row["id"], row["became"], row["relation"]): row["step"] for row in forward}
    assert len(forward) == len(became)
    assert became[solution, triplet, "derived"] == 1 and became[verdict, triplet, "derived"] == 2


def test_a_release_is_files_and_its_versions_stay_known(lake: Lake) -> None:
    """0.1.0 made a table of that name and never wrote it; what it noted of the release itself is kept."""
    assert lake.scalar("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'sft_dataset'") == 0
    assert lake.state("sft_dataset")[0] == 186
    assert lake.scalar("SELECT max(version) FROM schema_version") == len(MIGRATIONS) + 1


def test_a_read_against_the_direction_of_the_graph_is_told(copy: Lake) -> None:
    before = undeclared_reads(copy)
    with copy.plain_cursor() as cursor:
        cursor.execute(
            "INSERT INTO run_io SELECT run_id, 'clean_problems', 'input', dataset, '', now() "
            "FROM run, (VALUES ('verdicts'), ('contamination_report')) t(dataset) WHERE job = 'downstream'"
        )
    assert set(undeclared_reads(copy)) - set(before) == {("clean_problems", "verdicts")}
