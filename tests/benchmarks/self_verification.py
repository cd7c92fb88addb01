"""Self-verification measured: how right it is, and how fast pytest suites are verified with coverage and without.

``python -m tests.benchmarks.self_verification truth`` (needs ``OCR_SHARED_DATA``): recorded generations and programs of known worth
pass through self-verification; precision and recall of "verified" against trusted tests, a line a source. ``… speed``: suites a
second in the warm sandbox beside a process each of ``python -m pytest`` and of ``pytest --cov``, interleaved in one run; needs
pytest-cov for the last (``OCR_PYTEST_COV`` names a Python that has it).
"""

import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ocr_assets.grading.grade import grade
from ocr_assets.programs.mutants import mutants
from ocr_assets.programs.suites import Suite, suite_from_json
from ocr_assets.synthesis.self_verification import pytest_suite, self_verify
from ocr_assets.synthesis.settings import SelfVerificationSettings
from resources.sandbox.api import Program, Run
from resources.sandbox.docker_pool import DockerSandbox
from tests.support.known import rows

SETTINGS = SelfVerificationSettings(coverage=False)
TESTS_SHOWN = 7  # at most, as KodCode's suites have 7.52 tests on average
PUBLISHED = {"precision": 0.975, "functions": 0.995}  # 78 of 80 MBPP problems, 189 of 190 LiveCodeBench functions


@dataclass(frozen=True)
class Trial:
    """A solution with the suite that is to verify it, and the truth: known, or what trusted tests say."""

    source: str
    name: str
    solution: str
    suite: str
    right: bool | None = None
    trusted: Suite | None = None


def kodcode(data: Path) -> Iterator[Trial]:
    """Recorded generations of KodCode's pipeline with the verdict of their own tests."""
    for row in rows(data / "kodcode/trials_with_verdicts.jsonl.gz"):
        name = f"{row['subset']} {row['question_id']} {row['trial']}"
        yield Trial(f"KodCode {row['stage']}", name, row["solution"], row["test_code"], row["verdict"] == "Pass")


def mbpp(data: Path, count: int) -> Iterator[Trial]:
    """MBPP: right programs and mutants of them before two of the assertions; all of them are the trusted tests."""
    for row in _some(rows(data / "mapcoder/MBPP.jsonl.gz"), count):
        asserts = row["test_list"] + row["challenge_test_list"]
        trusted = suite_from_json(
            {"tests": [{"kind": "assert", "code": f"{row['test_setup_code']}\n{code}"} for code in asserts]}
        )
        shown = "\n".join(f"def test_{number}():\n    {code.strip()}\n" for number, code in enumerate(row["test_list"][:2]))
        suite = f"from solution import *\n{row['test_setup_code']}\n{shown}"
        yield from _candidates("MBPP, two of its assertions", str(row["task_id"]), row["code"].replace("\r", ""), suite, trusted)


def leetcode(data: Path, count: int) -> Iterator[Trial]:
    """LeetCode: right programs and mutants before the statement's examples (two to five); the whole suite is trusted."""
    for row in _some(rows(next((data / "leetcodedataset").glob("*v0.2.0-train*"))), count):
        entry, cases = row["entry_point"], [case for case in row["input_output"] if "Error" not in str(case["output"])]
        if len(cases) < 2 or any(word in row["completion"] for word in ("ListNode", "TreeNode")):
            continue
        drawn = random.Random(row["task_id"]).sample(cases, min(TESTS_SHOWN, len(cases)))
        shown = "\n".join(
            f"def test_{number}():\n    assert {entry}({case['input']}) == {case['output']}\n"
            for number, case in enumerate(drawn)
        )
        code = f"{row['prompt']}\n{row['completion']}"
        test = f"{row['test']}\ncheck({entry})\n"
        trusted = suite_from_json({"tests": [{"kind": "assert", "code": test}]})
        yield from _candidates(
            "LeetCode, its examples", row["task_id"], code, f"from solution import *\ninf = float('inf')\n{shown}", trusted
        )


def _candidates(source: str, name: str, code: str, suite: str, trusted: Suite) -> Iterator[Trial]:
    yield Trial(source, name, code, suite, trusted=trusted)
    for mutant in mutants(code, "python", 3):
        yield Trial(source, f"{name}, {mutant.mutation}", mutant.code, suite, trusted=trusted)


