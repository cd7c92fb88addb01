"""IOI: functions judged with the grader that calls them, parts of points, subtasks, and which submissions count."""

import json
from pathlib import Path

import pytest

from ocr_assets.evaluation.asking import program, prompt, whole
from ocr_assets.evaluation.benchmarks import BENCHMARKS, BenchmarkProblem, Selection, WrongBenchmark
from ocr_assets.evaluation.ioi_score import Submission, subtask_points, task_score
from ocr_assets.grading.grade import grade
from resources.sandbox.docker_pool import DockerSandbox
from tests.support.graph import only, open_lake, run

# The grader has names of its own that a solution may have as well.
GRADER = """#include "sums.h"
#include <cstdio>
#ifndef EVAL
#error only with EVAL
#endif
static int n, total;
int main() {
    if (scanf("%d", &n) != 1) return 1;
    total = add(n);
    printf("%d\\n", total);
}
"""
CHECKER = """#include "testlib.h"
int main(int argc, char** argv) {
    auto wanted = number(argv[2]), found = number(argv[3]);
    printf("%s\\n", found == wanted ? "1" : found == wanted - 1 ? "0.4" : "0");
}
"""
TESTLIB = """#include <cstdio>
inline int number(const char* name) { int n = 0; FILE* file = fopen(name, "r"); if (fscanf(file, "%d", &n) != 1) n = -1; return n; }
"""
CONFIG = {"code": "sums", "time_limit": 1.0, "memory_limit": 268435456, "score_precision": 2, "task_type": "Batch"}
FILES = [
    ["graders/grader.cpp", GRADER],
    ["graders/sums.h", "int add(int n);\n"],
    ["graders/grader_config.json", json.dumps(CONFIG)],
    ["checker/checker.cpp", CHECKER],
    ["checker/testlib.h", TESTLIB],
]
TESTS = {"1": {"a": (1, 1), "b": (2, 3)}, "2": {"a": (1, 1), "c": (4, 10)}}
POINTS = {"0": 0.0, "1": 30.0, "2": 70.0}
RIGHT = "int n, total;\nint add(int k) {\n    for (n = 1; n <= k; n++) total += n;\n    return total;\n}\n"
ONLY_SMALL = "int add(int k) { return k == 4 ? 9 : k * (k + 1) / 2; }\n"


def as_open_r1(folder: Path) -> list[Path]:
    rows = [
        {"id": "sums", "name": "Sums", "subtask": name, "score": points, "problem": f"Subtask {name}: add.", "grader_files": FILES,
         "test_names": list(TESTS.get(name, {}))}
        for name, points in POINTS.items()
    ]  # fmt: skip
    cases = {test: case for tests in TESTS.values() for test, case in tests.items()}
    tests = [
        {"problem_id": "sums", "test_name": name, "test_input": f"{given}\n", "test_output": f"{wanted}\n"}
        for name, (given, wanted) in cases.items()
    ]
    for name, content in (("problems.jsonl", rows), ("cases.jsonl", tests)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in content))
    return [folder / "problems.jsonl", folder / "cases.jsonl"]


def as_nemo_skills(folder: Path) -> list[Path]:
    rows = [{"name": "Sums", "ioi_id": "sums", "subtask": name, "question": f"Subtask {name}: add."} for name in TESTS]
    tree = {
        "Sums": {
            name: {
                "tests": {test: {"input": f"{given}\n", "output": f"{wanted}\n"} for test, (given, wanted) in tests.items()},
                "subtask_score": POINTS[name], "score_precision": 2, "run": "", "compile": "", "grader_files": FILES,
            }
            for name, tests in TESTS.items()
        }
    }  # fmt: skip
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "test_metadata.json").write_text(json.dumps(tree))
    return [folder / "test.jsonl", folder / "test_metadata.json"]


def points(problem: BenchmarkProblem, code: str, sandbox: DockerSandbox) -> dict[str, float]:
    found = {}
    for part in problem.suites:
        graded = grade(sandbox, "cpp", whole(problem, code), part.suite)
        found[part.name] = subtask_points(graded["tests"], graded["tests_total"], part.points or 0)
    return found


def test_both_forms_are_read_alike(tmp_path: Path) -> None:
    published, prepared = (
        list(BENCHMARKS["ioi"].read(form(tmp_path), Selection(), None)) for form in (as_open_r1, as_nemo_skills)
    )
    assert published == prepared
    assert [(one.task_id, one.group, [(part.name, part.points) for part in one.suites]) for one in published] == [
        ("sums/1", "sums", [("1", 30.0), ("2", 70.0)]), ("sums/2", "sums", [("1", 30.0), ("2", 70.0)]),
    ]  # fmt: skip
    assert published[0].entry_point == "add" and "int add(int n);" in prompt(published[0], "cpp")[1]["content"]


