"""Token counts and what they add up to: each text counted once, groups against sums taken by hand."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.analysis import distributions, tokens
from ocr_assets.analysis.assets import token_statistics
from ocr_assets.analysis.tokens import batches, count_new, count_tokens, counter_of
from ocr_assets.schema import R1_TRACES, SOLUTIONS, TOKEN_COUNTS, TOKEN_STATISTICS, VERIFIED_TRIPLETS
from ocr_assets.schema.analysis import BUDGETS
from resources.lake import Lake, RunInfo
from resources.models.reasoning import separate_reasoning
from resources.settings import LakeResource, TokenizerResource
from resources.tokenizer import QwenTokenizer
from tests.support.lakes import new_lake
from tests.support.rows import row_of

TOKENIZER = QwenTokenizer()
RUN = RunInfo("run")
WAIT = "Wait, but what if n is zero? Then the loop never runs, and the answer is zero. Hmm, let me think again.\n"


def triplet(
    number: int, reasoning: str | None = "Add both.", answer: str | None = "So:\n```python\nprint(3)\n```", **more: Any
) -> dict[str, Any]:
    """A triplet with its solution and response: the columns of all three."""
    own = {name: f"{name[:4]}_{number}" for name in ("triplet_id", "solution_id", "response_id")}
    code = None if answer is None else "print(3)"
    texts = {"reasoning": reasoning, "answer": answer, "code": code, "solution": code, "question": f"Problem {number % 3}: add."}
    labels = {
        "problem_id": f"prob_{number % 3}",
        "source": "codeforces",
        "language": "python",
        "verdict": "accepted",
        "labels": [],
    }
    return {**own, **texts, **labels, "model": "DeepSeek-R1", "pass_rate": 1.0, **more}


def put(lake: Lake, triplets: Iterable[Mapping[str, Any]]) -> None:
    with lake.write(RUN, "test") as write:
        for table in (R1_TRACES, SOLUTIONS, VERIFIED_TRIPLETS):
            names = {column.name for column in table.columns}
            write.sync(
                table, [row_of(table, **{name: value for name, value in row.items() if name in names}) for row in triplets]
            )


def summed_up(lake: Lake) -> list[dict[str, Any]]:
    with lake.write(RUN, "token_statistics") as write:
        write.sync_query(TOKEN_STATISTICS, distributions.DISTRIBUTIONS)
    return lake.rows("FROM token_statistics")


def count(lake: Lake) -> int:
    return count_new(lake, RUN, TOKENIZER, lambda line: None)


@pytest.mark.slow
def test_each_triplet_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_lake(tmp_path) as lake:
        assert count(lake) == 0
        put(lake, [triplet(n) for n in range(5)])
        monkeypatch.setattr(tokens, "COMMIT_ROWS", 2)
        assert count(lake) == 5
        assert count(lake) == 0
        put(lake, [triplet(n) for n in range(7)])
        assert count(lake) == 2
        row = lake.rows("FROM token_counts WHERE triplet_id = 'trip_4'")[0]
        assert row["question_tokens"] == TOKENIZER.count(["Problem 1: add."])[0]
        assert row["solution_tokens"] == TOKENIZER.count(["print(3)"])[0]


@pytest.mark.slow
def test_what_was_counted_otherwise_is_counted_anew(tmp_path: Path) -> None:
    """Rows of a lake of before have no counter; another vocabulary counts otherwise."""
    with new_lake(tmp_path / "lake") as lake:
        put(lake, [triplet(1)])
        with lake.write(RUN, "token_statistics") as write:
            write.append(TOKEN_COUNTS, [{**row_of(TOKEN_COUNTS), "triplet_id": "trip_1"}])
        assert count(lake) == 1
        assert lake.rows("SELECT counter FROM token_counts") == [{"counter": counter_of(TOKENIZER)}]
        vocabulary = tmp_path / "shorter.tiktoken"
        lines = TOKENIZER.vocabulary.read_bytes().splitlines(keepends=True)
        vocabulary.write_bytes(b"".join(lines[:300]))
        fewer = QwenTokenizer(vocabulary)
        assert count_new(lake, RUN, fewer, lambda line: None) == 1
        (known,) = lake.rows("SELECT reasoning_tokens FROM token_counts")
        assert known["reasoning_tokens"] == fewer.count(["Add both."])[0] > TOKENIZER.count(["Add both."])[0]


@settings(max_examples=60, deadline=None)
@given(st.text("ab\n ", max_size=30), st.text("xy`\n ", max_size=30))
def test_a_response_counts_as_it_is_trained_on(reasoning: str, answer: str) -> None:
    """Taking reasoning and answer apart and counting them costs no more than a token at each seam."""
    whole = f"<think>\n{reasoning}\n</think>{answer}"
    parts = separate_reasoning(whole, None)
    row = {"triplet_id": "t", "problem_id": "p", "reasoning": parts.reasoning, "answer": parts.answer, "code": None}
    (counted,) = count_tokens([row], {"p": 1}, TOKENIZER.count)
    assert abs(counted["response_tokens"] - TOKENIZER.count([whole])[0]) <= 4 + reasoning.count("\n")
    assert counted["reasoning_tokens"] <= counted["response_tokens"]


def test_counting_takes_batches_by_size_not_by_rows() -> None:
    """Texts of 10 MB must not come by the hundred."""
    rows = [{"text": text} for text in ("a" * 10, None, "b" * 25, "c", "d" * 9)]
    sizes = [[len(row["text"] or "") for row in batch] for batch in batches(rows, ("text",), characters=10)]
    assert sizes == [[10], [0, 25], [1, 9]]
    assert list(batches([], ("text",))) == []


def test_an_empty_lake_has_no_statistics(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake:
        assert summed_up(lake) == []
        assert lake.rows(distributions.LENGTH_OUTCOMES) == []


LABELS = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["codeforces", "all", "a | b", "é"]),
        "language": st.sampled_from(["python", "cpp"]),
        "verdict": st.sampled_from(["accepted", "wrong_answer", "sandbox_error", None]),
        "difficulty": st.sampled_from(["EASY", "800", "1900", "?", None]),
        "model": st.sampled_from(["R1", "R1 | accepted"]),
        "labels": st.sampled_from([[], ["truncated"], ["no_think_open"]]),
        "reasoning": st.sampled_from(["Add both.", None, "", WAIT * 4, "word " * 300]),
        "pass_rate": st.sampled_from([0.0, 0.5, 1.0, None]),
    }
)


@pytest.mark.long
def test_groups_add_up_as_by_hand(tmp_path: Path) -> None:
    """All groupings, for any mix of labels; names that look like others' are not taken for them."""
    with new_lake(tmp_path) as lake:

        @settings(max_examples=4, deadline=None)
        @given(st.lists(LABELS, min_size=1, max_size=12))
        def hold(drawn: list[dict[str, Any]]) -> None:
            put(lake, [triplet(n, **labels) for n, labels in enumerate(drawn)])
            with lake.write(RUN, "token_statistics") as write:
                write.sync(TOKEN_COUNTS)
            count(lake)
            found = summed_up(lake)
            rows = pl.DataFrame(lake.rows(distributions._LABELLED), infer_schema_length=None)
            for grouping, columns in distributions.GROUPINGS.items():
                groups = rows.group_by(columns) if columns else [((), rows)]
                expected = {tuple(map(str, key)): group for key, group in groups}
                own = [row for row in found if row["grouping"] == grouping and row["text"] == "response"]
                assert {tuple(row[column] for column in columns) for row in own} == set(expected)
                for row in own:
                    group = expected[tuple(row[column] for column in columns)]
                    lengths = sorted(group["response_tokens"].to_list())
                    assert all(row[name] is None for name in distributions.GROUPINGS["every"] if name not in columns)
                    assert (row["rows"], row["total"]) == (len(lengths), sum(lengths))
                    assert row["p50"] == lengths[math.ceil(len(lengths) / 2) - 1]
                    assert row["looped_share"] == pytest.approx(group["looped"].mean())
                    assert row["truncated_share"] == pytest.approx(group["truncated"].mean())
                    bins = [0] * 21
                    for length in lengths:
                        bins[length.bit_length()] += 1
                    assert row["histogram"] == bins
                    for budget in BUDGETS:
                        assert row[f"fit_{budget // 1024}k"] == sum(length <= budget for length in lengths) / len(lengths)

        hold()


