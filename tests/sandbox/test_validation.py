"""Suites put to the test by programs whose worth is known, and limits that allow what reference solutions need."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.definitions import build_definitions
from ocr_assets.grading.limits import resolve_limits
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.platform.lake import project_lake
from ocr_assets.programs.suites import NO_LIMITS, suite_from_json
from ocr_assets.schema import suite_id
from ocr_assets.verification.assets import suite_quality, suite_validation
from ocr_assets.verification.settings import ValidationSettings
from ocr_assets.verification.validation.validate import MARGIN, STEP_S, calibrated, needs_of, validate
from resources.lake import Lake, RunInfo
from resources.sandbox.docker_pool import DockerSandbox
from resources.settings import LakeResource
from tests.support.rows import problem as whole_problem
from tests.support.rows import put_problems

ADD = "a, b = map(int, input().split())\nprint(a + b)"
ADD_CPP = "#include <iostream>\nint main() { long long a, b; std::cin >> a >> b; std::cout << a + b; }"
SUBTRACT = ADD.replace("+", "-")
STRONG = [("1 2", "3"), ("5 -7", "-2"), ("0 9", "9")]
WEAK = [("0 0", "0")]
BROKEN = [("1 2", "4")]

seconds = st.none() | st.floats(0, 100)


@given(seconds, seconds, st.none() | st.floats(0.1, 20), st.none() | st.floats(0.5, 10), st.none() | st.floats(0.5, 10))
def test_limits_allow_three_times_what_reference_solutions_need(
    python_s: float | None, cpp_s: float | None, cpu_s: float | None, python_factor: float | None, cpp_factor: float | None
) -> None:
    settings = GradingSettings()
    stated: Any = {**NO_LIMITS, "cpu_s": cpu_s, "python_factor": python_factor, "cpp_factor": cpp_factor}
    given = calibrated(stated, {"python": python_s, "cpp": cpp_s}, settings)
    for language, need in (("python", python_s), ("cpp", cpp_s)):
        now = resolve_limits(given, language, settings).cpu_s  # type: ignore[arg-type]
        before = resolve_limits(stated, language, settings).cpu_s  # type: ignore[arg-type]
        assert now >= MARGIN * (need or 0) * (1 - 1e-9)
        assert now >= before * (1 - 1e-9)
    if not python_s and not cpp_s:
        assert resolve_limits(given, "cpp", settings) == resolve_limits(stated, "cpp", settings)


def test_limits_are_raised_in_steps() -> None:
    def limit(need: float) -> float:
        return resolve_limits(
            calibrated(NO_LIMITS, {"python": None, "cpp": need}, GradingSettings()), "cpp", GradingSettings()
        ).cpu_s

    assert limit(0.5) == 2.0
    assert limit(1.01) == limit(1.1) == 3.5
    assert limit(1.01) % STEP_S == 0


def problem(name: str, tests: list[tuple[str, str]], references: list[tuple[str, str, bool]]) -> dict[str, Any]:
    suite = suite_from_json({"tests": [{"kind": "stdin", "input": given, "output": out} for given, out in tests]})
    row = whole_problem(0, **suite, problem_id=name, raw_id=f"raw_{name}", dataset="local", contamination="clean")
    row["reference_solutions"] = [
        {"language": language, "code": code, "correct": correct} for language, code, correct in references
    ]
    row["suite_id"] = suite_id(row)
    return row


def validated(sandbox: DockerSandbox, row: dict[str, Any], mutants: int = 4) -> list[Any]:
    suite = {name: row[name] for name in ("tests", "compare", "checker", "interactor", "limits", "files")}
    return validate(sandbox, {**row, "suite": suite, "plan": "p"}, ValidationSettings(mutants=mutants))  # type: ignore[typeddict-item]


REFERENCES = [
    ("python", ADD, True), ("cpp", ADD_CPP, True), ("python", SUBTRACT, False), ("java", "class Main {}", True),
]  # fmt: skip


def test_reference_solutions_pass_and_rejected_submissions_and_mutants_fail(sandbox: DockerSandbox) -> None:
    rows = validated(sandbox, problem("p", STRONG, REFERENCES))
    assert [(row["role"], row["language"], row["verdict"]) for row in rows[:3]] == [
        ("reference", "python", "accepted"), ("reference", "cpp", "accepted"), ("rejected", "python", "wrong_answer"),
    ]  # fmt: skip
    mutated = [row for row in rows if row["role"] == "mutant"]
    assert [(row["mutation"], row["verdict"]) for row in mutated] == [("line 2: + → -", "wrong_answer")]
    assert needs_of(rows)["python"] == pytest.approx(rows[0]["cpu_s"] * min(1.0, rows[0]["host_speed"]))


def test_what_a_slow_reference_solution_needs_is_measured_beyond_the_limit(sandbox: DockerSandbox) -> None:
    slow = "import time\nwhile time.process_time() < 0.6: pass\n" + ADD
    row = problem("p", STRONG[:1], [("python", slow, True)])
    row["limits"] = {**NO_LIMITS, "cpu_s": 0.2, "python_factor": 1.0}
    (good,) = validated(sandbox, row, mutants=0)
    assert good["verdict"] == "accepted"
    assert calibrated(row["limits"], needs_of([good]), GradingSettings())["python_factor"] * 0.2 >= 1.8 * min(
        1, good["host_speed"]
    )


@pytest.fixture
def home(tmp_path: Path) -> LakeResource:
    resource = LakeResource(home=str(tmp_path))
    rows = [
        problem("broken", BROKEN, REFERENCES),
        problem("strong", STRONG, REFERENCES),
        problem("unknown", STRONG, [("java", "class Main {}", True)]),
        problem("weak", WEAK, REFERENCES),
    ]
    write_problems(resource, rows)
    return resource


def write_problems(resource: LakeResource, rows: list[dict[str, Any]]) -> None:
    with project_lake(resource) as lake, lake.write(RunInfo("run", "job", ""), "clean_problems") as write:
        put_problems(write, rows)


def materialize(resource: LakeResource, **quality: float) -> tuple[int, dict[str, Any]]:
    """Sandbox runs, and the quality of each problem's suite."""
    resources = {**(build_definitions().resources or {}), "lake": resource}
    config = dg.RunConfig({"suite_quality": {"config": quality}})
    result = dg.materialize([suite_validation, suite_quality], resources=resources, run_config=config)
    runs = result.asset_materializations_for_node("suite_validation")[0].metadata["sandbox runs"].value
    with project_lake(resource) as lake:
        return runs, {row["problem_id"]: row for row in lake.rows("FROM suite_quality")}