def test_an_answer_is_judged_by_all_subtasks_of_its_task(tmp_path: Path, sandbox: DockerSandbox) -> None:
    first = next(iter(BENCHMARKS["ioi"].read(as_open_r1(tmp_path), Selection(), None)))
    assert points(first, RIGHT, sandbox) == {"1": 30.0, "2": 70.0}  # names of the grader's own do not meet the solution's
    assert points(first, ONLY_SMALL, sandbox) == {"1": 30.0, "2": 28.0}
    assert points(first, "int add(int k) { return k == 1 ? 1 : 2; }\n", sandbox) == {"1": 12.0, "2": 0.0}


def test_an_answer_is_a_program_with_its_grader(tmp_path: Path, sandbox: DockerSandbox) -> None:
    problem = next(iter(BENCHMARKS["ioi"].read(as_open_r1(tmp_path), Selection(), None)))
    answer = f"<think>add</think>\n```cpp\n{RIGHT}```\n"
    ours, published = program(problem, answer, "cpp"), program(problem, answer, "cpp", "published")
    for judged in (ours, published):
        assert judged is not None and grade(sandbox, "cpp", judged, problem.suites[1].suite)["verdict"] == "accepted"


def test_a_task_with_a_manager_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = as_open_r1(tmp_path)
    files[0].write_text(files[0].read_text().replace('\\"Batch\\"', '\\"Communication\\"'))
    assert list(BENCHMARKS["ioi"].read(files, Selection(), None)) == [] and "sums" in caplog.text


def test_tests_that_are_missing_are_named(tmp_path: Path) -> None:
    files = as_open_r1(tmp_path)
    with pytest.raises(WrongBenchmark, match="Sums: no test case a among the files"):
        list(BENCHMARKS["ioi"].read(files[:1], Selection(), None))


def test_which_submissions_count() -> None:
    weak = [Submission("1", {"1": 30.0, "2": 0.0})] * 3
    strong = Submission("2", {"1": 0.0, "2": 70.0})
    scored = task_score([*weak, strong, Submission("2", {"1": 30.0, "2": 35.5})], counted=2)
    assert scored.published == 100.0 and scored.honest == 100.0 and scored.unlimited == 100.0
    late = task_score([*weak, Submission("2", {"1": 0.0, "2": 0.0}), strong], counted=2)
    assert (late.published, late.honest, late.unlimited) == (100.0, 30.0, 100.0)
    assert task_score([]) == task_score([], counted=1) and task_score([]).honest == 0.0


@pytest.mark.long
def test_models_have_points_in_the_lake(tmp_path: Path) -> None:
    """The files through the graph: one sample a subtask, the points of the task by both rules."""
    (tmp_path / "benchmarks" / "ioi").mkdir(parents=True)
    as_open_r1(tmp_path / "benchmarks" / "ioi")
    (tmp_path / "answers").mkdir()
    lines = [
        {"alias": f"m|ioi|sums/{subtask}|cpp|0", "content": f"```cpp\n{code}```\n"}
        for subtask, code in (("1", ONLY_SMALL), ("2", "int add(int k) { return 0; }\n"))
    ]
    (tmp_path / "answers" / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assets = ("benchmark_problems", "evaluation_samples", "evaluation_verdicts", "evaluations")
    home = tmp_path / "home"
    run(
        "run", *only(*assets), home=home, OCR_SANDBOX="docker", OCR_EVALUATION_BENCHMARKS=str(tmp_path / "benchmarks"),
        OCR_EVALUATED_MODELS="m", OCR_EVALUATED_RECORDINGS=str(tmp_path / "answers"), OCR_EVALUATION_SAMPLES="1",
    )  # fmt: skip
    with open_lake(home) as lake:
        (row,) = lake.rows("FROM evaluation_points WHERE extraction = 'ours'")
        (solved,) = lake.rows("SELECT value FROM evaluations WHERE slice_by = 'all' AND extraction = 'ours' AND k = 1")
    assert (row["task"], row["available"], row["submissions"], row["without_verdict"]) == ("sums", 100.0, 2, 0)
    assert row["published_rule"] == row["honest_rule"] == row["unlimited"] == 58.0 and solved["value"] == 0.0


def test_real_hieroglyphs(shared_data: Path, sandbox: DockerSandbox) -> None:
    folder = shared_data / "nemoskills" / "ioi"
    [problem] = BENCHMARKS["ioi"].read([folder / "test.jsonl", folder / "test_metadata.json"], Selection(), None)
    [row] = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    answer = program(problem, row["generation"], "cpp", "published")  # its fence ends in the last line of code
    assert answer is not None and problem.entry_point == "ucs"
    [part] = problem.suites
    graded = grade(sandbox, "cpp", answer, part.suite)
    assert subtask_points(graded["tests"], graded["tests_total"], part.points or 0) == 42.0, graded["message"]
