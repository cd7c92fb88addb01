"""The reward server from outside, over sandboxes that do as a test says: what it lets in, when it is full, what a fault is."""

import base64
import http.client
import json
import select
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocr_assets.cli import main
from ocr_assets.serving.rewards import requests, serve
from resources.sandbox.api import Program, SandboxFault, SandboxUnavailable
from tests.support.reward_server import JSON, ScriptedSandbox, Served, serving

PROBLEM = {"problem_id": "one", "tests": [{"kind": "stdin", "input": "", "output": "1"}]}
RUN = {"code": "print(1)", "language": "python"}
SUBMIT = {
    "dataset": "d", "id": 1, "completion": "```python\nprint(1)\n```",
    "config": {"provided_data": {"test": [{"input": {"stdin": ""}, "output": {"stdout": "1"}}]}},
}  # fmt: skip


def asked(*codes: str, **options: Any) -> dict[str, Any]:
    return {"problems": [PROBLEM], "solutions": [{"problem_id": "one", "code": code} for code in codes], **options}


@pytest.fixture(scope="module")
def right() -> Iterator[Served]:
    """A server whose programs all print 1."""
    with serving(ScriptedSandbox(lambda program: b"1\n"), body_mb=1) as served:
        yield served


def verdicts(answer: Any) -> list[str]:
    return [row["verdict"] for row in answer.json["verdicts"]]


