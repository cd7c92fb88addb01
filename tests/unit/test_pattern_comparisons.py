"""Statistics of patterns depend on the rows, not on the order in which the lake reads them."""

import random

import duckdb

from ocr_assets.analysis.reasoning.comparing import MEASURES, SUMS, statistics


def statistics_of(rows: list[tuple]) -> list[dict]:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE reasoning_patterns (problem_id VARCHAR, outcome VARCHAR, level VARCHAR, language VARCHAR, "
            f"source VARCHAR, status VARCHAR, {', '.join(f'{measure} DOUBLE' for measure in MEASURES)})"
        )
        connection.executemany(f"INSERT INTO reasoning_patterns VALUES ({', '.join('?' * (6 + len(MEASURES)))})", rows)
        return [dict(row) for row in statistics(connection.execute(SUMS).to_arrow_table().to_pylist())]


def test_the_same_rows_in_another_order_have_the_same_statistics_to_the_last_digit() -> None:
    drawn = random.Random(5)
    rows = [
        (f"p{number % 40}", drawn.choice(("correct", "incorrect")), drawn.choice((None, "easy")), "python", "taco", "complete",
         *(drawn.random() / 3 for _ in MEASURES))
        for number in range(400)
    ]  # fmt: skip
    found = statistics_of(rows)
    assert len({row["measure"] for row in found}) == len(MEASURES) and all(row["t_p"] is not None for row in found)
    for _ in range(2):
        drawn.shuffle(rows)
        assert statistics_of(rows) == found
