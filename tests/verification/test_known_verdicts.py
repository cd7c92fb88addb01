"""Verdicts on real programs whose worth others have settled: contest submissions, references, faulty programs, trials."""

from pathlib import Path

import known
import pytest

from ocr_assets.verification.grade import grade
from resources.sandbox.docker_pool import DockerSandbox

# At least so many programs must be found, so that a lost file does not make the test pass. KodCode's trials are many and
# slow: every eighth.
SETS = {
    "humaneval": (164, 1), "mbpp": (974, 1), "leetcode": (200, 1), "quixbugs": (80, 1), "apps": (101, 1), "kodcode": (90, 8),
    "packages": (140, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_verdicts_are_as_known(name: str, shared_data: Path, sandbox: DockerSandbox) -> None:
    least, step = SETS[name]
    programs = [program for number, program in enumerate(known.all_known(shared_data)[name]) if number % step == 0]
    assert len(programs) >= least

    def judge(program: known.Known) -> str | None:
        judged = grade(sandbox, program.language, program.code, program.suite)
        if judged["verdict"] in program.right:
            return None
        return f"{program.name}: {judged['verdict']} on test {judged['first_failure']}: {judged['message']}"

    assert [wrong for wrong in sandbox.map(judge, programs) if wrong] == []
    assert sandbox.faults == 0
