"""Attempts, conversions and responses through the lake: asked, verified, asked again, and nothing twice."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ocr_assets.definitions import build_definitions
from ocr_assets.exports.assets import RELEASE_ASSETS
from ocr_assets.platform.lake import project_lake
from ocr_assets.schema import QUESTION_SCREENING, SYNTHETIC_QUESTIONS
from ocr_assets.synthesis.answer_assets import (
    kodcode_responses,
    self_verification,
    style_conversions,
    synthetic_attempts,
    synthetic_triplets,
)
from resources.lake import RunInfo
from resources.settings import LakeResource, SynthesisResource, TeacherResource
from tests.support.rows import row_of

STAGE = [synthetic_attempts, self_verification, style_conversions, synthetic_triplets, kodcode_responses]
RELEASES = [asset for asset in RELEASE_ASSETS if asset.key.to_user_string().startswith("kodcode")]
DOUBLE = "def double(x):\n    if x == 0:\n        return 0\n    return x + x\n"
DOUBLE_TESTS = "from solution import double\n\ndef test_double():\n    assert double(2) == 4\n    assert double(-3) == -6\n"
LAST = "def last(values):\n    return values[-1] if values else None\n"
LAST_TESTS = "from solution import last\n\ndef test_last():\n    assert last([1, 7]) == 7\n    assert last([2]) == 2\n    assert last([]) is None\n"


def attempt(solution: str, tests: str) -> str:
    return f"<solution>\n{solution}</solution>\n<tests>\n{tests}</tests>\n"


def judged(statement: str, main: str, cases: list[tuple[str, str]]) -> str:
    told = json.dumps([{"input": given, "output": out} for given, out in cases])
    return f"<statement>\n{statement}\n</statement>\n<main>\n{main}</main>\n<cases>\n{told}\n</cases>\n"


RECORDED = {
    "attempt|evol|double|0|0": "I would rather not.",
    "attempt|evol|double|0|1": attempt(DOUBLE, DOUBLE_TESTS.replace("== 4", "== 5")),
    "attempt|evol|double|0|2": attempt(DOUBLE, DOUBLE_TESTS),
    "attempt|evol|last|0|0": attempt(LAST, LAST_TESTS),
    "attempt|evol|never|0|0": attempt("def never(x):\n    return x\n", "from solution import never\n\ndef test_a():\n    never(1)\n"),
    "convert|evol|double|0|complete|0": f"<code>\n{DOUBLE.replace('x):', 'x):' + chr(10) + '    ' + chr(34) * 3 + 'Twice x.' + chr(34) * 3)}</code>",
    "convert|evol|double|0|complete|1": '<code>\ndef double(x):\n    """Twice x.\n\n    >>> double(2)\n    4\n    """\n</code>',
    "convert|evol|double|0|online_judge|0": judged("Read x, print its double.", "print(double(int(input())))\n", [("2\n", "4\n"), ("-3\n", "-6\n")]),
    "convert|evol|last|0|online_judge|0": judged("Read numbers, print the last.", "print(last(input().split()))\n", [("1 7\n", "8\n"), ("2\n", "2\n")]),
    "kodcode|evol|double|0|instruct|0": f"<think>\nAdd.\n</think>\n```python\n{DOUBLE.replace('double', 'twice')}```\n",
    "kodcode|evol|double|0|instruct|1": "<think>\nSquare?\n</think>\n```python\ndef double(x):\n    return x * x\n```\n",
    "kodcode|evol|double|0|instruct|2": "<think>\nNo code today.\n</think>\nJust add it to itself.",
}  # fmt: skip


KODCODE = [
    "version",
    "style",
    "subset",
    "question_id",
    "question",
    "solution",
    "test",
    "test_info",
    "gpt_pass_sequence",
    "gpt_pass_trial_num",
    "gpt_difficulty",
    "gpt_pass_percentage",
    "trials",
    "chosen_trial",
    "metadata",
    "benchmark_similarity",
    "benchmark_instruction",
    "benchmark_task_id",
    "filter_reason",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with three clean questions, and what the stage made of it."""
    home = tmp_path_factory.mktemp("home")
    (home / "recorded").mkdir()
    lines = [json.dumps({"alias": alias, "content": content}) for alias, content in RECORDED.items()]
    (home / "recorded" / "answers.jsonl").write_text("\n".join(lines) + "\n")
    questions = [
        row_of(
            SYNTHETIC_QUESTIONS,
            question_id=f"syn_{name}",
            subset="evol",
            seed_name=name,
            status="kept",
            question=f"Write {name}.",
        )
        for name in ("double", "last", "never")
    ]
    with project_lake(LakeResource(home=str(home))) as lake, lake.write(RunInfo("test"), "synthetic_questions") as write:
        write.append(SYNTHETIC_QUESTIONS, questions)
        write.append(
            QUESTION_SCREENING,
            [row_of(QUESTION_SCREENING, question_id=row["question_id"], subset="evol", fate="clean") for row in questions],
        )
    refresh(home)
    return home


