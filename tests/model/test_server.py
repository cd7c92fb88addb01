"""``OCR_TEACHER=server`` with a program that only looks like a model's server: whatever becomes of it or of us, every answer comes
once and nobody is left behind. With the real vLLM: ``test_vllm_server.py``."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resources.models import server as servers
from resources.models.api import ChatAnswer, ChatRequest, ModelUnavailable, Sampling
from resources.models.endpoint import EndpointModel
from resources.models.server import Server, free_port, own_command, vllm_command
from resources.settings import TeacherResource, resources_from_environment
from tests.support.fake_teacher import FakeTeacher

ROOT = Path(__file__).resolve().parents[2]
FAKE = ROOT / "tests" / "support" / "fake_server.py"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(servers, "POLL_S", 0.02)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers that behave so; afterwards nobody of them is left."""
    made: list[Server] = []

    def start(*behaviours: str, start_s: float = 60) -> Server:
        command = [sys.executable, str(FAKE), str(tmp_path), "r1", "{port}", *behaviours]
        made.append(Server("r1", command, tmp_path / "logs", start_s))
        return made[-1]

    yield start
    for one in made:
        one.stop()
    assert [pid for pid in pids(tmp_path) if alive(pid)] == []


def pids(folder: Path) -> list[int]:
    """The processes of all servers that were started, and their children."""
    file = folder / "pids"
    return [int(word) for word in file.read_text().split()] if file.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ask(server: Server, count: int, on_answer: Callable[[int], None] = lambda n: None) -> list[ChatAnswer]:
    teacher = EndpointModel("r1", server, server.key, concurrency=4, timeout_s=30, deadline_s=120)
    requests = [ChatRequest(f"k{n}", [{"role": "user", "content": f"q{n}"}], Sampling(), n) for n in range(count)]
    found: list[ChatAnswer] = []

    async def main() -> None:
        async for answer in teacher.answer(requests):
            found.append(answer)
            on_answer(len(found))

    asyncio.run(main())
    assert sorted(answer.key for answer in found) == sorted(f"k{n}" for n in range(count)), "each once"
    assert all(answer.content == f"said {answer.key[1:]}" for answer in found)
    return found


def asked(folder: Path) -> Counter[str]:
    return Counter((folder / "answered").read_text().split())


