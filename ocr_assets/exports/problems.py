"""Settings as SQL over problems: which a release holds and why others are left out; and the profiles that are problems with their
tests, to judge programs by: ``verify`` and LiveCodeBench's. Those to train on by reward are in ``rewards.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ocr_assets.exports.release import Release
from ocr_assets.exports.selection import SOLVE_RATES, asked_of_problems
from ocr_assets.exports.settings import ProblemSettings
from ocr_assets.exports.sft import LICENSES
from ocr_assets.schema import LIVECODEBENCH, VERIFY
from resources.lake.tables import Table

# Values of calls are JSON texts already, and are put in as they are: what reads and writes them again would round numbers.
_TESTS = """'[' || array_to_string(list_transform(s.tests, lambda test:
    '{"kind": ' || to_json(test.kind)::VARCHAR || ', "id": ' || to_json(test.id)::VARCHAR || ', ' || CASE test.kind
        WHEN 'stdin' THEN '"input": ' || to_json(test.input)::VARCHAR || ', "output": ' || to_json(test.output)::VARCHAR
        WHEN 'call' THEN '"entry_point": ' || to_json(test.entry_point)::VARCHAR || ', ' || trim(test.input)[2:-2]
            || ', "expected": ' || test.output || ', "expected_may_be_nested": ' || test.expected_may_be_nested::VARCHAR
        ELSE '"code": ' || to_json(test.code)::VARCHAR END
    || ', "public": ' || test.public::VARCHAR || ', "origin": ' || to_json(test.origin)::VARCHAR || '}'), ', ') || ']'"""
_LIMITS = """json_object('cpu_s', s.limits.cpu_s, 'wall_s', s.limits.wall_s, 'memory_mb', s.limits.memory_mb,
    'output_mb', s.limits.output_mb, 'processes', s.limits.processes,
    'language_factor', json_object('python', s.limits.python_factor, 'cpp', s.limits.cpp_factor))::VARCHAR"""
_PARTS = ("compare", "checker", "interactor", "files")
# A problem as one JSON text (docs/grading.md, §2), over t and s.
PROBLEM_JSON = (
    f"""'{{"problem_id": ' || to_json(t.problem_id)::VARCHAR || ', "tests": ' || {_TESTS} || ', "limits": ' || {_LIMITS}"""
    + "".join(f""" || coalesce(', "{part}": ' || to_json(s.{part})::VARCHAR, '')""" for part in _PARTS)
    + " || '}'"
)
LABELS = """t.source, t.license, t.dataset, t.split, t.index, t.difficulty, t.tests_total, t.suite_tpr, t.suite_tnr, t.judged,
t.solve_rate, t.contamination, t.problem_id"""
# Why a plain comparison of standard outputs, line by line, is not right for a problem, as WHEN … THEN ….
NEEDS_MORE = (
    "WHEN t.test_kinds <> ['stdin'] THEN 'filter: not only standard input and output'",
    "WHEN t.is_checked THEN 'filter: has a checker, an interactor, files or a comparison of its own'",
    "WHEN t.has_decimals THEN 'filter: decimals, which a comparison of texts is not right for'",
)


def selection(settings: ProblemSettings, dropped: Sequence[str] = ()) -> str:
    """SELECT of all clean problems: columns of the view ``problems``, what is known of their suites and answers, and ``dropped``:
    why one is left out, or null. ``dropped``: more reasons, as WHEN … THEN …."""
    reasons = asked_of_problems(settings)
    if settings.trusted_only:
        reasons.append("WHEN t.suite_status = 'quarantined' THEN 'filter: its suite is quarantined'")
        reasons.append("WHEN t.multiple_answers_hint IS NOT NULL THEN 'filter: several answers are right, and no checker came'")
    reasons += dropped or ["WHEN false THEN ''"]
    return f"""
SELECT t.*, CASE {" ".join(reasons)} END AS dropped FROM (
    SELECT p.*, k.contamination, q.status AS suite_status, q.true_positive_rate AS suite_tpr, q.true_negative_rate AS suite_tnr,
           coalesce(v.judged, 0) AS judged, v.solve_rate, s.test_count AS tests_total, s.test_kinds,
           s.checker IS NOT NULL OR s.interactor IS NOT NULL OR s.compare IS NOT NULL OR s.files IS NOT NULL AS is_checked,
           list_bool_or(list_transform(s.tests, lambda test: regexp_matches(test.output, '[0-9][.][0-9]'))) AS has_decimals
    FROM problems p JOIN clean_problems k USING (problem_id) JOIN test_suites s USING (suite_id)
    LEFT JOIN suite_quality q ON q.problem_id = p.problem_id AND q.suite_id = p.suite_id
    LEFT JOIN ({SOLVE_RATES}) v ON v.problem_id = p.problem_id
) t"""


def of_problems(
    settings: ProblemSettings,
    table: Table,
    profile: str,
    columns: str,
    key: str,
    *,
    about: str,
    example: str,
    dropped: Sequence[str] = (),
    group: str = "problem_id",
) -> Release:
    """A release of problems. ``columns``: SELECT list over t (``selection``) and s (``test_suites``); ``key``: SQL of the id of a
    row, over t."""
    chosen = selection(settings, dropped)
    return Release(
        table=table,
        profile=profile,
        rows=f"SELECT {columns} FROM ({chosen}) t JOIN test_suites s USING (suite_id) WHERE t.dropped IS NULL",
        edges=f"""
