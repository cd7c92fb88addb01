"""Duplicates in the lake: what is found does not depend on order, on how rows came in, or on what was there before."""

import itertools
import random
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.problems.decontamination.clean import label_problems
from ocr_assets.problems.dedup import near
from ocr_assets.problems.dedup.deduplicate import deduplicate
from ocr_assets.problems.dedup.near import MinHash, candidates, measured, signatures
from ocr_assets.problems.dedup.refresh import Refreshed
from ocr_assets.problems.dedup.settings import DedupSettings
from ocr_assets.texts.normalize import normalize
from ocr_assets.texts.shingles import shingles
from resources.lake import Lake, RunInfo, Write
from tests.support.lakes import new_lake, note_compared
from tests.support.rows import STORY, CountingEmbedder, put_raw_problems
from tests.support.rows import raw_problem as raw
from tests.support.size import size

MINHASH = MinHash()


def dedup(lake: Lake, settings: DedupSettings, embedder: Any = None) -> Refreshed:
    """What the asset ``deduped_problems`` does."""

    def writing() -> AbstractContextManager[Write]:
        return lake.write(RunInfo("run"), "deduped_problems")

    with writing() as write:
        return deduplicate(lake, write, writing, settings, embedder)


def fill(lake: Lake, rows: Sequence[dict[str, Any]]) -> None:
    with lake.write(RunInfo("run"), "raw_problems") as write:
        put_raw_problems(write, rows)


