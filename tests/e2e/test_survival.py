"""Killed anywhere, run again: the same rows as an undisturbed run, none twice, nothing asked twice."""

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from graph import command, open_lake, run
from ocr_assets import samples

ANSWERS = "SELECT response_id, content FROM r1_traces ORDER BY 1"
VERDICTS = "SELECT verdict_id, verdict, tests_passed, tests_total FROM verdicts ORDER BY 1"


class SlowTeacher(ThreadingHTTPServer):
    """An OpenAI-compatible server that answers after a moment, with a text that depends on the prompt and seed alone."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        import json

        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = f"{request['seed']}"
        self.server.asked[key] += 1  # type: ignore[attr-defined]
        time.sleep(0.03)
        text = f"</think>\n```python\nprint({request['seed']})\n```"
        body = {
            "id": "x", "object": "chat.completion", "created": 0, "model": request["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }  # fmt: skip
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.server.answered[key] += 1  # type: ignore[attr-defined]

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


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


def only(*names: str) -> list[str]:
    return [word for name in names for word in ("--only", name)]


def test_killed_while_asking_nothing_is_lost_or_asked_twice(tmp_path: Path) -> None:
    server = SlowTeacher()
    settings = {"OCR_TEACHER": "endpoint", "OCR_TEACHER_URL": server.url, "OCR_TEACHER_CONCURRENCY": "4"}
    home = tmp_path / "killed"
    run("run", *only(*PROBLEM_STAGES), home=home, OCR_JUDGES="none")
    in_flight = 0
    for target in (20, 60, 61, 150):
        process = started("run", *only("r1_traces"), home=home, **settings)
        kill_when(process, lambda target=target: sum(server.answered.values()) >= target)
        in_flight += 4
        time.sleep(0.2)
    run("run", *only("r1_traces"), home=home, **settings)
    with open_lake(home) as lake:
        rows = lake.rows(ANSWERS)
        seeds = [row["seed"] for row in lake.rows("SELECT seed FROM r1_traces")]
    assert len({row["response_id"] for row in rows}) == len(rows) == len(server.asked)
    assert sorted(map(str, seeds)) == sorted(server.asked)
    again = sum(count - 1 for count in server.asked.values())
    assert again <= in_flight, f"{again} requests asked again, at most {in_flight} were in flight at the kills"
    before = sum(server.asked.values())
    run("run", *only("r1_traces"), home=home, **settings)
    assert sum(server.asked.values()) == before
    server.shutdown()


def test_killed_while_judging_the_verdicts_are_those_of_an_undisturbed_run(demo, tmp_path: Path) -> None:
    undisturbed, _ = demo
    home = tmp_path / "killed"
    run("run", *only(*PROBLEM_STAGES, "r1_traces", "solutions"), home=home)
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
    from resources.journal import Busy, Journal

    with Journal(tmp_path, "r1_traces"), pytest.raises(Busy, match=f"r1_traces is being written by process {os.getpid()}"):
        Journal(tmp_path, "r1_traces").__enter__()


def test_the_corpus_is_the_users_own_problems_too(tmp_path: Path) -> None:
    """The ``local`` source: a user's JSONL of problems, an own teacher's recorded answers, through to the release."""
    import json

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
    run("run", home=home, OCR_LOCAL=str(mine), OCR_RECORDINGS=str(answers), OCR_SANDBOX="docker", **empty)
    with open_lake(home) as lake:
        rows = lake.rows("SELECT verdict, license, reason FROM verified_triplets ORDER BY verdict")
        assert [(row["verdict"], row["license"]) for row in rows] == [("accepted", "CC0-1.0"), ("wrong_answer", "CC0-1.0")]
        assert "on test 1 of 2" in rows[1]["reason"]
        assert lake.rows("SELECT row, reason FROM quarantine")[0]["row"] == 1
    assert samples.SOURCES.is_dir()
