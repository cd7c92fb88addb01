"""What people see of a run: a table by group, the wrong verdicts, and the whole as JSON."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ocr_assets.conformance.cases import GROUPS, Case
from ocr_assets.conformance.check import Result


def summary(found: Sequence[Result]) -> str:
    """Cases by group and language: how many are right, wrong, unsupported."""
    rows: list[tuple[str, ...]] = [("group", "language", "cases", "right", "wrong", "unsupported")]
    counts = Counter((r.case.group, r.case.language, r.mark) for r in found)
    for group in GROUPS:
        for language in ("python", "cpp"):
            marks = [counts[group, language, mark] for mark in ("right", "wrong", "unsupported")]
            if sum(marks):
                rows.append((group, language, str(sum(marks)), *map(str, marks)))
    marks = [sum(r.mark == mark for r in found) for mark in ("right", "wrong", "unsupported")]
    rows.append(("all", "", str(len(found)), *map(str, marks)))
    return _table(rows)


def comparison(results: Mapping[str, Sequence[Result]]) -> str:
    """Several graders on the same cases as a Markdown table: a line a group, in each cell the wrong verdicts of those given;
    at the end how many wrong programs were accepted, and right ones refused."""
    lines = ["| group | " + " | ".join(results) + " |", "|---|" + "---:|" * len(results)]
    for group in GROUPS:
        of_group = {name: [r for r in found if r.case.group == group] for name, found in results.items()}
        if any(of_group.values()):
            lines.append(f"| `{group}` | " + " | ".join(map(_wrong_of_judged, of_group.values())) + " |")
    lines.append("| all | " + " | ".join(map(_wrong_of_judged, results.values())) + " |")
    for title, accepted in (("wrong programs accepted", True), ("right programs refused", False)):
        counts = [
            sum(r.mark == "wrong" and (r.case.expected != ("accepted",)) is accepted for r in found) for found in results.values()
        ]
        lines.append(f"| {title} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines)


def _wrong_of_judged(found: Sequence[Result]) -> str:
    judged = [result for result in found if result.mark != "unsupported"]
    return f"{sum(result.mark == 'wrong' for result in judged)} of {len(judged)}" if judged else "–"


def wrong_verdicts(found: Sequence[Result]) -> str:
    """Each wrong verdict: what was said, what is right and why; empty if there is none."""
    parts = []
    for result in found:
        if result.mark == "wrong":
            parts.append(f"{result.case.case_id}: said {result.said}; {result.problem}")
            parts.append(textwrap.fill(result.case.why, 110, initial_indent="    ", subsequent_indent="    "))
            if result.message:
                parts.append(f"    the grader: {' '.join(result.message.split())[:200]}")
    return "\n".join(parts)


def as_json(found: Sequence[Result], grader: str) -> dict[str, Any]:
    """The run as one object: the grader, counts in all and by group, one object a case."""
    counts = Counter(result.mark for result in found)
    groups = {
        group: {mark: sum(r.mark == mark for r in found if r.case.group == group) for mark in ("right", "wrong", "unsupported")}
        for group in GROUPS
        if any(r.case.group == group for r in found)
    }
    return {
        "grader": grader, "cases": len(found), "right": counts["right"], "wrong": counts["wrong"],
        "unsupported": counts["unsupported"], "groups": groups, "results": [result.public() for result in found],
    }  # fmt: skip


def listing(cases: Sequence[Case]) -> str:
    """One line a case: id, right verdicts, why."""
    return _table([(case.case_id, " or ".join(case.expected), case.why) for case in cases])


def readable(case: Case) -> str:
    """One case for a person: the solution's code and the problem's fields, large values cut."""
    lines = [f"# {case.case_id}: {' or '.join(case.expected)}", f"# {case.why}", "", f"--- {case.language}"]
    lines.append(_cut(str(case.solution["code"]), 4000))
    for index, test in enumerate(case.problem["tests"]):
        for name, value in test.items():
            text = value if isinstance(value, str) else repr(value)
            lines += [f"--- tests[{index}].{name}", _cut(text, 1000)]
    for name, value in case.problem.items():
        if name in ("checker", "interactor"):
            lines += [f"--- {name} ({value['protocol']}, {value['language']})", value["source"]]
        elif name not in ("tests", "problem_id"):
            lines += [f"--- {name}", repr(value)]
    return "\n".join(lines)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    numeric = [all(row[column].isdigit() for row in rows[1:]) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            text.rjust(width) if number else text.ljust(width) for text, width, number in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