def state(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """Everything deduplication says, in a fixed order."""
    return {
        "problems": lake.rows("FROM deduped_problems ORDER BY problem_id"),
        "pairs": lake.rows("FROM duplicate_pairs ORDER BY pair_id"),
        "conflicts": lake.rows("FROM test_conflicts ORDER BY conflict_id"),
        "near": lake.rows("FROM near_index ORDER BY statement_key"),
        "semantic": lake.rows("FROM semantic_index ORDER BY statement_key"),
        "keys": lake.rows("FROM statement_keys ORDER BY raw_id"),
        "edges": lake.rows(
            "SELECT child, parent, relation, reason FROM record_edge WHERE stage = 'deduped_problems' ORDER BY ALL"
        ),
    }


def replaced(text: str, place: int, word: str) -> str:
    words = text.split()
    words[place % len(words)] = word
    return " ".join(words)


# Statements that are equal, alike, alike but for a number, alike in meaning only, and others.
STATEMENTS = [
    STORY, STORY.upper(), replaced(STORY, 3, "baskets"), replaced(replaced(STORY, 3, "baskets"), 40, "pears"),
    STORY + " There are up to 1000 boxes .", STORY + " There are up to 10^6 boxes .",
    " ".join(reversed(STORY.split())), "Print the sum of two numbers .", "Print the sum of two  NUMBERS.",
    "A robber robs a row of houses but never two that stand beside each other , and wants the largest loot there is .",
]  # fmt: skip
TESTS = [(), (("1", "1"),), (("1", "2"), ("2", "2")), (("3", "3"),)]
corpora = st.lists(
    st.tuples(st.sampled_from(STATEMENTS), st.sampled_from(TESTS)), min_size=1, max_size=9
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.sized
@settings(max_examples=size(2, 8))
@given(corpora, st.data())
def test_a_refresh_in_parts_in_any_order_equals_a_full_rebuild(corpus, data) -> None:
    layers = DedupSettings(near=True, near_threshold=0.7, semantic=True, semantic_threshold=0.95)
    rows = [raw(f"{number:02}", statement, tests) for number, (statement, tests) in enumerate(corpus)]
    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    removed = data.draw(st.sets(st.sampled_from([row["raw_id"] for row in rows])))
    with tempfile.TemporaryDirectory() as folder:
        with new_lake(Path(folder) / "whole") as lake:
            fill(lake, rows)
            dedup(lake, layers, CountingEmbedder())
            whole = state(lake)
        with new_lake(Path(folder) / "parts") as lake:
            fill(lake, shuffled[:cut])
            dedup(lake, layers, CountingEmbedder())
            fill(lake, [row for row in shuffled if row["raw_id"] not in removed])
            dedup(lake, layers, CountingEmbedder())
            fill(lake, shuffled)
            dedup(lake, layers, CountingEmbedder())
            assert state(lake) == whole
            before = lake.rows("SELECT max(snapshot_id) AS s FROM lake.snapshots()")
            done = dedup(lake, layers, CountingEmbedder())
            assert (done.read, done.compared, done.pairs) == (0, {}, 0)
            assert lake.rows("SELECT max(snapshot_id) AS s FROM lake.snapshots()") == before
    placed = [edge["parent"] for edge in whole["edges"]]
    assert sorted(placed) == sorted(row["raw_id"] for row in rows)
    assert sum(edge["relation"] == "derived" for edge in whole["edges"]) == len(whole["problems"])


@pytest.fixture
def lake(tmp_path: Path):
    with new_lake(tmp_path / "lake") as opened:
        yield opened


def problems(lake: Lake) -> list[list[str]]:
    return sorted(sorted(row["raw_ids"]) for row in lake.rows("SELECT raw_ids FROM deduped_problems"))


@pytest.mark.long
def test_layers_are_switched_on_and_off_and_the_exact_one_is_the_default(lake: Lake) -> None:
    fill(lake, [raw("a", STORY), raw("b", STORY.upper()), raw("c", replaced(STORY, 3, "baskets")), raw("d", STATEMENTS[6])])
    dedup(lake, DedupSettings())
    assert problems(lake) == [["raw_a", "raw_b"], ["raw_c"], ["raw_d"]]
    dedup(lake, DedupSettings(near=True))
    assert problems(lake) == [["raw_a", "raw_b", "raw_c"], ["raw_d"]]
    (merged,) = [row for row in lake.rows("FROM duplicate_pairs") if row["decision"] == "merged"]
    assert (merged["layer"], merged["score"] > 0.7) == ("near", True)
    embedder = CountingEmbedder()
    dedup(lake, DedupSettings(semantic=True, semantic_threshold=0.99), embedder)  # the same words in another order
    assert problems(lake) == [["raw_a", "raw_b", "raw_d"], ["raw_c"]]
    assert lake.rows("SELECT DISTINCT decision FROM duplicate_pairs WHERE layer = 'near'") == [{"decision": "off"}]
    dedup(lake, DedupSettings(exact=False))
    assert problems(lake) == [["raw_a"], ["raw_b"], ["raw_c"], ["raw_d"]]
    dedup(lake, DedupSettings(exact=False, near=True))
    assert problems(lake) == [["raw_a", "raw_b", "raw_c"], ["raw_d"]]
    dedup(lake, DedupSettings())
    assert problems(lake) == [["raw_a", "raw_b"], ["raw_c"], ["raw_d"]]


@pytest.mark.long
def test_another_threshold_measures_nothing_again(lake: Lake) -> None:
    fill(lake, [raw("a", STORY), raw("c", replaced(STORY, 3, "baskets"))])
    dedup(lake, DedupSettings(near=True, near_threshold=0.7))
    assert len(problems(lake)) == 1
    done = dedup(lake, DedupSettings(near=True, near_threshold=0.99))
    assert (done.read, done.compared, done.pairs) == (0, {}, 0)
    assert len(problems(lake)) == 2
    with pytest.raises(ValueError, match="near_threshold"):
        DedupSettings(near=True, near_threshold=0.3)
    with pytest.raises(ValueError, match="semantic_threshold"):
        DedupSettings(semantic=True, semantic_threshold=0.5)


@pytest.mark.long
def test_a_statement_that_went_and_came_back_is_compared_again(lake: Lake) -> None:
    one, other = raw("a", STORY), raw("b", replaced(STORY, 3, "baskets"))
    for layers in (DedupSettings(near=True), DedupSettings()):  # whether or not the layer is on while the row is away
        fill(lake, [one, other])
        dedup(lake, DedupSettings(near=True))
        fill(lake, [one])
        dedup(lake, layers)
        assert problems(lake) == [["raw_a"]]
        fill(lake, [one, other])
        dedup(lake, DedupSettings(near=True))
        assert problems(lake) == [["raw_a", "raw_b"]]


@pytest.mark.long
def test_versions_of_a_problem_stay_apart(lake: Lake) -> None:
    easy, hard = STORY + " There are up to 1000 boxes .", STORY + " There are up to 2 * 10^5 boxes ."
    fill(lake, [raw("easy", easy), raw("hard", hard), raw("same", STORY + " There are up to 10^3 boxes .")])
    dedup(lake, DedupSettings(near=True))
    assert problems(lake) == [["raw_easy", "raw_same"], ["raw_hard"]]
    reasons = {row["reason"] for row in lake.rows("FROM duplicate_pairs WHERE decision = 'variant'")}
    assert reasons == {"each names a number, or one of two opposites, the other does not"}


@pytest.mark.long
def test_tests_that_disagree_keep_alike_statements_apart_also_when_they_come_later(lake: Lake) -> None:
    one, other = raw("a", STORY, [("1", "1")]), raw("b", replaced(STORY, 3, "baskets"), [("2", "2")])
    fill(lake, [one, other])
    dedup(lake, DedupSettings(near=True))
    assert problems(lake) == [["raw_a", "raw_b"]]
    fill(lake, [one, other, raw("c", STORY.upper(), [("2", "7")])])
    dedup(lake, DedupSettings(near=True))
    assert problems(lake) == [["raw_a", "raw_c"], ["raw_b"]]
    (pair,) = lake.rows("FROM duplicate_pairs")
    assert (pair["decision"], pair["reason"]) == ("variant", "tests disagree on 1 of 1 shared inputs")


@pytest.mark.long
def test_only_what_is_new_is_embedded_and_compared(lake: Lake) -> None:
    rows = [raw(f"{n}", f"Problem {n} asks for {n * 37} things of the kind number {n * 11}") for n in range(30)]
    fill(lake, rows)
    dedup(lake, DedupSettings(near=True, semantic=True), CountingEmbedder())
    fill(lake, [*rows, raw("new", STORY)])
    done = dedup(lake, DedupSettings(near=True, semantic=True), CountingEmbedder())
    assert (done.read, done.compared) == (1, {"near": 1, "semantic": 1})


# --- the measures themselves


def words_of(normalized: str) -> list[str]:
    """The words of a normalized text, by the plain way."""
    return normalized.translate(str.maketrans(dict.fromkeys(".,;:()[]{}\"?'#~@!", " "))).split(" ")


def plain_shingles(text: str, width: int) -> set[tuple[str, ...]]:
    words = [word for word in words_of(text) if word]
    words += [""] * (width - len(words))
    return {tuple(words[i : i + width]) for i in range(len(words) - width + 1)}


@settings(max_examples=60)
@given(st.lists(st.text("ab .\0\u00e9\ud800", max_size=12), max_size=8), st.integers(1, 4))
def test_hashed_shingles_are_the_shingles_of_each_text(texts: list[str], width: int) -> None:
    hashes, offsets = shingles(texts, width)
    assert len(offsets) == len(texts) + 1
    own = [set(hashes[offsets[i] : offsets[i + 1]].tolist()) for i in range(len(texts))]
    plain = [plain_shingles(text, width) for text in texts]
    for (one, a), (other, b) in itertools.combinations(zip(own, plain, strict=True), 2):
        assert len(one & other) == len(a & b) and len(one | other) == len(a | b)
    bare, places = shingles(texts, width, pad=False)
    for i, text in enumerate(texts):
        assert set(bare[places[i] : places[i + 1]].tolist()) == (own[i] if sum(map(bool, words_of(text))) >= width else set())


def test_shingles_of_a_text_do_not_depend_on_its_neighbours() -> None:
    luck = random.Random(3)
    texts = [" ".join(luck.choices(("a", "bb", "x<=y", "na\u00efve", "9" * 40), k=luck.randint(0, 4000))) for _ in range(60)]
    hashes, offsets = shingles(texts, 3)
    for i, text in enumerate(texts):
        assert hashes[offsets[i] : offsets[i + 1]].tolist() == shingles([text], 3)[0].tolist()
    shuffled, ends = shingles(texts[::-1], 3)
    assert shuffled[ends[0] : ends[1]].tolist() == hashes[offsets[-2] :].tolist()


@settings(max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=40), st.integers(1, 3), st.data())
def test_candidates_are_all_pairs_that_share_enough_bands_each_once(rows, agree, data) -> None:
    bands = np.array(rows, dtype=np.uint64)
    new = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))))
    found = [pair for left, right in candidates(bands, new, agree) for pair in zip(left.tolist(), right.tolist(), strict=True)]
    wanted = {
        (i, j)
        for i, j in itertools.combinations(range(len(rows)), 2)
        if (new[i] or new[j]) and sum(a == b for a, b in zip(rows[i], rows[j], strict=True)) >= agree
    }
    assert len(found) == len(set(found)) and set(found) == wanted


