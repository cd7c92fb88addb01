"""Choosing labelled rows: nested by a seed, and every stratum in proportion wherever one stops."""

from collections import Counter
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ocr_assets.statistics.choosing import Conditions, chosen


def row(number: int, **labels: Any) -> dict[str, Any]:
    known = {"problem_id": f"p{number}", "language": "python", "verdict": "accepted", "difficulty": None, "level": "hard"}
    return {"id": f"r{number}", **known, "trusted": True, "parsed": True, "dataset": "taco", "source": "cf", **labels}


TYPES = {"trusted": pa.bool_(), "parsed": pa.bool_()}
SCHEMA = pa.schema([(name, TYPES.get(name, pa.string())) for name in row(0)])


def order(rows: list[dict[str, Any]], seed: int = 0, **conditions: Any) -> list[str]:
    """Ids of the chosen rows in their order."""
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    with duckdb.connect() as connection:
        connection.register("labelled", table)
        query = chosen("SELECT * FROM labelled", Conditions(**conditions), seed, "rows", "id")
        return [name for (name,) in connection.sql(f"SELECT id FROM ({query}) ORDER BY place, rank, id").fetchall()]


LABELS = st.fixed_dictionaries(
    {"source": st.sampled_from(["cf", "it's", "a|b", "a"]), "level": st.sampled_from(["easy", "hard", None])}
)


@settings(max_examples=40, deadline=None)
@given(st.lists(LABELS, max_size=60), st.integers(0, 2**32 - 1))
def test_any_first_rows_hold_each_stratum_in_proportion(labels: list[dict[str, Any]], seed: int) -> None:
    rows = [row(number, **label) for number, label in enumerate(labels)]
    stratum = {row["id"]: (row["source"], row["level"]) for row in rows}
    found = order(rows, seed, stratify=["source", "level"])
    assert sorted(found) == sorted(stratum)
    whole, taken = Counter(stratum.values()), Counter[Any]()
    for number, name in enumerate(found, start=1):
        taken[stratum[name]] += 1
        for key, count in whole.items():
            # One row of its own, and its part of the one row that each stratum may have too many or too few.
            assert abs(taken[key] - number * count / len(rows)) <= 1 + len(whole) * count / len(rows)


def test_strata_of_one_row_come_by_chance_not_all_at_once() -> None:
    """Else a quarter of the rows would hold none of them, and one row more all."""
    rows = [row(number, source=f"s{number}") for number in range(200)]
    rows += [row(1000 + number) for number in range(200)]
    first = order(rows, stratify=["source"])[:100]
    assert 25 < sum(name not in {f"r{1000 + n}" for n in range(200)} for name in first) < 75


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_the_order_follows_from_the_seed_and_the_ids_alone(one: int, other: int) -> None:
    rows = [row(number) for number in range(40)]
    assert order(rows, one) == order(rows[::-1], one)
    assert (order(rows, one) == order(rows, other)) == (one == other)
    fewer = [name for name in order(rows, one) if name != "r7"]
    assert order([row for row in rows if row["id"] != "r7"], one) == fewer, "a row that left moves no other"


def test_conditions() -> None:
    rows = [
        row(0),
        row(1, language="cpp"),
        row(2, verdict=None),
        row(3, verdict="wrong_answer", trusted=False),
        row(4, level=None, difficulty="it's"),
        row(5, parsed=False),
        row(6, problem_id="p0", source="ac", dataset="apps"),
    ]
    for conditions, expected in (
        ({}, "0 1 2 3 4 6"),
        ({"languages": ["cpp"]}, "1"),
        ({"verdicts": ["none", "wrong_answer"]}, "2 3"),
        ({"without_verdicts": ["accepted", "none"]}, "3"),
        ({"trusted": False}, "3"),
        ({"levels": ["hard"], "parsed": False}, "0 1 2 3 5 6"),
        ({"difficulties": ["it's"]}, "4"),
        ({"datasets": ["apps"]}, "6"),
        ({"sources": ["ac", "none"]}, "6"),
        ({"least_answers": 2}, "0 6"),
        ({"least_answers": 2, "sources": ["ac"]}, ""),
    ):
        assert sorted(order(rows, **conditions)) == [f"r{number}" for number in expected.split()], conditions
    assert len(order(rows, per_problem=1)) == 5


@pytest.mark.parametrize(
    "wrong", [{"verdicts": ["fine"]}, {"stratify": ["parsed"]}, {"least_answers": 0}, {"per_problem": 0}, {"source": "cf"}]
)
def test_what_is_no_condition_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Conditions(**wrong)
