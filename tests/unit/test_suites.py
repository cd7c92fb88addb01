"""Suites in their file form, and statements that allow several answers."""

import gzip
import json
from pathlib import Path

import pytest

from ocr_assets.grading.outputs import compare_output
from ocr_assets.programs.statements import multiple_answers_hint, stated_tolerance
from ocr_assets.programs.suites import suite_from_json
from ocr_assets.schema import suite_id

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
    assert multiple_answers_hint(f"A story about numbers. {sentence} The limits are small.") == sentence


@pytest.mark.parametrize("sentence", ONE)
def test_the_word_any_alone_means_nothing(sentence: str) -> None:
    assert multiple_answers_hint(f"A story about numbers. {sentence} The limits are small.") is None


def test_real_problems_with_own_validators_are_noticed(shared_data: Path) -> None:
    """Of 25 real contest problems, few say so without having a validator."""
    with gzip.open(shared_data / "problem_packages" / "as_code_contests_schema.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    manifest = [json.loads(line) for line in (shared_data / "problem_packages" / "manifest.jsonl").read_text().splitlines()]
    validated = {f"{row['contest']}_{row['problem']}" for row in manifest if row["custom_validator"]}
    noticed = {row["name"] for row in rows if multiple_answers_hint(row["description"])}
    assert len(noticed & validated) >= 2
    assert len(noticed - validated) <= 3


@pytest.mark.parametrize(
    ("problem", "complaint"),
    [
        ({}, '"tests" must be a list'),
        ({"tests": [5]}, r"tests\[0\] must be an object"),
        ({"tests": [{"kind": "magic"}]}, "must be stdin, call, assert or pytest, not 'magic'"),
        ({"tests": [{"kind": "call", "entry": "f"}]}, 'a call needs "expected", and'),
        ({"tests": [{"kind": "call", "expected": 1}]}, r"""a function's name as "entry_point" \(or as "entry"\)"""),
        ({"tests": [{"kind": "call", "expected": 1, "entry_point": 5}]}, "a function's name"),
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


BOTH, ABSOLUTE, RELATIVE, UNSAID = "both", "absolute", "relative", "unsaid"
STATED = [
    ("The answer is right if its absolute or relative error does not exceed 10^{-6}.", BOTH, 1e-6),
    ("The answer is right if its absolute or relative error does not exceed $10^{-9}$.", BOTH, 1e-9),
    ("Your output counts as correct when the relative or absolute error is at most 1e-4.", BOTH, 1e-4),
    ("Your output must have relative or absolute error less than 10 - 6.", BOTH, 1e-6),
    ("A result with an absolute error of no more than 10<sup>-5</sup> is accepted.", ABSOLUTE, 1e-5),
    ("A result with a relative error of no more than 10⁻⁷ is accepted.", RELATIVE, 1e-7),
    ("Print the area. The absolute or relative error of the answer should be below $$10 ^ { - 8 }$$.", BOTH, 1e-8),
    ("The printed value may deviate: a relative error up to 5 \\cdot 10^{-7} is accepted.", RELATIVE, 5e-7),
    ("Answers within 10-5 of the true value will be accepted.", UNSAID, 1e-5),
    ("Solutions within 10**-5 of the true value are accepted.", UNSAID, 1e-5),
    ("Any answer whose error is less than 0.001 will be accepted.", UNSAID, 1e-3),
    ("The answer must be within $10^{-6}$ absolute or relative error\nof the exact one.", BOTH, 1e-6),
    ("The probabilities should be exact to an absolute error of at most\n$10^{-6}$.", ABSOLUTE, 1e-6),
    ("Let a be your answer and b the jury's: it is accepted if |a - b| / \\max(1, |b|) \\le 10^{-6}.", UNSAID, 1e-6),
    ("Print the length, accurate to 4 decimal places.", UNSAID, 1e-4),
    ("Print the answer with at least six digits after the decimal point.", UNSAID, 1e-6),
    ("The answer must be correct to at least 3 decimal places.", UNSAID, 1e-3),
]
UNSTATED = [
    "Print the number of ways modulo 10^9 + 7.",
    "Each coordinate is given with at most 6 digits after the decimal point.",
    "The input was measured with an error of 10^{-3}.",
    "Print the price rounded to exactly 2 decimal places.",
    "Print the answer with 2 decimal places.",
    "If the input is wrong, print ERROR and its number, 10 or 5.",
    "Keep the relative order of the elements; print at most 10-5 of them.",
    "The answer is a number from 0.5 to 10. Errors are not punished.",
    "The values satisfy 0.01 <= p <= 0.99 and the answer fits into an integer.",
]


@pytest.mark.parametrize(("sentence", "kind", "bound"), STATED)
def test_a_stated_tolerance_is_found(sentence: str, kind: str, bound: float) -> None:
    rule = stated_tolerance(f"A story. There are 10 trees, 5 of them tall.\n\nOutput\n{sentence} Have fun!")
    assert rule is not None
    bound = max(bound, 1e-6)  # expected outputs are rounded: never stricter than the default
    assert rule["float_abs"] == (None if kind == RELATIVE else bound)
    assert rule["float_rel"] == {BOTH: bound, RELATIVE: bound, ABSOLUTE: None, UNSAID: 1e-6}[kind]


@pytest.mark.parametrize("sentence", UNSTATED)
def test_other_small_numbers_state_no_tolerance(sentence: str) -> None:
    assert stated_tolerance(f"A story about numbers. {sentence} The limits are small.") is None


def test_an_integer_printed_as_a_decimal_is_right_where_a_tolerance_is_stated() -> None:
    assert compare_output(b"60\n", b"60.0000000000\n") is not None
    rule = stated_tolerance("Print the length. An absolute or relative error of 10^{-6} is accepted.")
    assert compare_output(b"60\n", b"60.0000000000\n", rule) is None
    assert compare_output(b"60\n", b"60.001\n", rule) is not None


def test_real_statements_with_a_tolerance(shared_data: Path) -> None:
    """Of 25 real contest problems, those whose package or text sets a tolerance, and no other."""
    with gzip.open(shared_data / "problem_packages" / "as_code_contests_schema.jsonl.gz", "rt") as file:
        rows = {row["name"]: stated_tolerance(row["description"]) for row in map(json.loads, file)}
    found = {name: rule["float_abs"] for name, rule in rows.items() if rule is not None}
    assert found.pop("kth2019_symmetricpolynomials", 1e-6) == 1e-6  # it has a validator of its own
    assert found == {"kth2015_a1paper": 1e-5, "kth2016_dicebetting": 1e-6, "kth2016_ironman": 1e-6, "kth2019_assassins": 1e-6}


def test_files_are_named_or_none() -> None:
    assert suite_from_json({"tests": []})["files"] is None
    assert suite_from_json({"tests": [], "files": {}})["files"] is None
    assert suite_from_json({"tests": [], "files": {"input": "a.in"}})["files"] == {"input": "a.in", "output": None}


@pytest.mark.parametrize(
    "files",
    ["input.txt", {"input": ""}, {"input": "../a"}, {"output": "a/b"}, {"output": "main"}, {"input": "main.py"}, {"input": 1}],
)
def test_files_lie_in_the_programs_folder_and_are_not_the_program(files: object) -> None:
    with pytest.raises(ValueError, match="files"):
        suite_from_json({"tests": [], "files": files})


def test_a_suite_that_names_no_files_keeps_its_id() -> None:
    suite = suite_from_json({"tests": [{"kind": "stdin", "input": "1", "output": "1"}]})
    before = {name: value for name, value in suite.items() if name != "files"}
    assert suite_id(before) == suite_id(suite) != suite_id({**suite, "files": {"input": "input.txt", "output": None}})
