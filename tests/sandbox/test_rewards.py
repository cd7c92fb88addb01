"""Rewards from a real sandbox: the server's forms, and its end."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.rewards import RewardServer
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.images import engine
from tests.support.graph import ROOT
from tests.support.reward_server import Served, serving

SUM = {
    "problem_id": "sum",
    "tests": [{"kind": "stdin", "input": "1 2\n", "output": "3\n"}, {"kind": "stdin", "input": "2 2\n", "output": "4\n"}],
    "limits": {"cpu_s": 1, "language_factor": {"python": 1.0}},
}
HALF = {"problem_id": "half", "tests": [{"kind": "call", "entry": "half", "args": [1], "expected": 0.5}]}
# Any answer that adds up to the input is right; the one that is given is only one of them.
SPLIT = {
    "problem_id": "split",
    "tests": [{"kind": "stdin", "input": "9", "output": "4 5"}],
    "checker": {
        "language": "python", "protocol": "testlib",
        "source": "import sys\nn, out = (open(p).read() for p in sys.argv[1:3])\nsys.exit(sum(map(int, out.split())) != int(n))",
    },
}  # fmt: skip
ANSWERS = [
    ("sum", "python", "print(sum(map(int, input().split())))", "accepted"),
    ("sum", "python", "print(3)", "wrong_answer"),
    ("sum", "python", "raise SystemExit(1)", "runtime_error"),
    ("sum", "python", "while True: pass", "time_limit"),
    ("sum", "python", "def", "compile_error"),
    ("sum", "cpp", "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }", "accepted"),
    ("half", "python", "def half(x): return x / 2", "accepted"),
    ("half", "python", "def half(x): raise ValueError", "runtime_error"),
    ("half", "python", "class V:\n    def __eq__(self, other): return True\ndef half(x): return V()", "wrong_answer"),
    ("split", "python", "print(int(input()) - 1, 1)", "accepted"),
    ("split", "python", "print(1)", "wrong_answer"),
]


@pytest.fixture(scope="module")
def served(sandbox: DockerSandbox) -> Iterator[Served]:
    with serving(sandbox, wait_s=60) as server:
        yield server


def test_verdicts_over_http_are_those_of_the_grader(served: Served) -> None:
    solutions = [{"problem_id": name, "language": language, "code": code} for name, language, code, _ in ANSWERS]
    answer = served.ask("/verify", {"problems": [SUM, HALF, SPLIT], "solutions": solutions})
    assert answer.status == 200
    assert [row["verdict"] for row in answer.json["verdicts"]] == [verdict for *_, verdict in ANSWERS]
    assert [row["solution_id"] for row in answer.json["verdicts"]] == [str(number) for number in range(len(ANSWERS))]
    first = answer.json["verdicts"][1]
    assert (first["tests_passed"], first["tests_total"], first["first_failure"]) == (1, 2, 1)
    assert first["isolation_level"].startswith("docker") and len(first["tests"]) == 2
    every = served.ask("/verify", {"problems": [SUM], "solutions": solutions[1:3], "all_tests": True, "tests": False}).json
    assert [row["tests_passed"] for row in every["verdicts"]] == [1, 0] and "tests" not in every["verdicts"][0]


def test_problems_that_the_server_holds_need_not_be_sent(sandbox: DockerSandbox, tmp_path: Path) -> None:
    held = tmp_path / "problems.jsonl"
    held.write_text("".join(json.dumps(problem) + "\n" for problem in (SUM, HALF)))
    with serving(sandbox, problems=(held,), wait_s=60) as server:
        solutions = [{"problem_id": name, "code": code} for name, _, code, _ in (ANSWERS[0], ANSWERS[6])]
        answer = server.ask("/verify", {"solutions": solutions})
        assert [row["verdict"] for row in answer.json["verdicts"]] == ["accepted"] * 2
        submitted = server.ask("/submit", {"dataset": "any", "id": "sum", "completion": "```python\nprint(3)\n```"}).json
        assert submitted["accepted"] is False and [test["passed"] for test in submitted["tests"]] == [True, False]


def run_code(served: Served, code: str, language: str = "python", **more: Any) -> dict[str, Any]:
    answer = served.ask("/run_code", {"code": code, "language": language, "run_timeout": 1, **more})
    assert answer.status == 200, answer.text
    said: dict[str, Any] = answer.json
    return said


@pytest.mark.parametrize(
    ("code", "status", "ran", "return_code"),
    [
        ("print(input())", "Success", "Finished", 0),
        ("import sys; sys.exit(3)", "Failed", "Finished", 3),
        ("1 / 0", "Failed", "Finished", 1),
        ("def", "Failed", "Finished", 1),
        ("while True: pass", "Failed", "TimeLimitExceeded", None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "Failed", "Finished", -11),
        ("x = bytearray(1 << 30)", "Failed", "Finished", -9),
        ("print('x' * (20 << 20))", "Failed", "Finished", 1),
    ],
)
def test_run_code_says_how_a_program_ended(served: Served, code: str, status: str, ran: str, return_code: int | None) -> None:
    said = run_code(served, code, stdin="hi", memory_limit_MB=128)
    assert (said["status"], said["run_result"]["status"]) == (status, ran)
    assert said["compile_result"] is None and said["executor_pod_name"] is None and said["files"] == {}
    told = said["run_result"]["return_code"]
    assert told == return_code if status == "Success" or return_code not in (-9, 1) else told != 0
    assert said["run_result"]["stdout"] == ("hi\n" if status == "Success" else said["run_result"]["stdout"])


def test_run_code_compiles_and_says_why_not(served: Served) -> None:
    right = run_code(served, '#include <cstdio>\nint main() { puts("1"); }', "cpp")
    assert right["compile_result"]["return_code"] == 0 and right["run_result"]["stdout"] == "1\n"
    wrong = run_code(served, "int main() { return x; }", "cpp")
    assert (wrong["status"], wrong["run_result"]) == ("Failed", None)
    assert wrong["compile_result"]["return_code"] == 1 and "x" in wrong["compile_result"]["stderr"]


def test_run_code_brings_files_and_takes_them_back(served: Served) -> None:
    code = "text = open('in/data.txt').read()\nopen('out.txt', 'w').write(text.upper())\nprint(b'\\xff'.decode('latin-1'))"
    said = run_code(served, code, files={"in/data.txt": base64.b64encode(b"abc").decode()}, fetch_files=["out.txt", "none.txt"])
    assert said["files"] == {"out.txt": base64.b64encode(b"ABC").decode()} and said["run_result"]["stdout"] == "ÿ\n"
    link = run_code(served, "import os; os.symlink('/etc/passwd', 'link')", fetch_files=["link"])
    assert link["files"] == {}
    raw = run_code(served, "import sys; sys.stdout.buffer.write(b'\\xff\\x00')")
    assert raw["run_result"]["stdout"] == "\ufffd\x00"


def submit(served: Served, completion: str, data: Any, **config: Any) -> dict[str, Any]:
    body = {"dataset": "d", "id": "1", "completion": completion, "config": {"provided_data": data, **config}}
    answer = served.ask("/submit", body)
    assert answer.status == 200, answer.text
    said: dict[str, Any] = answer.json
    return said


PAIRS = [{"input": {"stdin": f"{n}\n"}, "output": {"stdout": f"{2 * n}\n"}} for n in range(3)]


def test_submit_judges_by_the_tests_that_come_with_it(served: Served) -> None:
    right = submit(served, "```python\nprint(2 * int(input()))\n```", {"test": PAIRS})
    assert right["accepted"] and [test["passed"] for test in right["tests"]] == [True] * 3
    assert right["extracted_code"].strip() == "print(2 * int(input()))" and right["extra"]["verdict"] == "accepted"
    wrong = "```python\nn = int(input())\nprint(2 * n if n != 1 else 7)\n```"
    first = submit(served, wrong, {"test": json.dumps(PAIRS)}, run_timeout=2)
    assert not first["accepted"] and [test["passed"] for test in first["tests"]] == [True, False]
    every = submit(served, wrong, [{"id": 1, "test": PAIRS}], extra={"run_all_cases": True})
    assert [test["passed"] for test in every["tests"]] == [True, False, True]
    assert every["tests"][1]["exec_info"]["run_result"]["stdout"] == "7\n"


def test_submit_takes_files_and_assertions(served: Served) -> None:
    files = [{"input": {"a.txt": "3"}, "output": {"b.txt": "6"}}]
    code = "```python\nopen('b.txt', 'w').write(str(2 * int(open('a.txt').read())))\n```"
    assert submit(served, code, {"test": files})["accepted"]
    double = "```python\ndef double(n): return 2 * n\n```"
    assert submit(served, double, {"test": "assert double(2) == 4\nassert double(3) == 6"})["accepted"]
    assert submit(served, double, {"test": ["assert double(2) == 4", "assert double(3) == 7"]})["accepted"] is False
    broken = submit(served, "```cpp\nint main() { return x; }\n```", {"test": PAIRS}, language="cpp")
    assert broken["accepted"] is False and broken["tests"][0]["exec_info"]["compile_result"]["return_code"] == 1


def server_process(folder: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("OCR_")}
    return subprocess.Popen(
        [sys.executable, "-m", "ocr_assets.cli", "serve", *(options or ("--port", "0"))], cwd=ROOT, text=True, stderr=subprocess.PIPE,
        env={**env, "OCR_HOME": str(folder), "OCR_SANDBOX": "docker", "OCR_SANDBOX_WORKERS": "1", **variables},
    )  # fmt: skip


def address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("serve: http://"):
            return line.split()[1]
    raise AssertionError("the server did not start")


def ask(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def containers(process: subprocess.Popen[str]) -> list[Any]:
    client = engine()
    try:
        return list(client.containers.list(filters={"name": f"ocr-sandbox-{process.pid}-"}, ignore_removed=True))
    finally:
        client.close()


@pytest.mark.long
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_ends_leaves_nothing_behind(tmp_path: Path, how: signal.Signals) -> None:
    process = server_process(tmp_path)
    try:
        url = address(process)
        assert ask(f"{url}/run_code", {"code": "print(1)", "language": "python"})["run_result"]["stdout"] == "1\n"
        assert containers(process)
        process.send_signal(how)
        assert process.wait(60) == (-how if how == signal.SIGKILL else 0)
        deadline = time.monotonic() + 60
        while containers(process):
            assert time.monotonic() < deadline, "a container is left"
        with pytest.raises(urllib.error.URLError):
            ask(f"{url}/run_code", {"code": "", "language": "python"})
    finally:
        process.kill()
        process.wait()


@pytest.mark.long
def test_a_trainer_outlives_the_servers_death(tmp_path: Path) -> None:
    """The server is killed while it judges; another one on its port gives the verdicts, and none was made up meanwhile."""
    first = server_process(tmp_path)
    second = None
    try:
        url = address(first)
        codes = ["import time\ntime.sleep(2)\nprint(1)", "import time\ntime.sleep(2)\nprint(2)"]
        problem = {"problem_id": "one", "tests": [{"kind": "stdin", "input": "", "output": "1"}]}
        solutions = [{"problem_id": "one", "language": "python", "code": code} for code in codes]
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(RewardServer(url, patience_s=120).verdicts, [problem], solutions)
            while b"ocr_programs_running 0.0" in urllib.request.urlopen(f"{url}/metrics", timeout=30).read():
                assert not waiting.done()
            first.kill()
            first.wait()
            second = server_process(tmp_path, "--port", url.rpartition(":")[2])
            assert address(second) == url
            assert [row["verdict"] for row in waiting.result(120)] == ["accepted", "wrong_answer"]
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait()