def _some(found: Iterator[dict[str, object]], count: int) -> Iterator[dict[str, object]]:
    every = list(found)
    yield from random.Random(0).sample(every, min(count, len(every)))


def truth(count: int = 120, source: str = "") -> None:
    """Precision and recall of "verified", a line a source. ``count``: of MBPP and LeetCode problems."""
    data = Path(os.environ["OCR_SHARED_DATA"])
    trials = itertools.chain(kodcode(data), mbpp(data, count), leetcode(data, count))
    tally: dict[str, list[int]] = {}
    with DockerSandbox() as sandbox:

        def judged(trial: Trial) -> tuple[Trial, bool, str, str]:
            right = trial.right
            if right is None:
                assert trial.trusted is not None
                right = grade(sandbox, "python", trial.solution, trial.trusted, SETTINGS.grading)["verdict"] == "accepted"
            found = self_verify(sandbox, trial.solution, pytest_suite(trial.suite), SETTINGS)
            return trial, right, found["status"], found["message"]

        for trial, right, status, message in sandbox.map(judged, (trial for trial in trials if source in trial.source)):
            counts = tally.setdefault(trial.source, [0, 0, 0, 0])
            counts[2 * right + (status == "verified")] += 1
            if right != (status == "verified"):
                print(
                    f"  {'right' if right else 'wrong'} and {status}: {trial.source}: {trial.name}: {message[:120]!r}", flush=True
                )
    for name, (turned_away, wrongly, missed, rightly) in tally.items():
        precision, recall = rightly / max(1, rightly + wrongly), rightly / max(1, rightly + missed)
        print(
            f"{name:32} {sum(tally[name]):5} trials, {rightly + missed:4} right: precision {precision:.3f}, recall {recall:.3f} "
            f"(verified {rightly + wrongly}, of these wrong {wrongly}; wrong and turned away {turned_away})"
        )
    print(f"KodCode's own: {PUBLISHED['precision']} of what MBPP's tests verify is right, {PUBLISHED['functions']} of functions")


SOLUTION = "def middle(values):\n    ordered = sorted(values)\n    if not ordered:\n        return None\n    return ordered[len(ordered) // 2]\n"
SUITE = "from solution import middle\nimport pytest\n\n" + "".join(
    f"def test_{number}():\n    assert middle([{number}, {number + 2}, {number + 1}]) == {number + 1}\n\n" for number in range(7)
)


def speed(repeats: int = 12) -> None:
    """Suites a second, four ways in turn; each line also as a multiple of the first."""
    python = os.environ.get("OCR_PYTEST_COV", sys.executable)
    with DockerSandbox(1) as sandbox, tempfile.TemporaryDirectory() as folder:
        for name, text in (("solution.py", SOLUTION), ("test_solution.py", SUITE)):
            (Path(folder) / name).write_text(text)
        options = ["-q", "-p", "no:cacheprovider", "test_solution.py"]

        def warm(coverage: bool) -> None:
            outcome = sandbox.execute(Program("python", SOLUTION, [Run("pytest", code=SUITE)], coverage=coverage))
            assert outcome.runs[0].status == "ok" and (outcome.runs[0].coverage is not None) == coverage

        def process(*more: str) -> None:
            subprocess.run([python, "-B", "-m", "pytest", *options, *more], cwd=folder, check=True, capture_output=True)

        ways: dict[str, Callable[[], None]] = {
            "python -m pytest": process,
            "in the sandbox": lambda: warm(False),
            "pytest --cov --cov-branch": lambda: process("--cov=solution", "--cov-branch", "--cov-report=json"),
            "in the sandbox, with coverage": lambda: warm(True),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(repeats + 1):
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                if turn:  # the first of each makes things warm
                    seconds[name].append(time.perf_counter() - start)
        median = {name: sorted(times)[len(times) // 2] for name, times in seconds.items()}
        for name, value in median.items():
            print(f"{name:32} {1 / value:7.1f} suites/s")
        for fast, slow in (
            ("in the sandbox", "python -m pytest"),
            ("in the sandbox, with coverage", "pytest --cov --cov-branch"),
        ):
            print(f"{fast}: {median[slow] / median[fast]:.1f} times as many as {slow}")
        print(json.dumps({name: round(value, 4) for name, value in median.items()}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["truth"]:
        truth(int(sys.argv[2]) if sys.argv[2:] else 120, " ".join(sys.argv[3:]))
    else:
        speed()
