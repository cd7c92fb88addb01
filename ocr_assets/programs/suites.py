"""A test suite: the part of a problem that a verdict depends on, and its form in the JSON files of docs/grading.md, §2.

Two stages need it: problems (a user's own files) and verification (the ``verify`` command). What can be learned about a suite
from the problem's statement is in ``statements.py``; how outputs are graded is in ``grading``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any, TypedDict, cast

from ocr_assets.schema import Checker, Compare, Files, Limits, Test, TestSuite, json_text, suite_id


class Suite(TypedDict):
    """Tests, how outputs are compared or checked, limits, and files in place of stdin and stdout."""

    tests: list[Test]
    compare: Compare | None
    checker: Checker | None
    interactor: Checker | None
    limits: Limits
    files: Files | None


# First line of a suite (assert, pytest) that has to share the program's process, since it patches what the program imports.
SHARES_PROCESS = "# shares the program's process\n"

NO_LIMITS: Limits = {
    "cpu_s": None, "wall_s": None, "memory_mb": None, "output_mb": None, "processes": None,
    "python_factor": None, "cpp_factor": None,
}  # fmt: skip


SUITE_FIELDS = tuple(Suite.__annotations__)


def suite_row(suite: Mapping[str, Any]) -> TestSuite:
    """A suite (a mapping with at least the fields of ``Suite``) as a row of ``test_suites``, with its id and counts."""
    fields = {name: suite[name] for name in SUITE_FIELDS}
    kinds = sorted({test["kind"] for test in suite["tests"]})
    return cast("TestSuite", {**fields, "suite_id": suite_id(suite), "test_count": len(suite["tests"]), "test_kinds": kinds})


# What a file may ask for: seconds, MiB, processes. Beyond it a number is a mistake, and some would harm the host.
LIMIT_RANGES: dict[str, tuple[float, float]] = {
    "cpu_s": (0.001, 86_400), "wall_s": (0.001, 86_400), "memory_mb": (1, 1_048_576), "output_mb": (1, 4_096),
    "processes": (1, 4_096),
}  # fmt: skip
MOST_TIMES = 1_000.0  # that a language may get the CPU time of C++


def suite_from_json(problem: Mapping[str, Any]) -> Suite:
    """The suite of a problem object, whose parts may be JSON in a text (as in Parquet, where tests of calls have no one type).

    Raises ``ValueError`` naming the field and the mend."""
    problem = {name: _read(name, problem.get(name)) for name in SUITE_FIELDS}
    tests = problem.get("tests")
    if not isinstance(tests, list):
        raise ValueError('"tests" must be a list of tests')
    return {
        "tests": [test_from_json(test, index) for index, test in enumerate(tests)],
        "compare": compare_from_json(problem.get("compare")),
        "checker": checker_from_json(problem.get("checker"), "checker"),
        "interactor": checker_from_json(problem.get("interactor"), "interactor"),
        "limits": limits_from_json(problem.get("limits")),
        "files": files_from_json(problem.get("files")),
    }


def _read(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f'"{name}" is a text that cannot be read as JSON ({error})') from error


def test_from_json(test: Any, index: int) -> Test:
    """One test object as a row."""
    where = f"tests[{index}]"
    if not isinstance(test, dict):
        raise ValueError(f"{where} must be an object")
    kind = test.get("kind")
    row: Test = {
        "id": str(test.get("id", index)), "kind": "stdin", "input": "", "output": "", "entry_point": None, "code": None,
        "expected_may_be_nested": bool(test.get("expected_may_be_nested", test.get("wrapped", False))),
        "public": bool(test.get("public", False)),
        "origin": str(test.get("origin", "public" if test.get("public") else "private")),
    }  # fmt: skip
    if kind == "stdin":
        row["input"], row["output"] = _text(test, "input", where), _text(test, "output", where)
    elif kind == "call":
        entry_point = test.get("entry_point", test.get("entry"))
        if "expected" not in test or not isinstance(entry_point, str):
            raise ValueError(f"""{where}: a call needs "expected", and a function's name as "entry_point" (or as "entry")""")
        args, kwargs = test.get("args", []), test.get("kwargs", {})
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise ValueError(f'{where}: "args" must be a list and "kwargs" an object')
        row["kind"], row["entry_point"] = "call", entry_point
        row["input"], row["output"] = json_text({"args": args, "kwargs": kwargs}), json_text(test["expected"])
    elif kind in ("assert", "pytest"):
        row["kind"], row["code"] = kind, _text(test, "code", where)
    else:
        raise ValueError(f'{where}: "kind" must be stdin, call, assert or pytest, not {kind!r}')
    return row


