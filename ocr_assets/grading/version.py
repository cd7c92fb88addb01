"""The grader's version, by what decides: a verdict counts as long as the grader that gave it would give it again.

Parts are added for exactly those verdicts that a change concerns, so that all others stay as they are and are not paid for
again: test suites that run in the sandbox, C++ programs that ask for ``ONLINE_JUDGE``, C++ programs that no standard took,
accepted Python programs that may build sets, calls and talks with an interactor that failed, programs with imports that met a
run-time error before a suite, programs over the memory limit, and Python programs before a suite that may keep a list from
call to call, or have classes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ocr_assets.programs.hash_order import MAY_BUILD_SETS
from ocr_assets.programs.suites import Suite
from ocr_assets.schema import Test

GRADER_VERSION = "2"
SUITE_PART = "+apart2"  # suites in a process of their own; an assertion counts where it was executed and could fail
JUDGE_PART = "+judge"  # compiled with ONLINE_JUDGE defined, by a program that looks at it
COMPILER_PART = "+cxx23"  # refused by C++14, 17, 20 and 23; before, only by 17 and 20
ORDER_PART = "+order"  # accepted, and where it may build sets under another hash seed as well
CALL_PART = "+manners"  # a call that failed: with nodes by a parameter's name, arguments changed in place, deep recursion
TALK_PART = "+talks"  # failed before an interactor that has a container of its own, whose "wrong" counts if it came first
MODULE_PART = "+modules"  # a run-time error before a suite where the program imports: its modules may be asked for
MEMORY_PART = "+memory"  # over the limit, with memory that its processes share counted once
KEPT_PART = "+kept"  # before a suite: lists that both hold are one; classes with rules of their own are told of
PARTS = (SUITE_PART, JUDGE_PART, COMPILER_PART, ORDER_PART, CALL_PART, TALK_PART, MODULE_PART, MEMORY_PART, KEPT_PART)
# Quick to tell, and in the database as well: a program without any of this keeps nothing from call to call, and has no classes.
_MAY_KEEP = re.compile(
    r"\b(?:class|yield|global|nonlocal|lambda|cache|lru_cache|numpy|move_to_end)\b|@|\.\w+\s*=|\bdef\b[^\n]*=|"
    r"(?:^|\n)[A-Za-z_][\w, ]*(?::[^=\n]+)?=",
    re.ASCII,
)
JUDGE_MACRO = "ONLINE_JUDGE"

# The version for a suite ``t`` of the table test_suites, in SQL. Parameter: grader.
VERSION_OF_SUITE = f"""
$grader || CASE WHEN len(list_intersect(t.test_kinds, ['assert', 'pytest'])) > 0 THEN '{SUITE_PART}' ELSE '' END
""".strip()

# The version of a verdict ``v`` on a solution ``s`` by a suite ``t``. Parameters: grader, online_judge.
VERSION_OF_VERDICT = f"""
{VERSION_OF_SUITE}
|| CASE WHEN $online_judge AND s.language = 'cpp' AND contains(s.code, '{JUDGE_MACRO}') THEN '{JUDGE_PART}' ELSE '' END
|| CASE WHEN s.language = 'cpp' AND v.verdict = 'compile_error' THEN '{COMPILER_PART}' ELSE '' END
|| CASE WHEN s.language = 'python' AND v.verdict = 'accepted' AND regexp_matches(s.code, '{MAY_BUILD_SETS.pattern}')
        THEN '{ORDER_PART}' ELSE '' END
|| CASE WHEN s.language = 'python' AND v.verdict IN ('wrong_answer', 'runtime_error') AND list_contains(t.test_kinds, 'call')
        THEN '{CALL_PART}' ELSE '' END
|| CASE WHEN t.interactor IS NOT NULL AND v.verdict <> 'accepted' THEN '{TALK_PART}' ELSE '' END
|| CASE WHEN s.language = 'python' AND v.verdict = 'runtime_error' AND contains(s.code, 'import')
        AND len(list_intersect(t.test_kinds, ['assert', 'pytest'])) > 0 THEN '{MODULE_PART}' ELSE '' END
|| CASE WHEN v.verdict = 'memory_limit' THEN '{MEMORY_PART}' ELSE '' END
|| CASE WHEN s.language = 'python' AND len(list_intersect(t.test_kinds, ['assert', 'pytest'])) > 0
        AND regexp_matches(s.code, '{_MAY_KEEP.pattern}') THEN '{KEPT_PART}' ELSE '' END
""".strip()

# The version of the validation of a problem ``p`` by a suite ``t``; all its rows have one. Parameters: grader, online_judge.
VERSION_OF_VALIDATION = f"""
{VERSION_OF_SUITE}
|| CASE WHEN $online_judge AND len(list_filter(p.reference_solutions, lambda r:
        r.language = 'cpp' AND contains(r.code, '{JUDGE_MACRO}'))) > 0 THEN '{JUDGE_PART}' ELSE '' END
""".strip()


def parameters(*, online_judge: bool) -> dict[str, Any]:
    """The parameters of ``VERSION_OF_VERDICT`` and ``VERSION_OF_VALIDATION``. ``online_judge``: as the sandbox has it."""
    return {"grader": GRADER_VERSION, "online_judge": online_judge}


def version_of_suite(tests: Sequence[Test]) -> str:
    """``VERSION_OF_SUITE`` for a suite of these tests."""
    return GRADER_VERSION + (SUITE_PART if any(test["kind"] in ("assert", "pytest") for test in tests) else "")


def wants_judge_macro(language: str, code: str) -> bool:
    """Whether it can matter to a program that ``ONLINE_JUDGE`` is defined."""
    return language == "cpp" and JUDGE_MACRO in code


def may_keep(language: str, code: str) -> bool:
    """Whether a program may keep a list from call to call, or have classes of its own."""
    return language == "python" and _MAY_KEEP.search(code) is not None


def version_of_verdict(suite: Suite, language: str, code: str, verdict: str, *, online_judge: bool) -> str:
    """``VERSION_OF_VERDICT`` for a verdict on a solution by a suite."""
    suite_version = version_of_suite(suite["tests"])
    parts = {
        JUDGE_PART: online_judge and wants_judge_macro(language, code),
        COMPILER_PART: language == "cpp" and verdict == "compile_error",
        ORDER_PART: language == "python" and verdict == "accepted" and MAY_BUILD_SETS.search(code) is not None,
        CALL_PART: language == "python"
        and verdict in ("wrong_answer", "runtime_error")
        and any(test["kind"] == "call" for test in suite["tests"]),
        TALK_PART: suite["interactor"] is not None and verdict != "accepted",
        MODULE_PART: language == "python" and verdict == "runtime_error" and "import" in code and SUITE_PART in suite_version,
        MEMORY_PART: verdict == "memory_limit",
        KEPT_PART: SUITE_PART in suite_version and may_keep(language, code),
    }
    return suite_version + "".join(part for part, concerned in parts.items() if concerned)


def version_of_validation(tests: Sequence[Test], references: Sequence[Any], *, online_judge: bool) -> str:
    """``VERSION_OF_VALIDATION`` for the reference solutions of a problem (rows with language and code)."""
    judge = online_judge and any(wants_judge_macro(row["language"], row["code"]) for row in references)
    return version_of_suite(tests) + (JUDGE_PART if judge else "")
