"""The macros that docs/questions.md documents: its examples, and what must hold of any answer."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ocr_assets.platform.lineage import report
from resources.lake import Lake, RunInfo, load_extensions
from resources.lake.reading import NoLake, ReadOnlyLake
from tests.support import questions
from tests.support.lakes import new_lake
from tests.support.size import size

pytestmark = pytest.mark.slow

UNBALANCED = """
SELECT stage, sum(rows) FILTER (outcome = 'in') AS came, coalesce(sum(rows) FILTER (outcome <> 'in'), 0) AS went
FROM {} GROUP BY ALL HAVING came IS DISTINCT FROM went
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("questions")
    with new_lake(folder / "lake") as lake:
        questions.build(lake, folder)
    return folder


@pytest.fixture(scope="module")
def lake(home: Path) -> Iterator[ReadOnlyLake]:
    with ReadOnlyLake(home / "lake") as opened:
        yield opened


@pytest.mark.parametrize(("query", "answer"), questions.examples(), ids=lambda text: re.sub(r"\W+", " ", text)[:50].strip())
def test_the_page_gives_the_answers_that_the_lake_gives(lake: ReadOnlyLake, query: str, answer: str) -> None:
    assert questions.answer(lake, query) == answer.rstrip("\n")  # python -m tests.support.questions


def test_every_macro_of_the_api_is_on_the_page() -> None:
    text = questions.PAGE.read_text(encoding="utf-8")
    for macro in ("trace_of", "why_dropped", "descendants", "funnel", "diff", "cost_of", "provenance"):
        assert f"`{macro}(" in text and any(f"{macro}(" in query for query, _ in questions.examples())


def test_the_funnel_of_any_run_balances_at_every_stage(lake: ReadOnlyLake) -> None:
    for then in ("funnel", "funnel('run-one')", "funnel('run-two')", "funnel('run-')"):
        assert lake.rows(UNBALANCED.format(then)) == []
        assert len(lake.rows(f"SELECT DISTINCT stage FROM {then}")) == 8
    assert lake.rows("FROM funnel('run-two')") == lake.rows("FROM funnel")
    assert lake.rows("FROM funnel('another')") == []


def test_a_row_is_found_by_every_name_it_ever_had(lake: ReadOnlyLake, home: Path) -> None:
    (moved,) = lake.rows("SELECT raw_id, origin FROM raw_problems WHERE statement = 'find the way'")
    assert moved["origin"] == "taco/train/3"  # in line 4 until the line before it was deleted
    for name in ("taco/train/3", "taco/train/4", moved["raw_id"]):
        assert {row["id"] for row in lake.rows(f"FROM trace_of('{name}')")} == {moved["raw_id"]}
    (gone,) = lake.rows("SELECT id FROM row_gone WHERE back_at IS NULL")
    assert gone["id"] in {row["id"] for row in lake.rows("FROM trace_of('taco/train/1')")}
    assert lake.rows("FROM why_dropped('taco/train/99')") == lake.rows("FROM trace_of('sft_nothere')") == []


def test_what_is_dropped_later_says_so_and_what_is_merged_too(lake: ReadOnlyLake) -> None:
    (stones,) = lake.rows("SELECT origin FROM raw_problems WHERE statement = 'count the stones'")
    (summary, end) = lake.rows(f"FROM why_dropped('{stones['origin']}')")
    assert summary["reason"] == "dropped by clean_problems: question longer than 3200 tokens"
    assert (end["outcome"], end["stage"], end["step"]) == ("dropped", "clean_problems", 2)
    text = report.why(lake, "sol_sort_1")
    assert text.startswith("sol_sort_1: dropped by verified_triplets: its problem left its sources")
    assert report.why(lake, "sft_add_1") == "sft_add_1: nothing was made of it: it is the end of its chain"
    with pytest.raises(KeyError, match="raw_x' or 1=1 is not in the lake's lineage"):
        report.why(lake, "raw_x' or 1=1")