def test_it_is_started_when_it_is_asked_serves_every_stage_and_is_ended(
    started: Callable[..., Server], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = started()
    assert ask(server, 0) == [] and not pids(tmp_path), "nothing to ask, nothing to start"
    first, second = ask(server, 10), ask(server, 5)
    assert len(pids(tmp_path)) == 2 and len({answer.endpoint for answer in first + second}) == 1
    assert sum(asked(tmp_path).values()) == 15
    told = [record.message for record in caplog.records]
    assert told[0].startswith("the server of r1 on this machine starts, 0 s of 60 at most; its log is ") and "is ready" in told[1]
    server.stop()
    assert [pid for pid in pids(tmp_path) if alive(pid)] == []
    with pytest.raises(ModelUnavailable, match="was stopped"):
        ask(server, 1)


def test_killed_it_comes_back_and_every_answer_comes_once(
    started: Callable[..., Server], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def kill(answers: int) -> None:
        if answers in (10, 30):
            os.kill(pids(tmp_path)[-2], signal.SIGKILL)

    ask(started(), 50, kill)
    assert len(pids(tmp_path)) == 6
    assert not any(map(alive, pids(tmp_path)[:4])), "and what they had started is gone with them"
    assert sum(asked(tmp_path).values()) <= 50 + 2 * 4
    assert "ended with exit code" in caplog.text and "it is started again in" in caplog.text


def test_one_that_dies_of_itself_is_started_again_and_no_request_pays_for_it(
    started: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "DEATHS_IN_ROW", 20)
    ask(started("die=10"), 40)
    assert len(pids(tmp_path)) // 2 >= 4
    assert max(asked(tmp_path).values()) <= 2


def test_one_that_dies_again_and_again_ends_the_run_with_its_last_words(
    started: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "DEATHS_IN_ROW", 2)
    with pytest.raises(ModelUnavailable, match=r"(?s)failed 3 times in a row, at last it ended with exit code 3; .*engine died"):
        ask(started("die=5"), 100)
    assert len(pids(tmp_path)) // 2 == 3


def test_wrong_arguments_are_told_at_once(started: Callable[..., Server]) -> None:
    server = started("refuse")
    with pytest.raises(ModelUnavailable) as error:
        ask(server, 3)
    assert "before it was ready: it ended with exit code 2; its log is " in str(error.value)
    assert str(error.value).endswith("it ends:\nusage: fake_server.py\nfake_server.py: error: unrecognized arguments: --magic")


def test_one_that_fails_while_it_loads_is_not_started_again(started: Callable[..., Server], tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"(?s)exit code 1; .*RuntimeError: CUDA out of memory"):
        ask(started("fail"), 3)
    assert len(pids(tmp_path)) == 2


def test_one_that_is_never_ready_is_given_up(started: Callable[..., Server]) -> None:
    with pytest.raises(ModelUnavailable, match=r"before it was ready: it was not ready after 1 s \(OCR_SERVER_START\)"):
        ask(started("never", start_s=1), 3)


def test_one_that_hangs_is_started_again(
    started: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, value in (("CHECK_S", 0.1), ("CHECK_TIMEOUT_S", 0.3), ("CHECKS_MISSED", 2), ("GRACE_S", 0.2)):
        monkeypatch.setattr(servers, name, value)

    def stop(answers: int) -> None:
        if answers == 10:
            os.kill(pids(tmp_path)[-2], signal.SIGSTOP)

    ask(started(), 30, stop)
    assert len(pids(tmp_path)) == 4 and "the server of r1 on this machine hung; it is started again" in caplog.text


def test_a_port_that_another_takes_first_is_left_to_him(
    started: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeTeacher(lambda body: "not ours") as other:
        ports = iter([int(other.url.split(":")[2].partition("/")[0]), free_port()])
        monkeypatch.setattr(servers, "free_port", lambda: next(ports))
        found = ask(started(), 10)
        assert other.bodies == [] and {answer.endpoint for answer in found} != {other.url}


def test_two_at_once_do_not_touch_each_other(started: Callable[..., Server], tmp_path: Path) -> None:
    one, two = started(), started()
    other = threading.Thread(target=lambda: found.extend(ask(two, 20)))
    found: list[ChatAnswer] = []
    other.start()
    mine = ask(one, 20)
    other.join()
    assert {answer.endpoint for answer in mine}.isdisjoint(answer.endpoint for answer in found) and len(found) == 20
    assert len(list((tmp_path / "logs").glob("*.log"))) == 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_run_however_that_ends(tmp_path: Path, how: signal.Signals) -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "tests.support.asking_server", str(tmp_path), str(FAKE)], cwd=ROOT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: (tmp_path / "answered").exists() and len(asked(tmp_path)) > 20)
        assert all(map(alive, pids(tmp_path)))
    finally:
        os.killpg(run.pid, how)
        run.wait()
    wait_for(lambda: not any(map(alive, pids(tmp_path))), 20)


def test_the_command_is_what_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = {"max_model_len": 1024, "dtype": "auto", "enforce_eager": True, "enable_chunked_prefill": False, "seed": None}
    command = vllm_command("r1", 2, 4, {**engine, "speculative_config": {"method": "ngram"}})
    assert command[1:7] == ["-P", "-m", "vllm.entrypoints.cli.main", "serve", "r1", "--served-model-name"]
    assert " ".join(command[8:]) == (
        "--host 127.0.0.1 --port {port} --tensor-parallel-size 2 --data-parallel-size 4 --max-model-len 1024 --dtype auto "
        '--enforce-eager --no-enable-chunked-prefill --speculative-config {"method": "ngram"}'
    )
    own = own_command("env A={b} serve --model {model} --port={port} --dp {data_parallel} --json '{\"a\": 1}'", "m x", 2, 4)
    assert own == ["env", "A={b}", "serve", "--model", "m x", "--port={port}", "--dp", "4", "--json", '{"a": 1}']
    with pytest.raises(ModelUnavailable, match="OCR_SERVER_COMMAND: there is no program magic-server"):
        own_command("magic-server --port {port}", "m", 1, 1)
    monkeypatch.setattr(servers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match="vLLM is not installed"):
        vllm_command("r1", 1, 1, {})


def test_it_is_one_setting_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"OCR_SERVER_COMMAND='serve': say \{port\}"):
        resources_from_environment({"OCR_SERVER_COMMAND": "serve"})
    monkeypatch.setenv("OCR_HOME", str(tmp_path))
    monkeypatch.setenv("OCR_CRITIC_KEY", "sk-critic")
    command = f"{sys.executable} {FAKE} {tmp_path} {{model}} {{port}}"
    environment = {"OCR_TEACHER": "server", "OCR_SERVER_COMMAND": command, "OCR_TEACHER_MODEL": "r1"}
    settings = resources_from_environment(environment)["teacher"]
    assert isinstance(settings, TeacherResource)
    model, again = settings.opened(tmp_path), settings.opened(tmp_path)
    assert isinstance(model, EndpointModel) and isinstance(again, EndpointModel)
    assert model.name == "server" and model._source is again._source, "one server for all stages of a run"
    assert isinstance(model._source, Server)
    try:
        ask(model._source, 3)
        (log,) = (tmp_path / "logs").glob("server-*.log")
        assert f"{FAKE} {tmp_path} r1 " in log.read_text()
        (environ,) = [Path(f"/proc/{pid}/environ").read_bytes() for pid in pids(tmp_path)[:1]]
        assert b"sk-critic" not in environ, "keys of others are not for it"
    finally:
        model._source.stop()
    assert [pid for pid in pids(tmp_path) if alive(pid)] == []
