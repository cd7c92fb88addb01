"""What is asked: exactly what the settings want and the lake lacks."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.traces.planning import Wanted, count_wanted, plan
from ocr_assets.traces.prompts import load_templates
from resources.teacher.api import Sampling

PROBLEMS = [
    {
        "problem_id": "prob_1",
        "statement": "Add.",
        "starter_code": None,
        "entry": None,
        "origins": ["taco/train/0", "apps/train/9"],
    },
    {"problem_id": "prob_2", "statement": "Call.", "starter_code": "def f(x):", "entry": "f", "origins": ["apps/train/1"]},
]
TEMPLATES = load_templates()


def wanted(python: int = 2, cpp: int = 1, **sampling: float) -> Wanted:
    return Wanted({"python": python, "cpp": cpp}, Sampling(**sampling), "r1")  # type: ignore[arg-type]


def keys(some: Wanted, known: frozenset[str] = frozenset(), templates=TEMPLATES) -> list[str]:
    return [item.request.key for item in plan(PROBLEMS, some, templates, known)]


def test_cpp_is_not_asked_for_python_functions() -> None:
    planned = list(plan(PROBLEMS, wanted(), TEMPLATES, frozenset()))
    assert [(p.problem_id, p.language, p.sample_index) for p in planned] == [
        ("prob_1", "python", 0), ("prob_1", "python", 1), ("prob_1", "cpp", 0), ("prob_2", "python", 0), ("prob_2", "python", 1),
    ]  # fmt: skip
    assert count_wanted(PROBLEMS, wanted()) == len(planned)
    assert planned[2].request.aliases == ["taco/train/0|cpp|0", "apps/train/9|cpp|0"]


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3))
def test_raising_n_asks_only_for_the_additional(before: int, more: int, cpp: int) -> None:
    old = frozenset(keys(wanted(before, cpp)))
    new = keys(wanted(before + more, cpp), old)
    assert len(new) == more * len(PROBLEMS)
    assert set(new) | old == set(keys(wanted(before + more, cpp)))


def test_what_changes_the_answer_asks_anew_and_nothing_else_does(tmp_path: Path) -> None:
    old = frozenset(keys(wanted()))
    assert keys(wanted(), old) == []
    assert not old & set(keys(wanted(temperature=0.7)))
    assert not old & set(keys(wanted(max_tokens=100)))
    assert not old & set(keys(Wanted({"python": 2, "cpp": 1}, Sampling(), "another")))
    (tmp_path / "python_stdin.jinja").write_text("Solve {{ question }}")
    replaced = keys(wanted(), templates=load_templates(tmp_path))
    assert len(old & set(replaced)) == 3  # the C++ and the call-based template are as before


def test_seeds_differ_and_stay() -> None:
    seeds = [item.request.seed for item in plan(PROBLEMS, wanted(6, 3), TEMPLATES, frozenset())]
    again = [item.request.seed for item in plan(PROBLEMS, wanted(6, 3), TEMPLATES, frozenset())]
    assert seeds == again and len(set(seeds)) == len(seeds)
    assert all(seed is not None and 0 <= seed < 2**31 for seed in seeds)


def test_prompts_carry_question_and_starter_code() -> None:
    messages = TEMPLATES["python_call"].messages(PROBLEMS[1])
    assert [m["role"] for m in messages] == ["system", "user"] and messages[0]["content"] == ""
    assert "Call." in messages[1]["content"] and "def f(x):" in messages[1]["content"]
    assert "```cpp" in TEMPLATES["cpp_stdin"].messages(PROBLEMS[0])[1]["content"]
