"""The grader's version, by what decides: a verdict counts as long as the grader that gave it would give it again.

Tests that are compared on the host and test suites that run in the sandbox change at different times, so suites add a part of
their own: a change there leaves the verdicts of all other problems as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_assets.schema import Test

GRADER_VERSION = "2"
SUITE_PART = "+apart"  # suites in a process of their own

# The version for a suite ``t`` of the table test_suites, in SQL. Parameter: grader.
VERSION_OF_SUITE = f"""
$grader || CASE WHEN len(list_intersect(t.test_kinds, ['assert', 'pytest'])) > 0 THEN '{SUITE_PART}' ELSE '' END
""".strip()


def grader_version(tests: Sequence[Test]) -> str:
    """The version for a suite of these tests."""
    return GRADER_VERSION + (SUITE_PART if any(test["kind"] in ("assert", "pytest") for test in tests) else "")
