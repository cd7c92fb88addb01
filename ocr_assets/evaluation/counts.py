"""How each model's samples of each problem stand: how many have a verdict, how many passed. SQL over the lake, a row a problem.

What that adds up to is ``adding_up.py``; what two models' rows say together is ``comparing.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocr_assets.evaluation.benchmarks import BENCHMARKS
from ocr_assets.grading.version import VERSION_OF_VERDICT, parameters
from ocr_assets.schema import json_text
from resources.lake import Lake

# A sample's programs, by our extraction and, where the benchmark has one, by its own. A permanent failure to get an answer is no
# answer of the model's, but for a prompt that leaves it no room and a refusal, which are. Where a problem was asked in several
# wordings (another template), only the answers to the last one count: the others are about another prompt.
PROGRAMS = """
SELECT s.sample_id, s.sample_index, s.model, s.benchmark, s.problem_id, s.language, s.prompt_style, s.sampling, e.extraction,
       e.code_hash, e.code,
       coalesce(s.failure NOT IN ('context_too_long', 'refused'), false) AS no_answer
FROM (
    FROM evaluation_samples
    QUALIFY prompt_hash = arg_max(prompt_hash, created_at) OVER (PARTITION BY problem_id, model, language, prompt_style, sampling)
) s, LATERAL (
    SELECT 'ours' AS extraction, s.code_hash, s.code
    UNION ALL SELECT 'published', s.published_code_hash, s.published_code WHERE list_contains($own_extraction, s.benchmark)
) e
"""

# The verdict that counts of a program p before a suite u: of this grader, the last; a fault of the sandbox only if there is none.
# In a query with PROGRAMS. Joined on equal columns only: programs and verdicts meet by hash, not each with each.
VERDICT = f"""
JOIN test_suites t USING (suite_id)
LEFT JOIN (
    SELECT v.*, s.language AS program_language
    FROM evaluation_verdicts v JOIN (SELECT DISTINCT code_hash, language, code FROM programs) s ON s.code_hash = v.solution_id
    JOIN test_suites t ON t.suite_id = v.suite_id
    WHERE v.grader_version = {VERSION_OF_VERDICT}
    QUALIFY row_number() OVER (PARTITION BY v.solution_id, v.suite_id, s.language
                               ORDER BY v.verdict = 'sandbox_error', v.created_at DESC) = 1
) v ON v.solution_id = p.code_hash AND v.suite_id = u.suite_id AND v.program_language = p.language
"""

_PASSED = f"""
SELECT p.sample_id, p.extraction, u.name AS suite,
       CASE WHEN p.no_answer THEN NULL WHEN p.code IS NULL THEN false
            WHEN v.verdict IN ('sandbox_error', 'ungradable') THEN NULL ELSE v.verdict = 'accepted' END AS passed
FROM programs p
JOIN (SELECT problem_id, unnest(suites, recursive := true) FROM benchmark_problems) u USING (problem_id)
{VERDICT}"""

# A metric's suites all have to pass (those it names, or if none all there are); one that does not decides. Parameters: grader,
# online_judge, own_extraction (benchmarks with a rule of their own), metrics (JSON: benchmark, metric, suites).
COUNTS = f"""
WITH programs AS MATERIALIZED ({PROGRAMS}),
passed AS ({_PASSED}),
metrics AS (SELECT unnest(from_json($metrics, '[{{"benchmark": "VARCHAR", "metric": "VARCHAR", "suites": ["VARCHAR"]}}]'),
                          recursive := true)),
judged AS (
    SELECT p.model, p.benchmark, p.problem_id, p.language, p.prompt_style, p.sampling, p.extraction, m.metric, p.sample_id,
           CASE WHEN bool_or(NOT d.passed) FILTER (m.suites = [] OR list_contains(m.suites, d.suite)) THEN false
                WHEN count(d.passed) FILTER (m.suites = [] OR list_contains(m.suites, d.suite))
                     < any_value(if(len(m.suites) = 0, len(b.suites), len(m.suites))) THEN NULL
                ELSE true END AS passed
    FROM programs p JOIN metrics m USING (benchmark) JOIN benchmark_problems b USING (problem_id)
    LEFT JOIN passed d ON d.sample_id = p.sample_id AND d.extraction = p.extraction
    GROUP BY ALL
)
SELECT j.model, j.benchmark, j.language, j.prompt_style, j.extraction, j.sampling, j.metric,
       j.problem_id, b.task_id, b.difficulty, b.platform, b.published, b.part_of,
       count(j.passed) AS tried, count(*) FILTER (j.passed) AS passed, count(*) FILTER (j.passed IS NULL) AS without_verdict
FROM judged j JOIN benchmark_problems b USING (problem_id)
GROUP BY ALL
ORDER BY ALL
"""


@dataclass(frozen=True)
class Asked:
    """What a model's samples have in common."""

    model: str
    benchmark: str
    language: str
    prompt_style: str
    extraction: str
    sampling: str
    metric: str


@dataclass(frozen=True)
class Standing:
    """How a problem's samples stand, and what it may be sliced by. ``cluster``: problems that stand or fall together share it."""

    problem_id: str
    difficulty: str | None
    platform: str | None
    published: str | None
    cluster: str
    tried: int
    passed: int
    without_verdict: int


def standings(store: Lake, *, online_judge: bool) -> dict[Asked, list[Standing]]:
    """Every model's samples, by what was asked and how: a standing a problem, in the order of problems."""
    metrics = [
        {"benchmark": name, "metric": metric, "suites": list(suites)}
        for name, benchmark in BENCHMARKS.items()
        for metric, suites in benchmark.metrics.items()
    ]
    given = {**given_to_programs(online_judge=online_judge), "metrics": json_text(metrics)}
    found: dict[Asked, list[Standing]] = {}
    for row in store.stream(COUNTS, given):
        asked = Asked(**{name: row[name] for name in Asked.__annotations__})
        found.setdefault(asked, []).append(_standing(row))
    return found


def given_to_programs(*, online_judge: bool) -> dict[str, Any]:
    """Parameters of ``PROGRAMS`` and ``VERDICT``."""
    own = [name for name, benchmark in BENCHMARKS.items() if benchmark.published_code is not None]
    return {**parameters(online_judge=online_judge), "own_extraction": own}


def _standing(row: Mapping[str, Any]) -> Standing:
    told = {name: row[name] for name in Standing.__annotations__ if name != "cluster"}
    return Standing(**told, cluster=row["part_of"] or row["problem_id"])


def slices(problems: Sequence[Standing], windows: Sequence[str]) -> dict[tuple[str, str], list[Standing]]:
    """The parts that figures are given for, by what they are named by and their name: all, each difficulty, platform, quarter of
    publication, and each window of days that any problem lies in."""
    parts: dict[tuple[str, str], list[Standing]] = {("all", "all"): list(problems)}
    for problem in problems:
        if problem.difficulty:
            parts.setdefault(("difficulty", problem.difficulty), []).append(problem)
        if problem.platform:
            parts.setdefault(("platform", problem.platform), []).append(problem)
        if day := problem.published:
            parts.setdefault(("quarter", f"{day[:4]}-Q{(int(day[5:7]) + 2) // 3}"), []).append(problem)
            for window in windows:
                first, _, last = window.partition("/")
                if first <= day <= last:
                    parts.setdefault(("window", window), []).append(problem)
    return parts