def test_edges_that_went_may_lead_in_a_circle(tmp_path: Path) -> None:
    """Once b was the duplicate of a, now a is that of b."""
    with new_lake(tmp_path / "lake") as lake:
        for child, parent in (("a", "b"), ("b", "a")):
            with lake.write(RunInfo("run"), "question_screening") as write:
                write.edges([{"child": child, "parent": parent, "relation": "merged_into", "reason": "same"}])
        trace = lake.rows("SELECT step, id, parent, gone_at IS NULL AS holds FROM trace_of('a')")
        assert [tuple(row.values()) for row in trace] == [(1, "a", "b", False), (2, "b", "a", True)]
        assert lake.rows("FROM why_dropped('a')")[0]["reason"].startswith("merged into b (same)")


@pytest.mark.long
def test_what_went_and_came_back_is_no_difference(tmp_path: Path) -> None:
    with new_lake(tmp_path / "lake") as lake:
        versions = []
        for statements in (["add two", "sort all"], ["add two"], ["sort all", "add two"]):
            questions.refresh(lake, questions.written(tmp_path / "taco", statements), f"run-{len(versions)}")
            versions.append(lake.scalar("SELECT max(snapshot) FROM dataset_version WHERE dataset = 'clean_problems'"))
        changes = "SELECT change, count(*) AS rows FROM diff('clean_problems', {}, {}) GROUP BY ALL"
        assert lake.rows(changes.format(versions[0], versions[1])) == [{"change": "removed", "rows": 1}]
        assert lake.rows(changes.format(versions[1], versions[2])) == [{"change": "added", "rows": 1}]
        assert lake.rows(changes.format(versions[0], versions[2])) == []
        moved = lake.rows("SELECT change, columns FROM diff('raw_problems', ?, ?)", [versions[0], versions[2]])
        assert [row["change"] for row in moved] == ["relabelled", "relabelled"] and "origin" in str(moved[0]["columns"])


def test_many_edges_are_asked_as_a_few_are(tmp_path: Path) -> None:
    """A million of them with ``make test-long``; few here."""
    rows = size(20_000, 1_000_000)
    with new_lake(tmp_path / "lake") as lake:
        with lake.plain_cursor() as cursor:
            cursor.execute(
                f"""
                INSERT INTO record_edge SELECT child || n, parent || n // width, 'derived', '', stage, '', 'run', now()
                FROM range({rows} // 5) t(n), (VALUES ('prob_', 'raw_', 1, 'deduped_problems'), ('resp_', 'prob_', 4, 'r1_traces'),
                    ('sol_', 'resp_', 1, 'solutions'), ('trip_', 'sol_', 1, 'verified_triplets'), ('sft_', 'trip_', 1, 'sft_dataset')
                ) s(child, parent, width, stage)
                """
            )
        assert [row["parent"] for row in lake.rows("FROM trace_of('sft_77')")] == [
            "trip_77",
            "sol_77",
            "resp_77",
            "prob_19",
            "raw_19",
        ]
        assert lake.rows("FROM why_dropped('raw_19')")[0]["reason"] == "released: 4 in sft_dataset"


