"""Votes, thresholds and policies decide as written; the report is what its parts say."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.problems.decontamination.benchmarks import item_of
from ocr_assets.problems.decontamination.clean import drop_reason, labels_of
from ocr_assets.problems.decontamination.decide import ORDERS, decide, found_by, vote_of, wants_judges
from ocr_assets.problems.decontamination.review import decision_row, side_by_side
from ocr_assets.problems.decontamination.settings import DecontaminationSettings
from ocr_assets.texts.similarity import above, nearest

JUDGES = ["llama", "qwen"]


def votes(**said: tuple[str, str]) -> list:
    return [
        {"judge": judge, "order": order, "vote": vote, "answer": vote, "template_hash": "t"}
        for judge, pair in said.items()
        for order, vote in zip(ORDERS, pair, strict=True)
    ]


YES, NO, SPLIT, HALF = ("yes", "yes"), ("no", "no"), ("yes", "no"), ("no", "none")


@pytest.mark.parametrize(
    ("given_votes", "any_judge", "both_judges"),
    [
        (votes(llama=YES, qwen=NO), "confirmed", "cleared"),
        (votes(llama=YES, qwen=YES), "confirmed", "confirmed"),
        (votes(llama=SPLIT, qwen=("no", "yes")), "cleared", "cleared"),
        (votes(llama=NO, qwen=NO), "cleared", "cleared"),
        (votes(llama=NO), "undecided", "cleared"),
        (votes(llama=NO, qwen=HALF), "undecided", "cleared"),
        (votes(llama=YES, qwen=HALF), "confirmed", "undecided"),
        (votes(llama=YES), "confirmed", "undecided"),
        ([], "undecided", "undecided"),
    ],
)
def test_policies_of_judges(given_votes, any_judge, both_judges) -> None:
    assert decide("embedding", given_votes, JUDGES, DecontaminationSettings(policy="any_judge"))[0] == any_judge
    assert decide("embedding", given_votes, JUDGES, DecontaminationSettings(policy="both_judges"))[0] == both_judges
    assert decide("embedding", given_votes, JUDGES, DecontaminationSettings(policy="human"))[0] == "undecided"
    assert decide("embedding", given_votes, JUDGES, DecontaminationSettings(policy="similarity"))[0] == "confirmed"
    assert decide("embedding", given_votes, JUDGES, DecontaminationSettings(policy="report_only"))[0] == "reported"


def test_without_judges_nothing_is_cleared() -> None:
    for policy in ("any_judge", "both_judges", "human"):
        assert decide("embedding", [], [], DecontaminationSettings(policy=policy))[0] == "undecided"


@pytest.mark.parametrize("layer", ["exact", "ngram"])
def test_certain_layers_need_no_judge(layer) -> None:
    for policy in ("any_judge", "both_judges", "human", "similarity"):
        rules = DecontaminationSettings(policy=policy)
        assert decide(layer, [], JUDGES, rules)[0] == "confirmed"
        assert not wants_judges(layer, rules)
    assert decide(layer, [], JUDGES, DecontaminationSettings(policy="report_only"))[0] == "reported"
    assert wants_judges("embedding", DecontaminationSettings()) and not wants_judges(
        "embedding", DecontaminationSettings(policy="similarity")
    )


@pytest.mark.parametrize("policy", ["any_judge", "both_judges", "human", "similarity", "report_only"])
@pytest.mark.parametrize("layer", ["exact", "ngram", "embedding"])
def test_a_person_outweighs_every_policy(layer, policy) -> None:
    for decision in ("confirmed", "cleared"):
        human = {"decision": decision, "name": "Ada", "reason": "read both"}
        assert decide(layer, votes(llama=YES), JUDGES, DecontaminationSettings(policy=policy), human) == (
            decision,
            "Ada: read both",
        )


@pytest.mark.parametrize(
    ("score", "layer"),
    [
        ({"exact": True, "overlap": 0.0, "cosine": 0.1}, "exact"),
        ({"exact": False, "overlap": 0.8, "cosine": 0.1}, "ngram"),
        ({"exact": False, "overlap": 0.79, "cosine": 0.7}, "embedding"),
        ({"exact": False, "overlap": 0.79, "cosine": 0.6999}, None),
    ],
)
def test_layers_of_a_score(score, layer) -> None:
    assert found_by(score, DecontaminationSettings()) == layer


def test_thresholds_below_what_is_kept_are_refused() -> None:
    with pytest.raises(ValueError, match="threshold"):
        DecontaminationSettings(threshold=0.4)
    with pytest.raises(ValueError, match="overlap"):
        DecontaminationSettings(overlap=0.2)


@pytest.mark.parametrize("answer", ["yes", "Yes", " YES.\n", "**Yes**", "<think>no?</think>yes"])
def test_a_bare_yes_is_yes(answer: str) -> None:
    assert vote_of(answer) == "yes"


@pytest.mark.parametrize("answer", ["no", "Yes, but no", "yes and no", "I think yes", "yesterday", "Yes</think>no"])
def test_anything_else_is_no(answer: str) -> None:
    assert vote_of(answer) == "no"


def test_what_never_came_to_the_point_is_no_vote() -> None:
    assert vote_of("") == vote_of("<think>hm</think>\n") == vote_of("<think>Let me compare the", cut=True) == "none"
    assert vote_of("No, because the first", cut=True) == vote_of("Yes, since both", cut=True) == "no"


PAIR = {
    "pair_id": "pair_1", "benchmark": "b", "item_id": "1", "item_question": "ITEM", "statement": "PROBLEM",
    "origins": ["taco/train/1"],
}  # fmt: skip


def unit(random, count: int):
    matrix = random.normal(size=(count, 4)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 7), st.integers(0, 10**6))
def test_pairs_above_a_threshold_are_those_of_the_full_product(n: int, m: int, block: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = unit(random, n), unit(random, m)
    found = {
        (r, c): s for rows, columns, scores in above(a, b, 0.5, block) for r, c, s in zip(rows, columns, scores, strict=True)
    }
    scores = a.astype(np.float64) @ b.astype(np.float64).T
    clear = {(r, c) for r, c in zip(*np.nonzero(scores >= 0.5 + 1e-6), strict=True)}
    assert clear <= set(found) <= {(r, c) for r, c in zip(*np.nonzero(scores >= 0.5 - 1e-6), strict=True)}
    assert all(abs(scores[pair] - score) < 1e-6 for pair, score in found.items())


@given(st.integers(1, 20), st.integers(1, 30), st.integers(1, 4), st.integers(1, 3), st.integers(0, 10**6))
def test_nearest_hold_the_best_of_each_group_and_the_best_of_all(n: int, m: int, groups: int, most: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b, group = unit(random, n), unit(random, m), random.integers(0, groups, m)
    rows, columns = nearest(a, b, group, 0.5, most)
    found = set(zip(rows.tolist(), columns.tolist(), strict=True))
    scores = a @ b.T
    for row in range(n):
        assert (row, int(scores[row].argmax())) in found
        for name in range(groups):
            mine = [
                column
                for column in np.argsort(-scores[row], kind="stable")
                if group[column] == name and scores[row, column] >= 0.5
            ]
            assert {(row, int(column)) for column in mine[:most]} <= found
    assert len(found) <= n * (1 + groups * (most + 2))


def test_a_decision_needs_a_name_and_a_reason() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert decision_row("pair_1", "cleared", " Ada ", "other task", now)["name"] == "Ada"
    for name, reason in (("", "because"), ("Ada", " ")):
        with pytest.raises(ValueError, match="name"):
            decision_row("pair_1", "cleared", name, reason, now)


def test_pairs_stand_side_by_side() -> None:
    pair = {
        **PAIR, "decision": "undecided", "reason": "no vote", "version": "v1", "layer": "embedding", "cosine": 0.75, "overlap": 0.1,
        "answers": [{"judge": "llama", "order": "problem_first", "vote": "yes", "answer": "Yes\n"}],
        "statement": "word " * 200, "item_question": "other\n\nlines",
    }  # fmt: skip
    text = side_by_side(pair, width=83, lines=10)
    assert "llama (problem first): yes" in text and "b/1 (v1)" in text and "more lines" in text
    body = text.splitlines()[4:]
    assert all(line[40:43].strip() in ("|", "-+-") for line in body) and len(body) == 12
    assert "more lines" not in side_by_side(pair, width=83, lines=0)


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
        ({"dataset": "taco", "split": "train"}, [{"decision": "reported", "benchmark": "b", "item_id": "1"}], 1, None),
    ],
)
def test_drop_reasons(problem, pairs, tokens, reason) -> None:
    assert drop_reason(problem, pairs, tokens) == reason


def test_a_problem_bears_its_weightiest_decision() -> None:
    def label(*decisions: str) -> str:
        pairs = [{"decision": d, "benchmark": "b", "item_id": "1", "cosine": 0.8} for d in decisions]
        return labels_of("p", pairs, 1)["contamination"]

    assert label() == "clean"
    assert label("cleared", "undecided", "reported") == "undecided"
    assert label("cleared", "reported") == "reported"
    assert label("cleared") == "cleared"


def test_an_item_is_the_same_in_every_release() -> None:
    assert (
        item_of("b", "1", "q", "v1")["item_key"] == item_of("b", "1", "q", "v2")["item_key"] != item_of("b", "2", "q")["item_key"]
    )
