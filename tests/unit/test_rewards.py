"""What a trainer's side makes of the server's answers: rewards, waiting, refusals; over sandboxes that do as a test says."""

import ast
import http.server
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets import rewards
from ocr_assets.rewards import (
    CodeReward,
    RewardRefused,
    RewardServer,
    RewardUnavailable,
    Score,
    compute_score,
    problem_of_verl,
)
from resources.sandbox.api import Program, SandboxFault
from tests.support.reward_server import ScriptedSandbox, serving

PROBLEM = {"tests": [{"kind": "stdin", "input": "", "output": "1"}]}
TEXT = json.dumps(PROBLEM)


def answer(code: str) -> str:
    return f"<think>hm</think>\n```python\n{code}\n```"


def prints(program: Program) -> bytes:
    return program.code.removeprefix("print ").encode()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long between two requests."""
    monkeypatch.setattr(rewards.time, "sleep", lambda seconds: None)
    monkeypatch.delenv("OCR_SERVE_TOKEN", raising=False)
    monkeypatch.delenv("OCR_REWARDS_URL", raising=False)


def test_the_module_needs_nothing_but_python() -> None:
    tree = ast.parse(Path(rewards.__file__).read_text(encoding="utf-8"))
    imports = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imports |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imports} <= set(sys.stdlib_module_names)


def test_completions_of_every_form_get_the_reward_of_their_program(quick: None) -> None:
    with serving(ScriptedSandbox(prints)) as served:
        reward = CodeReward(RewardServer(served.address))
        completions: list[Any] = [
            answer("print 1"), answer("print 2"), "print 1", "",
            [{"role": "assistant", "content": answer("print 1")}],
            [{"role": "assistant", "content": "```python\nprint 1\n```", "reasoning_content": "so"}],
            [{"role": "assistant", "content": "old"}, {"role": "tool", "content": "x"}, {"role": "assistant", "content": answer("print 1")}],
            [{"role": "user", "content": answer("print 1")}], [], [{"role": "assistant", "content": None}],
            [{"role": "assistant", "content": [{"type": "text", "text": answer("print 1")}]}],
            answer("print 1\ud800"),
        ]  # fmt: skip
        expected = [1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0]
        given = [TEXT, PROBLEM] * (len(completions) // 2)
        assert reward(prompts=["?"] * len(completions), completions=completions, problem=given, trainer_state=None) == expected
        assert reward(completions=[], problem=[]) == []
        assert reward.__name__ == "code_reward"


def test_many_completions_come_back_in_order(quick: None) -> None:
    with serving(ScriptedSandbox(prints)) as served:
        right = [number % 3 == 0 for number in range(500)]
        completions = [answer(f"print {1 if one else number + 2}") for number, one in enumerate(right)]
        assert CodeReward(RewardServer(served.address))(completions, problem=[TEXT] * 500) == [float(one) for one in right]


class Faulty:
    """A sandbox that breaks ``times`` times before each program runs."""

    def __init__(self, times: int) -> None:
        self.times, self.lock, self.broke = times, threading.Lock(), dict[str, int]()

    def __call__(self, program: Program) -> bytes:
        with self.lock:
            self.broke[program.code] = self.broke.get(program.code, 0) + 1
            if self.broke[program.code] <= self.times:
                raise SandboxFault("it broke")
        return prints(program)


def test_a_fault_is_asked_again_and_never_a_reward(quick: None) -> None:
    with serving(ScriptedSandbox(Faulty(3))) as served:
        completions = [answer("print 1"), answer("print 2"), answer("print 1")]
        assert CodeReward(RewardServer(served.address))(completions, problem=[TEXT] * 3) == [1, 0, 1]
    with serving(ScriptedSandbox(Faulty(10**9))) as served:
        server = RewardServer(served.address, patience_s=0.2)
        with pytest.raises(RewardUnavailable, match="it broke"):
            CodeReward(server)([answer("print 1")], problem=[TEXT])
        with pytest.raises(RewardUnavailable):
            compute_score("any", answer("print 1"), TEXT, url=served.address, patience_s=0.2)
        assert CodeReward(server, on_fault="none")([answer("print 1")], problem=[TEXT]) == [None]


def test_a_server_that_is_not_there_is_no_reward(quick: None) -> None:
    with serving(ScriptedSandbox(prints)) as served:
        gone = served.address
    with pytest.raises(RewardUnavailable):
        CodeReward(RewardServer(gone, patience_s=0.2))([answer("print 1")], problem=[TEXT])


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ({"tests": []}, "no tests"),
        ({"tests": [{"kind": "odd"}]}, "kind"),
        ("unknown", "does not hold"),
        ("{", "no JSON"),
        ({}, "inputs"),
    ],
)
def test_what_can_never_be_judged_is_refused_at_once(quick: None, problem: Any, said: str) -> None:
    with serving(ScriptedSandbox(prints)) as served:
        with pytest.raises(RewardRefused, match=said):
            CodeReward(RewardServer(served.address))([answer("print 1")], problem=[problem])
        with pytest.raises(RewardRefused, match="no column"):
            CodeReward(RewardServer(served.address))([answer("print 1")], prompts=["?"])


def test_the_token_comes_from_the_environment_or_the_address_and_goes_nowhere_else(
    quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(ScriptedSandbox(prints), token="sesame") as served:
        given = {"completions": [answer("print 1")], "problem": [TEXT]}
        with pytest.raises(RewardRefused, match="401"):
            CodeReward(RewardServer(served.address))(**given)
        in_address = served.address.replace("http://", "http://any:sesame@")
        assert CodeReward(RewardServer(in_address))(**given) == [1]
        monkeypatch.setenv("OCR_SERVE_TOKEN", "sesame")
        monkeypatch.setenv("OCR_REWARDS_URL", served.address)
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert CodeReward()(**given) == [1]
        monkeypatch.setenv("OCR_SERVE_TOKEN", "open")
        with pytest.raises(RewardRefused) as refused:
            CodeReward()(**given)
        assert "open" not in str(refused.value).replace("opencode", "")
    with pytest.raises(RewardUnavailable) as unavailable:
        CodeReward(RewardServer(in_address, patience_s=0.1))(**given)
    assert "sesame" not in str(unavailable.value)


@contextmanager
def saying(reply: Callable[[dict[str, Any]], tuple[int, Any, dict[str, str]]]) -> Iterator[str]:
    """A server that says what a test wants."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, said, headers = reply(body)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


