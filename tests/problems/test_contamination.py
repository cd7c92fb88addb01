"""Similar benchmark items are found with real embeddings; votes and rules decide as written."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.problems import contamination as rules
from ocr_assets.problems.contamination import BenchmarkItem, JudgePrompt, decide, neighbours, read_benchmark, vote_of
from resources.embedder import Embedder

JUDGES = ["llama", "qwen"]


def votes(**said: tuple[str, str]) -> list:
    return [
        {"judge": judge, "order": order, "vote": vote, "answer": vote, "template_hash": "t"}
        for judge, pair in said.items()
        for order, vote in zip(rules.ORDERS, pair, strict=True)
    ]


@pytest.mark.parametrize(
    ("given_votes", "decision"),
    [
        (votes(llama=("yes", "yes"), qwen=("no", "no")), "confirmed"),
        (votes(llama=("yes", "no"), qwen=("no", "yes")), "cleared"),
        (votes(llama=("no", "no"), qwen=("no", "no")), "cleared"),
        (votes(llama=("no", "no")), "undecided"),
        (votes(llama=("no", "no"), qwen=("no", "none")), "undecided"),
        (votes(llama=("yes", "yes")), "confirmed"),
        ([], "undecided"),
    ],
)
def test_decisions(given_votes, decision) -> None:
    assert decide(given_votes, JUDGES)[0] == decision


@pytest.mark.parametrize("answer", ["yes", "Yes", " YES.\n", "**Yes**", "<think>no?</think>yes"])
def test_a_bare_yes_is_yes(answer: str) -> None:
    assert vote_of(answer) == "yes"


@pytest.mark.parametrize("answer", ["no", "", "Yes, but no", "yes and no", "I think yes", "yesterday", "Yes</think>no"])
def test_anything_else_is_no(answer: str) -> None:
    assert vote_of(answer) == "no"


def test_both_orders_ask_different_things() -> None:
    pair = rules.pair_row({"problem_id": "p"}, BenchmarkItem("b", "1", "ITEM"), 0.8)
    prompt = JudgePrompt.load()
    one, other = (prompt.request(pair, "PROBLEM", ["taco/train/1"], "m", order) for order in rules.ORDERS)
    assert one.key != other.key
    assert one.messages[0]["content"].index("PROBLEM") < one.messages[0]["content"].index("ITEM")
    assert other.messages[0]["content"].index("PROBLEM") > other.messages[0]["content"].index("ITEM")


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 7), st.integers(0, 10**6))
def test_neighbours_are_those_of_the_full_product(n: int, m: int, block: int, seed: int) -> None:
    random = np.random.default_rng(seed)

    def unit(count: int):
        matrix = random.normal(size=(count, 4)).astype(np.float32)
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)

    a, b = unit(n), unit(m)
    found = list(neighbours(a, b, 0.5, block))
    scores = a @ b.T
    for row in range(n):
        mine = [(column, cosine) for r, column, cosine in found if r == row]
        assert len(mine) == min(rules.NEIGHBOURS, int((scores[row] >= 0.5).sum()))
        assert [c for _, c in mine] == sorted((c for _, c in mine), reverse=True)
        assert all(scores[row, column] >= 0.5 for column, _ in mine)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(cache=tmp_path_factory.mktemp("embeddings"))


def test_reworded_mbpp_questions_are_found_among_the_originals(shared_data: Path, embedder: Embedder) -> None:
    with gzip.open(shared_data / "mapcoder" / "MBPP.jsonl.gz", "rt") as file:
        original = [json.loads(line)["text"].strip() for line in file][:150]
    with gzip.open(shared_data / "mapcoder" / "mbpp-py.jsonl.gz", "rt") as file:
        first = json.loads(file.readline())
    assert first
    reworded = [
        text.replace("Write a function to", "Implement a routine that can").replace(
            "Write a python function to", "Your task is to"
        )
        for text in original[:40]
    ]
    pairs = list(neighbours(embedder.embed(reworded), embedder.embed(original), 0.7))
    assert sum(any(row == i and column == i for row, column, _ in pairs) for i in range(40)) >= 36


def test_a_text_is_embedded_once(tmp_path: Path) -> None:
    first = Embedder(cache=tmp_path)
    vectors = first.embed(["one", "two", "one"])
    assert first.embedded == 2
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5) and np.array_equal(vectors[0], vectors[2])
    second = Embedder(cache=tmp_path)
    assert np.array_equal(second.embed(["two", "one"]), vectors[[1, 0]])
    assert second.embedded == 0


def test_benchmarks_of_the_true_schemas(shared_data: Path, tmp_path: Path) -> None:
    assert len(read_benchmark(shared_data / "humaneval" / "HumanEval.jsonl.gz")) == 164
    mbpp = read_benchmark(shared_data / "mapcoder" / "MBPP.jsonl.gz")
    assert len(mbpp) == 974 and mbpp[0].benchmark == "MBPP" and mbpp[0].question.startswith("Write a")
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"task_id": 1}\n')
    with pytest.raises(ValueError, match=r"bad.jsonl, row 1: no question"):
        read_benchmark(bad)


@pytest.mark.parametrize(
    ("problem", "pairs", "tokens", "reason"),
    [
        ({"dataset": "taco", "split": "train"}, [], 100, None),
        ({"dataset": "taco", "split": "train"}, [], 3_200, None),
        ({"dataset": "taco", "split": "train"}, [], 3_201, "question longer than 3200 tokens"),
        ({"dataset": "code_contests", "split": "test"}, [], 100, "test split of its source"),
        ({"dataset": "taco", "split": "test"}, [], 100, None),
        (
            {"dataset": "taco", "split": "train"},
            [{"decision": "confirmed", "benchmark": "b", "item_id": "1"}],
            1,
            "contaminated: b/1",
        ),
        ({"dataset": "taco", "split": "train"}, [{"decision": "undecided", "benchmark": "b", "item_id": "1"}], 1, None),
    ],
)
def test_drop_reasons(problem, pairs, tokens, reason) -> None:
    assert rules.drop_reason(problem, pairs, tokens) == reason
