"""Killed anywhere, run again: the same rows as an undisturbed run, none twice, nothing asked twice."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ocr_assets import samples
from tests.support.chaos import Chaos
from tests.support.graph import TO_THE_RELEASE, command, only, open_lake, run
from tests.support.ui import graphql, running_ui

ANSWERS = "SELECT response_id, content FROM r1_traces ORDER BY 1"
VERDICTS = "SELECT verdict_id, verdict, tests_passed, tests_total FROM verdicts ORDER BY 1"


def kill_when(process: subprocess.Popen, ready, timeout_s: float = 240) -> None:
    """SIGKILL the process once ``ready()`` says so; fails if it ends first."""
    start = time.monotonic()
    while time.monotonic() - start < timeout_s:
        if process.poll() is not None:
            pytest.fail(f"the run ended (code {process.returncode}) before it could be killed")
        if ready():
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return
        time.sleep(0.005)
    process.kill()
    pytest.fail("never got to the point where it was to be killed")


def started(*arguments: str, home: Path, **environment: str) -> subprocess.Popen:
    line, env = command(*arguments, home=home, **environment)
    return subprocess.Popen(line, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


PROBLEM_STAGES = ("raw_problems", "deduped_problems", "contamination_report", "clean_problems")


@pytest.mark.long
def test_killed_while_asking_nothing_is_lost_or_asked_twice(tmp_path: Path) -> None:
    """The whole graph around it; twenty kills of the loop alone are in tests/chaos/test_traces_killed.py."""
    home = tmp_path / "killed"
    run("run", *only(*PROBLEM_STAGES), home=home, OCR_JUDGES="none")
    with Chaos(delay_s=0.06) as server:
        settings = {"OCR_TEACHER": "endpoint", "OCR_TEACHER_URL": server.url, "OCR_TEACHER_CONCURRENCY": "4"}
        in_flight = 0
        for target in (20, 61, 150):
            process = started("run", *only("r1_traces"), home=home, **settings)
            kill_when(process, lambda target=target: server.answered.total() >= target)
            in_flight += 4
            time.sleep(0.2)
        run("run", *only("r1_traces"), home=home, **settings)
        with open_lake(home) as lake:
            rows = lake.rows(ANSWERS)
            seeds = [row["seed"] for row in lake.rows("SELECT seed FROM r1_traces")]
        assert len({row["response_id"] for row in rows}) == len(rows) == len(server.asked)
        assert sorted(seeds) == sorted(server.asked)
        again = sum(count - 1 for count in server.asked.values())
        assert again <= in_flight, f"{again} requests asked again, at most {in_flight} were in flight at the kills"
        before = server.asked.total()
        run("run", *only("r1_traces"), home=home, **settings)
        assert server.asked.total() == before


LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } ... on InvalidSubsetError { message } } }"""
TERMINATE = "mutation($id: String!) { terminateRun(runId: $id) { __typename } }"
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def wait_until(ready, what: str, timeout_s: float = 180) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not after {timeout_s:.0f} s")
        time.sleep(0.2)


