"""Verdicts on real programs whose worth others have settled: contest submissions, references, faulty programs, trials."""

import os
from pathlib import Path

import pytest

from ocr_assets.verification.grading.grade import grade
from resources.sandbox.docker_pool import DockerSandbox
from tests.support import known

# Programs that must be found at least, so that a lost file does not make the test pass; and which share of them is run here.
# OCR_ALL_KNOWN=1 runs all: a quarter of an hour.
SETS = {
    "humaneval": (164, 1), "mbpp": (974, 1), "leetcode": (200, 1), "quixbugs": (80, 1), "apps": (101, 1), "kodcode": (740, 8),
    "packages": (140, 5),
}  # fmt: skip
ALL = bool(os.environ.get("OCR_ALL_KNOWN"))


@pytest.mark.parametrize("name", SETS)
def test_verdicts_are_as_known(name: str, shared_data: Path, sandbox: DockerSandbox) -> None:
    least, share = SETS[name]
    programs = list(known.all_known(shared_data)[name])
    assert len(programs) >= least

    def judge(program: known.Known) -> str | None:
        judged = grade(sandbox, program.language, program.code, program.suite)
        if judged["verdict"] in program.right:
            return None
        return f"{program.name}: {judged['verdict']} on test {judged['first_failure']}: {judged['message']}"

    assert [wrong for wrong in sandbox.map(judge, programs[:: 1 if ALL else share]) if wrong] == []
    assert sandbox.faults == 0
