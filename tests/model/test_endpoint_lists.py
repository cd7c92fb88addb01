"""Endpoints join and leave while requests are in flight, as a list of them says: over real HTTP, each answer once."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from resources.models import calls, endpoint, health
from resources.models.addresses import Addresses, read_list
from resources.models.api import ChatAnswer, ChatRequest, ModelUnavailable, Sampling
from resources.models.endpoint import EndpointModel
from resources.settings import EvaluatedResource, JudgesResource, TeacherResource
from tests.support.fake_teacher import FakeTeacher


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Addresses, "every_s", property(lambda self: 0.02 if self._lists else None))
    monkeypatch.setattr(endpoint, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(health, "FIRST_REST_S", 0.02)
    monkeypatch.setattr(health, "LONGEST_REST_S", 0.1)
    monkeypatch.setattr(calls, "LOOK_AT_LEFT_S", 0.05)


def requests(count: int) -> list[ChatRequest]:
    return [ChatRequest(f"k{n}", [{"role": "user", "content": f"q{n}"}], Sampling(), n) for n in range(count)]


def ask(
    where: Addresses, count: int, on_answer: Callable[[int], None] = lambda n: None, **settings: Any
) -> tuple[list[ChatAnswer], EndpointModel]:
    """All answers, in order; ``on_answer`` is called with how many there are."""
    teacher = EndpointModel("r1", where, **{"concurrency": 4, "timeout_s": 20, "deadline_s": 60, **settings})
    found: list[ChatAnswer] = []

    async def main() -> None:
        async for answer in teacher.answer(requests(count)):
            found.append(answer)
            on_answer(len(found))

    asyncio.run(main())
    assert sorted(answer.key for answer in found) == sorted(f"k{n}" for n in range(count)), "each once"
    return found, teacher


def slow(body: dict[str, Any]) -> str:
    time.sleep(0.02)
    return "said"


def listed(folder: Path, *servers: FakeTeacher | str) -> Path:
    """A list of these, written as a whole."""
    file, building = folder / "servers.txt", folder / "servers.new"
    building.write_text("".join(f"{server if isinstance(server, str) else server.url}\n" for server in servers))
    return building.rename(file)


def seeds(server: FakeTeacher) -> Counter[int]:
    return Counter(body["seed"] for _, body in server.bodies)


def test_what_a_list_may_look_like() -> None:
    lines = b"\xef\xbb\xbf# ours\nhttp://one:8000/v1/  # the first\n\n  https://two/v1\n"
    assert read_list(lines) == ["http://one:8000/v1", "https://two/v1"]
    assert read_list(b'[ "http://one:8000/v1",\n "https://two/v1" ]') == ["http://one:8000/v1", "https://two/v1"]
    assert read_list(b"http://[::1]:8000/v1") == ["http://[::1]:8000/v1"]
    assert read_list(b"# none\n") == read_list(b"") == read_list(b"[]") == []


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"http://one/v1\none:8000\n", "line 2: 'one:8000' is no base URL"),
        (b"<html>gone</html>", "line 1: "),
        (b'["http://one/v1", 3]', "entry 2 is no text"),
        (b'["http://one/v1", "http://t', "Unterminated"),
        (b"http://one:port/v1", "is no base URL"),
        (b"http://one two/v1", "is no base URL"),
        (b"http://me:hunter2@one/v1", "has a password in it"),  # pragma: allowlist secret
        (b"\xff\xfe\x00", "codec"),
    ],
)
def test_half_a_list_is_none(content: bytes, named: str) -> None:
    with pytest.raises(ValueError, match=named) as error:
        read_list(content)
    assert "hunter2" not in str(error.value)


@given(st.binary(max_size=60))
def test_whatever_is_in_a_list_it_is_read_or_refused(content: bytes) -> None:
    try:
        urls = read_list(content)
    except ValueError:
        return
    assert all(url.startswith(("http://", "https://")) for url in urls)


def test_one_that_joins_is_asked(tmp_path: Path) -> None:
    with FakeTeacher(slow) as one, FakeTeacher(slow) as two:
        file = listed(tmp_path, one)

        def join(answers: int) -> None:
            if answers == 5:
                listed(tmp_path, one, two)

        found, _ = ask(Addresses(f"list:{file}"), 60, join)
        assert len(one.bodies) >= 5 and len(two.bodies) >= 5 and len(one.bodies) + len(two.bodies) == 60
        assert {answer.endpoint for answer in found} == {one.url, two.url}


def test_what_one_that_left_was_asked_it_answers_and_nothing_else(tmp_path: Path) -> None:
    released = threading.Event()

    def held(body: dict[str, Any]) -> str:
        released.wait(30)
        return "said"

    with FakeTeacher(held) as leaving, FakeTeacher(slow) as staying:
        file = listed(tmp_path, leaving, staying)

        def leave(answers: int) -> None:
            if answers == 2:
                listed(tmp_path, staying)
            if answers == 20:
                released.set()  # long after it left, and it was looked at

        found, _ = ask(Addresses(f"list:{file}"), 40, leave)
        asked = seeds(leaving) + seeds(staying)
        assert set(asked.values()) == {1} and len(asked) == 40, "nothing was paid for twice"
        assert {answer.attempts for answer in found} == {1}
        assert 1 <= len(leaving.bodies) <= 2, "it got nothing after it had left"


def test_one_that_left_and_is_dead_is_hung_up_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    released = threading.Event()

    def dead(body: dict[str, Any]) -> str:
        released.wait(30)
        return "too late"

    with FakeTeacher(dead) as gone, FakeTeacher(slow) as staying:
        gone.lists_models = False
        file = listed(tmp_path, gone, staying)

        def leave(answers: int) -> None:
            if answers == 2:
                listed(tmp_path, staying)

        found, _ = ask(Addresses(f"list:{file}"), 20, leave, attempts=1)
        released.set()
        assert {answer.endpoint for answer in found} == {staying.url}
        assert max(answer.attempts for answer in found) == 2, "that it was ended is no failed try of theirs"
        assert f"{gone.url} has left and answers nothing; its " in caplog.text


def test_all_that_die_and_are_replaced_cost_no_answer(tmp_path: Path) -> None:
    servers = [FakeTeacher(slow) for _ in range(3)]
    servers[0].__enter__()
    file = listed(tmp_path, servers[0])
    alive = [servers[0]]

    def replace(answers: int) -> None:
        if answers in (10, 20):
            listed(tmp_path)
            alive[0].__exit__(None, None, None)
            alive[0] = servers[answers // 10].__enter__()
            threading.Timer(0.2, listed, (tmp_path, alive[0])).start()

    try:
        ask(Addresses(f"list:{file}"), 30, replace)
    finally:
        alive[0].__exit__(None, None, None)
    assert sum(len(server.bodies) for server in servers) <= 30 + 2 * 4


def test_a_list_that_cannot_be_read_any_more_holds_as_it_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with FakeTeacher(slow) as one:
        file = listed(tmp_path, one)

        def damage(answers: int) -> None:
            if answers == 3:
                file.write_text("<html>\n")
            if answers == 20:
                file.unlink()

        ask(Addresses(f"list:{file}"), 40, damage)
        told = [record.message for record in caplog.records if "cannot be read" in record.message]
        assert told == [
            f"the list of endpoints {file} cannot be read: line 1: '<html>' is no base URL such as http://host:8000/v1; those known before are asked"
        ]


def test_an_empty_list_is_waited_for_with_a_message(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with FakeTeacher(slow) as one:
        file = listed(tmp_path, "# none yet")
        threading.Timer(0.5, listed, (tmp_path, one)).start()
        # The time without an endpoint is not the requests': their deadline passes twice meanwhile.
        _, teacher = ask(Addresses(f"list:{file}"), 5, deadline_s=0.2)
        told = [record.message for record in caplog.records if "names no endpoint" in record.message]
        assert told == [f"list:{file} names no endpoint; 4 request(s) wait"] and teacher.errors["deadline"] == 0


def test_a_list_that_was_never_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "NEVER_READ_PATIENCE_S", 0.1)
    with pytest.raises(ModelUnavailable, match=r"the list of endpoints .*/none.txt cannot be read: No such file"):
        ask(Addresses(f"list:{tmp_path}/none.txt"), 3)


def test_nothing_to_ask_looks_at_no_list(tmp_path: Path) -> None:
    assert ask(Addresses(f"list:{tmp_path}/none.txt"), 0)[0] == []


@contextmanager
def registry(answer: Callable[[str], tuple[int, str]]) -> Iterator[str]:
    """A server of lists; ``answer``: what it says to the ``Authorization`` that it is sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answer(self.headers.get("Authorization", ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *values: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/servers"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_list_over_http(caplog: pytest.LogCaptureFixture) -> None:
    with FakeTeacher(slow) as one, FakeTeacher(slow) as two:
        says: list[tuple[int, str]] = [(200, one.url)]
        seen: set[str] = set()

        def answer(authorization: str) -> tuple[int, str]:
            seen.add(authorization)
            return says[0]

        def change(answers: int) -> None:
            if answers == 5:
                says[0] = (200, f'["{two.url}"]')
            if answers == 25:
                says[0] = (503, "sk-list is wrong")

        with registry(answer) as url:
            ask(Addresses(f"list:{url}?token=hunter2", SecretStr("sk-list")), 50, change)
        assert seen == {"Bearer sk-list"}, "and the key of the endpoints is not for it"
        assert len(one.bodies) >= 5 and len(two.bodies) >= 20 and len(one.bodies) + len(two.bodies) == 50
        assert "cannot be read: HTTP 503" in caplog.text and "token=***" in caplog.text
        assert "hunter2" not in caplog.text and "sk-list" not in caplog.text


def test_a_list_that_flaps_loses_nothing_and_pays_nothing_twice(tmp_path: Path) -> None:
    with FakeTeacher(slow) as one, FakeTeacher(slow) as two:
        file, ended = listed(tmp_path, one), threading.Event()

        def flap() -> None:
            number = 0
            while not ended.is_set():
                listed(tmp_path, *([one], [], [two], [one, two], ["# none"])[number % 5])
                number += 1
                time.sleep(0.03)

        thread = threading.Thread(target=flap)
        thread.start()
        try:
            ask(Addresses(f"list:{file}"), 200)
        finally:
            ended.set()
            thread.join()
        assert set((seeds(one) + seeds(two)).values()) == {1}


def test_a_folder_with_a_list_of_each_server(tmp_path: Path) -> None:
    (tmp_path / "17").write_text("http://one/v1\n")
    (tmp_path / "18").write_text('["http://two/v1"]')
    (tmp_path / ".19").write_text("http://thr")  # is being written
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    where = Addresses(f"list:{tmp_path}")
    assert asyncio.run(where.now()) == ["http://one/v1", "http://two/v1"]
    (tmp_path / "17").unlink()
    assert asyncio.run(where.now()) == ["http://two/v1"]


def test_fixed_ones_beside_a_list(tmp_path: Path) -> None:
    with FakeTeacher(slow) as fixed, FakeTeacher(slow) as joining:
        found, _ = ask(Addresses(f"{fixed.url}, list:{listed(tmp_path, joining)}"), 40)
        assert {answer.endpoint for answer in found} == {fixed.url, joining.url}


def test_no_endpoint_gets_more_than_its_share() -> None:
    most, now, lock = [0], [0], threading.Lock()

    def counted(body: dict[str, Any]) -> str:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return "said"

    with FakeTeacher(counted) as one:
        ask(Addresses(one.url), 30, concurrency=16, each=3)
        assert most[0] <= 3


def test_every_role_takes_a_list(tmp_path: Path) -> None:
    file = listed(tmp_path, "http://one/v1")
    teacher = TeacherResource(kind="endpoint", url=f"list:{file}").opened(tmp_path)
    judge = JudgesResource(kind="endpoint", models="a,b", url=f"http://a/v1,list:{file}").opened("b", tmp_path)
    evaluated = EvaluatedResource(kind="endpoint", models="m", url=f"list:{file}").opened("m", tmp_path)
    for model in (teacher, judge, evaluated):
        assert isinstance(model, EndpointModel) and str(model._source) == f"list:{file}"
        assert asyncio.run(model._source.now()) == ["http://one/v1"]
