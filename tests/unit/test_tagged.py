"""Answers in tags: read strictly, with a reason code for each way to go astray."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.synthesis.tagged import IMPORT_ALL, names_tested, read_attempt, read_completion, read_online_judge, read_tags

SOLUTION = "def add(a, b):\n    return a + b\n"
TESTS = "from solution import add\n\ndef test_add():\n    assert add(1, 2) == 3\n"


def answer(solution: str = SOLUTION, tests: str = TESTS) -> str:
    return f"Here it is.\n<solution>\n{solution}</solution>\n<tests>\n{tests}</tests>\nGood luck."


def test_solution_and_tests_are_taken_from_their_tags() -> None:
    assert read_attempt(answer(), "stop") == ("ok", SOLUTION, TESTS)


def test_a_fence_inside_is_taken_off() -> None:
    fenced = answer(f"```python\n{SOLUTION}```\n", f"```python\n{TESTS}\n```\n")
    assert read_attempt(fenced, "stop") == ("ok", SOLUTION, TESTS)


def test_a_suite_without_an_import_of_the_solution_gets_one() -> None:
    bare = TESTS.partition("\n\n")[2]
    assert read_attempt(answer(tests=bare), "stop") == ("ok", SOLUTION, IMPORT_ALL + bare)


@pytest.mark.parametrize(
    ("text", "finish", "status"),
    [
        ("", "stop", "no_answer"),
        (None, "length", "truncated"),
        ("I cannot.", "stop", "no_solution"),
        (f"<solution>\n{SOLUTION}</solution>\n", "stop", "no_tests"),
        (f"<solution>\n{SOLUTION}</solution>\n<tests>\n{TESTS}", "stop", "unclosed_tests"),
        (f"<solution>\n{SOLUTION}</solution>\n<tests>\n{TESTS}", "length", "truncated"),
        (answer() + answer(), "stop", "two_solution"),
        (f"<tests>\n{TESTS}</tests>\n<solution>\n{SOLUTION}</solution>", "stop", "order"),
        (f"<solution>\n<tests>\n{TESTS}</tests>\n{SOLUTION}</solution>", "stop", "nested"),
        (answer(solution=" \n"), "stop", "empty_solution"),
        (answer(solution="def add(a, b:\n"), "stop", "syntax_solution"),
        (answer(tests="def test_a(:\n"), "stop", "syntax_tests"),
        (answer(tests="from solution import add\nassert add(1, 2) == 3\n"), "stop", "no_test_function"),
        (answer(solution=SOLUTION + TESTS.partition("\n\n")[2]), "stop", "tests_in_solution"),
        (answer(tests=SOLUTION + TESTS), "stop", "solution_in_tests"),
    ],
)
def test_each_way_to_go_astray_has_its_code(text: str | None, finish: str, status: str) -> None:
    assert read_attempt(text, finish) == (status, None, None)


@given(st.text(alphabet=st.sampled_from("<>/solutiontests\n` ax=1"), max_size=200))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    read = read_tags(text, ("solution", "tests"), "stop")
    assert (read.status == "ok") == (set(read.parts) == {"solution", "tests"})


def test_a_completion_needs_the_names_and_a_docstring() -> None:
    code = 'def add(a, b):\n    """The sum."""\n'
    assert read_completion(f"<code>\n{code}</code>", "stop", {"add"}) == ("ok", code)
    assert read_completion(f"<code>\n{code}</code>", "stop", {"sub"}) == ("names_missing", None)
    assert read_completion("<code>\ndef add(a, b): ...\n</code>", "stop", {"add"}) == ("no_docstring", None)


def test_an_online_judge_task_stands_on_the_solution_itself() -> None:
    cases = [{"input": "1 2\n", "output": "3\n"}, {"input": "0 0\n", "output": "0\n"}]
    main = "print(add(*map(int, input().split())))\n"

    def text(main: str, cases: object) -> str:
        return f"<statement>\nAdd.\n</statement>\n<main>\n{main}</main>\n<cases>\n{json.dumps(cases)}\n</cases>"

    status, made = read_online_judge(text(main, cases), "stop", SOLUTION)
    assert status == "ok" and made is not None
    assert made["solution"].startswith(SOLUTION) and made["solution"].endswith(main) and json.loads(made["test"]) == cases
    for wrong, code in ((text("print(1)\n", cases), "reads_nothing"), (text(SOLUTION + main, cases), "solution_again"),
                        (text(main, {"a": 1}), "bad_cases"), (text(main, cases[:1]), "few_cases"), (text("print(", cases), "syntax_main")):  # fmt: skip
        assert read_online_judge(wrong, "stop", SOLUTION) == (code, None)


def test_tested_names_are_those_that_solution_and_tests_share() -> None:
    assert names_tested(
        "def a(): ...\ndef b(): ...\nclass C: ...", "from solution import *\ndef test_a():\n    assert a() and C()"
    ) == {"a", "C"}