def _text(test: Mapping[str, Any], name: str, where: str) -> str:
    if not isinstance(test.get(name), str):
        raise ValueError(f'{where}: "{name}" must be a string')
    try:
        test[name].encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f'{where}: "{name}" has half a character (a lone surrogate) at {error.start}') from error
    return str(test[name])


def compare_from_json(value: Any) -> Compare | None:
    """The comparison rule; None: the default."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError('"compare" must be an object')
    policy, case = value.get("policy", "tokens"), value.get("case", "sensitive")
    if policy not in ("tokens", "exact", "lines", "unordered_lines", "unordered_tokens"):
        raise ValueError(f'compare: "policy" {policy!r} is unknown')
    if case not in ("sensitive", "insensitive"):
        raise ValueError(f'compare: "case" {case!r} is neither sensitive nor insensitive')
    tolerances = {name: value.get(name) for name in ("float_abs", "float_rel")}
    for name, tolerance in tolerances.items():
        if tolerance is not None and not (_is_number(tolerance) and tolerance >= 0):
            raise ValueError(f'compare: "{name}" must be a number of at least 0')
    return cast(
        "Compare",
        {"policy": policy, "case": case, **{n: None if t is None else float(t) for n, t in tolerances.items()}},
    )


def checker_from_json(value: Any, name: str) -> Checker | None:
    """A checker or interactor."""
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("source"), str):
        raise ValueError(f'{name}: an object with "language", "source" and "protocol" is needed')
    if value.get("language") not in ("python", "cpp") or value.get("protocol") not in ("testlib", "kattis", "open_r1"):
        raise ValueError(f'{name}: "language" must be python or cpp, "protocol" testlib, kattis or open_r1')
    if name == "interactor" and value["protocol"] == "open_r1":
        raise ValueError('interactor: "protocol" must be testlib or kattis')
    return cast("Checker", {key: value[key] for key in ("language", "source", "protocol")})


def files_from_json(value: Any) -> Files | None:
    """The files that a problem's programs read and write; None: it names none."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError('"files" must be an object, such as {"input": "input.txt", "output": "output.txt"}')
    for name in ("input", "output"):
        if value.get(name) is not None and not is_file_name(value[name]):
            raise ValueError(f'files: "{name}" must be the name of a file, such as {name}.txt')
    if value.get("input") is None and value.get("output") is None:
        return None
    return {"input": value.get("input"), "output": value.get("output")}


def is_file_name(value: Any) -> bool:
    """Whether ``value`` can name a file in a program's working folder, where the program itself lies as well."""
    return (
        isinstance(value, str)
        and re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}", value) is not None
        and not re.match(r"(main|solution|test_solution)(\.|$)", value)
    )


def limits_from_json(value: Any) -> Limits:
    """Limits; absent ones are null."""
    if value is None:
        return {**NO_LIMITS}
    if not isinstance(value, dict):
        raise ValueError('"limits" must be an object')
    limits: Limits = {**NO_LIMITS}
    for name in ("cpu_s", "wall_s", "memory_mb", "output_mb", "processes"):
        number = value.get(name)
        if number is not None:
            least, most = LIMIT_RANGES[name]
            if not (_is_number(number) and number > 0):
                raise ValueError(f'limits: "{name}" must be a number above 0')
            if not least <= number <= most:
                raise ValueError(f'limits: "{name}" must lie between {least:g} and {most:,}, not {number:g}')
            limits[name] = max(1, int(number)) if name == "processes" else float(number)
    factors = value.get("language_factor") or {}
    if not isinstance(factors, dict):
        raise ValueError('limits: "language_factor" must be an object, such as {"python": 3}')
    for language in ("python", "cpp"):
        if factors.get(language) is not None:
            if not (_is_number(factors[language]) and 0 < factors[language] <= MOST_TIMES):
                raise ValueError(f'limits: "language_factor" of {language} must be a number above 0, at most {MOST_TIMES:g}')
            limits[f"{language}_factor"] = float(factors[language])  # type: ignore[literal-required]
    return limits


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
