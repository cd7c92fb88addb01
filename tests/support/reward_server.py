"""A reward server in a thread of the test's process, over any pool, and how a test asks it."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from ocr_assets.serving.rewards.app import RewardServer
from ocr_assets.serving.rewards.judge import Judge
from ocr_assets.serving.rewards.serve import Server
from resources.sandbox.api import Outcome, Program, RunOutcome

JSON = {"Content-Type": "application/json"}


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    text: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Served:
    """A server that runs. ``address`` names it as trainers do."""

    app: RewardServer
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, body: Any = None, headers: dict[str, str] | None = None, method: str | None = None) -> Answer:
        """One request on a connection of its own. ``body``: bytes as they are, anything else as JSON, None: a GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            given = {**({} if body is None else JSON), **(headers or {})}
            connection.request(method or ("GET" if body is None else "POST"), path, data, given)
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()


@contextmanager
def serving(
    pool: Any, token: str | None = None, problems: tuple[Path, ...] = (), memory_mb: int = 1024, **options: Any
) -> Iterator[Served]:
    """``options``: as ``RewardServer`` takes them."""
    app = RewardServer(Judge(pool, problems), None if token is None else SecretStr(token), memory_mb=memory_mb, **options)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield Served(app, listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(20)
            app.gate.close()


def ended(status: str = "ok", stdout: bytes = b"") -> RunOutcome:
    """How a run ended, for sandboxes that run nothing."""
    return RunOutcome(status, 0.001, 0.001, 1.0, 0 if status == "ok" else 1, None, stdout, b"")  # type: ignore[arg-type]


@dataclass
class ScriptedSandbox:
    """A pool that runs nothing: each program ends as ``act`` says (what it prints, or an error that is raised)."""

    act: Callable[[Program], bytes]
    workers: int = 1
    reserved: int = 1
    online_judge: bool = True
    image: str = "none"
    isolation_level: str = "none"
    faults: int = 0
    ran: list[str] = field(default_factory=list)

    def execute(self, program: Program, until: Any = None, *, reserved: bool = False) -> Outcome:
        self.ran.append(program.code)
        outcome = ended(stdout=self.act(program))
        if until is not None:
            until(0, outcome)
        return Outcome(True, "", [outcome], self.image, self.isolation_level, 1.0)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(self, *arguments)
