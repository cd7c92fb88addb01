"""What the viewer asks the lake: filters, pages that miss and repeat nothing, a problem with all there is to it, versions."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ocr_assets.schema import RELEASE_VERSION, RELEASED_ROW, VERIFIED_TRIPLETS
from ocr_assets.serving.viewer import queries
from ocr_assets.serving.viewer.queries import Filter, Key, Versions
from resources.lake.reading import NoLake, ReadOnlyLake
from tests.support.lakes import new_lake
from tests.support.rows import problem, row_of
from tests.support.viewed import RUN, fill, read

PROBLEMS, ANSWERS = 7, 9
ONE = problem(0)["problem_id"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("viewed") / "lake"
    fill(folder, PROBLEMS, ANSWERS)
    return folder


@pytest.fixture
def lake(home: Path) -> Iterator[ReadOnlyLake]:
    with read(home) as opened:
        yield opened


FILTERS = [
    (Filter(), PROBLEMS * ANSWERS),
    (Filter((("verdict", ("accepted",)),)), PROBLEMS * 3),
    (Filter((("verdict", ("no verdict", "time_limit")),)), PROBLEMS * 4),
    (Filter((("language", ("cpp",)), ("dataset", ()))), PROBLEMS * 4),
    (Filter((("difficulty", ("unknown",)),)), PROBLEMS * ANSWERS),
    (Filter(reason="ANSWER"), PROBLEMS * 2),
    (Filter(tokens=(200, 400)), PROBLEMS * 3),
    (Filter(trusted=False), PROBLEMS * 2),
    (Filter(problem_id=ONE), ANSWERS),
    (Filter((("dataset", ("nothing has it",)),)), 0),
]


@pytest.mark.long
@pytest.mark.parametrize(("chosen", "expected"), FILTERS)
def test_pages_show_each_row_of_a_filter_once_in_order_forth_and_back(lake: ReadOnlyLake, chosen: Filter, expected: int) -> None:
    assert queries.count(lake, chosen) == expected
    seen: list[Key] = []
    while rows := queries.page(lake, chosen, 4, after=seen[-1] if seen else None):
        assert len(rows) <= 4
        seen += [Key(row["problem_id"], row["triplet_id"]) for row in rows]
    assert len(set(seen)) == len(seen) == expected and seen == sorted(seen)
    if expected > 8:
        back = queries.page(lake, chosen, 4, before=seen[8])
        assert [Key(row["problem_id"], row["triplet_id"]) for row in back] == seen[4:8]


def test_only_known_columns_are_filtered_by(lake: ReadOnlyLake) -> None:
    with pytest.raises(ValueError, match="question is none of dataset, source"):
        queries.count(lake, Filter((("question", ("x",)),)))


def test_what_can_be_chosen_is_what_there_is(lake: ReadOnlyLake) -> None:
    found = queries.choices(lake)
    assert set(found) == set(queries.CHOICES)
    assert set(found["verdict"]) == {"accepted", "wrong_answer", "no verdict", "time_limit"}
    assert found["verdict"][0] == "accepted", "the most frequent first" and found["difficulty"] == ["unknown"]


def test_a_problem_is_shown_with_all_there_is_to_it(lake: ReadOnlyLake) -> None:
    shown = queries.problem(lake, ONE)
    assert shown is not None and shown["statement"] == problem(0)["statement"]
    suite = queries.suite(lake, shown["suite_id"])
    assert [(test["index"], test["input"], test["expected"]) for test in suite] == [(i, f"{i}\n", f"{i}\n") for i in range(3)]
    found = queries.responses(lake, ONE)
    assert len(found) == ANSWERS and [row["language"] for row in found] == ["python"] * 5 + ["cpp"] * 4
    assert len(queries.responses(lake, ONE, Filter((("verdict", ("accepted",)),)))) == 3
    wrong = next(row for row in found if row["verdict"] == "wrong_answer")
    said = queries.texts(lake, wrong)
    assert (said["reasoning"], said["answer"], said["code"], said["model"]) == ("Let me think. ", "so", "print(1)\n", "r1")
    tests = list(queries.tests(suite, said["found"]))
    assert [(test["verdict"], test["expected"], test["got"]) for test in tests] == [
        ("accepted", "0\n", ""), ("wrong_answer", "1\n", "got"), ("not run", "2\n", ""),
    ]  # fmt: skip
    unjudged = queries.texts(lake, next(row for row in found if row["verdict"] is None))
    assert unjudged["found"] is None and [test["verdict"] for test in queries.tests(suite, None)] == ["not run"] * 3
    assert [(vote["judge"], vote["answer"]) for vote in queries.votes(lake, ONE)] == [("judge", "yes")]
    assert queries.problem(lake, "prob_of_nobody") is None


@pytest.mark.parametrize("name", [ONE, "taco/train/0", "resp_00000_004", "sol_00000_004", "ver_00000_004", "trip_00000_004"])
def test_every_name_of_a_row_leads_to_its_problem(lake: ReadOnlyLake, name: str) -> None:
    assert queries.problem_of(lake, name) == ONE


def test_nothing_can_be_written(lake: ReadOnlyLake, home: Path, tmp_path: Path) -> None:
    for statement in ("DELETE FROM verdicts", "CREATE TABLE lake.main.x AS SELECT 1", "DROP TABLE lake.main.verdicts"):
        with pytest.raises(duckdb.Error, match="read-only"):
            lake.rows(statement)
    with pytest.raises(NoLake, match="ocr-assets run"):
        ReadOnlyLake(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_versions_differ_by_what_was_done_between(tmp_path: Path) -> None:
    fill(tmp_path / "lake", 3, 4)
    with new_lake(tmp_path / "lake") as store:
        rows = {row["triplet_id"]: row for row in store.rows("FROM verified_triplets")}
        gone, other = rows["trip_00000_000"], rows["trip_00001_001"]
        with store.write(RUN, "verified_triplets") as write:
            kept = [row for row in rows.values() if row not in (gone, other)]
            new = {**other, "triplet_id": "trip_new", "solution_id": "sol_new"}
            write.sync(VERIFIED_TRIPLETS, [*kept, {**other, "verdict": "accepted", "reason": "accepted"}, new])
        with store.write(RUN, "release") as write:
            released = {"release": "mine", "profile": "ocr", "settings": "{}", "benchmarks": "[]"}
            write.append(RELEASE_VERSION, [row_of(RELEASE_VERSION, **released, number=n) for n in (1, 2)])
            write.append(
                RELEASED_ROW,
                [
                    row_of(RELEASED_ROW, release="mine", id=name, parent_id=f"trip_{name}", row_hash=hashed, from_number=first,
                           to_number=last)
                    for name, hashed, first, last in (
                        ("00000_001", "a", 1, None), ("00000_000", "b", 1, 1), ("00001_001", "c", 1, 1), ("00001_001", "d", 2, None),
                        ("00002_002", "e", 2, None),
                    )
                ],
            )  # fmt: skip
    with read(tmp_path / "lake") as lake:
        newest, oldest = queries.table_versions(lake)
        versions = Versions(oldest["snapshot"], newest["snapshot"])
        assert queries.changes(lake, versions) == {"added": 1, "removed": 1, "changed": 1}
        (row,) = queries.changed(lake, versions, "changed", 10)
        assert (row["id"], row["verdict_before"], row["verdict_after"]) == ("trip_00001_001", "wrong_answer", "accepted")
        assert queries.changed(lake, versions, "changed", 10, after=row["id"]) == []
        released_versions = Versions(1, 2, "mine")
        assert queries.changes(lake, released_versions) == {"added": 1, "removed": 1, "changed": 1}
        assert [row["triplet_id"] for row in queries.changed(lake, released_versions, "added", 10)] == ["trip_00002_002"]
        assert queries.count(lake, Filter(release="mine", version=1)) == 2, "one of its three rows is no triplet any more"
        assert queries.count(lake, Filter(release="mine", version=2)) == 3
