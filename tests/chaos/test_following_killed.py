"""A run that asks and the job that follows it, side by side and killed: the tables are those of one after the other, only what the
policy wants is asked, and what was in flight at a kill is all that is asked again."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.programs.published import limits, stdin_test
from resources.lake import RunInfo
from resources.sandbox.docker_pool import DockerSandbox
from tests.support.asking_until import ask
from tests.support.chaos import Chaos
from tests.support.judging_on import judge
from tests.support.killing import said_at_the_end
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems

ROOT = Path(__file__).resolve().parents[2]
PROBLEMS, MOST, CONCURRENCY, KILLS = 8, 4, 4, 4
RIGHT, WRONG = "a, b = map(int, input().split())\nprint(a + b)", "a, b = map(int, input().split())\nprint(a - b)"
REFERENCES = [
    {"language": "python", "code": RIGHT, "correct": True, "source": "x"},
    {"language": "python", "code": WRONG, "correct": False, "source": "x"},
]


def text_of(seed: int) -> str:
    """A third of the answers is right, some have no code; which, the request alone says."""
    if seed % 7 == 0:
        return f"thinking {seed}</think>\nI cannot say."
    return f"thinking {seed}</think>\n```python\n{RIGHT if seed % 3 == 0 else WRONG}\n# {seed}\n```"


def filled(home: Path) -> Path:
    tests = [stdin_test(0, "2 3\n", "5\n", "official"), stdin_test(1, "7 0\n", "7\n", "official")]
    rows = [
        problem(number, suite_id=f"suite_{number}", tests=tests, limits=limits(), reference_solutions=REFERENCES)
        for number in range(PROBLEMS)
    ]
    with new_lake(home / "lake") as lake, lake.write(RunInfo("test"), "clean_problems") as write:
        put_problems(write, rows)
    return home


def started(module: str, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.support.{module}", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def asking(home: Path, url: str) -> subprocess.Popen:
    return started("asking_until", home, url, CONCURRENCY, MOST)


def judging(home: Path, patience: float = 0.0) -> subprocess.Popen:
    return started("judging_on", home, patience)


TABLES = {
    "r1_traces": "* EXCLUDE (endpoint, latency_s, attempts, created_at)",
    "prompts": "*",
    "solutions": "*",
    "suite_validation": "* EXCLUDE (cpu_s, memory_mb, host_speed, created_at)",
    "suite_quality": "* EXCLUDE (python_need_s, cpp_need_s)",
    "verdicts": "solution_id, suite_id, verdict, tests_passed, tests_total, first_failure, message, cpu_limit_s, grader_version",
    "record_edge": "child, parent, relation, reason, stage",
}


def tables(home: Path) -> dict[str, list[dict[str, Any]]]:
    with new_lake(home / "lake") as lake:
        return {name: lake.rows(f"SELECT {columns} FROM {name} ORDER BY ALL") for name, columns in TABLES.items()}


@pytest.fixture(scope="module")
def one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, sandbox: DockerSandbox
) -> tuple[dict[str, list[dict[str, Any]]], set[int]]:
    """The tables after rounds of asking and judging, none beside another, and the requests that took."""
    home = filled(tmp_path_factory.mktemp("one_after_the_other"))
    with Chaos(text=text_of) as server:
        for _ in range(MOST + 1):
            before = server.asked.total()
            ask(home, server.url, CONCURRENCY, MOST)
            judge(home, sandbox, 0.0)
        assert server.asked.total() == before and set(server.asked.values()) == {1}
        return tables(home), set(server.asked)


@pytest.mark.long
def test_side_by_side_the_solved_stop_costing_during_the_run(
    one_after_the_other: tuple[dict[str, list[dict[str, Any]]], set[int]], tmp_path: Path
) -> None:
    expected, wanted = one_after_the_other
    home = filled(tmp_path)
    with Chaos(text=text_of, delay_s=0.1) as server:
        follower = judging(home, patience=30.0)
        said = said_at_the_end(asking(home, server.url))
        assert set(server.asked) == wanted and set(server.asked.values()) == {1}
    follower.send_signal(signal.SIGTERM)
    follower.communicate()
    assert f"{len(wanted)} teacher requests" in said
    found = tables(home)
    assert PROBLEMS < len(wanted) < MOST * PROBLEMS, "some problems were solved at once, others were asked about again"
    assert found == expected


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_kills_of_either_lose_nothing(
    one_after_the_other: tuple[dict[str, list[dict[str, Any]]], set[int]], tmp_path: Path
) -> None:
    expected, wanted = one_after_the_other
    home = filled(tmp_path)
    chance = random.Random(3)
    with Chaos(text=text_of, delay_s=0.3) as server:
        both = {"asker": asking(home, server.url), "follower": judging(home, 60.0)}
        for number in range(KILLS):
            more, deadline = server.answered.total() + chance.randrange(1, PROBLEMS // 2), time.monotonic() + 60
            while server.answered.total() < more and both["asker"].poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(chance.random())
            name = ("asker", "follower")[number % 2]
            both[name].send_signal(signal.SIGKILL)
            both[name].communicate()
            both[name] = asking(home, server.url) if name == "asker" else judging(home, 60.0)
        # Where the asker ended while nobody followed, another round has it go on, as a person would.
        said_at_the_end(both["asker"])
        while "0 teacher requests" not in (said := said_at_the_end(asking(home, server.url))):
            assert both["follower"].poll() is None, said
        both["follower"].send_signal(signal.SIGTERM)
        both["follower"].communicate()
        said_at_the_end(judging(home))
        again = sum(count - 1 for count in server.answered.values())
        assert set(server.answered) == wanted and again <= KILLS * CONCURRENCY
    assert tables(home) == expected
    assert list((home / "journal").rglob("*.jsonl")) == []