ROW = {"solution_id": "0", "verdict": "accepted", "trusted": True}
ODD = st.one_of(
    st.none(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2),
    st.fixed_dictionaries({"verdicts": st.lists(
        st.fixed_dictionaries({}, optional={
            "solution_id": st.sampled_from(["1", 7, None]), "verdict": st.sampled_from(["accepted", None, 1, True]), "trusted": st.just(True)
        }), max_size=2)}),
    st.just({"verdicts": [{**ROW, "verdict": "sandbox_error"}]}), st.just({"verdicts": [{**ROW, "verdict": True}]}),
)  # fmt: skip


@pytest.fixture(scope="module")
def odd_server() -> Iterator[tuple[str, list[Any]]]:
    """Its address, and a list whose last item is what it says."""
    replies: list[Any] = []
    with saying(lambda body: replies[-1]) as url:
        yield url, replies


@given(status=st.sampled_from([200, 201, 204, 302, 307, 400, 404, 418, 500, 502, 503, 504]), said=ODD)
def test_only_a_verdict_that_says_so_is_a_reward(odd_server: tuple[str, list[Any]], status: int, said: Any) -> None:
    url, replies = odd_server
    replies.append((status, b"" if status == 204 else said, {"Location": "http://127.0.0.1:9/"} if status in (302, 307) else {}))
    with pytest.raises((RewardUnavailable, RewardRefused)):
        CodeReward(RewardServer(url, patience_s=0.001))([answer("print 1")], problem=[TEXT])


