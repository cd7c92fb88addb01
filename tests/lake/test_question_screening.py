"""Questions compared with each other, with problems and with benchmarks: once, in whatever steps they come."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.schema import BENCHMARK_ITEMS, QUESTION_SCREENING, SYNTHETIC_QUESTIONS
from ocr_assets.synthesis import measuring
from ocr_assets.synthesis.measuring import Measured, measure
from ocr_assets.synthesis.screening import screen
from ocr_assets.synthesis.settings import ScreeningSettings
from resources.lake import Lake, RunInfo
from tests.support.lakes import new_lake
from tests.support.rows import CountingEmbedder, problem, put_problems, row_of

RUN = RunInfo("test")
APPLES = "Count the green apples that Ada keeps in {} long row of boxes between the old well and the new barn every evening"
MOLE = "Find the  shortest way of a mole through its garden from the nest to the gate without digging into any rock on it"
POEM = "Print every second word of a long and winding poem that somebody wrote on a rainy day for the mayor of this town"
MATRIX = "Turn {} matrix of whole numbers by a quarter to the left and give back its rows as lists in their new order again"
TEXTS = {
    "syn_a": APPLES.format("a"), "syn_b": APPLES.format("one"), "syn_c": MOLE, "syn_d": POEM, "syn_e": MOLE.upper(),
    "syn_f": MATRIX.format("a"),
}  # fmt: skip
PROBLEMS = {"prob_p": POEM + " !", "prob_q": "Something else altogether here"}
ITEMS = {"item_x": MATRIX.format("one"), "item_y": "Sort"}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as store:
        yield store


def put(lake: Lake, texts: dict[str, str], problems: dict[str, str] | None = None, items: dict[str, str] | None = None) -> None:
    with lake.write(RUN, "filled") as write:
        rows = [row_of(SYNTHETIC_QUESTIONS, question_id=name, question=text, status="kept") for name, text in texts.items()]
        write.sync(SYNTHETIC_QUESTIONS, rows)
        if problems is not None:
            put_problems(write, [problem(n, problem_id=name, statement=text) for n, (name, text) in enumerate(problems.items())])
        if items is not None:
            write.sync(
                BENCHMARK_ITEMS,
                [
                    row_of(BENCHMARK_ITEMS, item_key=key, item_id=key, benchmark="bench", question=text)
                    for key, text in items.items()
                ],
            )


def refreshed(lake: Lake, embedder: CountingEmbedder, **settings: float) -> tuple[Measured, dict[str, tuple[str, str | None]]]:
    """What was measured, and question → (fate, duplicate of)."""
    done = measure(lake, partial(lake.write, RUN, "question_screening"), embedder)
    with lake.write(RUN, "question_screening") as write:
        screen(lake, write, embedder.model, ScreeningSettings(**settings))
    return done, {row["question_id"]: (row["fate"], row["duplicate_of"]) for row in lake.rows("FROM question_screening")}


FATES = {
    "syn_a": ("clean", None), "syn_b": ("duplicate", "syn_a"), "syn_c": ("clean", None), "syn_d": ("duplicate", "prob_p"),
    "syn_e": ("duplicate", "syn_c"), "syn_f": ("contaminated", None),
}  # fmt: skip


def measures(lake: Lake) -> list[list[dict[str, Any]]]:
    tables = ("question_measures", "question_pairs", "compared_problems", "question_screening")
    return [lake.rows(f"FROM {table} ORDER BY ALL") for table in tables]


@pytest.mark.slow
def test_of_those_alike_one_stays_with_an_edge_a_merge_and_a_reason_a_drop(lake: Lake) -> None:
    put(lake, TEXTS, PROBLEMS, ITEMS)
    done, fates = refreshed(lake, CountingEmbedder())
    assert fates == FATES and (done.questions, done.problems) == (6, 2)
    edges = lake.rows("SELECT parent, relation, child FROM record_edge WHERE stage = 'question_screening' ORDER BY parent")
    assert [tuple(edge.values()) for edge in edges] == [
        ("syn_b", "merged_into", "syn_a"), ("syn_d", "merged_into", "prob_p"), ("syn_e", "merged_into", "syn_c"),
        ("syn_f", "dropped", "question_screening"),
    ]  # fmt: skip
    (found,) = lake.rows("FROM question_screening WHERE question_id = 'syn_f'")
    assert found["benchmark_task_id"] == "bench/item_x" and found["benchmark_instruction"] == ITEMS["item_x"]
    assert {row["question_id"] for row in lake.rows("FROM clean_questions")} == {"syn_a", "syn_c"}
    funnel = lake.rows("SELECT outcome, sum(rows)::INT AS rows FROM funnel WHERE stage = 'question_screening' GROUP BY ALL")
    assert {row["outcome"]: row["rows"] for row in funnel} == {"in": 6, "kept": 2, "merged": 3, "dropped": 1}


@pytest.mark.long
def test_a_refresh_with_nothing_new_embeds_and_writes_nothing(lake: Lake) -> None:
    put(lake, TEXTS, PROBLEMS, ITEMS)
    refreshed(lake, CountingEmbedder())
    before, again = measures(lake), CountingEmbedder()
    done, fates = refreshed(lake, again)
    assert done == Measured() and fates == FATES and again.asked == set() and measures(lake) == before


@pytest.mark.long
def test_in_steps_or_at_once_the_measures_are_the_same(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "BLOCK", 2)
    names = list(TEXTS)
    put(lake, {}, {}, {"item_y": "Sort"})
    refreshed(lake, CountingEmbedder())
    for count, problems, items in ((2, 0, 1), (5, 1, 1), (6, 1, 2), (6, 2, 2)):
        put(
            lake, {name: TEXTS[name] for name in names[:count]}, dict(list(PROBLEMS.items())[:problems]),
            dict(list(ITEMS.items())[2 - items :]),
        )  # fmt: skip
        _, fates = refreshed(lake, CountingEmbedder())
    assert fates == FATES
    monkeypatch.undo()
    with new_lake(tmp_path / "other") as other:
        put(other, TEXTS, PROBLEMS, ITEMS)
        refreshed(other, CountingEmbedder())
        assert measures(lake) == measures(other)


@pytest.mark.long
def test_what_has_another_text_or_is_gone_is_measured_anew_or_forgotten(lake: Lake) -> None:
    put(lake, TEXTS, PROBLEMS, ITEMS)
    refreshed(lake, CountingEmbedder())
    changed = {**TEXTS, "syn_b": "Now about something else entirely"}
    del changed["syn_e"]
    put(lake, changed, {"prob_q": PROBLEMS["prob_q"]}, {"item_y": "Sort"})
    done, fates = refreshed(lake, CountingEmbedder())
    assert done.questions == 1
    assert fates == dict.fromkeys(changed, ("clean", None))
    assert lake.scalar("SELECT count(*) FROM question_pairs") == 0
    assert lake.scalar("SELECT count(*) FROM question_measures") == 5


@pytest.mark.long
def test_another_threshold_measures_nothing(lake: Lake) -> None:
    put(lake, TEXTS, PROBLEMS, ITEMS)
    refreshed(lake, CountingEmbedder())
    again = CountingEmbedder()
    done, fates = refreshed(lake, again, duplicate_threshold=1.0, benchmark_threshold=1.0)
    assert done == Measured() and again.asked == set()
    assert fates["syn_b"] == ("clean", None) and fates["syn_f"] == ("clean", None)
    assert fates["syn_e"] == ("duplicate", "syn_c"), "equal texts are one at any threshold"


@pytest.mark.long
def test_another_embedding_model_measures_anew_and_leaves_nothing_of_the_old(lake: Lake) -> None:
    put(lake, TEXTS, PROBLEMS, ITEMS)
    refreshed(lake, CountingEmbedder())
    other = CountingEmbedder()
    other.model = "another"
    done, fates = refreshed(lake, other)
    assert done.questions == 6 and fates == FATES
    settings = {row["settings"].partition(",")[0] for table in measures(lake)[:3] for row in table}
    assert settings == {"another"}


@pytest.mark.long
def test_a_newcomer_does_not_take_the_place_of_one_that_stayed(lake: Lake) -> None:
    put(lake, {"syn_b": TEXTS["syn_b"]}, {}, {})
    refreshed(lake, CountingEmbedder())
    put(lake, {name: TEXTS[name] for name in ("syn_a", "syn_b")})
    _, fates = refreshed(lake, CountingEmbedder())
    assert fates == {"syn_a": ("duplicate", "syn_b"), "syn_b": ("clean", None)}


@pytest.mark.slow
def test_without_benchmarks_nothing_is_near_one(lake: Lake) -> None:
    put(lake, {"syn_a": TEXTS["syn_a"]}, {}, {})
    _, fates = refreshed(lake, CountingEmbedder())
    assert fates == {"syn_a": ("clean", None)}
    (row,) = lake.rows("FROM question_screening")
    assert row == row_of(QUESTION_SCREENING, question_id="syn_a", subset="x", fate="clean")


@pytest.mark.slow
def test_questions_that_were_not_kept_are_dropped_with_their_status(lake: Lake) -> None:
    with lake.write(RUN, "filled") as write:
        write.append(
            SYNTHETIC_QUESTIONS, [row_of(SYNTHETIC_QUESTIONS, question_id="syn_z", status="refused", reason="too_poor: a list")]
        )
    refreshed(lake, CountingEmbedder())
    (edge,) = lake.rows("SELECT parent, relation, reason FROM record_edge WHERE stage = 'question_screening'")
    assert edge == {"parent": "syn_z", "relation": "dropped", "reason": "refused: too_poor"}