@pytest.mark.long
def test_a_problem_whose_source_row_is_gone_is_not_left_out_silently(tmp_path: Path) -> None:
    """Sources were read anew, deduplication has not followed: whoever needs the problem is told, and nobody gets one row less."""
    staying, going, twin = raw("staying"), raw("going", STORY, [("1", "2")]), raw("twin", STORY)
    with new_lake(tmp_path / "lake") as lake:
        fill(lake, [staying, going, twin])
        dedup(lake, DedupSettings())
        note_compared(lake)
        before = lake.rows("SELECT problem_id, statement FROM problems ORDER BY ALL")
        assert len(before) == 2 and lake.scalar("SELECT count(*) FROM problems WHERE raw_id = 'raw_going'") == 1
        fill(lake, [staying, twin])
        with pytest.raises(duckdb.Error, match="raw_going in raw_problems: materialize deduped_problems"):
            lake.rows("SELECT problem_id FROM problems")
        with pytest.raises(duckdb.Error, match="raw_going"), lake.write(RunInfo("run"), "clean_problems") as write:
            label_problems(lake, write, lambda texts: [1] * len(texts))
        dedup(lake, DedupSettings())
        assert lake.rows("SELECT problem_id, statement FROM problems ORDER BY ALL") == before
        fill(lake, [staying])
        dedup(lake, DedupSettings())
        assert lake.rows("SELECT raw_id FROM problems") == [{"raw_id": "raw_staying"}]