@pytest.mark.parametrize("path", ["/verify", "/run_code", "/submit"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[" * 100_000, 400), (b'{"a":' * 100_000, 400), (b"\xff\xfe", 400), (b"[]", 400), (b"null", 400),
        (b"1" * 5000, 400), (b"{}", 422), (b'{"code": 3, "language": "python"}', 422), (b" " * (1 << 20) + b"{}", 413),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused(right: Served, path: str, body: bytes, status: int) -> None:
    answer = right.ask(path, body)
    assert answer.status == status and answer.json["detail"]
    assert right.app._bodies.held == 0


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(right: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", right.port, timeout=30)
    connection.request("POST", "/verify", (b" " * 65536 for _ in range(48)), JSON, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    with pytest.raises((ConnectionError, http.client.HTTPException)):  # a body without end meets a closed connection
        connection.request("POST", "/verify", (b" " * 65536 for _ in range(1 << 16)), JSON, encode_chunked=True)
        connection.getresponse()
    connection.close()
    assert right.ask("/v1/ping").json == "pong" and right.app._bodies.held == 0


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/verify", {**asked("x"), "solutions": 3}, "solutions"),
        ("/verify", {"problems": [PROBLEM, PROBLEM], "solutions": []}, "was there before"),
        ("/verify", {"problems": [PROBLEM], "solutions": [{"problem_id": "one"}]}, "completion"),
        ("/verify", {"problems": [PROBLEM], "solutions": [{"problem_id": "one", "code": "\ud800"}]}, "surrogate"),
        ("/verify", {"problems": [PROBLEM], "solutions": [{"problem_id": "one", "code": "", "language": "java"}]}, "java"),
        ("/verify", asked("x", all_tests="yes"), "all_tests"),
        ("/run_code", {**RUN, "language": "java"}, "java"),
        ("/run_code", {**RUN, "run_timeout": 0}, "run_timeout"),
        ("/run_code", {**RUN, "run_timeout": float("nan")}, "run_timeout"),
        ("/run_code", {**RUN, "code": "\ud800"}, "code"),
        ("/run_code", {**RUN, "files": {"../x": ""}}, "../x"),
        ("/run_code", {**RUN, "files": {"x": "?"}}, "base64"),
        ("/run_code", {**RUN, "fetch_files": ["/etc/passwd"]}, "/etc/passwd"),
        ("/submit", {**SUBMIT, "config": {}}, "provided_data"),
        ("/submit", {**SUBMIT, "config": {"provided_data": {"test": [{"input": 1}]}}}, "input"),
        ("/submit", {**SUBMIT, "config": {"provided_data": {"test": []}}}, "test"),
    ],
)
def test_what_is_wrong_in_a_request_is_named(right: Served, path: str, body: Any, said: str) -> None:
    answer = right.ask(path, body)
    assert answer.status == 422 and said in answer.json["detail"]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["python", "stdin", "one", "1"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["problems", "solutions", "problem_id", "tests", "kind", "input", "output", "code", "completion", "language", "id",
             "dataset", "config", "provided_data", "test", "stdin", "stdout", "files", "limits", "cpu_s", "extra", "checker"]
        ),
        inner, max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(path=st.sampled_from(["/verify", "/run_code", "/submit"]), body=ANY, part=ANY)
def test_no_request_breaks_the_server(right: Served, path: str, body: Any, part: Any) -> None:
    base = {"/verify": asked("x"), "/run_code": RUN, "/submit": SUBMIT}[path]
    whole = {**base, **part} if isinstance(part, dict) else body
    assert right.ask(path, json.dumps(whole).encode()).status in (200, 400, 422)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/verify", {"Content-Type": "text/plain"}, 415),
        ("POST", "/verify", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("GET", "/verify", {}, 405), ("POST", "/v1/ping", {}, 405), ("POST", "/elsewhere", {}, 404),
        ("GET", "/metrics", {"Host": "evil.example"}, 403), ("GET", "/metrics", {"Host": "127.0.0.1.evil.example"}, 403),
        ("GET", "/metrics", {"Host": "localhost:8600"}, 200), ("GET", "/metrics", {"Host": "[::1]:8600"}, 200),
        ("GET", "/v1/ping", {"Host": "evil.example"}, 200),
    ],
)  # fmt: skip
def test_only_what_is_meant_for_the_server_gets_in(
    right: Served, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert right.ask(path, b"{}" if method == "POST" else None, headers, method).status == status


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        ({}, 401), ({"Authorization": "Bearer wrong"}, 401), ({"Authorization": "Bearer sesame"}, 200),
        ({"Authorization": "bearer  sesame"}, 200), ({"Authorization": "sesame"}, 401), ({"Authorization": "Basic ?"}, 401),
        ({"Authorization": "Bearer "}, 401), ({"Authorization": "Bearer sesame2"}, 401),
        ({"Authorization": "Basic " + base64.b64encode(b"any:sesame").decode()}, 200),
        ({"Authorization": "Basic " + base64.b64encode(b"sesame:").decode()}, 401),
        ({"Authorization": "Bearer sesame", "Host": "rewards.example"}, 200),
    ],
)  # fmt: skip
def test_with_a_token_only_who_shows_it_is_answered(shown: dict[str, str], status: int) -> None:
    with serving(ScriptedSandbox(lambda program: b"1"), token="sesame") as served:
        for path, body in (("/verify", asked("x")), ("/run_code", RUN), ("/submit", SUBMIT), ("/metrics", None)):
            assert served.ask(path, body, shown).status == status
        assert served.ask("/v1/ping").status == served.ask("/health").status == 200
        assert b"sesame" not in served.ask("/health").text + served.ask("/metrics", None, shown).text


class Breaking:
    """Programs that say "break" meet a sandbox that broke, until it is mended."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error

    def __call__(self, program: Program) -> bytes:
        if self.error is not None and "break" in program.code:
            raise self.error
        return b"1"


@pytest.mark.parametrize("error", [SandboxFault("it broke"), SandboxUnavailable("no engine")])
def test_a_fault_is_no_answer_and_is_forgotten_once_it_is_over(error: Exception) -> None:
    act = Breaking(error)
    sandbox = ScriptedSandbox(act)
    with serving(sandbox) as served:
        requests = [("/run_code", {**RUN, "code": "break"}), ("/verify", asked("break", "other"))]
        requests.append(("/submit", {**SUBMIT, "completion": "```python\nbreak\n```"}))
        for path, body in requests:
            answer = served.ask(path, body)
            assert answer.status == 504 and str(error) in answer.json["detail"] and "accepted" not in answer.json
        sandbox.ran.clear()
        act.error = None
        for path, body in requests:
            assert served.ask(path, body).status == 200
        # What was judged before the fault is not judged again, what was not is; run_code remembers nothing.
        assert sandbox.ran.count("other") <= 1 and sandbox.ran.count("break") == 3 - (path == "/submit")


def test_verdicts_beside_a_fault_are_told_and_not_paid_twice() -> None:
    act = Breaking(SandboxFault("it broke"))
    sandbox = ScriptedSandbox(act)
    with serving(sandbox) as served:
        answer = served.ask("/verify", asked("a", "break", "b"))
        assert answer.status == 504 and verdicts(answer) == ["accepted", "sandbox_error", "accepted"]
        act.error = None
        sandbox.ran.clear()
        assert verdicts(served.ask("/verify", asked("a", "break", "b"))) == ["accepted"] * 3
        assert sandbox.ran == ["break"]


def test_an_error_of_ours_is_a_500_without_its_insides() -> None:
    def fails(program: Program) -> bytes:
        raise RuntimeError("secret path")

    with serving(ScriptedSandbox(fails)) as served:
        for path, body in (("/verify", asked("x")), ("/run_code", RUN), ("/submit", SUBMIT)):
            answer = served.ask(path, body)
            assert answer.status == 500 and b"secret" not in answer.text


def test_a_problem_that_cannot_judge_takes_no_verdict_from_the_others(right: Served) -> None:
    body = asked("x")
    body["problems"] += [{"problem_id": "none", "tests": []}, {"problem_id": "odd", "tests": 3}]
    body["solutions"] += [{"problem_id": name, "code": "x"} for name in ("none", "odd", "unknown")]
    answer = right.ask("/verify", body)
    assert answer.status == 422 and verdicts(answer) == ["accepted", *["sandbox_error"] * 3]


@pytest.mark.parametrize(
    ("completion", "verdict"),
    [
        ("```python\nprint(1)\n```", "accepted"),
        ("<think>hm</think>\n```python\nprint(1)\n```", "accepted"),
        ("hm</think>\n```python\nprint(1)\n```", "accepted"),
        ("<think>```python\nprint(1)\n```", "compile_error"),  # it never came to an answer
        ("print(1)", "compile_error"),
        ("", "compile_error"),
    ],
)
def test_a_completion_is_taken_apart_as_everywhere(right: Served, completion: str, verdict: str) -> None:
    body = {"problems": [PROBLEM], "solutions": [{"problem_id": "one", "completion": completion}]}
    assert verdicts(right.ask("/verify", body)) == [verdict]
    submitted = right.ask("/submit", {**SUBMIT, "completion": completion}).json
    assert submitted["accepted"] is (verdict == "accepted") and bool(submitted["extracted_code"]) is (verdict == "accepted")


class Held:
    """Programs that wait until they are let go."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Semaphore(0)

    def __call__(self, program: Program) -> bytes:
        self.begun.release()
        assert self.go.wait(60)
        return b"1"


def test_who_cannot_be_served_soon_is_told_so() -> None:
    held = Held()
    with serving(ScriptedSandbox(held), wait_s=0.3, most=8) as served, ThreadPoolExecutor() as threads:
        places = served.app.gate.places
        working = [threads.submit(served.ask, "/run_code", RUN) for _ in range(places)]
        for _ in range(places):
            held.begun.acquire()
        refused = served.ask("/run_code", RUN)
        assert refused.status == 504 and int(refused.headers["retry-after"]) >= 1 and "full" in refused.json["detail"]
        assert served.ask("/verify", asked(*map(str, range(8)))).status == 504
        assert served.ask("/verify", asked(*map(str, range(9)))).status == 413
        assert served.ask("/health").json["running"] == places
        held.go.set()
        assert [one.result().status for one in working] == [200] * places
        assert served.ask("/run_code", RUN).status == 200
        assert (served.app.gate.load.running, served.app.gate.load.taken) == (0, 0)


def test_one_program_passes_the_many_of_another_request() -> None:
    turn = threading.Semaphore(0)
    done: list[str] = []

    def act(program: Program) -> bytes:
        assert turn.acquire(timeout=60)
        done.append(program.code)
        return b"1"

    with serving(ScriptedSandbox(act), wait_s=60) as served, ThreadPoolExecutor() as threads:
        many = threads.submit(served.ask, "/verify", asked(*map(str, range(100))))
        while served.app.gate.load.running < served.app.gate.places:
            pass
        one = threads.submit(served.ask, "/run_code", {**RUN, "code": "single"})
        while served.app.gate.load.taken < 101:
            pass
        for _ in range(101):
            turn.release()
        assert one.result().status == 200 and verdicts(many.result()) == ["accepted"] * 100
        assert done.index("single") < 4 * served.app.gate.places


def test_what_nobody_waits_for_is_not_begun() -> None:
    held = Held()
    sandbox = ScriptedSandbox(held)
    with serving(sandbox, wait_s=60) as served:
        body = json.dumps(asked(*map(str, range(1000)))).encode()
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            client.sendall(b"POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
            client.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            for _ in range(served.app.gate.places):
                held.begun.acquire()
        while served.app.gate.load.taken:  # until it is seen that the client has gone
            pass
        held.go.set()
        assert served.ask("/run_code", RUN).status == 200
        assert len(sandbox.ran) <= served.app.gate.places + 1
        assert b'status="499"' in served.ask("/metrics").text


def test_a_client_that_sends_nothing_more_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SEND_S", 0.5)
    with serving(ScriptedSandbox(lambda program: b"1")) as served:
        slow = [socket.create_connection(("127.0.0.1", served.port), timeout=30) for _ in range(50)]
        for client in slow:
            client.sendall(
                b"POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            )
        assert served.ask("/verify", asked("x")).status == 200
        for client in slow:
            assert b" 408 " in client.recv(4096)
            client.close()
        assert served.app._bodies.held == 0


def test_a_connection_without_a_request_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "HEADER_S", 0.5)
    held = Held()
    with serving(ScriptedSandbox(held), wait_s=60) as served, ThreadPoolExecutor() as threads:
        working = threads.submit(served.ask, "/run_code", RUN)  # one that works longer than that is left alone
        held.begun.acquire()
        silent = [socket.create_connection(("127.0.0.1", served.port), timeout=30) for _ in range(20)]
        for client in silent[:10]:
            client.sendall(b"POST /verify HTTP/1.1\r\nHost: loc")
        for client in silent:
            assert client.recv(4096) == b""
            client.close()
        held.go.set()
        assert working.result().status == 200


def test_all_bodies_together_have_a_limit(right: Served) -> None:
    half = b" " * (900 << 10)
    clients = [socket.create_connection(("127.0.0.1", right.port), timeout=30) for _ in range(5)]
    try:
        for client in clients:
            client.sendall(b"POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
            client.sendall(b"Content-Length: %d\r\n\r\n" % (1 << 20) + half)
        answered = select.select(clients, [], [], 30)[0]  # the others are waited for
        assert len(answered) == 1 and b" 504 " in answered[0].recv(4096)
    finally:
        for client in clients:
            client.close()


def test_requests_and_verdicts_are_counted(right: Served) -> None:
    with serving(ScriptedSandbox(lambda program: b"1" if "right" in program.code else b"2")) as served:
        served.ask("/verify", asked("right", "right too", "no"))
        served.ask("/run_code", RUN)
        served.ask("/somewhere/else", RUN)
        text = served.ask("/metrics").text.decode()
    for line in (
        'ocr_verdicts_total{verdict="accepted"} 2.0', 'ocr_verdicts_total{verdict="wrong_answer"} 1.0',
        'ocr_runs_total{status="ok"} 1.0', 'ocr_requests_total{path="/verify",status="200"} 1.0',
        'ocr_requests_total{path="other",status="404"} 1.0', "ocr_programs_running 0.0", "ocr_sandbox_faults_total 0.0",
    ):  # fmt: skip
        assert line in text


@pytest.mark.parametrize(
    ("options", "variables", "said"),
    [
        (["--host", "0.0.0.0"], {}, "OCR_SERVE_TOKEN"),
        (["--host", "192.0.2.1"], {"OCR_SERVE_TOKEN": "  "}, "OCR_SERVE_TOKEN"),
        (["--host", " "], {}, "--host"),
        (["--host", "0.0.0.0"], {"OCR_SERVE_TOKEN": "x", "OCR_SANDBOX": "process"}, "isolation"),
        (["--host", "192.0.2.1"], {"OCR_SERVE_TOKEN": "x", "OCR_SANDBOX": "process"}, "isolation"),
    ],
)
def test_the_server_does_not_open_itself_to_others_unasked(
    options: list[str], variables: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"OCR_HOME": str(tmp_path), "OCR_SERVE_TOKEN": "", **variables}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(main, ["serve", "--port", "0", *options])
    assert done.exit_code == 2 and said in done.output


def test_a_port_that_is_taken_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_HOME", str(tmp_path))
    monkeypatch.setenv("OCR_SANDBOX", "process")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = CliRunner().invoke(main, ["serve", "--port", str(taken.getsockname()[1])])
    assert done.exit_code == 2 and "in use" in done.output