def test_an_answer_that_is_cut_off_is_asked_again(quick: None) -> None:
    asked = []

    def reply(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        asked.append(body)
        whole = json.dumps({"verdicts": [ROW]}).encode()
        return (
            200,
            whole[: len(whole) // 2] if len(asked) < 3 else whole,
            {"Content-Length": str(len(whole))} if len(asked) == 1 else {},
        )

    with saying(reply) as url:
        server = RewardServer(url, request_s=1)
        assert CodeReward(server)([answer("print 1")], problem=[TEXT]) == [1] and len(asked) == 3


def test_only_what_has_no_verdict_is_sent_again(quick: None) -> None:
    asked = []

    def reply(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        asked.append([solution["solution_id"] for solution in body["solutions"]])
        first = asked[-1][0]
        rows = [{**ROW, "solution_id": name, "verdict": "accepted" if name == first else "sandbox_error"} for name in asked[-1]]
        return (200 if len(rows) == 1 else 504), {"verdicts": rows}, {"Retry-After": "1"}

    with saying(reply) as url:
        assert CodeReward(RewardServer(url))([answer(str(n)) for n in range(3)], problem=[TEXT] * 3) == [1, 1, 1]
    assert asked == [["0", "1", "2"], ["1", "2"], ["2"]]


def test_suites_too_large_for_one_request_come_in_several(quick: None) -> None:
    with serving(ScriptedSandbox(prints), body_mb=1) as served:
        problems = [{"tests": [{"kind": "stdin", "input": "x" * 300_000 + str(n), "output": "1"}]} for n in range(6)]
        assert CodeReward(RewardServer(served.address))([answer("print 1")] * 6, problem=problems) == [1] * 6
        with pytest.raises(RewardRefused, match="413"):
            CodeReward(RewardServer(served.address))([answer("x" * (1 << 21))], problem=[TEXT])


@pytest.mark.parametrize(
    ("row", "plain", "lenient"),
    [
        ({"verdict": "accepted", "trusted": True}, 1, 1),
        ({"verdict": "accepted", "trusted": False}, 0, 0.5),
        ({"verdict": "accepted"}, 0, 0.5),
        ({"verdict": "wrong_answer", "trusted": True, "tests_passed": 1, "tests_total": 4}, 0, 0.05),
        ({"verdict": "wrong_answer", "trusted": False, "tests_passed": 3, "tests_total": 4}, 0, 0.075),
        ({"verdict": "wrong_answer", "tests_passed": 3, "tests_total": 4}, 0, 0.075),
        ({"verdict": "time_limit", "trusted": True, "tests_passed": 0, "tests_total": 4}, 0, 0),
        ({"verdict": "suspect", "trusted": False, "tests_passed": 4, "tests_total": 4}, 0, 0),
        ({"verdict": "ungradable", "tests_passed": 0, "tests_total": 4}, 0, 0),
        ({"verdict": "compile_error", "tests_passed": 0, "tests_total": 0}, 0, 0),
    ],
)
def test_what_a_verdict_is_worth(row: dict[str, Any], plain: float, lenient: float) -> None:
    assert Score().of(row) == plain and Score(untrusted=0.5, partial=0.2).of(row) == pytest.approx(lenient)


@pytest.mark.parametrize("row", [{}, {"verdict": None}, {"verdict": "sandbox_error"}, {"verdict": True, "trusted": True}])
def test_what_is_no_verdict_has_no_worth(row: dict[str, Any]) -> None:
    with pytest.raises(RewardUnavailable):
        Score().of(row)


def test_problems_in_verls_own_form() -> None:
    stdin = problem_of_verl({"inputs": ["1\n", ["2", "3"]], "outputs": ["x\n", ["y", "z"]]})
    assert [(test["input"], test["output"]) for test in stdin["tests"]] == [("1\n", "x\n"), ("2\n3", "y\nz")]
    call = problem_of_verl({"fn_name": "f", "inputs": ['[1, 2]\n"a"', "3"], "outputs": ['{"k": 1}', "word"]})
    assert [(test["args"], test["expected"]) for test in call["tests"]] == [([[1, 2], "a"], {"k": 1}), ([3], "word")]
    apps = problem_of_verl({"fn_name": "f", "inputs": [[1, 2]], "outputs": [[3]]})
    assert (apps["tests"][0]["args"], apps["tests"][0]["expected_may_be_nested"]) == ([1, 2], True)
    cases = problem_of_verl({"assert_case": ["assert f(1) == 2"]})
    assert cases["tests"] == [{"kind": "assert", "code": "assert f(1) == 2"}]
    for unusable in ({}, {"inputs": ["1"]}, {"inputs": ["1"], "outputs": []}, {"inputs": ["1"], "outputs": [None]}):
        with pytest.raises(RewardRefused):
            problem_of_verl(unusable)


def test_verls_function_scores_what_verl_hands_over(quick: None) -> None:
    with serving(ScriptedSandbox(prints)) as served:
        truth = json.dumps({"inputs": [""], "outputs": ["1"]})
        options = {"url": served.address, "reward_router_address": None}
        assert compute_score("taco", answer("print 1"), truth, {"index": 3}, **options) == {"score": 1, "acc": 1}
        assert compute_score("taco", answer("print 1"), "no JSON", {"problem": TEXT}, **options)["score"] == 1
        assert compute_score("taco", answer("print 2"), truth, None, **options) == {"score": 0, "acc": 0}