SELECT CASE WHEN t.dropped IS NULL THEN {key} ELSE '{table.name}' END AS child, t.problem_id AS parent,
       CASE WHEN t.dropped IS NULL THEN 'derived' ELSE 'dropped' END AS relation, coalesce(t.dropped, '') AS reason
FROM ({chosen}) t""",
        settings=settings,
        group=group,
        label="source",
        licenses=LICENSES,
        about=about,
        example=example,
    )


def verify(settings: ProblemSettings, table: Table = VERIFY) -> Release:
    """Problems with all that a verdict depends on: ``ocr-assets verify`` reads the files as they are."""
    parts = ", ".join(f"to_json(s.{part})::VARCHAR AS {part}" for part in _PARTS)
    return of_problems(
        settings,
        table,
        "verify",
        f"""t.problem_id, t.statement AS question, t.starter_code, t.entry_point, {_TESTS} AS tests, {_LIMITS} AS limits, {parts},
t.source, t.license, t.dataset, t.split, t.index, t.difficulty, t.contamination, t.solve_rate""",
        "t.problem_id",
        about="""Programming problems with everything that a verdict on a program depends on: tests (standard input, calls,
assertions, pytest), limits, how outputs are compared, checkers and interactors. `ocr-assets verify` reads these files as they
are; the format is described in docs/grading.md, §2.""",
        example="""rows = load_dataset("parquet", data_files={"train": "data/train-*.parquet"}, split="train")
# judged by: ocr-assets verify data/train-00000-of-00001.parquet solutions.jsonl""",
    )


_CASES = """'[' || array_to_string(list_transform(list_filter(s.tests, lambda test: {which}), lambda test: CASE test.kind
    WHEN 'stdin' THEN json_object('input', test.input, 'output', test.output, 'testtype', 'stdin')::VARCHAR
    ELSE json_object('input', array_to_string(json_extract(test.input, '$.args[*]')::VARCHAR[], chr(10)), 'output', test.output,
                     'testtype', 'functional')::VARCHAR END), ', ') || ']'"""
_CALLS = "list_filter(s.tests, lambda test: test.kind = 'call')"


def livecodebench(settings: ProblemSettings, table: Table = LIVECODEBENCH) -> Release:
    """Problems in LiveCodeBench's columns, as far as its tests can say what ours say."""
    entry = f"{_CALLS}[1].entry_point"
    parameters = f"range(json_array_length({_CALLS}[1].input, '$.args')::BIGINT)"
    starter = f"""CASE WHEN t.starter_code IS NULL AND contains({entry}, '.')
    THEN 'class ' || split_part({entry}, '.', 1) || ':' || chr(10) || '    def ' || split_part({entry}, '.', -1) || '(self'
         || array_to_string(list_transform({parameters}, lambda n: ', x' || n), '')
         || '):' || chr(10) || '        ' ELSE coalesce(t.starter_code, '') END"""
    return of_problems(
        settings,
        table,
        "livecodebench",
        f"""coalesce(t.title, '') AS question_title, t.statement AS question_content, t.source AS platform,
t.problem_id AS question_id, t.origin AS contest_id, NULL::VARCHAR AS contest_date, {starter} AS starter_code, t.difficulty,
{_CASES.format(which="test.public")} AS public_test_cases, {_CASES.format(which="NOT test.public")} AS private_test_cases,
CASE WHEN {entry} IS NULL THEN '{{}}' ELSE json_object('func_name', split_part({entry}, '.', -1))::VARCHAR END AS metadata,
t.source, t.license, t.contamination, t.tests_total, t.solve_rate""",
        "t.problem_id",
        group="question_id",
        dropped=(
            "WHEN t.tests_total = 0 THEN 'filter: no tests'",
            "WHEN t.test_kinds NOT IN (['stdin'], ['call']) THEN 'filter: tests that are neither standard input nor calls'",
            "WHEN t.is_checked THEN 'filter: has a checker, an interactor, files or a comparison of its own'",
            "WHEN t.suite_id IN (SELECT suite_id FROM test_suites WHERE test_kinds = ['call'] AND list_bool_or(list_transform("
            "tests, lambda test: TRY(json_extract(test.input, '$.kwargs')::VARCHAR) IS DISTINCT FROM '{}'))) "
            "THEN 'filter: calls with named arguments'",
        ),
        about="""Programming problems with their tests in the columns of LiveCodeBench (arXiv 2403.07974), with labels behind. Its
tests are plain: problems that need a checker, an interactor or a comparison of their own are left out.""",
        example="""rows = load_dataset("parquet", data_files={"train": "data/train-*.parquet"}, split="train")
print(rows[0]["question_content"])""",
    )