@pytest.mark.long
def test_quality_says_which_suites_are_broken_or_weak_and_runs_nothing_twice(home: LakeResource) -> None:
    runs, found = materialize(home)
    assert runs == 3 * 3 + 2  # three references in three suites; a mutant where a reference solution passes
    assert {name: row["status"] for name, row in found.items()} == {
        "broken": "quarantined", "strong": "qualified", "unknown": "unknown", "weak": "qualified",
    }  # fmt: skip
    assert found["broken"]["reason"].startswith("2 of 2 reference solutions fail, such as: token 1: expected '4', got '3'")
    assert found["unknown"]["reason"] == "no reference solution that can be run"
    assert (found["strong"]["true_positive_rate"], found["strong"]["true_negative_rate"]) == (1.0, 1.0)
    assert found["weak"]["true_negative_rate"] == 0.0
    runs, again = materialize(home, min_true_positive_rate=0.0)
    assert runs == 0
    assert again["broken"]["status"] == "qualified"


def test_new_reference_solutions_are_run_and_count(home: LakeResource) -> None:
    materialize(home)
    write_problems(home, [problem("strong", STRONG, [*REFERENCES, ("python", "print(3)", False)])])
    runs, found = materialize(home)
    assert runs == 5
    assert found["strong"]["rejected_run"] == found["strong"]["rejected_failed"] == 2
    with project_lake(home) as lake:
        assert validation_rows(lake) == 4 + 3 + 4 + 5  # what was found before is kept


def validation_rows(lake: Lake) -> int:
    return int(lake.scalar("SELECT count(*) FROM suite_validation"))
