"""Which verdicts a change of the grader concerns: the same rule in Python and in SQL."""

from typing import Any

import duckdb
import pytest

from ocr_assets.grading import version

STDIN, CALL, ASSERT = ({"kind": kind} for kind in ("stdin", "call", "assert"))
TALK = {"kind": "stdin", "is": "before an interactor"}
PLAIN, LOOKS = "int main() {}", "#ifndef ONLINE_JUDGE\n#endif\nint main() {}"
CASES = [
    ([STDIN], "python", "ONLINE_JUDGE = 1", "accepted", True, "2"),
    ([STDIN], "python", "x", "compile_error", True, "2"),
    ([ASSERT], "python", "x", "accepted", True, f"2{version.SUITE_PART}"),
    ([STDIN], "cpp", PLAIN, "accepted", True, "2"),
    ([STDIN], "cpp", LOOKS, "wrong_answer", True, "2+judge"),
    ([STDIN], "cpp", LOOKS, "wrong_answer", False, "2"),
    ([STDIN], "cpp", PLAIN, "compile_error", True, "2+cxx23"),
    ([CALL], "cpp", LOOKS, "compile_error", True, "2+judge+cxx23"),
    ([STDIN], "python", "print(set(input()))", "accepted", True, "2+order"),
    ([STDIN], "python", "print(set(input()))", "wrong_answer", True, "2"),
    ([STDIN], "python", "émotset = 1", "accepted", True, "2"),
    ([STDIN], "python", "print(reset(input()))", "accepted", True, "2"),
    ([ASSERT], "python", "a = {1, 2}", "accepted", True, f"2{version.SUITE_PART}+order+kept"),
    ([ASSERT], "python", "def f(x):\n    y = [x]\n    return y == x", "wrong_answer", True, f"2{version.SUITE_PART}"),
    ([ASSERT], "python", "def f(x, kept=[]): return x", "wrong_answer", True, f"2{version.SUITE_PART}+kept"),
    ([ASSERT], "python", "def f(x):\n    yield x", "memory_limit", True, f"2{version.SUITE_PART}+memory+kept"),
    ([CALL], "python", "kept = []", "accepted", True, "2"),
    ([CALL], "python", "a.keys() & b", "accepted", True, "2+order"),
    ([CALL], "python", "a.keys() & b", "runtime_error", True, "2+manners"),
    ([CALL], "python", "x", "wrong_answer", True, "2+manners"),
    ([CALL], "python", "x", "time_limit", True, "2"),
    ([STDIN], "cpp", PLAIN, "memory_limit", True, "2+memory"),
    ([TALK], "python", "x", "accepted", True, "2"),
    ([TALK], "cpp", PLAIN, "wrong_answer", True, "2+talks"),
    ([TALK], "python", "x", "memory_limit", True, "2+talks+memory"),
    ([CALL], "python", "x", "sandbox_error", True, "2"),
]


@pytest.mark.parametrize(("tests", "language", "code", "verdict", "online_judge", "expected"), CASES)
def test_a_version_has_a_part_for_what_concerns_it(
    tests: list, language: str, code: str, verdict: str, online_judge: bool, expected: str
) -> None:
    suite: Any = {"tests": tests, "interactor": {"protocol": "testlib"} if TALK in tests else None}
    assert version.version_of_verdict(suite, language, code, verdict, online_judge=online_judge) == expected
    query = f"""
        SELECT {version.VERSION_OF_VERDICT} FROM (SELECT $kinds::VARCHAR[] AS test_kinds, $interactor AS interactor) t,
            (SELECT $language AS language, $code AS code) s, (SELECT $verdict AS verdict) v
    """
    values = {
        "kinds": [test["kind"] for test in tests],
        "interactor": suite["interactor"],
        "language": language,
        "code": code,
        "verdict": verdict,
    }
    found = duckdb.execute(query, {**values, **version.parameters(online_judge=online_judge)}).fetchone()
    assert found == (expected,)


@pytest.mark.parametrize("online_judge", [True, False])
@pytest.mark.parametrize(
    ("language", "code", "concerned"), [("cpp", LOOKS, True), ("cpp", PLAIN, False), ("python", LOOKS, False)]
)
def test_a_validation_has_one_version(language: str, code: str, concerned: bool, online_judge: bool) -> None:
    references = [{"language": "python", "code": "x"}, {"language": language, "code": code}]
    expected = "2+judge" if concerned and online_judge else "2"
    assert version.version_of_validation([STDIN], references, online_judge=online_judge) == expected
    query = f"""
        SELECT {version.VERSION_OF_VALIDATION} FROM (SELECT ['stdin'] AS test_kinds) t, (SELECT $references AS reference_solutions) p
    """
    values = {"references": references, **version.parameters(online_judge=online_judge)}
    assert duckdb.execute(query, values).fetchone() == (expected,)
