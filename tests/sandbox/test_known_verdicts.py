"""Verdicts on real programs whose worth others have settled: contest submissions, references, faulty programs, trials."""

from pathlib import Path

import pytest

from ocr_assets.grading.grade import grade
from resources.sandbox.docker_pool import DockerSandbox
from tests.support import known
from tests.support.size import size

# Programs that must be found at least, so that a lost file does not make the test pass; every how many is run here; and every how
# many in the full size: those that import large packages cost seconds each.
SETS = {
    "humaneval": (164, 8, 1), "mbpp": (974, 40, 1), "leetcode": (200, 20, 1), "quixbugs": (80, 4, 1), "apps": (101, 10, 1),
    "kodcode": (740, 48, 2), "packages": (140, 46, 4),
}  # fmt: skip


@pytest.mark.sized
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SETS)
def test_verdicts_are_as_known(name: str, shared_data: Path, sandbox: DockerSandbox) -> None:
    least, share, of_all = SETS[name]
    programs = list(known.all_known(shared_data)[name])
    assert len(programs) >= least

    def judge(program: known.Known) -> str | None:
        judged = grade(sandbox, program.language, program.code, program.suite)
        if judged["verdict"] in program.right:
            return None
        return f"{program.name}: {judged['verdict']} on test {judged['first_failure']}: {judged['message']}"

    assert [wrong for wrong in sandbox.map(judge, programs[:: size(share, of_all)]) if wrong] == []
    assert sandbox.faults == 0