def cli(*arguments: str, home: Path, script: str = "") -> subprocess.CompletedProcess[str]:
    program = f"import sys; from ocr_assets.cli import main; main({list(arguments)}, standalone_mode=False); {script}"
    environment = {**os.environ, "OCR_HOME": str(home)}
    return subprocess.run([sys.executable, "-c", program], env=environment, cwd=home, capture_output=True, text=True, check=False)


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trace", "sft_add_1"), "sft_add_1 comes from trip_add_1"),
        (("why", "taco/train/1"), "no longer in its source taco: it was row 1 of train.jsonl"),
        (("descendants", "resp_add_2"), "resp_add_2 became sol_add_2"),
        (("funnel",), "strict"),
        (("funnel", "--run", "run-one"), "filter: not accepted"),
        (("diff", "strict", "1", "2"), "strict, from 1 to 2: 1 added, 1 removed"),
        (("cost", "strict"), "a row of strict"),
        (("provenance", "strict", "1"), "hash-1"),
        (("sql", "SELECT 'a question?' AS q"), "a question?"),
    ],
)
def test_a_question_at_the_terminal_loads_nothing_heavy(home: Path, arguments: tuple[str, ...], said: str) -> None:
    heavy = "print('heavy:', sorted({'dagster', 'pyarrow', 'pandas', 'numpy', 'pydantic'} & set(sys.modules)))"
    done = cli("lineage", *arguments, home=home, script=heavy)
    assert said in done.stdout, done.stderr
    assert done.stdout.endswith("heavy: []\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("diff", "nothing", "1", "2"), "nothing is no table or release with versions"),
        (("provenance", "loose"), "releases there are: strict"),
        (("funnel", "--run", "another"), "nothing was counted when run another had ended"),
        (("trace", "it's"), "it's is not in the lake's lineage"),
    ],
)
def test_what_is_not_there_is_refused_in_a_line(home: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in cli("lineage", *arguments, home=home).stderr


def test_nobody_who_only_asks_makes_a_lake(tmp_path: Path) -> None:
    with pytest.raises(NoLake, match="there is no lake in"):
        ReadOnlyLake(tmp_path / "lake")
    done = cli("lineage", "why", "raw_1", home=tmp_path)
    assert "there is no lake in" in done.stderr and list(tmp_path.iterdir()) == []


READER = """
import sys, duckdb
from resources.lake import load_extensions
home, kind = sys.argv[1:]
client = duckdb.connect()
load_extensions(client)
mode = "READ_ONLY, " if kind == "command line" else ""
client.execute(f"ATTACH 'ducklake:sqlite:{home}/catalog.sqlite' AS lake ({mode}DATA_PATH '{home}/data', OVERRIDE_DATA_PATH true)")
query = "SELECT (SELECT count(*) FROM lake.row_gone), (SELECT count(*) FROM lake.record_edge_gone)"
seen = set()
print("reading", flush=True)
while True:
    rows, edges = client.execute(query).fetchone()
    assert edges == 3 * rows, (rows, edges)
    seen.add(rows)
    print(rows, flush=True)
    if rows == ROUNDS:
        break
"""


@pytest.mark.long
def test_readers_see_whole_transactions_and_wait_for_nobody(tmp_path: Path) -> None:
    """A client like DuckDB's command line, a Python one and a notebook that stays open, while a run writes and holds its lock."""
    rounds = 12
    with new_lake(tmp_path / "lake") as lake:
        home = str(lake.home)
        script = READER.replace("ROUNDS", str(rounds))
        clients = [
            subprocess.Popen(
                [sys.executable, "-c", script, home, kind], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for kind in ("command line", "python")
        ]
        for client in clients:
            assert client.stdout is not None and client.stdout.readline() == "reading\n"
        with ReadOnlyLake(lake.home) as notebook:
            for number in range(rounds):
                lake.locked(lambda number=number: _write_both(lake, number))  # type: ignore[misc]
                assert notebook.scalar("SELECT count(*) FROM row_gone") == number + 1
            answered = threading.Event()

            def held() -> None:
                assert notebook.scalar("SELECT count(*) FROM row_gone") == rounds
                answered.set()

            lake.locked(held)  # asked while a writer holds the lock
            assert answered.is_set()
        for client in clients:
            out, errors = client.communicate(timeout=120)
            assert client.returncode == 0, errors
            assert out.splitlines()[-1] == str(rounds)


def _write_both(lake: Lake, number: int) -> None:
    with lake.plain_cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO row_gone VALUES ('t', ?, 'x', '', 'run', now(), 1, NULL)", [str(number)])
        for part in range(3):
            cursor.execute(
                "INSERT INTO record_edge_gone VALUES (?, ?, 'derived', '', 's', '', 'run', now(), '', 'run', now())",
                [str(number), str(part)],
            )
        cursor.execute("COMMIT")


def test_a_transaction_of_a_reader_stays_at_one_moment(tmp_path: Path) -> None:
    with new_lake(tmp_path / "lake") as lake, duckdb.connect() as client:
        load_extensions(client)
        client.execute(
            f"ATTACH 'ducklake:sqlite:{lake.home}/catalog.sqlite' AS lake (READ_ONLY, DATA_PATH '{lake.home}/data', OVERRIDE_DATA_PATH true)"
        )
        client.execute("BEGIN")
        assert client.execute("SELECT count(*) FROM lake.row_gone").fetchone() == (0,)
        lake.locked(lambda: _write_both(lake, 0))
        assert client.execute("SELECT count(*) FROM lake.record_edge_gone").fetchone() == (0,)
        client.execute("COMMIT")
        assert client.execute("SELECT count(*) FROM lake.record_edge_gone").fetchone() == (3,)
