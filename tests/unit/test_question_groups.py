"""Which of several questions stays: exactly one, a problem before any question, then who stayed before."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.synthesis.screening import groups, screening_row
from ocr_assets.synthesis.settings import ScreeningSettings
from ocr_assets.texts.groups import joined

NAMES = [f"syn_{letter}" for letter in "abcdefgh"]
LIMIT = 0.95


def pair(one: str, other: str, cosine: float = 0.99, is_variant: bool = False) -> dict[str, object]:
    return {"question_id": one, "other_id": other, "cosine": cosine, "is_variant": is_variant}


def keys(count: int) -> dict[str, str]:
    return {name: f"key {name}" for name in NAMES[:count]}


def test_of_a_chain_one_stays() -> None:
    found = groups(keys(4), [], [pair("syn_b", "syn_a"), pair("syn_c", "syn_b", 0.96)], frozenset(), LIMIT)
    assert found.stays == {"syn_a": "syn_a", "syn_b": "syn_a", "syn_c": "syn_a", "syn_d": "syn_d"}
    assert found.similarity == {"syn_a": 0.99, "syn_b": 0.99, "syn_c": 0.96}


def test_variants_and_what_is_less_alike_are_not_joined() -> None:
    found = groups(keys(3), [], [pair("syn_b", "syn_a", is_variant=True), pair("syn_c", "syn_b", 0.94)], frozenset(), LIMIT)
    assert all(name == stays for name, stays in found.stays.items())


def test_equal_texts_are_one_whatever_was_measured() -> None:
    found = groups({"syn_a": "k", "syn_b": "k", "syn_c": "other"}, [("other", "prob_1")], [], frozenset(), LIMIT)
    assert found.stays == {"syn_a": "syn_a", "syn_b": "syn_a", "syn_c": "prob_1"} and found.similarity["syn_c"] == 1.0


def test_a_problem_stays_before_any_question_and_who_stayed_before_a_newcomer() -> None:
    pairs = [pair("syn_b", "syn_a"), pair("syn_d", "syn_c"), pair("syn_d", "prob_1")]
    found = groups(keys(4), [], pairs, frozenset({"syn_b", "syn_c"}), LIMIT)
    assert found.stays == {"syn_a": "syn_b", "syn_b": "syn_b", "syn_c": "prob_1", "syn_d": "prob_1"}


@given(
    st.lists(st.tuples(st.sampled_from([*NAMES, "prob_x", "prob_y"]), st.sampled_from(NAMES)).filter(lambda p: p[0] != p[1])),
    st.sets(st.sampled_from(NAMES)),
    st.randoms(),
)
def test_exactly_one_member_of_each_group_stays_in_whatever_order_pairs_come(
    joins: list[tuple[str, str]], stayed: set[str], chance: object
) -> None:
    pairs = [pair(max(names), min(names)) for names in joins]
    questions = {name: f"key {name}" for name in NAMES}
    found = groups(questions, [], pairs, frozenset(stayed), LIMIT)
    chance.shuffle(pairs)  # type: ignore[attr-defined]
    assert groups(questions, [], pairs, frozenset(stayed), LIMIT) == found
    group_of = joined(joins)
    for name in NAMES:
        members = {other for other in group_of if group_of[other] == group_of.get(name)} or {name}
        stays = {found.stays[other] for other in members if other in questions}
        assert len(stays) == 1 and stays <= members
        assert any(other.startswith("prob_") for other in members) == found.stays[name].startswith("prob_")
    assert groups(questions, [], pairs, frozenset(found.stays.values()), LIMIT).stays == found.stays, "who stays goes on staying"


@given(st.lists(st.sampled_from("abcdef"), min_size=2))
def test_joined_things_are_one_group_named_by_its_smallest(chain: list[str]) -> None:
    assert set(joined(pairwise(chain)).values()) == {min(chain)}


def test_a_duplicate_that_restates_a_benchmark_is_a_duplicate_first_and_its_columns_stay() -> None:
    measured = {"question_id": "syn_b", "subset": "s", "cosine": 0.96, "item_question": "Q", "item": "HumanEval/7"}
    row = screening_row(measured, "syn_b", None, ScreeningSettings())
    assert (row["fate"], row["filter_reason"]) == ("contaminated", "contaminated: HumanEval, cosine at or above 0.95")
    assert (row["benchmark_task_id"], row["benchmark_instruction"], row["benchmark_similarity"]) == ("HumanEval/7", "Q", 0.96)
    row = screening_row(measured, "syn_a", 0.97, ScreeningSettings())
    assert (row["fate"], row["duplicate_of"], row["benchmark_similarity"]) == ("duplicate", "syn_a", 0.96)
    assert screening_row(measured, "syn_b", None, ScreeningSettings(benchmark_threshold=0.97))["fate"] == "clean"