def workers(home: Path) -> list[str]:
    """Command lines of live processes that have this home in their environment, servers of the UI left out."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment, line = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        # The code server's own resource tracker stays with it.
        run_of_ours = b"execute_run" in line or (b"multiprocessing" in line and b"resource_tracker" not in line)
        if f"OCR_HOME={home}".encode() in environment and run_of_ours:
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.mark.long
def test_terminated_from_the_ui_what_was_answered_is_kept_and_no_process_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run("run", *only(*PROBLEM_STAGES), home=home, OCR_JUDGES="none")
    with Chaos(delay_s=0.3) as server:
        settings = {"OCR_TEACHER": "endpoint", "OCR_TEACHER_URL": server.url, "OCR_TEACHER_CONCURRENCY": "4"}
        with running_ui(home, **settings) as address:
            where = graphql(
                address, "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
            )["repositoriesOrError"]["nodes"][0]
            selector = {
                "repositoryName": where["name"], "repositoryLocationName": where["location"]["name"],
                "jobName": "downstream", "assetSelection": [{"path": ["r1_traces"]}],
            }  # fmt: skip
            launched = graphql(address, LAUNCH, params={"selector": selector, "runConfigData": {}})["launchRun"]
            assert launched["__typename"] == "LaunchRunSuccess", launched
            run_id = launched["run"]["runId"]
            wait_until(lambda: server.answered.total() >= 30, "thirty answers came")
            assert workers(home)
            graphql(address, TERMINATE, id=run_id)
            wait_until(lambda: graphql(address, STATUS, id=run_id)["runOrError"]["status"] == "CANCELED", "the run is cancelled")
            wait_until(lambda: not workers(home), "its processes are gone")
        cut_off = server.asked.total()
        with open_lake(home) as lake:
            kept = {row["seed"] for row in lake.rows("SELECT seed FROM r1_traces")}
        assert 30 <= len(kept) <= cut_off <= len(kept) + 4, "all but what was in flight is in the lake already"
        server.delay_s = 0.0
        run("run", *only("r1_traces"), home=home, **settings)
        assert sum(count - 1 for count in server.asked.values()) <= 4
        assert all(server.asked[seed] == 1 for seed in kept)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_while_judging_the_verdicts_are_those_of_an_undisturbed_run(tmp_path: Path) -> None:
    home, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    run("run", *only(*PROBLEM_STAGES, "r1_traces", "solutions"), home=home)
    shutil.copytree(home, undisturbed, symlinks=True)
    run("run", *only("verdicts"), home=undisturbed, OCR_SANDBOX="docker")
    journal = home / "lake" / "journal" / "verdicts"

    def lines() -> int:
        return sum(path.read_bytes().count(b"\n") for path in journal.glob("*.jsonl"))

    for more in (8, 25):
        process = started("run", *only("verdicts"), home=home, OCR_SANDBOX="docker")
        kill_when(process, lambda more=more: lines() >= more)
    left = subprocess.run(
        ["docker", "ps", "--filter", f"name=ocr-sandbox-{process.pid}-", "--format", "{{.Names}}"], capture_output=True, text=True
    )
    deadline = time.monotonic() + 30
    while left.stdout and time.monotonic() < deadline:
        time.sleep(0.5)
        left = subprocess.run(left.args, capture_output=True, text=True)
    assert left.stdout == "", "containers of the killed run are still there"
    run("run", *only("verdicts"), home=home, OCR_SANDBOX="docker")
    with open_lake(home) as lake, open_lake(undisturbed) as other:
        assert lake.rows(VERDICTS) == other.rows(VERDICTS)
        assert lake.scalar("SELECT count(*) - count(DISTINCT verdict_id) FROM verdicts") == 0


def test_a_second_run_at_the_same_time_is_refused_by_name(tmp_path: Path) -> None:
    from resources.lake.journal import Busy, Journal

    with Journal(tmp_path, "r1_traces"), pytest.raises(Busy, match=f"r1_traces is being written by process {os.getpid()}"):
        Journal(tmp_path, "r1_traces").__enter__()


@pytest.mark.long
def test_the_corpus_is_the_users_own_problems_too(tmp_path: Path) -> None:
    """The ``local`` source: a user's JSONL of problems, an own teacher's recorded answers, through to the release."""
    mine = tmp_path / "mine"
    mine.mkdir()
    problem = {
        "problem_id": "double", "statement": "Read a number and print its double.", "license": "CC0-1.0",
        "tests": [{"kind": "stdin", "input": "4\n", "output": "8\n"}, {"kind": "stdin", "input": "-1\n", "output": "-2\n"}],
    }  # fmt: skip
    (mine / "problems.jsonl").write_text(json.dumps(problem) + "\nnot json\n")
    answers = tmp_path / "answers"
    answers.mkdir()
    lines = [
        {"alias": "local/train/double|python|0", "content": "<think>twice</think>\n```python\nprint(2 * int(input()))\n```"},
        {"alias": "local/train/double|python|1", "content": "<think>square</think>\n```python\nprint(int(input()) ** 2)\n```"},
    ]
    (answers / "r1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    home = tmp_path / "home"
    empty = {f"OCR_{name}": " " for name in ("TACO", "APPS", "CODE_CONTESTS", "CODEFORCES")}
    run("run", *only(*TO_THE_RELEASE), home=home, OCR_LOCAL=str(mine), OCR_RECORDINGS=str(answers), OCR_SANDBOX="docker", **empty)
    with open_lake(home) as lake:
        rows = lake.rows("SELECT verdict, license, reason FROM verified_triplets ORDER BY verdict")
        assert [(row["verdict"], row["license"]) for row in rows] == [("accepted", "CC0-1.0"), ("wrong_answer", "CC0-1.0")]
        assert "on test 1 of 2" in rows[1]["reason"]
        assert lake.rows("SELECT row, reason FROM quarantine")[0]["row"] == 1
    assert samples.SOURCES.is_dir()