def test_length_against_success(tmp_path: Path) -> None:
    """A fault of the sandbox is no failure of the response, and of a length that was never judged nothing is said."""
    long = "word " * 1100
    with new_lake(tmp_path) as lake:
        put(
            lake,
            [
                triplet(1, difficulty="EASY"),
                triplet(2, difficulty="EASY", verdict="wrong_answer", pass_rate=0.5),
                triplet(3, difficulty="EASY", verdict="sandbox_error", pass_rate=None),
                triplet(4, difficulty="HARD", verdict=None, reasoning=WAIT * 4, answer=None, labels=["truncated"]),
                triplet(5, difficulty="HARD", reasoning=long),
            ],
        )
        count(lake)
        rows = {(row["difficulty"], row["from_tokens"]): row for row in lake.rows(distributions.LENGTH_OUTCOMES)}
    assert set(rows) == {("easy", 0), ("hard", 0), ("hard", 1024), ("all", 0), ("all", 1024)}
    easy, never, hard = rows["easy", 0], rows["hard", 0], rows["hard", 1024]
    assert (easy["rows"], easy["judged"], easy["accepted"], easy["accepted_share"], easy["pass_rate"]) == (3, 2, 1, 0.5, 0.75)
    assert (never["rows"], never["judged"], never["accepted_share"], never["truncated_share"], never["looped_share"]) == (
        1,
        0,
        None,
        1,
        1,
    )
    assert (hard["to_tokens"], hard["accepted_share"]) == (2048, 1.0)


def materialized(home: Path) -> Mapping[str, Any]:
    done = dg.materialize(
        [token_statistics],
        resources={"lake": LakeResource(home=str(home)), "tokenizer": TokenizerResource()},
    )
    (event,) = done.asset_materializations_for_node("token_statistics")
    return event.metadata


@pytest.mark.slow
def test_the_asset_publishes_tables_plots_and_files(tmp_path: Path) -> None:
    with new_lake(LakeResource(home=str(tmp_path)).root / "lake"):
        pass
    assert materialized(tmp_path)["dagster/row_count"].value == 0, "an empty lake has no statistics, and that is no error"
    with new_lake(tmp_path / "lake") as lake:
        put(lake, [triplet(n, source=f"s{n % 2}", reasoning="word " * (400 * n)) for n in range(6)])
    shown = materialized(tmp_path)
    assert shown["counted now"].value == 6
    files = {file.stem for file in (tmp_path / "analysis" / "token_statistics").iterdir()}
    assert files == {
        "reasoning_tokens",
        "responses_that_fit_a_budget",
        "reasoning_tokens_by_source",
        "accepted_by_length_and_difficulty",
    }
    assert {"responses that fit a budget", "accepted by length and difficulty", "budgets"} <= set(shown)
