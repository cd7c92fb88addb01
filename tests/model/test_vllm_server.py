"""The endpoint teacher in front of a real vLLM server on the CPU, directly and with a misbehaving proxy in between."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from resources.lake import RunInfo
from resources.models.api import ChatAnswer, ChatRequest, ModelUnavailable, Sampling, ThinkMode
from resources.models.endpoint import EndpointModel
from resources.models.server import Server
from resources.settings import TeacherResource
from tests.support.chaos import FAULTS, Chaos
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems
from tests.support.tiny_model import ENVIRONMENT

# The server takes half a minute to start; `make test` has vLLM itself in test_vllm.py, and servers in test_endpoint.py.
pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base URL of ``vllm serve``; the model is called r1 there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("vllm") / "server.log"
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(tiny_model), "--served-model-name", "r1",
        "--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager", "--max-model-len", "1024",
        "--no-enable-chunked-prefill", "--max-num-seqs", "16",
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**os.environ, **ENVIRONMENT}, stdout=out, stderr=out, start_new_session=True, cwd=log.parent
        )
    try:
        deadline = time.monotonic() + 300
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"vLLM did not start: {log.read_text()[-4000:]}")
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.long
def test_our_own_server_is_killed_twice_and_every_answer_comes_once(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``OCR_TEACHER=server`` as it is: ``vllm serve``, by the settings."""
    # The CPU build has another name than the package whose version the command line wants to know.
    package = tmp_path / "packages" / "vllm-0.32.0+cpu.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n")
    for name, value in {**ENVIRONMENT, "PYTHONPATH": str(package.parent), "OCR_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    engine = {"enforce_eager": True, "enable_chunked_prefill": False, "max_num_seqs": 16}
    settings = TeacherResource(
        kind="server", model=str(tiny_model), max_model_len=1024, dtype="float32", engine=json.dumps(engine), concurrency=8
    )
    ours = settings.opened(tmp_path)
    assert isinstance(ours, EndpointModel) and isinstance(ours._source, Server)
    found: list[ChatAnswer] = []

    async def main() -> None:
        async for answer in ours.answer(request(number, 64) for number in range(120)):
            found.append(answer)
            if len(found) in (20, 70):  # it is in the middle of eight others
                (guard,) = [child for child in psutil.Process().children() if "resources.guard" in child.cmdline()]
                (serve,) = guard.children()
                serve.send_signal(signal.SIGKILL)

    try:
        asyncio.run(main())
        assert sorted(answer.key for answer in found) == sorted(f"k{number}" for number in range(120)), "each once"
        assert all(answer.failure is None and (answer.completion_tokens or 0) >= 1 for answer in found)
        assert len({answer.endpoint for answer in found}) == 3 and max(answer.attempts for answer in found) >= 2
        assert {answer.think_mode for answer in found} == {"template"} and {answer.served_model for answer in found} == {
            str(tiny_model)
        }
    finally:
        ours._source.stop()
    assert [child for child in psutil.Process().children() if "resources.guard" in child.cmdline()] == []


def request(number: int, max_tokens: int = 16, text: str = "Solve problem") -> ChatRequest:
    messages = [{"role": "system", "content": ""}, {"role": "user", "content": f"{text} {number}."}]
    return ChatRequest(f"k{number}", messages, Sampling(0.6, 0.95, max_tokens), number, True)  # type: ignore[arg-type]


def ask(teacher: EndpointModel, *requests: ChatRequest) -> dict[str, ChatAnswer]:
    async def main() -> dict[str, ChatAnswer]:
        return {answer.key: answer async for answer in teacher.answer(requests)}

    return asyncio.run(main())


def teacher(url: str, think: ThinkMode = "template", concurrency: int = 1, **more) -> EndpointModel:
    return EndpointModel("r1", [url], think_mode=think, concurrency=concurrency, timeout_s=120, **more)


def test_what_the_server_says_of_itself_is_kept(server: str) -> None:
    answer = ask(teacher(server), request(1))["k1"]
    assert (answer.served_model, answer.completion_tokens, answer.finish_reason) == ("r1", 16, "length")
    assert answer.prompt_tokens is not None and answer.prompt_tokens > 10
    assert answer.think_mode == "template" and answer.separated.form == "unclosed" and answer.attempts == 1
    assert answer.content == ask(teacher(server), request(1))["k1"].content, "the seed decides"


def test_a_raw_completion_with_the_template_applied_by_us_is_the_same_question(server: str, tiny_model: Path) -> None:
    by_server = ask(teacher(server), *map(request, range(4)))
    by_us = ask(teacher(server, "completion", tokenizer=str(tiny_model)), *map(request, range(4)))
    for key, answer in by_server.items():
        assert (by_us[key].content, by_us[key].prompt_tokens) == (answer.content, answer.prompt_tokens)
    assert {answer.think_mode for answer in by_us.values()} == {"completion"}


def test_a_prefilled_assistant_turn_is_continued(server: str) -> None:
    opened, prefilled = ask(teacher(server), request(1))["k1"], ask(teacher(server, "prefill"), request(1))["k1"]
    assert prefilled.think_mode == "prefill" and prefilled.completion_tokens == 16
    assert opened.prompt_tokens is not None and prefilled.prompt_tokens is not None
    # One "<think>\n" in the turn, none of the tokens that would end it.
    assert abs(prefilled.prompt_tokens - opened.prompt_tokens) <= 2


def test_a_prompt_that_is_too_long_is_labelled_by_what_the_real_server_says(server: str) -> None:
    answers = ask(teacher(server, concurrency=2), request(1, text="x y z " * 2000), request(2))
    assert (answers["k1"].failure, answers["k1"].content, answers["k1"].attempts) == ("context_too_long", "", 1)
    assert answers["k2"].failure is None


def test_a_model_it_does_not_serve_stops_at_once(server: str) -> None:
    with pytest.raises(ModelUnavailable, match="another"):
        ask(EndpointModel("another", [server]), *map(request, range(20)))


def test_behind_a_misbehaving_proxy_every_answer_comes_once(server: str) -> None:
    kinds = tuple(kind for kind in FAULTS if kind != "late")
    with Chaos(faults=0.25, kinds=kinds, upstream=server, seed=2) as proxy:
        found = ask(teacher(proxy.url, concurrency=12, attempts=30), *map(request, range(120)))
        assert set(found) == {f"k{number}" for number in range(120)}
        assert all(answer.failure is None and 1 <= (answer.completion_tokens or 0) <= 16 for answer in found.values())
        assert set(proxy.answered.values()) == {1} and proxy.faulty.total() > 20
        assert sum(answer.attempts for answer in found.values()) == proxy.asked.total()


def test_killed_in_front_of_a_real_server_nothing_is_lost_or_asked_twice(server: str, tmp_path: Path) -> None:
    problems, samples, concurrency = 30, 5, 8
    with new_lake(tmp_path / "lake") as lake, lake.write(RunInfo("t"), "clean_problems") as write:
        put_problems(write, [problem(number, statement=f"Add {number}.", entry_point="f") for number in range(problems)])
    with Chaos(upstream=server) as proxy:

        def asking() -> subprocess.Popen:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.support.asking", str(tmp_path), proxy.url, str(samples), str(concurrency), "40"],
                env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip

        for target in (20, 65, 110):
            process = asking()
            deadline = time.monotonic() + 120
            while proxy.answered.total() < target and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            process.kill()
            process.communicate()
        process = asking()
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said[-3000:]
        assert len(proxy.asked) == problems * samples
        assert sum(count - 1 for count in proxy.asked.values()) <= 3 * concurrency
    with new_lake(tmp_path / "lake") as lake:
        rows = lake.rows(
            "SELECT count(*) AS n, count(DISTINCT response_id) AS ids, min(completion_tokens) AS least FROM r1_traces"
        )
        assert rows == [{"n": 150, "ids": 150, "least": rows[0]["least"]}] and rows[0]["least"] > 0
        assert lake.scalar("SELECT count(*) FROM r1_traces WHERE served_model = 'r1' AND tokens_from = 'server'") == 150