def refresh(home: Path, **synthesis: Any) -> Callable[[str], Mapping[str, Any]]:
    """Materialize the stage; metadata of an asset by name."""
    resources = {
        **(build_definitions().resources or {}),
        "lake": LakeResource(home=str(home)),
        "teacher": TeacherResource(recordings=str(home / "recorded"), model="r1"),
        "synthesis": SynthesisResource(mutants=3, **synthesis),
    }
    result = dg.materialize([*STAGE, *RELEASES], resources=resources)
    return lambda name: {
        key: value.value for key, value in result.asset_materializations_for_node(name)[0].metadata.items() if key != "preview"
    }


def rows(home: Path, query: str) -> list[dict[str, Any]]:
    with project_lake(LakeResource(home=str(home))) as lake:
        return list(lake.rows(query))


def test_attempts_go_on_until_one_verifies_or_none_is_answered(home: Path) -> None:
    query = """
        SELECT a.question_id, attempt_index, parse_status, status FROM synthetic_attempts a
        LEFT JOIN self_verification ON subject_id = attempt_id ORDER BY ALL"""
    found = [tuple(row.values()) for row in rows(home, query)]
    assert found == [
        ("syn_double", 0, "no_solution", None),
        ("syn_double", 1, "ok", "failed"),
        ("syn_double", 2, "ok", "verified"),
        ("syn_last", 0, "ok", "verified"),
        ("syn_never", 0, "ok", "vacuous"),
    ]


def test_triplets_keep_every_question_with_its_sequence_and_difficulty(home: Path) -> None:
    query = "SELECT question_id, style, status, pass_sequence, difficulty, branch_coverage FROM synthetic_triplets ORDER BY ALL"
    assert [tuple(row.values()) for row in rows(home, query)] == [
        ("syn_double", "complete", "verified", [0, 0, 1], "medium", 0.5),
        ("syn_double", "instruct", "verified", [0, 0, 1], "medium", 0.5),
        ("syn_double", "online_judge", "verified", [0, 0, 1], "medium", 0.5),
        ("syn_last", "instruct", "verified", [1], "easy", 1.0),
        ("syn_never", "instruct", "unsolved", [0], "fail", None),
    ]


def test_a_completion_that_tells_the_solution_is_refused_and_the_next_one_taken(home: Path) -> None:
    query = """
        SELECT style, try_index, c.question_id, status FROM style_conversions c JOIN self_verification ON subject_id = conversion_id
        ORDER BY ALL"""
    assert [tuple(row.values()) for row in rows(home, query)] == [
        ("complete", 0, "syn_double", "leaks"),
        ("complete", 1, "syn_double", "verified"),
        ("online_judge", 0, "syn_double", "verified"),
        ("online_judge", 0, "syn_last", "failed"),
    ]


