"""Suites in their file form, and statements that allow several answers."""

import gzip
import json
from pathlib import Path

import pytest

from ocr_assets.suites import checker_needed, suite_from_json

SEVERAL = [
    "If there are several solutions, print any of them.",
    "If there are multiple answers, you may output any.",
    "Print any valid permutation.",
    "You can print the numbers in any order; if several answers exist, output any.",
    "You may print each letter in any case (upper or lower).",
    "Any valid arrangement is accepted.",
    "Output the edges in any order.",
    "Find any such path.",
]
ONE = [
    "Choose any set of cards.",
    "Any two villages are joined by at most one road.",
    "The string may contain any number of zeros.",
    "In any case the first player moves first and the game ends.",
    "Given the numbers in any order and possibly with repetitions, find the longest series.",
    "Print the sum of the numbers.",
    "She can take any of the three roads.",
    "Print the number of different ways.",
]


@pytest.mark.parametrize("sentence", SEVERAL)
def test_several_answers_are_noticed(sentence: str) -> None:
    assert checker_needed(f"A story about numbers. {sentence} The limits are small.") == sentence


@pytest.mark.parametrize("sentence", ONE)
def test_the_word_any_alone_means_nothing(sentence: str) -> None:
    assert checker_needed(f"A story about numbers. {sentence} The limits are small.") is None


def test_real_problems_with_own_validators_are_noticed(shared_data: Path) -> None:
    """Of 25 real contest problems, few say so without having a validator."""
    with gzip.open(shared_data / "problem_packages" / "as_code_contests_schema.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    manifest = [json.loads(line) for line in (shared_data / "problem_packages" / "manifest.jsonl").read_text().splitlines()]
    validated = {f"{row['contest']}_{row['problem']}" for row in manifest if row["custom_validator"]}
    noticed = {row["name"] for row in rows if checker_needed(row["description"])}
    assert len(noticed & validated) >= 2
    assert len(noticed - validated) <= 3


@pytest.mark.parametrize(
    ("problem", "complaint"),
    [
        ({}, '"tests" must be a list'),
        ({"tests": [5]}, r"tests\[0\] must be an object"),
        ({"tests": [{"kind": "magic"}]}, "must be stdin, call, assert or pytest, not 'magic'"),
        ({"tests": [{"kind": "call", "entry": "f"}]}, 'a call needs "entry" and "expected"'),
        ({"tests": [], "limits": {"cpu_s": "2"}}, '"cpu_s" must be a number above 0'),
        ({"tests": [], "compare": {"policy": "vague"}}, "'vague' is unknown"),
        ({"tests": [], "compare": {"float_abs": -1}}, '"float_abs" must be a number of at least 0'),
        ({"tests": [], "checker": {"language": "perl", "source": "", "protocol": "kattis"}}, '"language" must be python or cpp'),
    ],
)
def test_what_cannot_be_read_is_named(problem: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        suite_from_json(problem)


def test_all_optional_parts() -> None:
    suite = suite_from_json(
        {
            "tests": [{"kind": "stdin", "input": "a", "output": "b", "public": True, "id": "x"}],
            "limits": {"cpu_s": 1, "processes": 4, "language_factor": {"python": 2, "cpp": 1.5}},
            "compare": {"float_rel": 0},
        }
    )
    assert suite["tests"][0]["public"] and suite["tests"][0]["id"] == "x"
    assert (suite["limits"]["python_factor"], suite["limits"]["cpp_factor"], suite["limits"]["processes"]) == (2.0, 1.5, 4)
    assert suite["compare"] == {"policy": "tokens", "float_abs": None, "float_rel": 0.0, "case": "sensitive"}