def test_a_very_long_run_gives_all_its_pairs() -> None:
    bands = np.zeros((100, 2), dtype=np.uint64)
    found = {pair for left, right in candidates(bands, np.ones(100, bool)) for pair in zip(left, right, strict=True)}
    assert len(found) == 100 * 99 // 2


@pytest.mark.slow
def test_found_pairs_are_measured_exactly_and_none_above_the_floor_is_missed_in_real_texts(shared_data: Path) -> None:
    import gzip
    import json

    with gzip.open(shared_data / "leetcodedataset" / "LeetCodeDataset-v0.2.0-train.jsonl.gz", "rt") as file:
        texts = [normalize(json.loads(line)["query"]) for line in itertools.islice(file, 500)]
    hashes, offsets = shingles(texts, 3)
    bands = signatures(hashes, offsets, MINHASH)
    pairs = candidates(bands, np.ones(len(texts), bool))
    found = {(i, j): score for i, j, score, _ in measured(pairs, lambda rows: [texts[row] for row in rows], MINHASH)}
    exact = {}
    sets = [plain_shingles(text, 3) for text in texts]
    for i, j in itertools.combinations(range(len(texts)), 2):
        if (jaccard := len(sets[i] & sets[j]) / len(sets[i] | sets[j])) >= near.FLOOR:
            exact[i, j] = round(jaccard, 4)
    assert {pair: score for pair, score in exact.items() if score >= 0.7}.items() <= found.items() <= exact.items()
    assert len(found) > 0.8 * len(exact) > 20
