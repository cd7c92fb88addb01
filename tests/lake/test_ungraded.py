"""The solutions that need a verdict, with their suites, as the asset reads them."""

from pathlib import Path

import pytest

from ocr_assets.grading.settings import GradingSettings
from ocr_assets.platform.lake import project_lake
from ocr_assets.programs.published import limits, stdin_test
from ocr_assets.schema import SOLUTIONS, SUITE_QUALITY
from ocr_assets.verification.ungraded import ungraded
from resources.lake import Lake, RunInfo
from tests.support.rows import problem, put_problems, row_of


def filled(folder: Path, count: int) -> Lake:
    """A lake with ``count`` problems of two solutions each; the first problem's reference solution needs 2.5 s."""
    lake = project_lake(folder)
    tests = [[stdin_test(0, f"{number}\n", f"{number}\n", "official")] for number in range(count)]
    problems = [problem(n, suite_id=f"suite_{n}", tests=tests[n], limits=limits()) for n in range(count)]
    solutions = [
        row_of(SOLUTIONS, solution_id=f"s{sample}", problem_id=row["problem_id"], language="python", code=f"print({sample})")
        | {"solution_id": f"{row['suite_id']}_{sample}"}
        for sample in range(2) for row in problems
    ]  # fmt: skip
    quality = row_of(SUITE_QUALITY, problem_id=problems[0]["problem_id"], suite_id="suite_0", python_need_s=2.5)
    with lake, lake.write(RunInfo("run"), "test") as write:
        put_problems(write, problems)
        write.sync(SOLUTIONS, solutions)
        write.sync(SUITE_QUALITY, [quality])
    return lake


@pytest.mark.long
def test_solutions_of_one_problem_stand_together_with_its_suite(tmp_path: Path) -> None:
    with filled(tmp_path, 5) as lake:
        rows = list(ungraded(lake, GradingSettings()))
    assert len(rows) == 10
    suites = [item["suite_id"] for item, _ in rows]
    assert suites == [name for name in dict.fromkeys(suites) for _ in range(2)]
    assert {item["suite_id"]: suite["tests"][0]["input"] for item, suite in rows} == {f"suite_{n}": f"{n}\n" for n in range(5)}
    allowed = {item["suite_id"]: suite["limits"]["python_factor"] for item, suite in rows}
    assert allowed["suite_0"] * 2.0 == 7.5, "three times the 2.5 s that a reference solution needs"
    assert allowed["suite_1"] * 2.0 == 6.0


@pytest.mark.slow
def test_the_lake_is_asked_as_often_for_many_problems_as_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for count in (1, 40):
        with filled(tmp_path / str(count), count) as lake:
            cursors = []
            original = lake.cursor
            monkeypatch.setattr(lake, "cursor", lambda original=original, cursors=cursors: cursors.append(1) or original())
            assert len(list(ungraded(lake, GradingSettings()))) == 2 * count
            counts.append(len(cursors))
    assert counts[0] == counts[1]
