"""Problems that were released are judged as they were in the lake: by reward functions of trainers, and by ``verify``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.grading.files import Counts, verify
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.platform.lake import project_lake
from ocr_assets.rewards import CodeReward, RewardServer, compute_score
from resources.lake import Lake
from resources.sandbox.docker_pool import DockerSandbox
from tests.support.lakes import unpack_old_lake
from tests.support.releases import write_profile
from tests.support.reward_server import Served, serving


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with project_lake(unpack_old_lake(tmp_path_factory.mktemp("rewarded") / "lake")) as lake:
        yield lake


@pytest.fixture(scope="module")
def served(sandbox: DockerSandbox) -> Iterator[Served]:
    with serving(sandbox, wait_s=60) as server:
        yield server


@pytest.fixture(scope="module")
def judged(lake: Lake) -> list[dict[str, Any]]:
    """Of some problems of each kind (stdin, calls, checkers) a Python answer that passed and one that gave a wrong answer."""
    return lake.rows("""
        SELECT problem_id, solution_id, verdict, response, solution FROM triplets
        WHERE language = 'python' AND trusted AND verdict IN ('accepted', 'wrong_answer')
        QUALIFY row_number() OVER (PARTITION BY problem_id, verdict ORDER BY solution_id) = 1
            AND dense_rank() OVER (PARTITION BY tests[1].kind, checker IS NULL ORDER BY problem_id) <= 2
        ORDER BY solution_id""")


@pytest.mark.long
def test_a_reward_is_what_the_lakes_verdict_was(lake: Lake, judged: list[dict[str, Any]], served: Served, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    released = {}
    for profile in ("grpo", "verl"):
        folder = write_profile(lake, profile, tmp_path / profile, trusted_only=False, undecided=True)
        released[profile] = {row["problem_id"]: row for file in folder.glob("data/*") for row in pq.read_table(file).to_pylist()}
    assert {row["verdict"] for row in judged} == {"accepted", "wrong_answer"} and len({row["problem_id"] for row in judged}) > 4
    expected = [float(row["verdict"] == "accepted") for row in judged]
    problems = [released["grpo"][row["problem_id"]] for row in judged]
    answers = [[{"role": "assistant", "content": row["response"]}] for row in judged]
    columns = {name: [problem[name] for problem in problems] for name in ("problem", "language")}
    assert CodeReward(RewardServer(served.address))(answers, **columns) == expected
    for row, reward in list(zip(judged, expected, strict=True))[:4]:
        given = released["verl"][row["problem_id"]]
        truth, extra = given["reward_model"]["ground_truth"], given["extra_info"]
        found = compute_score(given["data_source"], row["response"], truth, extra, url=served.address)
        assert found == {"score": reward, "acc": reward}


def test_verify_reads_the_release_as_it_is(
    lake: Lake, judged: list[dict[str, Any]], sandbox: DockerSandbox, tmp_path: Path
) -> None:
    folder = write_profile(lake, "verify", tmp_path / "problems", undecided=True)
    solutions = tmp_path / "solutions.jsonl"
    lines = [
        {"solution_id": row["solution_id"], "problem_id": row["problem_id"], "language": "python", "code": row["solution"]}
        for row in judged
    ]
    solutions.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (problems,) = folder.glob("data/*.parquet")
    counts = Counts()
    found = {row["solution_id"]: row["verdict"] for row in verify(problems, solutions, sandbox, GradingSettings(), counts)}
    assert found == {row["solution_id"]: row["verdict"] for row in judged} and not counts.refused
