"""The cases: reading them from ``data/``, choosing some, writing large values out.

A case is a problem and a solution in the form of ``ocr-assets verify`` (docs/grading.md, §2), with ``case_id``, ``group``,
``expected`` (a verdict, or a list where several are right) and ``why``. Running them is ``check.py``.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ocr_assets.platform.row_files import BadInput, read_jsonl
from ocr_assets.schema import VerdictName

FOLDER = Path(__file__).parent / "data"
VERDICTS: tuple[str, ...] = get_args(VerdictName)
GROUPS = {
    "verdicts": "§1: each verdict, and which test decides",
    "comparison_tokens": "§3: words and integers, exactly, in order and complete",
    "comparison_numbers": "§3: decimals within a tolerance",
    "comparison_policies": "§2, §3: exact, lines, unordered, case",
    "comparison_bytes": "§3: bytes are bytes; large inputs and outputs",
    "input_styles": "§3: every way to read stdin and to end",
    "call": "§3: functions called, values compared by type and structure",
    "call_cpp": "§3: C++ functions called, by the types of their own signature",
    "assert": "§2, §5: assertions, and programs that bend them",
    "pytest": "§2, §5: pytest suites, and programs that bend them",
    "declared_skips": "§3: tests that the suite itself skips or expects to fail, and solutions that try it",
    "platform": "§2, §3: what call-based judges offer, programs that read their own text, numpy, input.txt",
    "hash_order": "§4: programs that are right by the luck of a hash seed, and some that only look so",
    "checkers": "§3: a problem's own checker, testlib and Kattis",
    "interactors": "§2, §3: problems that talk",
    "limits": "§1, §4: CPU time, wall time, memory, output, processes",
    "language_python": "what judges allow in Python",
    "language_cpp": "what judges allow in C++14 to C++23",
    "compile_errors": "§1: programs that do not compile",
    "attacks_resources": "§5: bombs, floods, programs that do not end",
    "attacks_processes": "§5: daemons, signals, descriptors",
    "attacks_isolation": "§5: other processes, files, the network, the kernel",
    "attacks_results": "§5: forged results, patched interpreters, stolen answers",
    "attacks_suites": "§3.4: programs that bend the suite before which they stand, and honest ones that look like them",
    "attacks_compiler": "§5: what a compiler can be made to do",
}


@dataclass(frozen=True)
class Case:
    """One case. ``expected``: the verdicts that are right; ``first_failure``: the index of the test that decides, where
    the case is about that."""

    case_id: str
    group: str
    why: str
    expected: tuple[str, ...]
    problem: Mapping[str, Any]
    solution: Mapping[str, Any]
    first_failure: int | None = None

    @property
    def language(self) -> str:
        return str(self.solution["language"])

    def request(self) -> dict[str, Any]:
        """What a grader is told: no expected verdict."""
        return {"case_id": self.case_id, "problem": self.problem, "solution": self.solution}

    def public(self) -> dict[str, Any]:
        """The case as one object, large values written out."""
        expected = self.expected[0] if len(self.expected) == 1 else list(self.expected)
        return {**self.request(), "group": self.group, "why": self.why, "expected": expected}


def load(
    groups: Sequence[str] = (), language: str | None = None, patterns: Sequence[str] = (), folder: Path = FOLDER
) -> list[Case]:
    """Cases in the order of the groups and files; empty choices mean all. ``patterns``: of case ids, as a shell has them.

    Raises ``BadInput`` naming file and line where the data is wrong.
    """
    cases: list[Case] = []
    for group in GROUPS:
        if groups and group not in groups:
            continue
        for number, row in read_jsonl(folder / f"{group}.jsonl"):
            case = _case(row, group, f"{folder / group}.jsonl, line {number}")
            if language in (None, case.language) and (not patterns or any(fnmatch.fnmatch(case.case_id, p) for p in patterns)):
                cases.append(case)
    return cases


def _case(row: Mapping[str, Any], group: str, where: str) -> Case:
    missing = [name for name in ("case_id", "group", "why", "expected", "problem", "solution") if name not in row]
    if missing:
        raise BadInput(f"{where}: a case needs {', '.join(missing)}")
    expected = row["expected"] if isinstance(row["expected"], list) else [row["expected"]]
    unknown = [verdict for verdict in expected if verdict not in VERDICTS]
    if unknown or not expected:
        raise BadInput(f'{where}: "expected" must be one or more of {", ".join(VERDICTS)}')
    if row["group"] != group:
        raise BadInput(f"{where}: group {row['group']} stands in the file of {group}")
    case_id = str(row["case_id"])
    try:
        problem, solution = expand(row["problem"]), expand(row["solution"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{where}: a generated value cannot be written out: {error!r}") from error
    return Case(
        case_id, group, str(row["why"]), tuple(expected), {"problem_id": case_id, **problem},
        {"solution_id": case_id, "problem_id": case_id, **solution}, row.get("first_failure"),
    )  # fmt: skip


def expand(value: Any) -> Any:
    """``value`` with every ``{"generate": [part, …]}`` in it written out as the string it stands for.

    A part is a string, ``{"repeat": text, "times": n}`` or ``{"count": [first, last], "separator": text}``, the integers
    from ``first`` to ``last``.
    """
    if isinstance(value, list):
        return [expand(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"generate"}:
            return "".join(map(_part, value["generate"]))
        return {name: expand(item) for name, item in value.items()}
    return value


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if "repeat" in part:
        return str(part["repeat"]) * int(part["times"])
    first, last = part["count"]
    return str(part["separator"]).join(map(str, range(first, last + 1)))