def test_responses_are_judged_by_the_triplets_tests_under_the_names_they_call(home: Path) -> None:
    query = """
        SELECT response_index, parse_status, renamed, status FROM kodcode_responses
        LEFT JOIN self_verification ON subject_id = response_id ORDER BY ALL"""
    assert [tuple(row.values()) for row in rows(home, query)] == [
        (0, "ok", "twice → double", "verified"),
        (1, "ok", None, "failed"),
        (2, "no_fence", None, None),
    ]


def test_a_second_run_asks_and_runs_nothing(home: Path) -> None:
    before = rows(home, "FROM self_verification ORDER BY ALL")
    metadata = refresh(home)
    for name in ("synthetic_attempts", "style_conversions", "kodcode_responses"):
        assert (metadata(name)["teacher requests"], metadata(name)["verified now"]) == (0, {}), name
    assert rows(home, "FROM self_verification ORDER BY ALL") == before


def test_releases_have_kodcodes_columns_and_are_read_by_datasets(home: Path) -> None:
    import datasets

    def released(name: str) -> list[dict[str, Any]]:
        folder = home / "releases" / name / "current"
        assert "prove" in (folder / "README.md").read_text(encoding="utf-8")
        return list(datasets.load_dataset(str(folder), split="train", cache_dir=str(home / "cache")))

    v1 = released("kodcode_v1")
    assert [(row["question_id"][:5], row["question_id"][-2:], row["style"]) for row in sorted(v1, key=lambda row: (row["solution"], row["style"]))] == [
        ("Evol_", "_C", "complete"), ("Evol_", "_I", "instruct"), ("Evol_", "_O", "online_judge"), ("Evol_", "_I", "instruct"),
    ]  # fmt: skip
    (double,) = (row for row in v1 if row["question"] == "Write double.")
    assert (double["gpt_pass_sequence"], double["gpt_difficulty"], double["chosen_trial"]) == ([0, 0, 1], "medium", "trial_2")
    assert double["test_info"] == [
        {"function_name": "double", "parameter_list": "(x)", "function_declaration": "def double(x):", "docstring": ""}
    ]
    trials = json.loads(double["trials"])
    assert [trials[f"trial_{number}"]["status"] for number in range(3)] == [None, "failed", "verified"]
    assert set(KODCODE) <= set(double) and {row["question_id"] for row in released("kodcode_rl")} == {
        row["question_id"] for row in v1
    }
    answers = released("kodcode_sft_r1")
    assert sorted((row["r1_pass_sequence"], row["r1_correctness"]) for row in answers) == [
        ([1, 0, 0], "False"), ([1, 0, 0], "False"), ([1, 0, 0], "True"),
    ]  # fmt: skip
    (right,) = (row for row in answers if row["r1_correctness"] == "True")
    assert right["conversations"][1]["from"] == "gpt" and right["conversations"][1]["value"].startswith("<think>\nAdd.")


def test_a_row_leads_back_to_its_question(home: Path) -> None:
    (response,) = rows(home, "SELECT response_id FROM kodcode_responses WHERE response_index = 0")
    parents = {row["parent"] for row in rows(home, f"FROM trace('{response['response_id']}')")}
    assert "syn_double" in parents and any(parent.startswith("att_") for parent in parents)


@pytest.mark.long
def test_another_threshold_judges_anew_and_asks_only_where_none_verifies_now(home: Path) -> None:
    """Last, since it changes what the lake says: the triplet of ``double`` takes one branch of two."""
    metadata = refresh(home, min_branch_coverage=1.0)
    assert metadata("synthetic_attempts")["teacher requests"] == 0
    found = rows(home, "SELECT question_id, status FROM synthetic_triplets WHERE style = 'instruct' ORDER BY ALL")
    assert [row["status"] for row in found] == ["unsolved", "verified", "unsolved"]
